"""Weights of rows: what they may be, and how many equal rows they are worth."""

from __future__ import annotations

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array


def weighed(weights: Array | None, rows: int) -> Array:
    """The weight of each row, 1 where none are given; UsageError where they are negative or no numbers."""
    if weights is None:
        return np.ones(rows)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (rows,) or not np.isfinite(given).all() or (given < 0).any():
        raise UsageError(f"Weights must be {rows:,} numbers that are not negative, one for each row.")
    return given


def equal(weight: Array | float, squares: Array | float) -> Array:
    """As many equal rows as would vary as much (Kish 1965), of sums of weights and of their squares; 0 of none."""
    sums, below = np.asarray(weight, dtype=np.float64), np.asarray(squares, dtype=np.float64)
    return np.divide(sums**2, below, out=np.zeros(sums.shape), where=below > 0)
