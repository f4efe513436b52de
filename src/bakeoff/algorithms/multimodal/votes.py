"""What neighbours say: the classes, or the mean, of training rows whose texts or values are like a row's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from bakeoff.algorithms.multimodal.linear_member import parts_of
from bakeoff.algorithms.multimodal.near import Near, weighed
from bakeoff.algorithms.multimodal.target import Target
from bakeoff.algorithms.multimodal.views import Asked
from bakeoff.algorithms.multimodal.work import Work
from bakeoff.nouns import Array

ENOUGH = 10  # rows that are asked: texts less alike than these count no more
SMOOTH = {"near": 0.3, "valued": 10.0}  # the prior's weight, in rows of the same text or value
SURE = 1e-3
MOST = 150  # votes of a row on its texts: of more the columns are added up
FEWEST = 500  # rows below which votes are mostly chance
VALUED = 60  # votes of a row on its values: columns of fewer values than others are left out


@dataclass(frozen=True)
class Counts:
    """How often each different text of each column has each class: sparse float64 (texts, width) by column.

    For numbers their sum (texts, 1); `rows` (texts,) float64 are the rows that have the text, `prior` the best answer
    that is the same for all.
    """

    prior: Array
    sums: dict[str, Any]
    rows: dict[str, Array]

    @classmethod
    def of(cls, target: Target, numbers: dict[str, Array], rows: Array) -> Counts:
        """From the training rows' own texts and their targets, of some rows."""
        values = target.values[rows]
        classes = target.classes is not None
        told, at = (np.ones(len(rows)), values) if classes else (values, np.zeros(len(rows), dtype=np.int64))
        sums, many = {}, {}
        for name, own in numbers.items():
            shape = (int(own.max()) + 1, target.width)
            sums[name] = sparse.csr_matrix((told, (own[rows], at)), shape=shape)
            many[name] = np.bincount(own[rows], minlength=shape[0]).astype(np.float64)
        best = target.taken(rows).constant().astype(np.float64)
        return cls(np.exp(best) if classes else best, sums, many)


@dataclass(frozen=True)
class Voters:
    """Answers any rows of one view: by all training rows, or by those that one fold learns from."""

    view: str
    names: tuple[str, ...]
    classes: bool
    whole: Counts
    folds: tuple[Counts, ...]

    def votes(self, asked: Asked, fold: int | None = None) -> Array:
        """Votes float32 (rows, votes); made once for rows that several members ask about."""
        counts = self.whole if fold is None else self.folds[fold]
        return asked.once(("votes", id(counts)), lambda: self.of(asked.get(self.view), counts))

    def of(self, near: Near, counts: Counts) -> Array:
        """Votes float32 (rows, votes) by some counts."""
        sums, totals, nearest = [], [], []
        for name in self.names:
            places, likeness = near.places[name], near.likeness[name].astype(np.float64)
            rows = np.where(places >= 0, counts.rows[name][places], 0.0)
            asked = (np.cumsum(rows, axis=1) - rows < ENOUGH) & (rows > 0)
            weights = np.where(asked, likeness**2, 0.0)
            sums.append(weighed(weights, places, counts.sums[name]))
            totals.append((weights * rows).sum(axis=1, keepdims=True))
            nearest.append(np.where(asked, likeness, 0.0).max(axis=1, keepdims=True))
        if self.view == "near" and len(sums) * len(counts.prior) > MOST:
            sums, totals = [np.sum(sums, axis=0)], [np.sum(totals, axis=0)]
        told = [self._shares(found, total, counts.prior) for found, total in zip(sums, totals, strict=True)]
        # Trees see how often a value comes already.
        beside = [*map(np.log1p, totals), *nearest] if self.view == "near" else []
        return np.hstack([*told, *beside]).astype(np.float32)

    def _shares(self, found: Array, total: Array, prior: Array) -> Array:
        smooth = SMOOTH[self.view]
        shares = (found + smooth * prior) / (total + smooth)
        if not self.classes:
            return np.asarray(shares)
        logs = np.log(np.maximum(shares, 0.0) + SURE)
        return logs[:, 1:] - logs[:, :1] if logs.shape[1] == 2 else logs


@dataclass(frozen=True)
class Votes:
    """Votes for a second layer: no row's have counted the row, nor the fold that is held out.

    `learnt[k]` float32 (rows of fold k's learnt part, votes), `held[k]` for its held-out part; `voters` answer others.
    """

    learnt: list[Array]
    held: list[Array]
    voters: Voters


def votes_of(work: Work, views: tuple[str, ...]) -> list[Votes]:
    """Votes on the training rows by view, made when a member first needs them; none where no column has neighbours."""
    found = []
    for view in views:
        if ("votes", view) not in work.shared:
            work.shared["votes", view] = _voted(work, view)
        if work.shared["votes", view] is not None:
            found.append(work.shared["votes", view])
    return found


def _voted(work: Work, view: str) -> Votes | None:
    if len(work.target.values) < FEWEST:
        return None
    near: Near = work.views.train(view)
    numbers = work.views.numbers(view)
    names = tuple(numbers)
    if view == "valued":
        names = tuple(sorted(names, key=lambda name: -int(numbers[name].max()))[: VALUED // max(1, work.target.inner)])
    if not names:
        return None
    target, folds = work.target, work.folds
    every = np.arange(len(target.values))
    counts = tuple(Counts.of(target, numbers, rows) for rows in folds.learnt)
    voters = Voters(view, names, target.classes is not None, Counts.of(target, numbers, every), counts)
    held = [voters.of(_some(near, rows), one) for rows, one in zip(folds.held, counts, strict=True)]
    told = np.zeros((len(every), held[0].shape[1]), dtype=np.float32)
    learnt = []
    for k, parts in enumerate(parts_of(work)):
        # A row that counted all others of its text but itself would tell its class by what is missing.
        for _, rows, within in parts:
            told[within] = voters.of(_some(near, within), Counts.of(target, numbers, rows))
        learnt.append(told[folds.learnt[k]])
    return Votes(learnt, held, voters)


def _some(near: Near, rows: Array) -> Near:
    taken = ({name: one[rows] for name, one in part.items()} for part in (near.places, near.likeness))
    return Near(*taken)
