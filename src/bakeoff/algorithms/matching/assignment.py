"""One-to-one assignment: the set of pairs with the largest total gain in which no record stands twice."""

from __future__ import annotations

import numpy as np

from bakeoff.nouns import Array
from bakeoff.tables.matching.clusters import components

DENSE = 250_000  # cells of a component up to which its pairs are held as a full matrix


def assign(left: Array, right: Array, gains: Array) -> Array:
    """Which pairs are kept, bool (pairs,): each left and each right record at most once, the sum of gains largest.

    `left` and `right` int64 (pairs,) are positions, each pair once; `gains` (pairs,) are in any unit that adds up, such
    as log-odds, and a pair without a gain above 0 is never kept. Solved exactly for each connected component: by
    the Hungarian method where the component is small, else as a sparse matching in which every record may stay alone.
    """
    kept = np.zeros(len(gains), dtype=bool)
    worth = np.flatnonzero(np.asarray(gains) > 0)
    if not len(worth):
        return kept
    _, first = np.unique(left[worth], return_inverse=True)
    _, second = np.unique(right[worth], return_inverse=True)
    lefts, rights = int(first.max()) + 1, int(second.max()) + 1
    alone = (np.bincount(first)[first] == 1) & (np.bincount(second)[second] == 1)
    kept[worth[alone]] = True
    rest = np.flatnonzero(~alone)
    if not len(rest):
        return kept
    part = components(first[rest], second[rest] + lefts, lefts + rights)[first[rest]]
    order = np.argsort(part, kind="stable")
    for edges in np.split(rest[order], np.flatnonzero(np.diff(part[order])) + 1):
        chosen = _one_component(first[edges], second[edges], np.asarray(gains, dtype=np.float64)[worth[edges]])
        kept[worth[edges[chosen]]] = True
    return kept


def _one_component(left: Array, right: Array, gains: Array) -> Array:
    """The places of the pairs that are kept in one component."""
    lefts, first = np.unique(left, return_inverse=True)
    rights, second = np.unique(right, return_inverse=True)
    if len(lefts) * len(rights) <= DENSE:
        return _dense(first, second, gains, (len(lefts), len(rights)))
    return _sparse(first, second, gains, (len(lefts), len(rights)))


def _dense(first: Array, second: Array, gains: Array, shape: tuple[int, int]) -> Array:
    from scipy.optimize import linear_sum_assignment

    worth, place = np.zeros(shape), np.full(shape, -1, dtype=np.int64)
    worth[first, second], place[first, second] = gains, np.arange(len(gains))
    found = place[linear_sum_assignment(worth, maximize=True)]
    return np.asarray(found[found >= 0])


def _sparse(first: Array, second: Array, gains: Array, shape: tuple[int, int]) -> Array:
    """Each left record has a partner of its own that stands for staying alone, so that a full matching exists."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    lefts, rights = shape
    # A stored weight must not be 0, and a constant on every edge of a full matching changes nothing.
    base = 1.0 + float(gains.max())
    costs = np.concatenate([base - gains, np.full(lefts, base)])
    rows = np.concatenate([first, np.arange(lefts)])
    columns = np.concatenate([second, rights + np.arange(lefts)])
    graph = coo_matrix((costs, (rows, columns)), shape=(lefts, rights + lefts)).tocsr()
    rows, columns = min_weight_full_bipartite_matching(graph)
    places = {pair: place for place, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True))}
    matched = zip(rows.tolist(), columns.tolist(), strict=True)
    return np.array([places[pair] for pair in matched if pair[1] < rights], dtype=np.int64)
