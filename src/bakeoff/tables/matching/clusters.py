"""Records that match, taken together: clusters by transitive closure, what leaks through them, splits by record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array


def components(first: Array, second: Array, nodes: int) -> Array:
    """The connected component of each node (nodes,), numbered from 0; edges join `first` and `second` (edges,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(first), dtype=np.int8)
    graph = coo_matrix((ones, (np.asarray(first), np.asarray(second))), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


@dataclass(frozen=True)
class Leakage:
    """How much of the test pairs is known from training pairs, in numbers of test pairs.

    `one`, `both`: one at least, or both, of the records are in a training pair. `clusters`: so is a record of the
    cluster of either by the closure of all matches. `follow_match`, `follow_none`: the label follows from training
    labels by transitivity. `taken`: matches are one-to-one, and the one of a record is in train, so that the pair is
    none. `repeated`: the very pair is in train.
    """

    pairs: int
    one: int
    both: int
    clusters: int
    follow_match: int
    follow_none: int
    taken: int
    repeated: int


def leakage(first: Array, second: Array, label: Array, test: Array, nodes: int) -> Leakage:
    """What the training pairs tell of the test pairs.

    `first`, `second` int64 (pairs,) are nodes: the records of both sides numbered through; `label` (pairs,) is 1 for a
    match; `test` bool (pairs,).
    """
    train = ~test
    seen = np.zeros(nodes, bool)
    seen[first[train]] = seen[second[train]] = True
    either = seen[first[test]] | seen[second[test]]
    both = seen[first[test]] & seen[second[test]]
    whole = components(first[label == 1], second[label == 1], nodes)
    known = np.zeros(nodes, bool)
    known[whole[seen]] = True
    by_cluster = known[whole[first[test]]] | known[whole[second[test]]]
    learnt = train & (label == 1)
    of_train = components(first[learnt], second[learnt], nodes)
    a, b = of_train[first], of_train[second]
    match = test & (a == b)
    apart = _keys(a, b, nodes)
    none = test & ~match & np.isin(apart, apart[train & (label == 0)])
    again = _keys(first, second, nodes)
    repeated = test & np.isin(again, again[train])
    taken = np.zeros(len(test), bool)
    if one_to_one(first, second, label, nodes):
        matched = np.zeros(nodes, bool)
        matched[first[learnt]] = matched[second[learnt]] = True
        taken = test & ~match & ~none & (matched[first] | matched[second])
    counts = [either.sum(), both.sum(), by_cluster.sum(), match.sum(), none.sum(), taken.sum(), repeated.sum()]
    return Leakage(int(test.sum()), *map(int, counts))


def one_to_one(first: Array, second: Array, label: Array, nodes: int) -> bool:
    """Whether no record matches more than one other."""
    return most_matches(first, second, label, nodes) <= 1


def most_matches(first: Array, second: Array, label: Array, nodes: int) -> int:
    """The most others that a record matches."""
    matches = np.unique(np.sort(np.stack([first[label == 1], second[label == 1]], axis=1), axis=1), axis=0)
    return int(np.bincount(matches.ravel(), minlength=nodes).max(initial=0))


def against_closure(first: Array, second: Array, label: Array, nodes: int) -> Array:
    """Pairs labelled no match whose records are joined by a chain of matches: bool (pairs,)."""
    whole = components(first[label == 1], second[label == 1], nodes)
    return np.asarray((label == 0) & (whole[first] == whole[second]))


def split_by_records(first: Array, second: Array, label: Array, share: float, seed: int) -> tuple[Array, Array]:
    """Test pairs and pairs to be left out, so that no record is on both sides: two bool arrays (pairs,).

    Where the graph of all pairs falls into pieces small enough, whole pieces go to the test and no pair is left out.
    Else a connected region of clusters of matching records does, grown from one at random until it holds the share of
    the pairs that are kept; pairs between the region and the rest are left out, none of them a match.
    """
    nodes = int(max(first.max(), second.max())) + 1
    generator = np.random.default_rng(seed)
    test = _whole_groups(components(first, second, nodes)[first], share, generator)
    if abs(test.mean() - share) <= 0.05 and _both_labels(label, test):
        return test, np.zeros(len(test), bool)
    clusters = components(first[label == 1], second[label == 1], nodes)
    rank = _grown(clusters[first], clusters[second], int(clusters.max()) + 1, generator)
    low, high = (pick(rank[clusters[first]], rank[clusters[second]]) for pick in (np.minimum, np.maximum))
    within = np.searchsorted(np.sort(high), np.arange(1, len(rank) + 1))
    beyond = len(low) - np.searchsorted(np.sort(low), np.arange(1, len(rank) + 1))
    size = 1 + int(np.argmin(np.abs(within / np.maximum(within + beyond, 1) - share)))
    test = high < size
    return test, ~test & (low < size)


def _grown(first: Array, second: Array, nodes: int, generator: np.random.Generator) -> Array:
    """The place of each node (nodes,) in walks that visit the nearest ones first, from a random node of each piece."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order

    graph = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(nodes, nodes)).tocsr()
    rank = np.full(nodes, -1, dtype=np.int64)
    met = 0
    for start in generator.permutation(nodes):
        if rank[start] < 0:
            walked = breadth_first_order(graph, start, directed=False, return_predecessors=False)
            rank[walked] = met + np.arange(len(walked))
            met += len(walked)
    return rank


def _whole_groups(groups: Array, share: float, generator: np.random.Generator) -> Array:
    """Whole groups, in random order, while they fit into the share of rows."""
    found, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    chosen = np.zeros(len(found), bool)
    room = round(share * len(groups))
    for place in generator.permutation(len(found)):
        if sizes[place] <= room:
            chosen[place] = True
            room -= int(sizes[place])
    return np.asarray(chosen[codes])


def _both_labels(label: Array, test: Array) -> bool:
    return all(0 < label[part].sum() < part.sum() for part in (test, ~test))


def _keys(first: Array, second: Array, nodes: int) -> Array:
    return np.minimum(first, second) * np.int64(nodes) + np.maximum(first, second)
