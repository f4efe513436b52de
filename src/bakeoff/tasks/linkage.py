"""Linkage judged end to end: the pairs that were linked, the candidates among them, and the clusters that they make.

Truth. *Pairs*: the labelled matches among the test pairs are to be found. A link of a labelled test pair is right or
wrong by its label. A link of a pair without a label is wrong when every match among the records is labelled
(`sides.complete`): it counts for as much as the labelled pairs of its two records are test pairs, on the mean, since
only the test's share of the right links counts either. Where labels are not complete it is left out of the precision,
and `unlabelled_links` tells how many there are. Links of training pairs, and of records that a chain of labelled
matches joins, are neither right nor wrong. *Clusters*: the closure of all
labelled matches, training ones too, seen at the records that occur in test pairs; an entry's clusters are the closure
of its links, without those that have no label where labels are not complete.

A link is a match where its score is above 0.5; links of any score are candidates. The pairs of a group of records are
never made: what has to be known of them follows from counts.

Replicates. Figures of test pairs are resampled by test pair, as all other scores of the task are. Links without a
label, B-cubed and cluster scores are resampled by true cluster, whose records are drawn together, with weights that
depend on the number of clusters alone, so that entries are compared paired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from bakeoff.nouns import Array, Sides
from bakeoff.stats.bootstrap import Resample
from bakeoff.stats.bootstrap import resample as resampled
from bakeoff.tables.matching.clusters import components
from bakeoff.tasks.kinds import Metric, Score
from bakeoff.tasks.pair_scores import f1_of, pair_counts, precision_of, recall_of
from bakeoff.tasks.scoring import GroupSums, defined

MATCH = 0.5
MEASURES: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("link_precision", "Precision of links", True, 1.0),
        Metric("link_recall", "Recall of links", True, 1.0),
        Metric("link_f1", "F1 of links", True, 1.0),
        Metric("candidate_recall", "Recall of candidates", True, 1.0),
        Metric("candidates_per_record", "Candidates for each record", False, 0.0, decimals=1),
        Metric("b_cubed_precision", "B-cubed precision", True, 1.0),
        Metric("b_cubed_recall", "B-cubed recall", True, 1.0),
        Metric("b_cubed_f1", "B-cubed F1", True, 1.0),
        Metric("cluster_f1", "F1 of whole clusters", True, 1.0),
        Metric("unlabelled_links", "Links without a label", False, 0.0, decimals=0),
    )
}

# What the labels of test pairs alone decide, with those of training pairs.
OF_PAIRS = ("link_precision", "link_recall", "link_f1", "candidate_recall", "candidates_per_record")


def score_links(
    links: Array, sides: Sides, truth: Array, labels: Array, resample: Resample | None = None
) -> dict[str, Score]:
    """How good an entry's links are, by name of a measure in `MEASURES`.

    `links` are float64 (links, 3) of left position, right position and score, each pair once; or group ids int64
    (records,), the left records first, which link all records of one group with score 1. `truth` (test pairs,) and
    `labels` (training pairs,) are 1 for a match and 0 for none; `resample` is of the test pairs.

    - link_precision, link_recall, link_f1: of links with a score above 0.5, as the module's words say. The precision is
      0 where nothing was linked.
    - candidate_recall: the share of the test matches that are linked with any score, which is the recall of blocking.
    - candidates_per_record: links of any score for each left record; within one table, for each record (a link counts
      for both).
    - b_cubed_precision, b_cubed_recall, b_cubed_f1: for each record the share of its entry's cluster that is of its
      true one, and the other way round; their means, and the harmonic mean of these (Bagga and Baldwin 1998, COLING
      79-85).
    - cluster_f1: F1 of clusters of two records or more that are right as a whole.
    - unlabelled_links: links above 0.5 that have no label and no chain of labelled matches, wrong or left out.

    The last and the candidates for each record are counts and have no replicates.
    """
    asked = _Asked(sides, np.asarray(truth) == 1, np.asarray(labels) == 1)
    said = _Links(asked, links) if np.ndim(links) == 2 else _Groups(asked, links)
    scores = _pair_scores(asked, said, resample)
    scores |= _cluster_scores(asked, asked.predicted(said), resample)
    scores["candidates_per_record"] = Score(said.candidates / asked.per_record)
    scores["unlabelled_links"] = Score(float(said.unlabelled(np.ones(asked.nodes)).sum()))
    return {name: scores[name] for name in MEASURES}


class _Asked:
    """The records of both sides in one numbering, the labelled pairs among them, and the true clusters."""

    def __init__(self, sides: Sides, truth: Array, labels: Array) -> None:
        self.within = sides.right is None
        self.left = len(sides.left)
        self.nodes = self.left + (0 if sides.right is None else len(sides.right))
        self.complete = sides.complete
        self.truth = truth
        self.test = self.pairs(sides.test)
        self.labelled = np.concatenate([self.pairs(sides.train), self.test])
        matches = self.labelled[np.concatenate([labels, truth])]
        self.clusters = components(matches[:, 0], matches[:, 1], self.nodes)
        # Each of them counts once, for both of its records, or for the left one alone.
        self.per_record = self.left / 2 if self.within else self.left

    def pairs(self, positions: Array) -> Array:
        """Positions (pairs, 2) of two sides as records in one numbering, the smaller first: int64 (pairs, 2)."""
        positions = np.asarray(positions, dtype=np.int64).reshape(-1, 2)
        return np.sort(positions, axis=1) if self.within else positions + np.array([0, self.left])

    def keys(self, pairs: Array) -> Array:
        """One whole number for each pair: int64 (pairs,)."""
        return np.asarray(pairs[:, 0] * np.int64(self.nodes) + pairs[:, 1])

    @cached_property
    def known(self) -> Array:
        """The keys of all labelled pairs, each once, in order."""
        return np.unique(self.keys(self.labelled))

    @cached_property
    def tested(self) -> Array:
        """The share of test pairs among each record's labelled pairs, or among all where it has none: (nodes,)."""
        every = np.bincount(self.labelled.ravel(), minlength=self.nodes)
        share = np.bincount(self.test.ravel(), minlength=self.nodes) / np.maximum(every, 1)
        return np.where(every > 0, share, len(self.test) / len(self.labelled))

    def joined(self, pairs: Array) -> Array:
        """Whether a chain of labelled matches joins the records of each pair: bool (pairs,)."""
        return np.asarray(self.clusters[pairs[:, 0]] == self.clusters[pairs[:, 1]])

    def predicted(self, said: _Links | _Groups) -> Array:
        """The entry's cluster of each record (nodes,)."""
        edges = said.edges()
        return components(edges[:, 0], edges[:, 1], self.nodes)


class _Links:
    """An entry's scored links."""

    def __init__(self, asked: _Asked, links: Array) -> None:
        self.asked = asked
        links = np.asarray(links, dtype=np.float64).reshape(-1, 3)
        pairs = asked.pairs(links[:, :2].astype(np.int64))
        keys = asked.keys(pairs)
        order = np.argsort(keys, kind="stable")
        self.pairs, self.keys, self.scores = pairs[order], keys[order], links[order, 2]
        self.candidates = len(links)

    def of_pairs(self, pairs: Array) -> tuple[Array, Array]:
        """Whether each pair is linked as a match, and whether it is linked at all: two bool (pairs,)."""
        if not self.candidates:
            return np.zeros(len(pairs), bool), np.zeros(len(pairs), bool)
        wanted = self.asked.keys(pairs)
        place = np.minimum(np.searchsorted(self.keys, wanted), self.candidates - 1)
        found = self.keys[place] == wanted
        return found & (self.scores[place] > MATCH), found

    @cached_property
    def _told(self) -> Array:
        """Links with a label, or between records that a chain of matches joins: bool (links,)."""
        return np.isin(self.keys, self.asked.known) | self.asked.joined(self.pairs)

    def unlabelled(self, weights: Array) -> Array:
        """Links above the threshold of which no label tells, by true cluster: (clusters,).

        A link counts half the weight of either of its records (nodes,), for that record's cluster.
        """
        ends = self.pairs[(self.scores > MATCH) & ~self._told].ravel()
        clusters = self.asked.clusters
        return np.bincount(clusters[ends], weights=weights[ends], minlength=int(clusters.max(initial=-1)) + 1) / 2

    def edges(self) -> Array:
        """Links above the threshold that make clusters: (links, 2)."""
        counted = self.scores > MATCH
        return self.pairs[counted if self.asked.complete else counted & self._told]


class _Groups:
    """An entry's group ids, taken as links between all records of a group."""

    def __init__(self, asked: _Asked, groups: Array) -> None:
        self.asked = asked
        self.groups = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64).ravel()
        self.candidates = int(self._partners(self.groups).sum()) // 2

    def _partners(self, groups: Array) -> Array:
        """With how many other records each one shares its group, on the other side where there are two: (nodes,)."""
        width = int(groups.max(initial=-1)) + 1
        if self.asked.within:
            return np.bincount(groups, minlength=width)[groups] - 1
        left, right = groups[: self.asked.left], groups[self.asked.left :]
        of_left, of_right = np.bincount(left, minlength=width), np.bincount(right, minlength=width)
        return np.concatenate([of_right[left], of_left[right]])

    def of_pairs(self, pairs: Array) -> tuple[Array, Array]:
        """Whether each pair is linked as a match, and whether it is linked at all: one bool (pairs,) twice."""
        same = np.asarray(self.groups[pairs[:, 0]] == self.groups[pairs[:, 1]])
        return same, same

    @cached_property
    def _both(self) -> Array:
        """Group and true cluster of each record in one number: (nodes,)."""
        return np.unique(np.stack([self.groups, self.asked.clusters]), axis=1, return_inverse=True)[1].ravel()

    def unlabelled(self, weights: Array) -> Array:
        """Links of which no label tells, by true cluster, as those of `_Links`: (clusters,)."""
        clusters = self.asked.clusters
        width = int(clusters.max(initial=-1)) + 1
        others = self._partners(self.groups) - self._partners(self._both)
        total = np.bincount(clusters, weights=others * weights, minlength=width)
        nodes = self.asked.nodes
        pairs = np.stack([self.asked.known // nodes, self.asked.known % nodes], axis=1)
        told = pairs[self.of_pairs(pairs)[0] & ~self.asked.joined(pairs)].ravel()
        return (total - np.bincount(clusters[told], weights=weights[told], minlength=width)) / 2

    def edges(self) -> Array:
        """Edges whose closure is the entry's clusters: (edges, 2)."""
        if self.asked.complete:
            return _stars(self.groups)
        labelled = self.asked.labelled
        return np.concatenate([_stars(self._both), labelled[self.of_pairs(labelled)[0]]])


def _stars(groups: Array) -> Array:
    """Each record joined with the first one of its group: (records, 2)."""
    _, first = np.unique(groups, return_index=True)
    return np.stack([first[groups], np.arange(len(groups))], axis=1)


def _pair_scores(asked: _Asked, said: _Links | _Groups, resample: Resample | None) -> dict[str, Score]:
    match, candidate = said.of_pairs(asked.test)
    groups = GroupSums(len(asked.truth), resample)
    sums = pair_counts(asked.truth, match, groups)
    wrong = said.unlabelled(asked.tested) if asked.complete else np.zeros(1)
    counts = sums.sum(axis=0) + np.array([0.0, wrong.sum(), 0.0])
    replicates = None
    if resample is not None:
        replicates = (resample.weights @ sums).T
        replicates[1] += _totals(wrong, resample.folds)
    statistics = {"link_precision": precision_of, "link_recall": recall_of, "link_f1": f1_of}
    scores = {}
    for name, statistic in statistics.items():
        value = float(statistic(*counts))
        drawn = None if replicates is None or not np.isfinite(value) else defined(statistic(*replicates), value)
        scores[name] = Score(value, drawn)
    scores["candidate_recall"] = _recall(pair_counts(asked.truth, candidate, groups), resample)
    return scores


def _recall(sums: Array, resample: Resample | None) -> Score:
    value = float(recall_of(*sums.sum(axis=0)))
    if resample is None or not np.isfinite(value):
        return Score(value)
    return Score(value, defined(recall_of(*(resample.weights @ sums).T), value))


def _totals(values: Array, folds: int) -> Array:
    """Sums of values (clusters,) or (clusters, m) in each replicate: (folds,) or (folds, m)."""
    drawn = resampled(len(values), "true clusters", folds)
    return np.asarray(drawn.weights @ drawn.sums(values))


def _b_cubed_f1(sums: Array) -> Array:
    return np.asarray(2 * sums[0] * sums[1] / (sums[2] * (sums[0] + sums[1])))


# Sums of precisions, of recalls, and of records; of clusters that are right, that were said, and that there are.
OF_CLUSTERS: Mapping[str, Callable[[Array], Array]] = {
    "b_cubed_precision": lambda sums: np.asarray(sums[0] / sums[2]),
    "b_cubed_recall": lambda sums: np.asarray(sums[1] / sums[2]),
    "b_cubed_f1": _b_cubed_f1,
    "cluster_f1": lambda sums: f1_of(sums[3], sums[4], sums[5]),
}


def _cluster_scores(asked: _Asked, predicted: Array, resample: Resample | None) -> dict[str, Score]:
    """B-cubed and the F1 of whole clusters, at the records that occur in test pairs."""
    seen = np.unique(asked.test)
    true, own = (np.unique(of[seen], return_inverse=True)[1].ravel() for of in (asked.clusters, predicted))
    of_true, of_own = np.bincount(true), np.bincount(own)
    both, place, of_both = np.unique(np.stack([true, own]), axis=1, return_inverse=True, return_counts=True)
    shared = of_both[place.ravel()]
    clusters = len(of_true)
    several = of_own[own] > 1
    whole = (of_both == of_true[both[0]]) & (of_both == of_own[both[1]]) & (of_both > 1)
    sums = np.stack(
        [
            np.bincount(true, weights=shared / of_own[own], minlength=clusters),
            np.bincount(true, weights=shared / of_true[true], minlength=clusters),
            of_true.astype(np.float64),
            np.bincount(both[0], weights=whole, minlength=clusters),
            # A cluster of the entry belongs to the true ones by its records in each.
            np.bincount(true, weights=np.where(several, 1 / of_own[own], 0.0), minlength=clusters),
            (of_true > 1).astype(np.float64),
        ],
        axis=1,
    )
    drawn = None if resample is None else _totals(sums, resample.folds).T
    scores = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, statistic in OF_CLUSTERS.items():
            value = float(statistic(sums.sum(axis=0)))
            known = drawn is not None and np.isfinite(value)
            scores[name] = Score(value, defined(np.asarray(statistic(drawn)), value) if known else None)
    return scores
