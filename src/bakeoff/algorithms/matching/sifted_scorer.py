"""The scorer of large tables, whose candidates are too many for the features of PairScorer."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd

from bakeoff.algorithms.blocking import Blocker
from bakeoff.algorithms.matching.blend import calibrated, folds_of
from bakeoff.algorithms.matching.growing import Growth, Tables, same
from bakeoff.algorithms.matching.pair_scorer import PairScorer, ScorerOptions
from bakeoff.algorithms.matching.sifting import Sifter
from bakeoff.algorithms.matching.switch import ContextChoice
from bakeoff.nouns import Array, Frame, Schema

MOST = 1_000_000  # candidates, from which on PairScorer's features of every pair would take hours


class SiftedScorer:
    """A `Sifter` with calibrated chances, and a PairScorer without rivals for pairs by themselves and to explain."""

    def __init__(self, schema: Schema, options: ScorerOptions | None = None) -> None:
        self.options = replace(options or ScorerOptions(), context="off")
        self.schema = replace(schema, seed=self.options.seed, threads=self.options.threads)

    def fit(
        self, left: Frame, right: Frame | None, positions: Array, matches: Array, weights: Array | None = None
    ) -> SiftedScorer:
        """Learn from labelled pairs of `left` and `right`, as PairScorer does; `held_out_` likewise.

        At least two pairs of either kind are needed.
        """
        pairs = pd.DataFrame({"left": positions[:, 0], "right": positions[:, 1], "label": matches})
        if weights is not None:
            pairs["weight"] = weights
        self.context_ = ContextChoice(True, f"part of the glance at more than {MOST:,} candidates")
        self._pairs = PairScorer(self.schema, self.options).fit(left, right, positions, matches, weights)
        self._tables: Tables = (left, right)
        self._blocker = Blocker(self.schema).fit(left, right)
        scores = np.zeros(len(pairs))
        for learnt, held in folds_of(matches, self.options.seed):
            scores[held] = (
                self._sifter().fit(self._blocker, pairs.iloc[learnt]).chances(self._blocker, pairs.iloc[held])
            )
        self._curve, self.held_out_ = calibrated(scores, matches, self.options.seed)
        self._sifted = self._sifter().fit(self._blocker, pairs)
        return self

    def _sifter(self) -> Sifter:
        return Sifter(self.schema, self.options.threads)

    def _search(self, left: Frame, right: Frame | None) -> Blocker:
        """The blocker of these tables; that of the last ones is kept."""
        if not same((left, right), self._tables):
            self._blocker, self._tables = Blocker(self.schema).fit(left, right), (left, right)
        return self._blocker

    def candidates(self, left: Frame, right: Frame | None, k: int = 10, growth: Growth | None = None) -> Frame:
        """The k nearest right records of each left one, as Blocker.candidates gives them."""
        return self._search(left, right).candidates(k, growth)

    def grown(self, growth: Growth) -> SiftedScorer:
        """The same scorer for tables that grew; what was read of the records that were there is kept."""
        made = copy(self)
        if growth.follows(self._tables):
            made._tables, made._blocker = growth.after, self._blocker.grown(growth)
        return made

    def chances(self, left: Frame, right: Frame | None, positions: Array) -> Array:
        """Calibrated chances of a match, float64 (pairs,), for pairs int64 (pairs, 2) of these tables."""
        if not len(positions):
            return np.zeros(0)
        pairs = pd.DataFrame(np.asarray(positions), columns=["left", "right"])
        return np.asarray(self._curve(self._sifted.chances(self._search(left, right), pairs)))

    def chances_alone(self, pairs: Frame) -> Array:
        """As PairScorer.chances_alone."""
        return self._pairs.chances_alone(pairs)

    def contributions(self, left: Frame, right: Frame | None, positions: Array) -> dict[str, Array]:
        """As PairScorer.contributions, of a model that sees a pair by itself."""
        return self._pairs.contributions(left, right, positions)

    def importance(self) -> dict[str, float]:
        """As PairScorer.importance, of a model that sees a pair by itself."""
        return self._pairs.importance()


def is_large(left: Frame, right: Frame | None, candidates: int) -> bool:
    """Whether so many candidates for each record are more than `MOST` in all."""
    return max(len(left), 0 if right is None else len(right)) * candidates > MOST
