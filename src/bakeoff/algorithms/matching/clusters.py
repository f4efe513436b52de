"""Groups of records from scores of pairs: records are put together where the sum of gains outweighs the costs.

The objective is that of correlation clustering (Bansal, Blum and Chawla, 2004): the sum of the gains of all pairs
within one group, where a gain is the log-odds of a match, less those of the threshold. Connected components would
join two groups for one wrong link; here every pair across has its say.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bakeoff.errors import EntryError
from bakeoff.nouns import Array
from bakeoff.tables.matching.clusters import components

EXACT = 8  # records (or records joined by labels) up to which every partition is weighed
ROUNDS = 20  # of moving single records
LEAST = 1e-12  # a gain below this is rounding

Near = dict[int, dict[int, float]]


@dataclass(frozen=True, eq=False)
class Rules:
    """What holds whatever the scores say.

    `together` and `apart` int64 (pairs, 2) are records that belong into one group, or never; `fixed` int64 (nodes,) is
    the group that a record is in already, -1 for none, and two such groups never become one; `largest` is how many
    records a group may hold, 0 for any number.
    """

    together: Array | None = None
    apart: Array | None = None
    fixed: Array | None = None
    largest: int = 0


def total_gain(groups: Array, first: Array, second: Array, gains: Array) -> float:
    """The sum of the gains (pairs,) of the pairs that lie within one of the groups (nodes,)."""
    return float(np.asarray(gains)[groups[first] == groups[second]].sum())


def cluster(nodes: int, first: Array, second: Array, gains: Array, rules: Rules | None = None) -> Array:
    """The group of each record, int64 (nodes,), numbered from 0 in the order of their first records.

    `first`, `second` int64 (pairs,) name two records, `gains` (pairs,) what it is worth to have them in one group; a
    pair that is not named is worth nothing. Up to EXACT records that hang together the best partition is found; beyond,
    groups are merged greedily by the largest gain (Keuper et al., 2015, algorithm 1), and then single records moved
    while that gains. EntryError when the rules contradict each other.
    """
    rules = rules or Rules()
    units = _units(nodes, rules)
    width = int(units.max(initial=-1)) + 1
    sizes = np.bincount(units, minlength=width)
    fixed = np.full(width, -1, dtype=np.int64)
    if rules.fixed is not None:
        held = rules.fixed >= 0
        fixed[units[held]] = rules.fixed[held]
    banned = _banned(units, rules)
    one, other, worth = _joined(units, np.asarray(first), np.asarray(second), np.asarray(gains, dtype=np.float64))
    found = np.arange(width)
    for members, edges in _parts(width, one, other, worth):
        part = _Part(members, (one[edges], other[edges], worth[edges]), sizes, fixed)
        part.forbid(banned)
        found[members] = members[part.solve(rules.largest)]
    return _numbered(found[units])


def _numbered(groups: Array) -> Array:
    """Groups numbered from 0 in the order in which they occur."""
    _, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[codes.ravel()] if len(groups) else np.zeros(0, dtype=np.int64)


def _units(nodes: int, rules: Rules) -> Array:
    """The records that are joined whatever the scores say, as one unit each: int64 (nodes,)."""
    links = [np.zeros((0, 2), dtype=np.int64)]
    if rules.together is not None:
        links.append(np.asarray(rules.together, dtype=np.int64).reshape(-1, 2))
    if rules.fixed is not None:
        held = np.flatnonzero(rules.fixed >= 0)
        _, start, codes = np.unique(rules.fixed[held], return_index=True, return_inverse=True)
        links.append(np.column_stack([held, held[start[codes]]]) if len(held) else links[0])
    joined = np.vstack(links)
    return components(joined[:, 0], joined[:, 1], nodes) if nodes else np.zeros(0, dtype=np.int64)


def _banned(units: Array, rules: Rules) -> set[tuple[int, int]]:
    """Units that must not be in one group, the smaller first."""
    if rules.apart is None or not len(rules.apart):
        return set()
    apart = np.asarray(rules.apart, dtype=np.int64).reshape(-1, 2)
    both = np.sort(units[apart], axis=1)
    wrong = np.flatnonzero(both[:, 0] == both[:, 1])
    if len(wrong):
        more = f" (and {len(wrong) - 1:,} more such pairs)" if len(wrong) > 1 else ""
        raise EntryError(
            f"The labels contradict each other: records {apart[wrong[0], 0]} and {apart[wrong[0], 1]} are labelled no "
            f"match and belong together by other labels{more}; correct the one that is wrong, or leave enforce_labels "
            "off."
        )
    return set(map(tuple, both.tolist()))


def _joined(units: Array, first: Array, second: Array, gains: Array) -> tuple[Array, Array, Array]:
    """The pairs between units, each once with the sum of its gains."""
    both = np.sort(np.stack([units[first], units[second]], axis=1), axis=1) if len(first) else np.zeros((0, 2), int)
    across = both[:, 0] != both[:, 1]
    pairs, place = np.unique(both[across], axis=0, return_inverse=True)
    return pairs[:, 0], pairs[:, 1], np.bincount(place.ravel(), weights=gains[across], minlength=len(pairs))


def _parts(width: int, one: Array, other: Array, worth: Array) -> list[tuple[Array, Array]]:
    """The units and the pairs of each component of two or more that gains above 0 hold together."""
    good = worth > LEAST
    part = components(one[good], other[good], width) if width else np.zeros(0, dtype=np.int64)
    several = np.bincount(part, minlength=1)[part] > 1 if width else np.zeros(0, dtype=bool)
    members = np.flatnonzero(several)
    inside = np.flatnonzero((part[one] == part[other]) & several[one]) if len(one) else np.zeros(0, dtype=np.int64)
    members = members[np.argsort(part[members], kind="stable")]
    inside = inside[np.argsort(part[one[inside]], kind="stable")]
    grouped = np.split(members, np.flatnonzero(np.diff(part[members])) + 1) if len(members) else []
    edges = np.split(inside, np.flatnonzero(np.diff(part[one[inside]])) + 1) if len(inside) else []
    return list(zip(grouped, edges, strict=True))


class _Part:
    """One component: units numbered from 0, what two of them gain together, and which must stay apart."""

    def __init__(self, members: Array, edges: tuple[Array, Array, Array], sizes: Array, fixed: Array) -> None:
        self.members, self.count = members, len(members)
        self.sizes, self.fixed = sizes[members].tolist(), fixed[members].tolist()
        place = {unit: at for at, unit in enumerate(members.tolist())}
        self.near: Near = {at: {} for at in range(self.count)}
        for one, other, gain in zip(*(side.tolist() for side in edges), strict=True):
            self.near[place[one]][place[other]] = self.near[place[other]][place[one]] = gain
        self.place = place
        self.enemies: dict[int, set[int]] = defaultdict(set)

    def forbid(self, banned: set[tuple[int, int]]) -> None:
        """Note which units must stay apart."""
        if not banned and sum(group >= 0 for group in self.fixed) < 2:
            return
        for one in range(self.count):
            for other in range(one):
                pair = sorted((int(self.members[one]), int(self.members[other])))
                settled = self.fixed[one] >= 0 and self.fixed[other] >= 0 and self.fixed[one] != self.fixed[other]
                if settled or tuple(pair) in banned:
                    self.enemies[one].add(other)
                    self.enemies[other].add(one)

    def solve(self, largest: int) -> Array:
        """The group of each unit, int64 (units,)."""
        most = largest or sum(self.sizes)
        if self.count == 2:
            fits = sum(self.sizes) <= most and 1 not in self.enemies[0]
            return np.array([0, 0] if fits else [0, 1])
        groups = self._exact(most) if self.count <= EXACT else self._moved(self._merged(most), most)
        return _numbered(np.asarray(groups, dtype=np.int64))

    def allowed(self, one: Sequence[int] | set[int], other: Sequence[int] | set[int], most: int) -> bool:
        """Whether two sets of units may be one group."""
        if sum(self.sizes[unit] for unit in one) + sum(self.sizes[unit] for unit in other) > most:
            return False
        return not any(self.enemies[unit].intersection(other) for unit in one) if self.enemies else True

    def _exact(self, most: int) -> list[int]:
        """The partition with the largest gain: each subset's best is its first unit's group and the rest's best."""
        within = [0.0] * (1 << self.count)
        good = [True] * (1 << self.count)
        for subset in range(1, 1 << self.count):
            lowest = (subset & -subset).bit_length() - 1
            rest = subset & (subset - 1)
            units = [unit for unit in range(lowest + 1, self.count) if rest >> unit & 1]
            within[subset] = within[rest] + sum(self.near[lowest].get(unit, 0.0) for unit in units)
            good[subset] = not rest or (good[rest] and self.allowed([lowest], units, most))

        @cache
        def best(subset: int) -> tuple[float, int]:
            if not subset:
                return 0.0, 0
            lowest, rest = subset & -subset, subset & (subset - 1)
            found, chosen, more = -np.inf, lowest, rest
            while True:
                group = lowest | more
                if (good[group] or group == lowest) and (value := within[group] + best(subset ^ group)[0]) > (
                    found + LEAST
                ):
                    found, chosen = value, group
                if not more:
                    return found, chosen
                more = (more - 1) & rest

        groups, left = [0] * self.count, (1 << self.count) - 1
        while left:
            group = best(left)[1]
            for unit in range(self.count):
                if group >> unit & 1:
                    groups[unit] = (group & -group).bit_length() - 1
            left ^= group
        return groups

    def _merged(self, most: int) -> list[int]:
        """Greedy additive edge contraction: the two groups with the largest gain become one while there is a gain."""
        near = {unit: dict(others) for unit, others in self.near.items()}
        held = {unit: {unit} for unit in range(self.count)}
        heap = [(-gain, one, other) for one, others in near.items() for other, gain in others.items() if one < other]
        heapq.heapify(heap)
        while heap and -heap[0][0] > LEAST:
            gain, one, other = heapq.heappop(heap)
            if one not in held or other not in held or near[one].get(other) != -gain:
                continue
            if not self.allowed(held[one], held[other], most):
                del near[one][other], near[other][one]
                continue
            if len(near[one]) < len(near[other]):
                one, other = other, one
            held[one] |= held.pop(other)
            for third, more in near.pop(other).items():
                del near[third][other]
                if third == one:
                    continue
                near[one][third] = near[third][one] = near[one].get(third, 0.0) + more
                heapq.heappush(heap, (-near[one][third], min(one, third), max(one, third)))
        groups = [0] * self.count
        for name, units in held.items():
            for unit in units:
                groups[unit] = name
        return groups

    def _moved(self, groups: list[int], most: int) -> list[int]:
        """Single units go where they gain the most, alone included, until none does."""
        held: dict[int, set[int]] = defaultdict(set)
        for unit, group in enumerate(groups):
            held[group].add(unit)
        fresh = self.count
        for _ in range(ROUNDS):
            moved = False
            for unit in range(self.count):
                own = groups[unit]
                worth: dict[int, float] = defaultdict(float)
                for other, gain in self.near[unit].items():
                    worth[groups[other]] += gain
                lost = worth.pop(own, 0.0)
                options = [*((gain - lost, group) for group, gain in worth.items()), (-lost, fresh)]
                for gain, group in sorted(options, reverse=True):
                    if gain <= LEAST:
                        break
                    if self.allowed([unit], held[group], most):
                        held[own].discard(unit)
                        held[group].add(unit)
                        groups[unit] = group
                        fresh += group == fresh
                        moved = True
                        break
            if not moved:
                break
        return groups
