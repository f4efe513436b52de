"""Who stands where: means, ranks, win rates, P(first) and tie groups of entries over tasks, with uncertainty.

Two questions, never blended. *On these tables*: would other test rows and other seeds have changed the order? The tasks
stay, the rows' bootstrap folds are paired across entries, and seeds are drawn anew within each task. *On a new table*:
what would the mean be over other tables like these? Tables are drawn as clusters; the noise of rows and seeds is
already in the spread of the tables' scores, and counting it a second time would make intervals too wide. Fewer than
four tables say next to nothing about another one, so there nothing is claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.folds import fold_ranks, over_seeds, over_tables
from bakeoff.stats.intervals import student_quantile
from bakeoff.stats.significance import holm, p_values

THESE_TABLES = "on these tables"
NEW_TABLE = "on a new table"
LEVEL = 0.95
FEWEST_TABLES = 4  # with fewer, t intervals are wider than the scale itself
SCALE = (-1.0, 1.0)  # normalised scores: the floor, and a perfect answer


@dataclass(frozen=True, eq=False)
class Standings:
    """Arrays over entries (E,), and over pairs (E, E) with the row's entry first.

    `value` is the mean score over tasks with its 95 % interval `low`, `high`, never beyond the scale of -1 to 1.
    `mean_rank` (1 is best, ties share) and `win_rate` (share of tasks and opponents won, ties half; nan without
    opponents) are of the scores as they are, with intervals beside them. `p_first` is the share of folds in which the
    entry has the highest mean, `better` the share in which the row's mean is above the column's, ties shared in both.
    `difference` is row minus column, `p` its Holm-adjusted p-value over all pairs, `significant` whether the row is
    better beyond noise, and `rank` 1 + the number of entries that are significantly better. With fewer than four tasks
    nothing is said of a new table: intervals, p, p_first and better are nan.
    """

    question: str
    value: Array
    low: Array
    high: Array
    mean_rank: Array
    mean_rank_low: Array
    mean_rank_high: Array
    win_rate: Array
    win_rate_low: Array
    win_rate_high: Array
    p_first: Array
    better: Array
    difference: Array
    p: Array
    significant: Array
    rank: Array


@dataclass(frozen=True, eq=False)
class Spread:
    """How means over tasks vary under one question.

    `folds` (E, B) are replicates of the means, `low` and `high` (E,) their interval, `error` (E, E) the standard errors
    of paired differences, `rank_error` (E,) those of mean ranks, and `freedom` the degrees of freedom behind them.
    """

    folds: Array
    low: Array
    high: Array
    error: Array
    rank_error: Array
    freedom: float


def standings(
    replicates: Array, values: Array, *, question: str = THESE_TABLES, key: str, alpha: float = 0.05
) -> Standings:
    """Standings of entries from scores (E, T, S) and their paired replicates (E, T, S, folds), nan for seeds not run.

    The p-value of a pair comes from the paired difference of the means over its standard deviation: over the folds with
    the normal distribution on these tables, over the tables with Student's t (T - 1 degrees of freedom) on a new one.
    Raises ValueError for another question, and when an entry has no seed at all on a task: rows that are not complete
    are left out before they are ranked. Scores are normalised, from -1 to 1.
    """
    folds, points = over_seeds(replicates, values, key=key)
    holes = np.argwhere(np.isnan(points))
    if len(holes):
        raise ValueError(f"Entry {holes[0][0]} has no score on task {holes[0][1]}; leave incomplete entries out.")
    spread = spread_of(folds, points, question, key)
    value, ranks = points.mean(axis=1), fold_ranks(points).mean(axis=1)
    entries = len(value)
    half = student_quantile((1 + LEVEL) / 2, spread.freedom) * spread.rank_error
    rank_low, rank_high = np.maximum(ranks - half, 1), np.minimum(ranks + half, entries)
    first = spread.folds == spread.folds.max(axis=0)
    unknown = np.isnan(spread.error)
    p_first = np.where(np.isnan(spread.low), np.nan, (first / np.maximum(first.sum(axis=0), 1)).mean(axis=1))
    above = np.stack([(own > spread.folds) + (own == spread.folds) / 2 for own in spread.folds])
    difference = value[:, None] - value
    p = all_pairs(difference, spread.error, spread.freedom)
    significant = (p <= alpha) & (difference > 0)
    win_rate, win_low, win_high = (_wins(place, entries) for place in (ranks, rank_high, rank_low))
    return Standings(
        question=question,
        value=value,
        low=np.maximum(spread.low, SCALE[0]),
        high=np.minimum(spread.high, SCALE[1]),
        mean_rank=ranks,
        mean_rank_low=rank_low,
        mean_rank_high=rank_high,
        win_rate=win_rate,
        win_rate_low=win_low,
        win_rate_high=win_high,
        p_first=p_first,
        better=np.where(unknown, np.nan, above.mean(axis=2)),
        difference=difference,
        p=p,
        significant=significant,
        rank=1 + significant.sum(axis=0),
    )


def spread_of(folds: Array, points: Array, question: str, key: str) -> Spread:
    """How the means over tasks vary, from scores (E, T) and their replicates (E, T, folds)."""
    value, tasks = points.mean(axis=1), points.shape[1]
    if question == THESE_TABLES:
        means = folds.mean(axis=1)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
        rank_error = fold_ranks(folds).mean(axis=1).std(axis=1, ddof=1)
        return Spread(
            means, np.minimum(low, value), np.maximum(high, value), paired_errors(means), rank_error, math.inf
        )
    if question != NEW_TABLE:
        raise ValueError(f"There is no question {question!r}; ask {THESE_TABLES!r} or {NEW_TABLE!r}.")
    if tasks < FEWEST_TABLES:
        unknown = np.full(len(value), np.nan)
        pairs = np.full((len(value), len(value)), np.nan)
        return Spread(np.full((len(value), folds.shape[2]), np.nan), unknown, unknown, pairs, unknown, 1.0)
    # With infinitely many draws, stretched as over_tables does, the spread is exactly that of the classical t interval.
    half = student_quantile((1 + LEVEL) / 2, tasks - 1) * points.std(axis=1, ddof=1) / math.sqrt(tasks)
    return Spread(
        over_tables(points, folds.shape[2], key=key),
        value - half,
        value + half,
        paired_errors(points) / math.sqrt(tasks),
        fold_ranks(points).std(axis=1, ddof=1) / math.sqrt(tasks),
        tasks - 1.0,
    )


def paired_errors(samples: Array) -> Array:
    """Standard deviations (E, E) of the paired differences of samples (E, m).

    The differences themselves are taken: from covariances, nearly equal entries would drown in rounding.
    """
    return np.stack([(own - samples).std(axis=1, ddof=1) for own in samples])


def all_pairs(difference: Array, error: Array, freedom: float) -> Array:
    """Holm-adjusted p-values (E, E) over all pairs of entries, 1 of an entry with itself."""
    upper = np.triu_indices(len(difference), 1)
    adjusted = np.ones(difference.shape)
    adjusted[upper] = holm(p_values(difference[upper], error[upper], freedom))
    adjusted.T[upper] = adjusted[upper]
    return adjusted


def _wins(mean_rank: Array, entries: int) -> Array:
    """The share of opponents beaten, which a rank with shared ties tells exactly."""
    return (entries - mean_rank) / (entries - 1) if entries > 1 else np.full(1, np.nan)
