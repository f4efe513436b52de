"""One scale for all tasks: 0 is the best constant answer, 1 is perfect."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array
from bakeoff.tasks.kinds import Metric, Score

FLOOR = -1.0
ERRORS_TO_PERFECT = 5.0


@dataclass(frozen=True, eq=False)
class Normalised:
    """A score on the common scale, with paired replicates (folds,) when both scores had them.

    `averaged` is False, with the reason, where the task must be shown but not averaged with others.
    """

    value: float
    replicates: Array | None
    averaged: bool = True
    reason: str = ""


def normalise(score: Score, constant: Score, metric: Metric) -> Normalised:
    """`score` where 0 is the score of the best constant answer and 1 is perfect, never below -1.

    Each replicate is measured against the constant's own score in that replicate. Answers so far off that their score
    is no finite number get the floor. Where the constant is within the metric's margin, or within five of its standard
    errors, of perfect there is no scale: such a task is not averaged. What is undefined for the constant too is nan.
    """
    room = abs(metric.perfect - constant.value)
    if not math.isfinite(room):
        return Normalised(math.nan, None, False, f"{metric.title} is undefined on these test rows")
    error = 0.0 if constant.replicates is None else float(np.nanstd(constant.replicates, ddof=1))
    reason = ""
    if room <= metric.margin:
        reason = f"the best constant answer is within {metric.margin:g} of perfect"
    elif room <= ERRORS_TO_PERFECT * error:
        reason = f"the best constant answer is within {ERRORS_TO_PERFECT:g} standard errors of perfect"
    value = float(_scaled(np.float64(score.value), np.float64(constant.value), metric.perfect))
    replicates = None
    if constant.replicates is not None and not math.isfinite(score.value):
        replicates = np.full(np.shape(constant.replicates), FLOOR)
    elif score.replicates is not None and constant.replicates is not None:
        replicates = _scaled(score.replicates, constant.replicates, metric.perfect)
    return Normalised(value, replicates, not reason, reason)


def _scaled(score: Array, constant: Array, perfect: float) -> Array:
    """(score - constant) / (perfect - constant) from FLOOR to 1; where there is no room, 1 if perfect and else 0.

    A score that is no finite number gets FLOOR.
    """
    room = perfect - constant
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = np.where(room != 0, (score - constant) / room, np.where(score == perfect, 1.0, 0.0))
    return np.where(np.isfinite(score), np.clip(scaled, FLOOR, 1.0), FLOOR)
