"""How far answers move between a row and its twin, with an interval that has a width even where none moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.measures import FLIPPED, INSUFFICIENT, MOVED, SHIFTED, Measure
from bakeoff.nouns import Array
from bakeoff.stats import interval, wilson

ROUNDING = 1e-6  # numbers that differ by less are the same answer


@dataclass(frozen=True)
class MoveSettings:
    """`least` pairs are needed; `draws` resample pairs for intervals of `level`."""

    least: int = 20
    draws: int = 1000
    level: float = 0.95
    seed: int = 0


def movements(before: Array, after: Array, scale: float = 0.0) -> Mapping[str, Array]:
    """How far each pair's answers lie apart: float64 (pairs,) by metric.

    Of probabilities (pairs, classes) the total variation, and 1 where the likeliest class is another. Of numbers
    (pairs,) or (pairs, 1), where `scale` is above 0, the absolute difference in that unit, and 1 where it is more than
    rounding. UsageError for different shapes, or answers that are no numbers.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.shape != second.shape:
        raise UsageError(
            f"Rows have answers of shape {first.shape} and their twins {second.shape}; answer both alike, a "
            "probability of each class or one number for each row."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise UsageError("Some answers to rows or their twins are no finite numbers; answer every row.")
    if scale > 0:
        off = np.abs(first - second).reshape(len(first)) / scale
        return {SHIFTED: off, FLIPPED: (off > ROUNDING).astype(np.float64)}
    if first.ndim != 2:
        raise UsageError(f"Answers of shape {first.shape} are no probabilities of classes; give (rows, classes).")
    if not len(first):
        return {MOVED: np.zeros(0), FLIPPED: np.zeros(0)}
    changed = (first.argmax(1) != second.argmax(1)).astype(np.float64)
    return {MOVED: np.abs(first - second).sum(1) / 2, FLIPPED: changed}


def movement(metric: str, family: str, values: Array, settings: MoveSettings | None = None) -> Measure:
    """The mean of one metric's movements: insufficient, with the reason, where there are fewer pairs than needed.

    A share has Wilson's interval, a mean the percentiles of resampled pairs. Where no probability moved at all, the
    upper end is that of a share of rows that may move by 1.
    """
    given = settings or MoveSettings()
    n = len(values)
    if n < given.least:
        why = f"{n:,} rows have a twin by {family!r} and {given.least} are needed"
        return Measure(metric, family, "twins", None, n=n, status=INSUFFICIENT, reason=why)
    mean = float(values.mean())
    if metric == FLIPPED or (metric == MOVED and not values.any()):
        low, high = wilson(float(values.sum()), n, given.level)
    else:
        random = np.random.default_rng([given.seed % 2**32, 12])
        drawn = random.multinomial(n, np.full(n, 1 / n), given.draws) @ values / n
        low, high = interval(drawn, given.level)
    return Measure(metric, family, "twins", mean, min(low, mean), max(high, mean), n)
