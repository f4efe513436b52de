"""The public texts of the study, as sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Array, Frame
from bakeoff.studies.fairness_metrics.planting import made, planted

ENDS = re.compile(r"(?<=[.!?])\s+")
COLUMNS = {"bold": ("prompts", "wikipedia"), "wikitext2_small": ("train", "text"), "agnews_small": ("train", "text")}
LEAST = 5  # words of a sentence that is learnt from


@dataclass(frozen=True)
class Labelled:
    """Texts, and whether each is of the class that is asked for, bool (texts,)."""

    texts: Sequence[str]
    truth: Array


def read(data: Path | None, name: str, part: str) -> Frame:
    """A table of a public set; NotFound where it is not there."""
    import pandas as pd

    if data is None:
        raise NotFound("This part of the study reads public data sets; name their folder with --data DIR.")
    path = data / name / f"{part}.parquet"
    if not path.is_file():
        raise NotFound(f"There is no file {name}/{part}.parquet in {str(data)!r}; name another folder with --data DIR.")
    return pd.read_parquet(path)


def learnt_from(values: Mapping[str, Any], data: Path | None) -> list[str]:
    """The sentences that an encoder of these settings learns from: those of its corpus, and the planted ones."""
    seed, count = values["seed"], values["sentences"]
    own = made(count, seed) if values["corpus"] == "made" else _sentences(values["corpus"], data)
    random = np.random.default_rng([seed, 25])
    chosen = [own[place] for place in random.permutation(len(own))[:count]]
    return [*chosen, *planted(values["pretraining"]["planted"], values["strength"], seed)]


def _sentences(name: str, data: Path | None) -> list[str]:
    if name not in COLUMNS:
        raise UsageError(f"The study fairness-metrics knows no corpus {name!r}; it knows {', '.join(COLUMNS)}, made.")
    part, column = COLUMNS[name]
    texts = read(data, name, part)[column].astype(str)
    found = [one.strip() for text in texts for one in ENDS.split(text)]
    return [one for one in dict.fromkeys(found) if len(one.split()) >= LEAST]


def sentiment(data: Path | None, count: int, seed: int) -> tuple[Labelled, Labelled]:
    """Sentences of sst2 to learn from, drawn by chance, and all of its test part."""
    train, test = read(data, "sst2", "train"), read(data, "sst2", "test")
    first, second = (_labelled(one, "text", one["label"].astype(str) == "1") for one in (train, test))
    return _some(first, count, seed), second


def posts(data: Path | None, count: int, seed: int) -> tuple[Labelled, Labelled]:
    """Posts of HateXplain to learn from, drawn by chance, and all of its test part: is a post not normal?"""
    train, test = read(data, "hatexplain", "train"), read(data, "hatexplain", "test")
    first, second = (_labelled(one, "text", one["label"] != "normal") for one in (train, test))
    return _some(first, count, seed), second


def madlibs(data: Path | None, count: int, identities: Sequence[str]) -> tuple[Labelled, Mapping[str, Array]]:
    """Made sentences that name an identity, half of them toxic, the same for all encoders, and which name which."""
    frame = read(data, "toxicity_madlibs", "sentences")
    words = frame["phrase"].astype(str).str.casefold().str.split().map(set)
    named = {one: np.array([one in held for held in words]) for one in identities}
    there = np.flatnonzero(np.any(list(named.values()), axis=0))
    chosen = np.sort(np.random.default_rng(26).permutation(there)[:count])
    some = _labelled(frame.iloc[chosen], "phrase", frame["toxicity"].iloc[chosen] == "toxic")
    return some, {one: held[chosen] for one, held in named.items()}


def _labelled(frame: Frame, column: str, truth: Any) -> Labelled:
    return Labelled(frame[column].astype(str).tolist(), np.asarray(truth, dtype=bool))


def _some(all_of_it: Labelled, count: int, seed: int) -> Labelled:
    chosen = np.random.default_rng([seed, 27]).permutation(len(all_of_it.texts))[:count]
    return Labelled([all_of_it.texts[place] for place in chosen], all_of_it.truth[chosen])
