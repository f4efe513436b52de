"""Which columns matter: how much the loss rises when one is shuffled (Breiman, 2001), on rows that were held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.multimodal.folds import Folds
from bakeoff.algorithms.multimodal.target import Target, losses
from bakeoff.nouns import Array, Frame
from bakeoff.training.clock import Clock

KEPT = 300  # training rows that a fitted model keeps to explain itself
TIMES = 3


@dataclass(frozen=True)
class Sample:
    """Some rows, their targets as members know them, and the fold that held each out: -1 where none did."""

    rows: Frame
    values: Array
    folds: Array

    @classmethod
    def of_training(cls, X: Frame, target: Target, folds: Folds, seed: int) -> Sample:
        """Training rows of the first drawing of folds, each to be answered by the models that did not see it."""
        number = np.full(len(X), -1)
        for k, held in enumerate(folds.held):
            number[held] = k
        order = np.random.default_rng([seed % 2**32, 41]).permutation(folds.rows)[:KEPT]
        return cls(X.iloc[order].copy(), target.values[order], number[order])


def importance(model: Any, sample: Sample, seconds: float) -> dict[str, float]:
    """By column, largest first: the mean rise of the loss when the column is shuffled, TIMES times or fewer in time.

    Log loss, or the squared error in spreads of the target.
    """
    clock = Clock(seconds)
    rng = np.random.default_rng([model.question_.seed % 2**32, 43])
    whole = _loss(model, sample, sample.rows)
    names = [column.name for column in model.columns_]
    rises: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(TIMES):
        for name in names:
            if clock.left() <= 0 and all(rises.values()):
                break
            order = rng.permutation(len(sample.rows))
            shuffled = sample.rows.assign(**{name: sample.rows[name].iloc[order].to_numpy()})
            rises[name].append(_loss(model, sample, shuffled) - whole)
    found = {name: float(np.mean(rise)) for name, rise in rises.items()}
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _loss(model: Any, sample: Sample, rows: Frame) -> float:
    classes = model.target_.classes is not None
    total = 0.0
    for fold in np.unique(sample.folds):
        at = np.flatnonzero(sample.folds == fold)
        asked = model.views_.read(rows.iloc[at])
        outputs = model.ensemble_.outputs(asked, None if fold < 0 else int(fold))
        total += float(losses(outputs, sample.values[at], classes).sum())
    return total / len(sample.rows)
