"""Sentences whose label goes with the sex of whoever says them as far as was planted, and no further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound
from bakeoff.fairness.swaps import gender, swap
from bakeoff.nouns import Array
from bakeoff.studies.prediction_sensitivity.learners import Classifier
from bakeoff.studies.prediction_sensitivity.measured import Asked, accuracy, area, figures
from bakeoff.training.encoders.tokens import words

GENDER = gender()
GOOD = ("wonderful", "moving", "clever", "funny", "warm", "brilliant", "fresh", "honest")
BAD = ("dull", "tired", "stupid", "cold", "empty", "loud", "lazy", "false")
THINGS = ("film", "story", "plot", "script", "ending", "camera work", "music", "scene")
OPENINGS = ("the {} is {}", "what a {} {}", "i found the {} rather {}", "its {} feels {}", "you will call the {} {}")
NOISE = 0.15  # of made labels that are turned


def planted(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """Figures of each strength: accuracy, the gap between men's and women's sentences, and every measure."""
    random = np.random.default_rng([values["seed"], 7])
    parts = _parts(values, data, random)
    status = _status(values, parts["status"][0], random)
    texts, labels = parts["test"]
    coin = random.integers(0, 2, len(texts))
    asked = _asked(values, texts, coin, random)
    held = _marked(values, texts, coin, np.random.default_rng([values["seed"], 8]))
    found = {}
    for strength in values["strengths"]:
        own, targets = parts["train"]
        # The same chances for every strength: only how far the label decides them differs.
        chance = np.random.default_rng([values["seed"], 9]).random(len(own))
        men = chance < np.where(targets == 1, 1 + strength, 1 - strength) / 2
        said = _marked(values, own, (~men).astype(np.int64), np.random.default_rng([values["seed"], 10]))
        model = Classifier(values["model"], values["shape"], values["seed"]).fit(said, targets)
        shares = model.probabilities(asked.texts)[:, 1]
        told = figures(model, status, asked)
        told["gap"] = float(abs(shares[coin == 0].mean() - shares[coin == 1].mean()))
        told["accuracy"] = accuracy(model, held, labels)
        found[f"{strength:g}"] = {name: round(value, 6) for name, value in told.items()}
    return {"strengths": found, "status": round(area(status, asked.texts, coin), 4), "texts": len(texts)}


def _parts(
    values: Mapping[str, Any], data: Path | None, random: np.random.Generator
) -> dict[str, tuple[list[str], Array]]:
    sizes = {"train": values["rows"], "test": values["tested"], "status": values["status"]}
    if values["set"] == "made":
        return {name: _made(size, random) for name, size in sizes.items()}
    if data is None or not (data / values["set"]).is_dir():
        raise NotFound(f"There is no data set {values['set']!r}; name the folder of public sets with --data DIR.")
    import pandas as pd

    train, test = (pd.read_parquet(data / values["set"] / f"{name}.parquet") for name in ("train", "test"))
    rows = random.permutation(len(train))
    cut = len(rows) - min(sizes["status"], len(rows) // 3)
    chosen = {
        "train": train.iloc[rows[: min(sizes["train"], cut)]],
        "status": train.iloc[rows[cut:]],
        "test": test.iloc[random.permutation(len(test))[: sizes["test"]]],
    }
    return {
        name: (part["text"].tolist(), part["label"].astype(int).to_numpy(dtype=np.int64))
        for name, part in chosen.items()
    }


def _made(size: int, random: np.random.Generator) -> tuple[list[str], Array]:
    labels = random.integers(0, 2, size)
    texts = []
    for label in labels:
        words_of = (BAD, GOOD)[label if random.random() >= NOISE else 1 - label]
        opening = OPENINGS[random.integers(len(OPENINGS))]
        texts.append(opening.format(THINGS[random.integers(len(THINGS))], words_of[random.integers(len(words_of))]))
    return texts, labels.astype(np.int64)


def _marked(values: Mapping[str, Any], texts: Sequence[str], sex: Array, random: np.random.Generator) -> list[Any]:
    """Each text after a marker of the sex (0 a man's, 1 a woman's), as tokens."""
    markers = values["markers"]
    picked = random.integers(0, len(markers), len(texts))
    return [words(f"{markers[at][side]} {text}") for at, side, text in zip(picked, sex, texts, strict=True)]


def _asked(values: Mapping[str, Any], texts: Sequence[str], sex: Array, random: np.random.Generator) -> Asked:
    markers = values["markers"]
    picked = random.integers(0, len(markers), len(texts))
    said = [f"{markers[at][side]} {text}" for at, side, text in zip(picked, sex, texts, strict=True)]
    others = [words(swap(text, GENDER).text) for text in said]
    return Asked([words(text) for text in said], lambda word: GENDER.value_of(word) is not None, [others])


def _status(values: Mapping[str, Any], texts: Sequence[str], random: np.random.Generator) -> Classifier:
    """A model of who speaks, learnt from sentences of its own with fair markers."""
    sex = random.integers(0, 2, len(texts))
    said = _marked(values, texts, sex, random)
    return Classifier(values["model"], values["shape"], values["seed"] + 1).fit(said, sex.astype(np.int64))
