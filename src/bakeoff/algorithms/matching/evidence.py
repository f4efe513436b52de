"""Scored pairs of records as a matcher gathers them, and the groups that they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.algorithms.matching.clusters import Rules, cluster
from bakeoff.algorithms.matching.tradeoff import gains
from bakeoff.nouns import Array, Frame

LARGE = 40  # records of a group up to which all its pairs are scored; of a larger one, so many with each record
MOST = 2_000_000  # pairs that are scored besides the candidates
ROUNDS = 4

Ask = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Pairs of positions int64 (pairs, 2), each once, with the chance float64 (pairs,) that they match.

    `lefts` and `rights` count the records of both sides; `rights` is None within one table.
    """

    positions: Array
    chances: Array
    lefts: int
    rights: int | None = None

    @property
    def nodes(self) -> int:
        """How many records there are on both sides."""
        return self.lefts + (self.rights or 0)

    def ends(self, positions: Array | None = None) -> Array:
        """Both records of each pair in one numbering, left ones first: int64 (pairs, 2)."""
        given = self.positions if positions is None else np.asarray(positions, dtype=np.int64).reshape(-1, 2)
        return given if self.rights is None else given + np.array([0, self.lefts])

    def keys(self, positions: Array) -> Array:
        """One whole number for each pair: int64 (pairs,)."""
        width = np.int64(self.lefts if self.rights is None else self.rights)
        return np.asarray(positions[:, 0] * width + positions[:, 1])

    def told(self, positions: Array, matches: Array) -> Evidence:
        """The same with pairs that are known: chances of 1 and 0, and those that were no candidates are added."""
        if not len(positions):
            return self
        pairs, place = np.unique(positions, axis=0, return_inverse=True)
        known = np.zeros(len(pairs))
        known[place.ravel()] = matches
        chances = self.chances.copy()
        own = self.keys(self.positions)
        asked = self.keys(pairs)
        order = np.argsort(own, kind="stable")
        at = np.minimum(np.searchsorted(own[order], asked), max(len(own) - 1, 0))
        there = own[order][at] == asked if len(own) else np.zeros(len(asked), dtype=bool)
        chances[order[at[there]]] = known[there]
        return replace(
            self,
            positions=np.vstack([self.positions, pairs[~there]]),
            chances=np.concatenate([chances, known[~there]]),
        )

    def more(self, positions: Array, ask: Ask) -> Evidence:
        """The same with further pairs."""
        if not len(positions):
            return self
        return replace(
            self,
            positions=np.vstack([self.positions, positions]),
            chances=np.concatenate([self.chances, ask(positions)]),
        )


def unscored(groups: Array, evidence: Evidence, fixed: Array | None = None) -> Array:
    """Pairs within one group that have no score yet, positions int64 (pairs, 2), at most MOST.

    Of a group of more than LARGE records, LARGE pairs with each are drawn: a few that are unlike cut it. Pairs of
    two records whose group is `fixed` (nodes,) are left as they are.
    """
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=1)
    starts = np.cumsum(sizes) - sizes
    found = [np.zeros((0, 2), dtype=np.int64)]
    for size in range(2, LARGE + 1):
        first = starts[sizes == size]
        if not len(first):
            continue
        members = np.sort(order[first[:, None] + np.arange(size)], axis=1)
        one, other = np.triu_indices(size, 1)
        found.append(np.column_stack([members[:, one].ravel(), members[:, other].ravel()]))
    found += [_drawn(order[start : start + size]) for start, size in zip(starts, sizes, strict=True) if size > LARGE]
    pairs = np.vstack(found)
    if fixed is not None:
        pairs = pairs[(fixed[pairs[:, 0]] < 0) | (fixed[pairs[:, 1]] < 0)]
    if evidence.rights is not None:
        pairs = pairs[(pairs[:, 0] < evidence.lefts) & (pairs[:, 1] >= evidence.lefts)]
        pairs = pairs - np.array([0, evidence.lefts])
    pairs = pairs[~np.isin(evidence.keys(pairs), evidence.keys(evidence.positions))]
    return np.asarray(pairs[:MOST])


def _drawn(members: Array) -> Array:
    """LARGE pairs with each of the members, drawn at random: int64 (pairs, 2), the smaller first, each once."""
    rng = np.random.default_rng(len(members))
    steps = rng.permutation(np.arange(1, len(members)))[:LARGE]
    shuffled = rng.permutation(members)
    pairs = np.vstack([np.column_stack([shuffled, np.roll(shuffled, step)]) for step in steps])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def grouped(evidence: Evidence, at: float, rules: Rules, ask: Ask) -> tuple[Array, Evidence]:
    """The group of each record, int64 (nodes,), and the evidence with all that was scored on the way.

    Groups are made from the candidates first; the pairs within them that were no candidates are scored then, and the
    groups made again, so that a chain of links is cut where its ends are unlike.
    """
    groups = np.zeros(0, dtype=np.int64)
    for step in range(ROUNDS):
        ends = evidence.ends()
        groups = cluster(evidence.nodes, ends[:, 0], ends[:, 1], gains(evidence.chances, at), rules)
        missing = unscored(groups, evidence, rules.fixed) if step + 1 < ROUNDS else np.zeros((0, 2))
        if not len(missing):
            break
        evidence = evidence.more(missing, ask)
    return groups, evidence


def confidences(groups: Array, evidence: Evidence) -> Array:
    """How sure each record's group is, float64 (nodes,).

    Of two records or more: the share of its scored pairs that can be expected to match. Of one: the chance that it
    matches none of its candidates.
    """
    ends = evidence.ends()
    width = int(groups.max(initial=-1)) + 1
    inside = groups[ends[:, 0]] == groups[ends[:, 1]]
    counts = np.bincount(groups[ends[inside, 0]], minlength=width)
    sums = np.bincount(groups[ends[inside, 0]], weights=evidence.chances[inside], minlength=width)
    against = np.log1p(-np.minimum(evidence.chances, 1 - 1e-12))
    alone = np.zeros(len(groups))
    for place in (0, 1):
        alone += np.bincount(ends[:, place], weights=against, minlength=len(groups))
    sure = sums / np.maximum(counts, 1)
    return np.where(np.bincount(groups, minlength=width)[groups] > 1, sure[groups], np.exp(alone))


def group_frame(groups: Array, evidence: Evidence) -> Frame:
    """A row for each record: `side` (where there are two), `position`, `group_id`, `size`, `confidence`."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            "position": np.concatenate([np.arange(evidence.lefts), np.arange(evidence.rights or 0)]),
            "group_id": groups,
            "size": np.bincount(groups, minlength=1)[groups] if len(groups) else np.zeros(0, dtype=np.int64),
            "confidence": confidences(groups, evidence),
        }
    )
    if evidence.rights is not None:
        frame.insert(0, "side", np.repeat(["left", "right"], [evidence.lefts, evidence.rights]))
    return frame
