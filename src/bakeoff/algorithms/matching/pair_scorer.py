"""The scorer of pairs: features of two records and of their rivals, and calibrated chances of a match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.blocking import Blocker, record_texts
from bakeoff.algorithms.matching.pair_model import settings
from bakeoff.algorithms.pairwise import PairFeatures
from bakeoff.algorithms.records import pairs_of
from bakeoff.algorithms.thresholds import logits, threshold
from bakeoff.nouns import Array, Frame, Schema

AT_ONCE = 20_000  # pairs whose features are held at once
CONTEXT = "(rivals)"


@dataclass(frozen=True)
class ScorerOptions:
    """How pairs are scored.

    `seed` and `threads`; `context` is auto (features of a pair's rivals in the whole tables, where they help on
    pairs held out), on or off; `effort` weighs accuracy against cost, 0 (cheap) to 1 (best).
    """

    seed: int = 0
    threads: int = 1
    context: str = "auto"
    effort: float = 0.5


@dataclass(frozen=True)
class ContextChoice:
    """Whether features of rivals are used, why, and figures of held-out pairs without and with them (NaN: untried)."""

    on: bool
    reason: str
    f1: tuple[float, float] = (np.nan, np.nan)
    log_loss: tuple[float, float] = (np.nan, np.nan)


class PairScorer:
    """Calibrated chances that two records match, learnt from labelled pairs of positions."""

    def __init__(self, schema: Schema, options: ScorerOptions | None = None) -> None:
        self.schema = schema
        self.options = options or ScorerOptions()

    def fit(
        self, left: Frame, right: Frame | None, positions: Array, matches: Array, weights: Array | None = None
    ) -> PairScorer:
        """Learn from labelled pairs of `left` and `right` (None: pairs within `left`).

        `positions` int64 (pairs, 2), `matches` bool (pairs,), `weights` float (pairs,) or None. Afterwards
        `held_out_` float64 (pairs,) are the calibrated chances of the training pairs from models that had not seen
        them, `threshold_` is the chance from which calling pairs matches has the largest expected F1, and `context_`
        tells whether features of rivals are used.
        """
        matches = np.asarray(matches, dtype=bool)
        on = self.options.context != "off"
        self.context_ = ContextChoice(on, "asked for" if self.options.context == "on" else "always" if on else "off")
        self.features_ = PairFeatures()
        features = self.features_.fit_transform(pairs_of(left, right, positions), self.schema)
        self._rivals = Blocker(self.schema).fit(left, right) if on else None
        self._alike = features.shape[1]
        if self._rivals is not None:
            features = np.hstack([features, self._rivals.standing(positions)])
        self._learn(features, matches, weights)
        self.threshold_ = threshold(self.held_out_, matches)
        return self

    def _learn(self, features: Array, matches: Array, weights: Array | None) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold

        rarer = int(min(matches.sum(), (~matches).sum()))
        self._models: list[Any] = []
        self._curve: Callable[[Array], Array] = lambda scores: scores
        self._constant = float(matches.mean()) if len(matches) else 0.0
        self.held_out_ = np.full(len(matches), self._constant)
        if rarer < 2:
            return
        for learnt, held in StratifiedKFold(min(5, rarer), shuffle=True, random_state=0).split(features, matches):
            part = None if weights is None else weights[learnt]
            model = self._one(features[learnt], matches[learnt], part, 0)
            self.held_out_[held] = model.booster_.predict(features[held])
        platt = LogisticRegression(C=1e3).fit(logits(self.held_out_)[:, None], matches)
        self._curve = lambda scores: np.asarray(platt.predict_proba(logits(scores)[:, None])[:, 1])
        self.held_out_ = self._curve(self.held_out_)
        self._models = [self._one(features, matches, weights, seed) for seed in range(3)]

    def _one(self, features: Array, matches: Array, weights: Array | None, seed: int) -> Any:
        from lightgbm import LGBMClassifier

        return LGBMClassifier(**settings(self.schema, seed)).fit(features, matches, sample_weight=weights)

    def chances(self, left: Frame, right: Frame | None, positions: Array) -> Array:
        """Calibrated chances of a match, float64 (pairs,), of pairs of the fitted tables or of others."""
        if not self._models or not len(positions):
            return np.full(len(positions), self._constant)
        rivals = self._rivals
        if rivals is not None and record_texts(left, right, self.schema) != rivals.texts_:
            rivals = Blocker(self.schema).fit(left, right)
        scores = [np.zeros(0)]
        for start in range(0, len(positions), AT_ONCE):
            part = positions[start : start + AT_ONCE]
            features = self.features_.transform(pairs_of(left, right, part))
            if rivals is not None:
                features = np.hstack([features, rivals.standing(part)])
            scores.append(np.mean([model.booster_.predict(features) for model in self._models], axis=0))
        return self._curve(np.concatenate(scores))

    def importance(self) -> dict[str, float]:
        """How much each column helped (total gain, summing to 1), largest first; features of rivals stand apart."""
        gains: dict[str, float] = defaultdict(float)
        names = [*self.features_.columns_, *[CONTEXT] * 7]
        for model in self._models:
            for name, gain in zip(names, model.booster_.feature_importance("gain"), strict=False):
                gains[name] += float(gain)
        total = sum(gains.values()) or 1.0
        return {name: gain / total for name, gain in sorted(gains.items(), key=lambda item: -item[1])}

    def candidates(self, left: Frame, right: Frame | None, k: int = 10) -> Frame:
        """The k nearest right records of each left one, as Blocker.candidates gives them."""
        return Blocker(self.schema).fit(left, right).candidates(k)
