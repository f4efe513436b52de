"""The fits that an attacker on one fit may learn from, and what they say of each row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array

MOST_FIXED = 0.25  # of the rows; by chance half are alike in two independent fits


@dataclass(frozen=True, eq=False)
class References:
    """Of one target: which fits know a row as one of theirs, and which as none; both bool (fits, rows)."""

    present: Array
    absent: Array

    @property
    def any(self) -> bool:
        """Whether there is a reference at all."""
        return bool(self.present.any() or self.absent.any())


def complements(inside: Array) -> Array:
    """For each fit the place of the fit that has exactly the other rows, int (fits,); -1 where there is none."""
    places = {row.tobytes(): place for place, row in enumerate(inside)}
    return np.array([places.get((~row).tobytes(), -1) for row in inside])


def fixed_rows(inside: Array) -> Array:
    """Rows that no coin decided, bool (rows,): inside every fit or none, while fits are complements on all others.

    Where no fit has a complement, a row may be alike in all fits by chance, and leaving it out would tell of the rest.
    """
    alike = inside.all(axis=0) | ~inside.any(axis=0)
    if alike.mean() < MOST_FIXED and (complements(inside[:, ~alike]) >= 0).any():
        return np.asarray(alike)
    return np.zeros_like(alike)


def references(inside: Array, rng: np.random.Generator) -> Iterator[References]:
    """For each fit as the target, what it may be compared with.

    How often a row was inside the references must say nothing of the target. So a fit's complement is left out; and
    where every row is inside exactly half of the fits without complements, as in the design of LiRA's authors, one
    reference of each row is left out at random so that as many know it as do not.
    """
    partner, fits = complements(inside), len(inside)
    counts = inside.sum(axis=0)
    balanced = bool((counts * 2 == fits).all()) and bool((partner < 0).any())
    for target in range(fits):
        usable = np.ones_like(inside)
        usable[target] = False
        if partner[target] >= 0:
            usable[partner[target]] = False
        elif balanced:
            spare = usable & (inside != inside[target])
            dropped = np.where(spare, rng.random(inside.shape), -1.0).argmax(axis=0)
            usable[dropped, np.arange(inside.shape[1])] = False
        yield References(usable & inside, usable & ~inside)


@dataclass(frozen=True, eq=False)
class Side:
    """What fits say of each row: how many there are, their mean, and squared deviations from it in sum; (rows,)."""

    count: Array
    mean: Array
    squares: Array

    @classmethod
    def of(cls, values: Array, used: Array) -> Side:
        """Over the fits that are `used`, bool (fits, rows); the mean is nan where there are none."""
        count = used.sum(axis=0)
        with np.errstate(invalid="ignore"):
            mean = np.where(used, values, 0.0).sum(axis=0) / np.where(count, count, np.nan)
        squares = np.where(used, (values - mean) ** 2, 0.0).sum(axis=0)
        return cls(count, mean, squares)

    @property
    def freedom(self) -> int:
        """How many deviations are free to vary, over all rows."""
        return int(np.maximum(self.count - 1, 0).sum())

    @property
    def variance(self) -> float:
        """The variance within a row, of all rows together; nan where no row has two."""
        return float(self.squares.sum()) / self.freedom if self.freedom else np.nan

    @property
    def middle(self) -> float:
        """The mean over rows; nan where there are none."""
        known = self.mean[self.count > 0]
        return float(known.mean()) if known.size else np.nan


def first_known(*choices: Array | float) -> Array:
    """For each row the first of the choices that is a number."""
    found = np.asarray(choices[0], dtype=np.float64)
    for choice in choices[1:]:
        found = np.where(np.isnan(found), choice, found)
    return found
