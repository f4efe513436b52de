"""Lists of nearest records that grow with new ones: what a whole search would list, from the new records' products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array, Frame

Tables = tuple[Frame, Frame | None]
Found = tuple[Array, Array, Array]  # rows, columns (int64) and cosines, sorted by row and falling cosine


@dataclass(frozen=True, eq=False)
class Growth:
    """Tables that have new records at the end of one side: `before`, `after`, and the side, 0 (left) or 1."""

    before: Tables
    after: Tables
    side: int

    @property
    def first(self) -> int:
        """The position of the first new record."""
        return _size(self.before, self.side)

    @property
    def more(self) -> Frame:
        """The new records."""
        table = self.after[self.side]
        return table if table is None else table.iloc[self.first :]

    @property
    def alone(self) -> Tables:
        """The tables with no records but the new ones."""
        left, right = self.after
        tables = [left.iloc[:0], None if right is None else right.iloc[:0]]
        tables[self.side] = self.more
        return tables[0], tables[1]

    def has_new(self, left: Array, right: Array) -> Array:
        """Which pairs of positions hold a new record, bool (pairs,)."""
        if self.after[1] is None:
            return (left >= self.first) | (right >= self.first)
        return (right if self.side else left) >= self.first

    def follows(self, tables: Tables) -> bool:
        """Whether these very tables are the ones that grew."""
        return same(tables, self.before)


def same(one: Tables, other: Tables) -> bool:
    """Whether these are the same tables in memory; no cell is compared."""
    return one[0] is other[0] and one[1] is other[1]


def _size(tables: Tables, side: int) -> int:
    table = tables[side]
    return 0 if table is None else len(table)


@dataclass(frozen=True, eq=False)
class Nearest:
    """The k nearest across from each record of a side.

    `partners` int64 (records, k), -1 where there is none; `cosines` float64 (records, k), falling, -inf where none.
    """

    partners: Array
    cosines: Array

    @staticmethod
    def of(found: Found, records: int, k: int) -> Nearest:
        """The lists of so many records."""
        rows, columns, cosines = (np.asarray(part) for part in found)
        rows = rows.astype(np.int64)
        made = Nearest(np.full((records, k), -1, dtype=np.int64), np.full((records, k), -np.inf))
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        made.partners[rows, rank], made.cosines[rows, rank] = columns, cosines
        return made

    def found(self) -> Found:
        """All entries, as a search gives them."""
        rows, ranks = np.nonzero(self.partners >= 0)
        return rows, self.partners[rows, ranks], self.cosines[rows, ranks]

    def _take(self, start: int, part: Array, first: int) -> None:
        """Put new records across, numbered from `first`, into the lists of the records from `start` on, in place."""
        part = part[: max(0, len(self.partners) - start)]
        rows = np.flatnonzero((part > self.cosines[start : start + len(part), -1:]).any(axis=1))
        new = np.where(part[rows] > -np.inf, np.arange(first, first + part.shape[1]), -1)
        cosines = np.hstack([self.cosines[start + rows], part[rows]])
        partners = np.hstack([self.partners[start + rows], new])
        # Stable: of equal cosines the earlier record stays.
        best = np.argsort(-cosines, axis=1, kind="stable")[:, : self.cosines.shape[1]]
        self.partners[start + rows] = np.take_along_axis(partners, best, axis=1)
        self.cosines[start + rows] = np.take_along_axis(cosines, best, axis=1)


Lists = dict[tuple[int, int], Nearest]  # by the side that asks and how many are listed


def grown(lists: Lists, growth: Growth, products: Iterable[tuple[int, Array]]) -> Lists:
    """The lists of the tables after their growth.

    `products` are cosines float64 (records, new) of all records across from the new ones, some at a time with the
    position of the first, -inf where two are no neighbours; within one table these are all records.
    """
    apart = growth.after[1] is None
    made = {key: Nearest(near.partners.copy(), near.cosines.copy()) for key, near in lists.items()}
    below: dict[tuple[int, int], list[Found]] = {key: [] for key in lists if key[0] == growth.side}
    for start, part in products:
        for key, near in made.items():
            if apart or key[0] != growth.side:
                near._take(start, part, growth.first)
            if key in below:
                rows, columns, cosines = largest(part.T, key[1], -np.inf)
                below[key].append((rows, columns + start, cosines))
    for key, parts in below.items():
        own = _best(parts, len(growth.more), key[1])
        near = made[key]
        made[key] = Nearest(np.vstack([near.partners, own.partners]), np.vstack([near.cosines, own.cosines]))
    return made


def _best(parts: list[Found], records: int, k: int) -> Nearest:
    """The lists of records from what was found for them in parts."""
    if not parts:
        return Nearest.of((np.zeros(0), np.zeros(0), np.zeros(0)), records, k)
    rows, columns, cosines = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((columns, -cosines, rows))
    rows, columns, cosines = rows[order], columns[order], cosines[order]
    kept = np.arange(len(rows)) - np.searchsorted(rows, rows) < k
    return Nearest.of((rows[kept], columns[kept], cosines[kept]), records, k)


def largest(products: Array, k: int, above: float = 0.0) -> Found:
    """The k largest products of each row that are greater than `above`; of equal ones the earlier columns."""
    width = products.shape[1]
    least = np.partition(products, width - k, axis=1)[:, width - k] if k < width else np.full(len(products), above)
    rows, columns = np.nonzero((products >= least[:, None]) & (products > above))
    scores = products[rows, columns]
    order = np.lexsort((columns, -scores, rows))
    rows, columns, scores = rows[order], columns[order], scores[order]
    # Products equal to the k-th are all there still: the earliest columns are kept.
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return rows[rank < k], columns[rank < k], scores[rank < k]
