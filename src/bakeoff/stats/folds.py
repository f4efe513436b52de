"""Replicates of means: over seeds within a task, and over tables drawn as clusters.

A mean of S numbers drawn again from those S spreads by sqrt((S - 1) / S) too little. Every draw here is stretched about
its middle by the inverse of that, so that few seeds or few tables don't make intervals too narrow.
"""

from __future__ import annotations

import math

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.bootstrap import draws


def over_seeds(replicates: Array, values: Array, *, key: str) -> tuple[Array, Array]:
    """Scores averaged over seeds: replicates (E, T, folds) with seeds drawn anew in every fold, and values (E, T).

    From replicates (E, T, S, folds) and values (E, T, S), nan for seeds not run; an entry without any seed on a task is
    nan there. All entries meet the same draw of seeds; an entry that lacks some draws among those it has. One seed
    shows nothing of the noise of seeds, so there the rows' noise stands alone.
    """
    replicates, values = np.asarray(replicates, dtype=np.float64), np.asarray(values, dtype=np.float64)
    entries, tasks, seeds, folds = replicates.shape
    if values.shape != (entries, tasks, seeds):
        raise ValueError(f"Values of shape {values.shape} don't belong to replicates of shape {replicates.shape}.")
    ran = ~np.isnan(values)
    if np.isnan(replicates[ran]).any():
        raise ValueError("Some replicates are nan although their value is not.")
    drawn = draws(key, "seeds", tasks * seeds * folds, seeds).reshape(tasks, 1, seeds, folds)
    counts = (drawn == np.arange(seeds)[:, None, None]).sum(axis=2).astype(np.float64)
    whole = ran.all(axis=2)
    points = np.where(whole, values.mean(axis=2), np.nan)
    if seeds == 1:
        return replicates[:, :, 0].copy(), points
    averaged = np.einsum("etsb,tsb->etb", replicates, stretched(counts))
    for entry, task in np.argwhere(~whole):
        has = np.flatnonzero(ran[entry, task])
        if not len(has):
            averaged[entry, task] = np.nan
            continue
        points[entry, task] = values[entry, task, has].mean()
        weights = stretched(counts[task, has][None])[0]
        averaged[entry, task] = (replicates[entry, task, has] * weights).sum(axis=0)
    return averaged, points


def over_tables(points: Array, folds: int, *, key: str) -> Array:
    """Means over tables drawn anew in every fold: (E, folds) from scores (E, T), at least two tables."""
    tasks = points.shape[1]
    drawn = draws(key, "tables", tasks * folds, tasks).reshape(1, tasks, folds)
    counts = (drawn == np.arange(tasks)[:, None, None]).sum(axis=1).astype(np.float64)
    return np.asarray(points @ stretched(counts[None])[0])


def stretched(counts: Array) -> Array:
    """Weights that sum to 1 from how often each of m things was drawn (..., m, folds), stretched as said above."""
    things = counts.shape[-2]
    total = counts.sum(axis=-2, keepdims=True)
    shares = np.where(total > 0, counts / np.maximum(total, 1), 1 / things)
    stretch = math.sqrt(things / (things - 1)) if things > 1 else 1.0
    return np.asarray(1 / things + stretch * (shares - 1 / things))


def fold_ranks(scores: Array) -> Array:
    """Ranks of entries (E, ...) along the first axis, 1 for the highest score, equal scores sharing their mean rank."""
    ranks = np.empty(scores.shape)
    for entry, own in enumerate(scores):
        ranks[entry] = 0.5 + (scores > own).sum(axis=0) + (scores == own).sum(axis=0) / 2
    return ranks
