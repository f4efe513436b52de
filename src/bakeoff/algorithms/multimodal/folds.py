"""Which training rows are held out when: folds in which every class keeps its share, or one part of many rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array

MANY = 60_000  # rows from which one part is held out, instead of each row once
HELD = 20_000


@dataclass(frozen=True)
class Folds:
    """`held[k]` are the rows that fold k holds out, `learnt[k]` those that it learns from."""

    learnt: tuple[Array, ...]
    held: tuple[Array, ...]

    @classmethod
    def of(cls, values: Array, classes: bool, seed: int) -> Folds:
        """Five folds on few rows, three on many, and one held-out part on very many; classes keep their shares."""
        rows = len(values)
        count = int(min(5 if rows < 8_000 else 4 if rows < 16_000 else 3, rows))
        order = _shuffled(values, classes, seed)
        if rows >= MANY:
            held = np.sort(order[np.linspace(0, rows - 1, HELD).astype(np.int64)])
            learnt = np.setdiff1d(np.arange(rows), held)
            return cls((learnt,), (held,))
        number = np.empty(rows, dtype=np.int64)
        number[order] = np.arange(rows) % count
        parts = [np.flatnonzero(number == k) for k in range(count)]
        rest = [np.flatnonzero(number != k) for k in range(count)]
        return cls(tuple(rest), tuple(parts))

    def __len__(self) -> int:
        return len(self.held)

    @property
    def rows(self) -> Array:
        """All rows that are held out once, in order."""
        return np.sort(np.concatenate(self.held))


def _shuffled(values: Array, classes: bool, seed: int) -> Array:
    """Rows in the order of their class or number and at random within it, so that every k-th row is a fair sample."""
    rng = np.random.default_rng([seed % 2**32, 17])
    order = rng.permutation(len(values))
    if classes:
        return order[np.argsort(values[order], kind="stable")]
    # Numbers in bins of ten: each fold gets one or two of every bin, which of them is chance.
    place = np.empty(len(values), dtype=np.int64)
    place[np.argsort(values, kind="stable")] = np.arange(len(values)) // 10
    return order[np.argsort(place[order], kind="stable")]
