"""The nearest rows of large sparse matrices: gathered over short lists of keys, then measured exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from bakeoff.nouns import Array

MEETINGS = 5_000_000  # meetings of a query with an index record that are held at once
MEASURED = 100_000  # pairs whose products are held at once
STEPS = 2**20  # of a rough score


@dataclass(frozen=True)
class Effort:
    """How far a search goes: meetings looked at and rows kept for measuring, each for one query, and threads."""

    budget: int = 100
    depth: int = 20
    threads: int = 1


def effort_for(records: int, threads: int = 1) -> Effort:
    """What a search among so many records may spend: much for each while they are few, never less than a floor.

    With 3,000 meetings and 100 rows for each query the search finds what an exact one finds on the public sets.
    """
    many = max(1, records)
    return Effort(min(3_000, max(100, 60_000_000 // many)), min(100, max(10, 3_000_000 // many)), threads)


def listed(entries: list[tuple[Array, Array]], sizes: tuple[int, ...], effort: Effort) -> tuple[Any, Any]:
    """Queries (rows, keys) and index (keys, rows) from entries (row, key) of each side; of one side, both are its own.

    A query keeps its rarest keys as long as the rows behind them are within the budget. A key weighs the more the
    fewer rows have it.
    """
    asked, index = entries[0], entries[-1]
    top = 1 + max((int(key.max()) for _, key in entries if len(key)), default=-1)
    often = np.bincount(index[1], minlength=top)
    useful = (often > (len(entries) == 1)) & (often <= effort.budget)
    useful &= np.bincount(asked[1], minlength=top) > 0
    # Keys are numbered by how rare they are, so that one sort of whole numbers ranks the keys of every query.
    kept = np.flatnonzero(useful)
    kept = kept[np.argsort(often[kept], kind="stable")]
    number = np.full(top, -1, dtype=np.int32)
    number[kept] = np.arange(len(kept), dtype=np.int32)
    often = often[kept]
    weight = np.log1p(sizes[-1] / np.maximum(often, 1)).astype(np.float32)
    row, key = _sorted(asked[0], number[asked[1]])
    total = np.concatenate([[0], np.cumsum(often[key])])
    first = np.searchsorted(row, np.arange(sizes[0]))
    within = total[1:] - total[first][row] <= effort.budget
    queries = _rows(row[within], key[within], (sizes[0], len(kept)))
    queries.data = weight[queries.indices]
    key, row = _sorted(number[index[1]], index[0])
    return queries, _rows(key, row, (len(kept), sizes[-1]))


def _sorted(row: Array, column: Array) -> tuple[Array, Array]:
    """Entries sorted by row and column, each once; those with a negative number are left out."""
    packed = row.astype(np.int64) << 32 | column
    packed = packed[(row >= 0) & (column >= 0)]
    packed.sort()
    first = np.ones(len(packed), dtype=bool)
    first[1:] = packed[1:] != packed[:-1]
    packed = packed[first]
    return packed >> 32, packed & 0xFFFFFFFF


def _rows(row: Array, column: Array, shape: tuple[int, int]) -> Any:
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))])
    return sparse.csr_matrix((np.ones(len(column), np.float32), column.astype(np.int32), starts), shape=shape)


def gathered(queries: Any, lists: Any, effort: Effort, apart: bool = False) -> Iterator[tuple[Array, Array]]:
    """Rows of the queries and of the index that share keys, int64, at most `depth` for each query, the best by weight.

    Chunk by chunk, sorted by query; `apart` leaves out the row of the same place.
    """
    load = np.concatenate([[0], np.cumsum(np.diff(lists.indptr)[queries.indices])])[queries.indptr]
    cuts = [0]
    while cuts[-1] < queries.shape[0]:
        end = int(np.searchsorted(load, load[cuts[-1]] + MEETINGS, side="right")) - 1
        cuts.append(min(max(end, cuts[-1] + 1), queries.shape[0]))

    def part(bounds: tuple[int, int]) -> tuple[Array, Array]:
        start, end = bounds
        met = queries[start:end] @ lists
        row = np.repeat(np.arange(end - start), np.diff(met.indptr))
        return _best(row, met.indices, met.data, start, effort.depth, apart)

    yield from in_turn(part, list(pairwise(cuts)), effort.threads)


def _best(row: Array, column: Array, score: Array, start: int, depth: int, apart: bool) -> tuple[Array, Array]:
    """The `depth` highest of each row. One sort of whole numbers does: row, falling rough score, column."""
    if apart:
        other = row + start != column
        row, column, score = row[other], column[other], score[other]
    if not len(row):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    bits = int(column.max()).bit_length()
    rough = STEPS - 1 - (score * ((STEPS - 1) / score.max())).astype(np.int64)
    packed = (row.astype(np.int64) * STEPS + rough) << bits | column
    packed.sort()
    kept = packed[ranks(packed >> bits + 20) < depth]
    return (kept >> bits + 20) + start, kept & (1 << bits) - 1


def ranks(rows: Array) -> Array:
    """The place of each entry among those of its row, from 0; rows are sorted and not negative, int64 (entries,)."""
    counts = np.bincount(rows, minlength=1)
    return np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]


def measured(left: Any, right: Any, rows: Array, columns: Array, threads: int = 1) -> Array:
    """Products of the rows of two sparse matrices, pair by pair, float64 (pairs,), at most 1."""

    def part(start: int) -> Array:
        these = slice(start, start + MEASURED)
        products = left[rows[these]].multiply(right[columns[these]])
        return np.asarray(products.sum(axis=1), dtype=np.float64).ravel()

    parts = list(in_turn(part, list(range(0, len(rows), MEASURED)), threads))
    return np.minimum(np.concatenate(parts), 1.0) if parts else np.zeros(0)


def in_turn(work: Callable[[Any], Any], pieces: list[Any], threads: int) -> Iterator[Any]:
    """The answers to all pieces in their order; `threads` are worked on at once, and no more answers wait."""
    if threads <= 1 or len(pieces) < 2:
        yield from map(work, pieces)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(work, piece) for piece in pieces[:threads]]
        for piece in [*pieces[threads:], *[None] * threads]:
            yield waiting.pop(0).result()
            if piece is not None:
                waiting.append(pool.submit(work, piece))
