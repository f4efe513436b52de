"""Two entries against each other, task by task and over all tasks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.folds import over_seeds
from bakeoff.stats.intervals import interval, student_quantile
from bakeoff.stats.significance import holm, p_values
from bakeoff.stats.standings import LEVEL, SCALE, THESE_TABLES, spread_of

WIDEST = SCALE[1] - SCALE[0]  # no two scores are further apart


@dataclass(frozen=True, eq=False)
class Duels:
    """The first entry against the second: arrays over tasks (T,), nan on tasks that one of them has not run.

    `value`, `low`, `high` (2, T) are either entry's score with its 95 % percentile interval. `difference` is first
    minus second, with the interval of its test: it leaves 0 out exactly where the test of that task alone has
    p < 0.05. `p` is Holm-adjusted over the tasks, and `beyond` says where the difference is beyond noise after that,
    which asks for more. `overall` is the mean difference over the tasks that both have run, (value, low, high) in the
    same way, `p_better` the probability that the first's mean is higher, ties half, and `overall_beyond` whether it is
    beyond noise.
    """

    value: Array
    low: Array
    high: Array
    difference: Array
    difference_low: Array
    difference_high: Array
    p: Array
    beyond: Array
    overall: tuple[float, float, float]
    p_better: float
    overall_beyond: bool


def versus(replicates: Array, values: Array, *, key: str, question: str = THESE_TABLES, alpha: float = 0.05) -> Duels:
    """Two entries paired, from scores (2, T, S) and replicates (2, T, S, folds), nan for seeds not run.

    The duels on single tasks are always about that table (other rows, other seeds); `question` is that of the mean over
    tasks. p-values and intervals come from the paired difference and its standard deviation over folds with the normal
    distribution, over tables with Student's t for the mean on a new table.
    """
    folds, points = over_seeds(replicates, values, key=key)
    difference, error = points[0] - points[1], (folds[0] - folds[1]).std(axis=1, ddof=1)
    low, high = _bounds(difference, error, math.inf)
    bounds = np.array(
        [[_around(*pair) for pair in zip(*rows, strict=True)] for rows in zip(folds, points, strict=True)]
    )
    p = holm(p_values(difference, error))
    overall, p_better, p_overall = _over_tasks(folds[0] - folds[1], difference, question, key)
    return Duels(
        value=points,
        low=bounds[:, :, 0],
        high=bounds[:, :, 1],
        difference=difference,
        difference_low=low,
        difference_high=high,
        p=p,
        beyond=p <= alpha,
        overall=overall,
        p_better=p_better,
        overall_beyond=p_overall <= alpha,
    )


def _around(replicates: Array, value: float) -> tuple[float, float]:
    low, high = interval(replicates)
    return min(low, value), max(high, value)


def _bounds(difference: Array, error: Array, freedom: float) -> tuple[Array, Array]:
    """The interval that belongs to the test of a difference, so that the two never disagree."""
    half = student_quantile((1 + LEVEL) / 2, freedom) * error
    return np.maximum(difference - half, -WIDEST), np.minimum(difference + half, WIDEST)


def _over_tasks(
    folds: Array, points: Array, question: str, key: str
) -> tuple[tuple[float, float, float], float, float]:
    """The mean difference over tasks with its interval, P(above 0) and its p-value, from differences (T,), (T, B)."""
    known = ~np.isnan(points)
    if not known.any():
        return (math.nan, math.nan, math.nan), math.nan, math.nan
    # Beside a contestant that always scores 0, paired errors and shares are those of the difference itself.
    differences = np.stack([points[known], np.zeros(known.sum())])
    spread = spread_of(np.stack([folds[known], np.zeros(folds[known].shape)]), differences, question, key)
    value = float(differences[0].mean())
    p_better = float(np.mean((spread.folds[0] > 0) + (spread.folds[0] == 0) / 2))
    p = float(p_values(np.array(value), spread.error[0, 1], spread.freedom))
    if math.isnan(spread.low[0]):
        p_better = math.nan
    low, high = _bounds(np.array(value), spread.error[0, 1], spread.freedom)
    return (value, float(low), float(high)), p_better, p
