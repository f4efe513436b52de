"""A second look at a pair: the chances that a first model gives the other pairs of its two records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.matching.context import CELLS, View, nearest
from bakeoff.algorithms.thresholds import logits
from bakeoff.nouns import Array

VIEWS = ("record characters", "name words")
FEATURES = 15


@dataclass(frozen=True, eq=False)
class Rivals:
    """Pairs to be scored first: those asked, and those of their records with the nearest across.

    `pairs` int64 (rivals, 2) sorted, each once; for the left and for the right side the rows of `pairs` (rows,) that
    are the rivals of that side's asked records, sorted by record. An asked pair is a rival of another one only when
    it is among the nearest, so that what else is asked makes no difference.
    """

    pairs: Array
    sides: tuple[Array, Array]

    def places(self, positions: Array) -> Array:
        """Where asked pairs int64 (pairs, 2) stand in `pairs`."""
        width = int(max(self.pairs[:, 1].max(initial=0), positions[:, 1].max(initial=0))) + 1
        return np.searchsorted(_keys(self.pairs, width), _keys(positions, width))


def _keys(pairs: Array, width: int) -> Array:
    return pairs[:, 0] * width + pairs[:, 1]


def rivals_of(views: list[View], positions: Array, apart: bool, k: int, cells: int = CELLS) -> Rivals:
    """The asked pairs int64 (pairs, 2), and each asked record with its k nearest in each of two views.

    `apart` says that there is one table, where a record is no rival of its own.
    """
    chosen = [view for view in views if view.name in VIEWS] or views[:1]
    sides = []
    for side in range(2):
        asked = np.unique(positions[:, side])
        found = [np.empty((0, 2), dtype=np.int64)]
        for view in chosen:
            rows, across = view.sides(side)
            there, _ = nearest(rows[asked], across, k, cells, asked if apart else None)
            pairs = np.column_stack([np.repeat(asked, there.shape[1]), there.ravel()])
            found.append(pairs[pairs[:, 1] >= 0])
        sides.append(np.unique(np.vstack(found), axis=0)[:, [side, 1 - side]])
    every = np.unique(np.vstack([positions, *sides]), axis=0)
    whole = Rivals(every, (np.empty(0, dtype=np.int64),) * 2)
    return Rivals(every, (whole.places(sides[0]), whole.places(sides[1])))


def second_look(positions: Array, rivals: Rivals, chances: Array, view: View) -> Array:
    """Features of pairs from the first model's chances of their rivals, float64 (pairs, FEATURES).

    `chances` float64 (rivals,). The pair's own logit; for the left record and for the right one: the best other chance
    as a logit, the lead over it, the second best other, how many others are likelier than not, the pair's share of
    all chances of the record, how alike the best other partner and this one are (cosine in `view`), and that likeness
    times the other's chance.
    """
    own = chances[rivals.places(positions)]
    parts = [logits(own)]
    for side in range(2):
        rows = view.sides(1 - side)[0]
        order = _ranked(rivals, chances, side)
        pairs = rivals.pairs[order]
        ranked = _Ranked(pairs[:, side], pairs[:, 1 - side], chances[order])
        parts += _beside(positions[:, side], positions[:, 1 - side], own, ranked, rows)
    return np.column_stack(parts)


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Records, partners and chances of the rivals of one side, by record and falling chance."""

    records: Array
    partners: Array
    chances: Array

    def others(self, record: Array, partner: Array) -> Array:
        """Rows of the two likeliest others of each record, int64 (records, 2); -1 where there is none."""
        start, end = (np.searchsorted(self.records, record, side) for side in ("left", "right"))
        found = np.full((len(record), 2), -1, dtype=np.int64)
        at = start.copy()
        for place in range(2):
            at += self._is(at, end, partner)
            found[:, place] = np.where(at < end, at, -1)
            at = at + 1
        return found

    def _is(self, at: Array, end: Array, partner: Array) -> Array:
        inside = at < end
        return inside & (self.partners[np.where(inside, at, 0)] == partner) if len(self.partners) else inside

    def sums(self, values: Array, record: Array) -> Array:
        """Sums of values (rows,) over each record's rivals, float64 (records,)."""
        whole = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
        start, end = (np.searchsorted(self.records, record, side) for side in ("left", "right"))
        return np.asarray(whole[end] - whole[start])

    def holds(self, record: Array, partner: Array) -> Array:
        """Whether each pair is among its record's rivals, bool (pairs,)."""
        width = int(max(self.partners.max(initial=0), partner.max(initial=0))) + 1
        return np.isin(record * width + partner, self.records * width + self.partners)


def _ranked(rivals: Rivals, chances: Array, side: int) -> Array:
    rows = rivals.sides[side]
    pairs = rivals.pairs[rows]
    return rows[np.lexsort((pairs[:, 1 - side], -chances[rows], pairs[:, side]))]


def _beside(record: Array, partner: Array, own: Array, ranked: _Ranked, rows: Any) -> list[Array]:
    best, second = ranked.others(record, partner).T
    known = np.append(ranked.chances, 0.0)  # the row -1 is a rival that is not there
    top = known[best]
    near = ranked.holds(record, partner)
    likely = ranked.sums(ranked.chances > 0.5, record) - (near & (own > 0.5))
    total = ranked.sums(ranked.chances, record) + np.where(near, 0.0, own)
    nearest_ = np.append(ranked.partners, 0)[best]
    alike = np.asarray(rows[partner].multiply(rows[nearest_]).sum(axis=1), dtype=np.float64).ravel()
    alike[best < 0] = 0.0
    lead = logits(own) - logits(top)
    return [logits(top), lead, known[second], likely, own / np.maximum(total, 1e-9), alike, alike * top]
