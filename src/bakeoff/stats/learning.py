"""Learning curves: what the last doubling of the training rows bought, and what the next one would."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.intervals import interval


@dataclass(frozen=True, eq=False)
class Doubling:
    """Gains of one doubling of the rows, each as (value, low, high): the last one seen, and the next one expected.

    `power_law` says whether the next one follows a power law through three points, else it repeats the last one.
    `replicates` (folds,) are those of the next one.
    """

    last: tuple[float, float, float]
    next: tuple[float, float, float]
    power_law: bool
    replicates: Array


def next_doubling(rows: Array, scores: Array, replicates: Array) -> Doubling:
    """What twice the rows would bring, from scores (points,) at ascending `rows`, more is better, and their replicates.

    `replicates` (points, folds) are paired. A score a - b n^-c gains by each doubling 2^-c times what the doubling
    before it gained; so the last two gains tell the next (a power law, as Hestness et al. 2017, arXiv 1712.00409, find
    it for errors). The ratio is held between 0 and 1, and a loss is taken as it is. With two points the last gain
    stands for the next. Gains between points that lie apart by another factor than 2 are put in proportion to its
    logarithm. Raises ValueError for fewer than two points or rows that do not grow.
    """
    sizes = np.asarray(rows, dtype=np.float64)
    if len(sizes) < 2 or (np.diff(sizes) <= 0).any():
        raise ValueError(f"A learning curve needs at least two growing numbers of rows; got {sizes.tolist()}.")
    steps = np.diff(np.log2(sizes))
    values = np.diff(np.asarray(scores, dtype=np.float64)) / steps
    folds = np.diff(np.asarray(replicates, dtype=np.float64), axis=0) / steps[:, None]
    last = _around(values[-1], folds[-1])
    if len(values) < 2:
        return Doubling(last, last, False, folds[-1])
    ahead, likely = (_carried(*gains[-2:]) for gains in (values, folds))
    return Doubling(last, _around(float(ahead), likely), True, likely)


def _carried(before: Array, last: Array) -> Array:
    """The next gain: the last one times the ratio of the two, where both are gains."""
    before, last = np.asarray(before), np.asarray(last)
    growing = (before > 0) & (last > 0)
    ratio = np.clip(np.divide(last, before, out=np.ones_like(last), where=growing), 0.0, 1.0)
    return np.asarray(last * ratio)


def _around(value: float, folds: Array) -> tuple[float, float, float]:
    low, high = interval(folds)
    if math.isnan(low):
        return float(value), math.nan, math.nan
    return float(value), min(low, float(value)), max(high, float(value))
