"""Keys under which records of two tables may meet: cells, words, pairs of them, and rare n-grams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from bakeoff.algorithms.matching.reading import Records
from bakeoff.algorithms.matching.search import ranks
from bakeoff.nouns import Array

PAIRED = 8  # of the terms of a record that are not rare, so many are paired with one another
SPOKEN = 4  # words: a longer cell is told by its words alone
ROWS = 100_000  # records whose terms are held at once


@dataclass(frozen=True, eq=False)
class Terms:
    """The different words and cells of several words of both tables, the rarest first.

    `of` is sparse (cells, terms) and tells which terms each different cell has. `whole` tells the terms that are cells,
    bool (terms,). `often` counts for each table the cells of records that have a term, int64 (terms,).
    """

    of: Any
    whole: Array
    often: list[Array]

    @property
    def across(self) -> tuple[Array, Array]:
        """How often the other table has each term; within one table, other records of the same."""
        if len(self.often) == 1:
            return self.often[0] - 1, self.often[0] - 1
        return self.often[1], self.often[0]


def terms(records: Records, words: Any) -> Terms:
    """The terms of records whose different cells have the `words`, sparse counts (cells, words)."""
    spoken = np.asarray(words.sum(axis=1)).ravel()
    several = np.flatnonzero((spoken > 1) & (spoken <= SPOKEN))
    ones = np.ones(len(several), np.float32)
    own = sparse.csr_matrix((ones, (several, np.arange(len(several)))), shape=(words.shape[0], len(several)))
    both = sparse.hstack([words, own], format="csr")
    both.data[:] = 1
    often = []
    for cells in records.cells:
        uses = np.bincount(cells.ravel(), minlength=words.shape[0])
        uses[0] = 0
        often.append(np.asarray(both.T @ uses).astype(np.int64))
    order = np.argsort(sum(often), kind="stable")
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    of = sparse.csr_matrix((both.data, rank[both.indices], both.indptr), shape=both.shape)
    return Terms(of, order >= words.shape[1], [each[order] for each in often])


def keyed(records: Records, found: Terms, budget: int) -> list[tuple[Array, Array]]:
    """For each table the records (int64) and their keys (int64), one entry for each key of a record.

    Keys below the number of terms are terms that at most `budget` cells across have, those from there on are pairs.
    """
    slots = 2 ** min(26, max(12, (64 * max(map(len, records.cells), default=1) - 1).bit_length()))
    return [_keyed(cells, found, found.across[side], (budget, slots)) for side, cells in enumerate(records.cells)]


def _keyed(cells: Array, found: Terms, across: Array, limits: tuple[int, int]) -> tuple[Array, Array]:
    rows, keys = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(cells), ROWS):
        row, column, term = told(cells[start : start + ROWS], found.of)
        known = across[term] > 0
        packed = (row[known] << 32 | term[known]) << 8 | column[known]
        packed.sort()
        row, term, column = packed >> 40, packed >> 8 & 0xFFFFFFFF, packed & 0xFF
        alone = across[term] <= limits[0]
        rows.append(row[alone] + start)
        keys.append(term[alone])
        for pair_row, pair_key in _pairs(row, column, term, found):
            rows.append(pair_row + start)
            keys.append(pair_key % limits[1] + len(found.whole))
    return np.concatenate(rows), np.concatenate(keys)


def told(cells: Array, of: Any) -> tuple[Array, Array, Array]:
    """Record, column and term (int64) of every term that stands in int32 `cells` (records, columns)."""
    row, column = np.nonzero(cells)
    place = cells[row, column]
    starts, many = of.indptr[place], np.diff(of.indptr)[place]
    owner = np.repeat(np.arange(len(place)), many)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(many) - many, many)
    return row[owner], column[owner] % 256, of.indices[starts[owner] + within].astype(np.int64)


def _pairs(row: Array, column: Array, term: Array, found: Terms) -> list[tuple[Array, Array]]:
    """Pairs of each record's rarest terms, sorted as they come, those of a cell with its own words left out."""
    first = np.ones(len(row), dtype=bool)  # a term that a record has twice would fill two places
    first[1:] = (row[1:] != row[:-1]) | (term[1:] != term[:-1])
    row, column, term = row[first], column[first], term[first]
    rank = ranks(row)
    kept = rank < PAIRED
    row, column, term, rank = row[kept], column[kept], term[kept], rank[kept]
    table = np.full((int(row.max()) + 1 if len(row) else 0, PAIRED), -1, dtype=np.int64)
    place = np.zeros_like(table)
    table[row, rank], place[row, rank] = term, column
    whole = found.whole[table]
    out = []
    for one in range(PAIRED):
        for other in range(one + 1, PAIRED):
            a, b = table[:, one], table[:, other]
            own = (whole[:, one] | whole[:, other]) & (place[:, one] == place[:, other])
            at = np.flatnonzero((b >= 0) & ~own)
            out.append((at, _hashed(a[at], b[at])))
    return out


def _hashed(first: Array, second: Array) -> Array:
    with np.errstate(over="ignore"):
        mixed = first.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + second.astype(np.uint64)
        mixed = (mixed ^ mixed >> np.uint64(31)) * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(34)).astype(np.int64)
