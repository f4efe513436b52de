"""Which rows each fit of an audit is trained on."""

from __future__ import annotations

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array

PAIRED_FROM = 4  # of two or three fits in pairs, none would have a reference that says nothing of its own rows


def plan_halves(rows: int, labels: Array | None, fits: int, rng: np.random.Generator) -> Array:
    """Which rows are inside each fit, bool (fits, rows): a fair coin for every row.

    From four fits on they come in pairs, of which the second takes what the first leaves, so that every row is inside
    half of them; two or three fits are drawn independently, so that each may serve as another's reference. With
    `labels` (rows,), given for classes and None for numbers, every fit keeps a row of every class: the coins of a class
    are thrown again until both sides have one, which leaves each coin fair. The row of a class that has only one is
    inside every fit, and is not audited. UsageError for fewer than two rows or fits.
    """
    if fits < 2 or rows < 2 or fits != int(fits):
        raise UsageError(f"An audit needs at least 2 fits and 2 rows, in whole numbers; got {fits} and {rows:,}.")
    fits = int(fits)
    classes = [np.arange(rows)] if labels is None else _classes(labels, rows)
    inside = np.empty((fits, rows), dtype=bool)
    paired = fits - fits % 2 if fits >= PAIRED_FROM else 0
    for fit in range(fits):
        if fit < paired and fit % 2:
            inside[fit] = ~inside[fit - 1]
        else:
            for members in classes:
                inside[fit, members] = _coins(len(members), rng)
    for members in classes:
        if len(members) == 1:
            inside[:, members] = True
    return inside


def _classes(labels: Array, rows: int) -> list[Array]:
    labels = np.asarray(labels)
    if labels.shape != (rows,):
        raise UsageError(f"Labels have the shape {labels.shape}; give one for each of {rows:,} rows.")
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])


def _coins(count: int, rng: np.random.Generator) -> Array:
    while True:
        coins = rng.integers(0, 2, count).astype(bool)
        if count == 1 or (coins.any() and not coins.all()):
            return coins
