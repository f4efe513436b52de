"""The study's sets: private texts with what they mean and who wrote them, and public texts beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound
from bakeoff.nouns import Array, Frame


@dataclass(frozen=True)
class Texts:
    """Texts with the label of each, and who wrote it where that is asked (else empty)."""

    texts: Sequence[str]
    labels: Array
    authors: Array


def private_of(values: Mapping[str, Any], data: Path | None) -> tuple[Texts, Texts]:
    """Private training texts and test texts; what is drawn of them follows from the seed."""
    about = values["about"]
    train, test = (_read(values["set"], part, data) for part in ("train", "test"))
    if about["author"]:
        counts = train[about["author"]].value_counts()
        most = set(sorted(counts.index, key=lambda one: (-counts[one], str(one)))[: about["authors"]])
        train, test = (frame[frame[about["author"]].isin(most)] for frame in (train, test))
    random = np.random.default_rng([values["seed"], 37])
    found = []
    for frame, rows in ((train, about["train"]), (test, about["test"])):
        chosen = frame.iloc[np.sort(random.permutation(len(frame))[:rows])]
        authors = chosen[about["author"]].astype(str).to_numpy() if about["author"] else np.array([], dtype=str)
        found.append(Texts(list(chosen["text"].astype(str)), chosen[about["target"]].astype(str).to_numpy(), authors))
    return found[0], found[1]


@lru_cache(maxsize=4)
def public_of(names: tuple[str, ...], data: Path | None) -> tuple[str, ...]:
    """The training texts of public sets."""
    return tuple(text for name in names for text in _read(name, "train", data)["text"].astype(str))


def _read(name: str, part: str, data: Path | None) -> Frame:
    import pandas as pd

    if data is None:
        raise NotFound("This part of the study reads public data sets; name their folder with --data DIR.")
    file = data / name / f"{part}.parquet"
    if not file.is_file():
        raise NotFound(f"There is no data set {name!r} in {str(data)!r}; name another folder with --data DIR.")
    return pd.read_parquet(file)
