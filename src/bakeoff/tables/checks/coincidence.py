"""How likely rows agree in a value by chance, so that common rows are not taken for copies.

Columns are taken to depend on each other in a tree, each on one other at most (Chow and Liu, 1968), as nested
categories and gaps that come together would make any table look full of copies. A dependence must pay for its
parameters (BIC), and of a column that others depend on, its most common values are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array

LEVELS = 64  # values of a column that others may depend on, the rarer ones taken together


@dataclass(frozen=True)
class Coincidence:
    """Values as they occur in a sample of hashed cells (m, columns), each column with the one it depends on, or -1."""

    sampled: Array
    coarse: Array
    parents: tuple[int, ...]

    @classmethod
    def of(cls, sampled: Array) -> Coincidence:
        """The dependences among the columns of a sample of hashed cells (m, columns)."""
        coarse = np.column_stack([_levels(column, column) for column in sampled.T])
        return cls(sampled, coarse, _parents(coarse))

    def chances(self, asked: Array) -> Array:
        """For hashed cells (k, columns), the probability of each value given the value it depends on."""
        found = np.ones(asked.shape)
        for place, parent in enumerate(self.parents):
            if parent < 0:
                above, of_asked = np.zeros(len(self.sampled), np.int64), np.zeros(len(asked), np.int64)
            else:
                above = self.coarse[:, parent]
                of_asked = _levels(asked[:, parent], self.sampled[:, parent])
            totals = np.bincount(above, minlength=LEVELS)
            both = _joined(self.sampled[:, place], above)
            values, counts = np.unique(both, return_counts=True)
            wanted = _joined(asked[:, place], of_asked)
            at = np.clip(np.searchsorted(values, wanted), 0, len(values) - 1)
            # What the sample lacks may be as common as what occurs in it once.
            seen = np.where(values[at] == wanted, counts[at], 1)
            found[:, place] = np.minimum(seen / np.maximum(totals[of_asked], 1), 1.0)
        return found


def _levels(asked: Array, sampled: Array) -> Array:
    """The place of each value among the most common of a sample, LEVELS - 1 for the rarer ones."""
    values, counts = np.unique(sampled, return_counts=True)
    common = np.sort(values[np.argsort(-counts, kind="stable")[: LEVELS - 1]])
    at = np.clip(np.searchsorted(common, asked), 0, len(common) - 1)
    return np.where(common[at] == asked, at, LEVELS - 1)


def _joined(values: Array, above: Array) -> Array:
    return (values ^ (above.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xBF58476D1CE4E5B9)


def _parents(coarse: Array) -> tuple[int, ...]:
    """The maximum spanning forest of what each pair of columns tells of each other, beyond what it costs."""
    many = coarse.shape[1]
    gain = np.zeros((many, many))
    for one in range(many):
        for other in range(one):
            gain[one, other] = gain[other, one] = _gain(coarse[:, one], coarse[:, other])
    parents = [-1] * many
    best, source = np.zeros(many), np.full(many, -1)
    left = set(range(many))
    while left:
        place = max(left, key=lambda column: best[column])
        left.discard(place)
        parents[place] = int(source[place])
        for column in left:
            if gain[place, column] > best[column]:
                best[column], source[column] = gain[place, column], place
    return tuple(parents)


def _gain(one: Array, other: Array) -> float:
    """The mutual information of two columns of levels (m,) in nats per row, less BIC's cost of knowing it."""
    rows = len(one)
    counts = np.bincount(one * LEVELS + other, minlength=LEVELS * LEVELS).reshape(LEVELS, LEVELS) / max(rows, 1)
    first, second = counts.sum(axis=1), counts.sum(axis=0)
    held = counts > 0
    told = float((counts[held] * np.log(counts[held] / np.outer(first, second)[held])).sum())
    cost = ((first > 0).sum() - 1) * ((second > 0).sum() - 1) * np.log(max(rows, 2)) / (2 * max(rows, 1))
    return max(told - float(cost), 0.0)


def words_alone(counts: Sequence[int] | Array) -> Array:
    """The chance that somebody writes the same text of so many words (k,): a sixteenth for each word."""
    return np.asarray(10.0 ** (-1.2 * np.asarray(counts, dtype=np.float64)))
