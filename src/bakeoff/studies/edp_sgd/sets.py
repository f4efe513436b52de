"""The public sets of the study: training rows, rows withheld from training, and test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Array, Frame

TEST = 0.25  # of a set that comes without a test part


@dataclass(frozen=True)
class Parts:
    """Frames of training rows, of rows withheld from them by chance, and of test rows; `classes` are the schema's."""

    train: Frame
    withheld: Frame
    test: Frame
    classes: Sequence[str]
    tags: Sequence[str]


def parts_of(values: Mapping[str, Any], data: Path | None) -> Parts:
    """The parts of a setting's set, cut to its number of rows; NotFound where the set is not there.

    What is withheld and cut follows from the seed; a test part never does.
    """
    name, about = values["set"], values["about"]
    if data is None:
        raise NotFound("This part of the study reads public data sets; name their folder with --data DIR.")
    folder = data / name
    if not folder.is_dir():
        raise NotFound(f"There is no data set {name!r} in {str(data)!r}; name another folder with --data DIR.")
    train, test = _read(folder)
    target = about.get("target", "intent")
    if target not in train.columns:
        raise UsageError(f"The data set {name!r} has no column {target!r}, which the study asks for.")
    classes = sorted({*map(str, train[target]), *map(str, test[target])})
    tags = sorted({tag for one in (*train["tags"], *test["tags"]) for tag in one}) if about.get("tags") else []
    random = np.random.default_rng([values["seed"], 5])
    order = random.permutation(len(train))[: values["rows"] or len(train)]
    # Every row by a coin of its own, so that which rows were learnt from says nothing of the others.
    coins = random.random(len(order)) < values["withheld"]
    kept, away = np.sort(order[~coins]), np.sort(order[coins])
    cut = test.iloc[: values["rows"] or len(test)]
    return Parts(train.iloc[kept].reset_index(drop=True), train.iloc[away].reset_index(drop=True), cut, classes, tags)


def _read(folder: Path) -> tuple[Frame, Frame]:
    import pandas as pd

    if (folder / "test.parquet").exists():
        return pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "test.parquet")
    whole = pd.read_parquet(folder / "data.parquet")
    order = np.random.default_rng(7).permutation(len(whole))
    cut = round(TEST * len(whole))
    return whole.iloc[order[cut:]].reset_index(drop=True), whole.iloc[order[:cut]].reset_index(drop=True)


def sentences(frame: Frame) -> list[list[str]]:
    """Tokens of each row: the set's own, or the words of its text."""
    if "tokens" in frame.columns:
        return [list(map(str, one)) for one in frame["tokens"]]
    from bakeoff.training.encoders.tokens import words

    return [words(str(text)) for text in frame["text"]]


def codes(values: Sequence[Any], names: Sequence[str]) -> Array:
    """The places of values among names, int64 (rows,)."""
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[str(value)] for value in values], dtype=np.int64)
