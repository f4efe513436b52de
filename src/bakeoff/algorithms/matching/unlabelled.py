"""Chances that two records match without any label: agreements of columns, weighed by expectation maximisation."""

from __future__ import annotations

from copy import copy

import numpy as np
import pandas as pd

from bakeoff.algorithms import similarities as alike
from bakeoff.algorithms.blocking import Blocker, record_texts
from bakeoff.algorithms.columns import numbers
from bakeoff.algorithms.matching.growing import Growth, same
from bakeoff.algorithms.records import TEXTLIKE, Field, fields_of, pairs_of, plain, side_cells, wholes
from bakeoff.algorithms.tfidf import TfIdf, cosines
from bakeoff.nouns import Array, ColumnType, Frame, Schema

CANDIDATES = 10
AT_ONCE = 20_000
EDGES = np.array([0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.97])
RATIOS = np.array([0.5, 0.7, 0.85, 0.999])
LEADS = np.array([-0.15, -0.05, -1e-6, 0.05, 0.15, 0.3])
FAR = np.array([1e-9, 0.01, 0.05, 0.2, 0.5])
DAYS = np.array([0.5, 1.5, 31.5, 366.5])
ROUNDS = 60
LEVELS = len(EDGES) + 1
SMOOTH = 1.0  # pairs of either kind that are assumed beforehand, spread evenly
BEFORE = 5.0  # the same where it is known which levels matches have
FLATTER = 2.0  # columns of one record agree together, and their log-odds count for less than their sum
RIVALS, DIGITS = "(rivals)", "(words with a digit)"


class Unlabelled:
    """Fellegi and Sunter's model (1969) over the candidates, fitted without labels.

    Each column's similarity falls into a level; how often a level is met among matches and among others is learnt by
    expectation maximisation over the candidates, which starts from pairs that are each other's nearest. Chances are
    what the model itself expects: nobody has checked them.
    """

    held_out_: Array | None = None

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def fit(self, left: Frame, right: Frame | None) -> Unlabelled:
        """Learn from all candidates; Declined when there is no column to compare."""
        second = left if right is None else right
        heads = pd.concat([left.iloc[:0].add_prefix("left_"), second.iloc[:0].add_prefix("right_")], axis=1)
        self.fields_ = fields_of(self.schema, heads)
        self._blocker = Blocker(self.schema).fit(left, right)
        self._kept = [((left, right), self._blocker)]
        self.weights_: dict[str, list[TfIdf]] = {}
        texts = self._blocker.texts_
        self.weights_[""] = [
            TfIdf(terms).fit([text for side in texts for text in side]) for terms in ("words", "characters")
        ]
        for field in self.fields_.shared:
            if field.type in TEXTLIKE:
                cells = [*self._cells(left, "left", field), *self._cells(second, "right", field)]
                self.weights_[field.name] = [TfIdf("characters").fit([text for text in cells if text])]
        found = self._blocker.candidates(CANDIDATES)
        positions = found[["left", "right"]].to_numpy(dtype=np.int64)
        levels = self._levels(left, right, positions)
        self._learn(levels, found["score"].to_numpy(), self._blocker.standing(positions))
        return self

    def _cells(self, table: Frame, side: str, field: Field) -> list[str]:
        return [plain(text) for text in side_cells(table.add_prefix(f"{side}_"), field.name, side, self.fields_)]

    def _learn(self, levels: dict[str, Array], cosine: Array, standing: Array) -> None:
        """Expectation maximisation; `levels` int64 (pairs,) by what is compared, -1 where it is missing."""
        best = (standing[:, 3] > 0) & (standing[:, 6] > 0) if len(standing) else np.zeros(0, dtype=bool)
        start = np.quantile(cosine[best], 0.3) if best.any() else 1.0
        chances = np.where(best & (cosine >= start), 0.9, 0.02)
        self.shares_: dict[str, Array] = {}
        self.prior_ = 0.5
        for _ in range(ROUNDS if len(chances) else 0):
            self.prior_ = float(np.clip(chances.mean(), 1e-4, 0.9))
            self.shares_ = {name: _shares(level, chances, name != DIGITS) for name, level in levels.items()}
            after = self._posterior(levels, len(chances))
            if np.abs(after - chances).max() < 1e-4:
                break
            chances = after

    def _posterior(self, levels: dict[str, Array], pairs: int) -> Array:
        odds = np.full(pairs, np.log(self.prior_ / (1 - self.prior_)))
        for weights in self._weights(levels).values():
            odds += weights
        return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))))

    def _weights(self, levels: dict[str, Array]) -> dict[str, Array]:
        """The log-odds that each comparison adds, float64 (pairs,) by its name; 0 where a cell is missing."""
        return {name: np.where(level >= 0, self.shares_[name][level], 0.0) / FLATTER for name, level in levels.items()}

    def _levels(
        self, left: Frame, right: Frame | None, positions: Array, blocker: Blocker | None = None
    ) -> dict[str, Array]:
        parts = []
        for start in range(0, max(len(positions), 1), AT_ONCE):
            part = positions[start : start + AT_ONCE]
            parts.append(self._compared(pairs_of(left, right, part), (blocker or self._blocker).standing(part)))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _compared(self, pairs: Frame, standing: Array) -> dict[str, Array]:
        texts = [[plain(text) for text in wholes(pairs, side, self.fields_)] for side in ("left", "right")]
        whole = np.mean([cosines(texts[0], texts[1], weights) for weights in self.weights_[""]], axis=0)
        known = np.array([bool(a) and bool(b) for a, b in zip(*texts, strict=True)], dtype=bool)
        levels = {"(whole record)": _level(np.where(known, whole, np.nan), EDGES)}
        figures = alike.shared_numbers(*[wholes(pairs, side, self.fields_) for side in ("left", "right")])
        some = np.where(
            np.isnan(figures[:, 3]), -1, np.minimum(figures[:, 0], 2) * 2 + (figures[:, 1] + figures[:, 2] > 0)
        )
        levels[DIGITS] = some.astype(np.int64)
        lead = np.minimum(standing[:, 1], standing[:, 4]) if len(standing) else np.zeros(0)
        levels[RIVALS] = _level(np.where(known, lead, np.nan), LEADS)
        for field in self.fields_.shared:
            levels[field.name] = self._field(pairs, field)
        return levels

    def _field(self, pairs: Frame, field: Field) -> Array:
        names = (f"left_{field.name}", f"right_{field.name}")
        if field.type is ColumnType.NUMERIC:
            return _level(-alike.numbers(*numbers(pairs, names).T)[:, 1], -FAR[::-1])
        if field.type is ColumnType.DATETIME:
            apart = [alike.days(pairs[name]) for name in names]
            return _level(-alike.numbers(*apart)[:, 0], -DAYS[::-1])
        if field.type is ColumnType.IMAGE:
            return _level(alike.pictures(*[pairs[name].tolist() for name in names])[:, 0], EDGES)
        texts = [
            [plain(text) for text in side_cells(pairs, field.name, side, self.fields_)] for side in ("left", "right")
        ]
        known = np.array([bool(a) and bool(b) for a, b in zip(*texts, strict=True)], dtype=bool)
        score = cosines(texts[0], texts[1], self.weights_[field.name][0])
        same = np.array([a == b for a, b in zip(*texts, strict=True)], dtype=bool)
        return _level(np.where(known, np.where(same, 1.0, np.minimum(score, 0.96)), np.nan), EDGES)

    def chances(self, left: Frame, right: Frame | None, positions: Array) -> Array:
        """The chances that the model expects, float64 (pairs,), of pairs of the fitted tables or of others."""
        if not len(positions) or not self.shares_:
            return np.zeros(len(positions))
        return self._posterior(self._levels(left, right, positions, self._of(left, right)), len(positions))

    def _of(self, left: Frame, right: Frame | None) -> Blocker:
        """The blocker of these tables; those of the fitted ones and of the last ones are kept."""
        for tables, blocker in self._kept:
            if same((left, right), tables):
                return blocker
        fitted = record_texts(left, right, self.schema) == self._blocker.texts_
        found = self._blocker if fitted else Blocker(self.schema).fit(left, right)
        self._kept = [self._kept[0], ((left, right), found)]
        return found

    def grown(self, growth: Growth) -> Unlabelled:
        """The same model for tables that grew; what was read of the records that were there is kept."""
        made = copy(self)
        made._kept = [self._kept[0], (growth.after, self._of(*growth.before).grown(growth))]
        return made

    def contributions(self, left: Frame, right: Frame | None, positions: Array) -> dict[str, Array]:
        """The log-odds that each comparison adds, float64 (pairs,) by its name."""
        return self._weights(self._levels(left, right, positions, self._of(left, right)))

    def candidates(self, left: Frame, right: Frame | None, k: int = CANDIDATES, growth: Growth | None = None) -> Frame:
        """The k nearest right records of each left one, as Blocker.candidates gives them."""
        return self._of(left, right).candidates(k, growth)

    def importance(self) -> dict[str, float]:
        """How far the levels of each comparison lie apart, mean over matches less mean over others; they sum to 1."""
        spreads = {name: float(np.ptp(weights)) for name, weights in self.shares_.items()}
        total = sum(spreads.values()) or 1.0
        return {name: spread / total for name, spread in sorted(spreads.items(), key=lambda item: -item[1])}


def _level(scores: Array, edges: Array) -> Array:
    """The number of edges that a score has reached, -1 where it is missing: int64 (pairs,)."""
    return np.where(np.isnan(scores), -1, np.searchsorted(edges, np.nan_to_num(scores), side="right")).astype(np.int64)


def _shares(level: Array, chances: Array, rising: bool) -> Array:
    """The log of how much more often each level is met among matches than among others.

    Where likeness is `rising` with the level, BEFORE pairs of either kind are assumed beforehand: matches at the high
    levels and others at the low ones. Few records would be put on the wrong sides otherwise.
    """
    width = max(int(level.max(initial=0)) + 1, LEVELS)
    known = level >= 0
    step = (np.arange(width) + 0.5) / width
    assumed = [step**2, (1 - step) ** 2] if rising else [np.ones(width)] * 2
    strength = BEFORE if rising else SMOOTH
    yes, no = (
        np.bincount(level[known], weights=weights[known], minlength=width) + strength * beforehand / beforehand.sum()
        for weights, beforehand in zip((chances, 1 - chances), assumed, strict=True)
    )
    return np.asarray(np.log(yes / yes.sum()) - np.log(no / no.sum()))
