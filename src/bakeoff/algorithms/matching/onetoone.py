"""Whether each record has one match at most: what is assigned, what is taken, and whether validation asks for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.algorithms.matching.assignment import assign
from bakeoff.algorithms.matching.tradeoff import gains
from bakeoff.errors import UsageError
from bakeoff.nouns import Array

SURE = 1.64  # standard errors by which right removals must be ahead of wrong ones
CROWDED = 0.5  # share of called pairs left by the assignment below which, without labels, sides are many-to-many


@dataclass(frozen=True)
class OneToOne:
    """Whether links are one to one, and why."""

    on: bool
    reason: str


def checked(value: object) -> bool | str:
    """The parameter `one_to_one`; UsageError when it is neither "auto" nor a truth value."""
    if value != "auto" and not isinstance(value, bool):
        raise UsageError(f"one_to_one is {value!r}; give 'auto', True or False.")
    return bool(value) if isinstance(value, bool) else "auto"


def kept(positions: Array, chances: Array, at: float, forced: Array | None = None) -> Array:
    """Which pairs stay where every record has one match at most: bool (pairs,).

    Pairs that are `forced` (pairs,) stay, and take their records out of the assignment of the rest.
    """
    worth = gains(chances, at)
    if forced is None or not forced.any():
        return assign(positions[:, 0], positions[:, 1], worth)
    taken = np.isin(positions[:, 0], positions[forced, 0]) | np.isin(positions[:, 1], positions[forced, 1])
    free = np.flatnonzero(~taken)
    stays = forced.copy()
    stays[free] = assign(positions[free, 0], positions[free, 1], worth[free])
    return stays


class Partners:
    """Each record's partner in an assignment, by which a pair asked alone is told to be taken."""

    def __init__(self, positions: Array, chances: Array, at: float, sizes: tuple[int, int]) -> None:
        stays = kept(positions, chances, at)
        self.partner = [np.full(size, -1, dtype=np.int64) for size in sizes]
        self.chance = [np.zeros(size) for size in sizes]
        for place in (0, 1):
            here = positions[stays, place]
            self.partner[place][here], self.chance[place][here] = positions[stays, 1 - place], chances[stays]

    def taken(self, positions: Array, chances: Array) -> Array:
        """Pairs of which either record has another, likelier partner: bool (pairs,)."""
        out = np.zeros(len(positions), dtype=bool)
        for place in (0, 1):
            here, across = positions[:, place], positions[:, 1 - place]
            other = (self.partner[place][here] >= 0) & (self.partner[place][here] != across)
            out |= other & (self.chance[place][here] >= chances)
        return out


def validated(called: Array, taken: Array, matches: Array) -> OneToOne:
    """Whether held-out labels say that the assignment removes more wrong links than right ones.

    `called`, `taken` and `matches` bool (pairs,): pairs called a match, those that the assignment takes back, and those
    that do match.
    """
    wrong, right = int((called & taken & ~matches).sum()), int((called & taken & matches).sum())
    on = wrong - right > SURE * np.sqrt(wrong + right)
    said = f"it takes back {wrong} wrong and {right} right of the {int(called.sum())} held-out pairs called a match"
    return OneToOne(bool(on), said)


def several(positions: Array) -> float:
    """The share of labelled matches of which a record has another labelled match."""
    if not len(positions):
        return 0.0
    repeated = [np.bincount(positions[:, place])[positions[:, place]] > 1 for place in (0, 1)]
    return float(np.mean(repeated[0] | repeated[1]))


def unlabelled(positions: Array, chances: Array, at: float) -> OneToOne:
    """Without labels: links are one to one unless that takes back more than half of what is called a match."""
    called = chances >= at
    if not called.any():
        return OneToOne(False, "nothing is called a match")
    share = float(kept(positions, chances, at).sum() / called.sum())
    return OneToOne(share >= CROWDED, f"it keeps {share:.0%} of the pairs called a match, and no label tells more")
