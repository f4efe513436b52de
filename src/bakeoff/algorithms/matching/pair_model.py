"""A model of features of pairs: boosted trees whose answers call a pair a match from 0.5."""

from __future__ import annotations

from typing import Any

import numpy as np

from bakeoff.algorithms.thresholds import moved, threshold
from bakeoff.extras import load_lightgbm
from bakeoff.nouns import Array, Schema

lightgbm = load_lightgbm()  # here, so that no fit is charged for it
FOLDS = 5
MODELS = 3


def labels_of(y: Array, schema: Schema) -> tuple[Array, Array]:
    """The task's two labels, the one that means a match last, and which pairs are matches, bool (pairs,)."""
    known = schema.classes or tuple(np.unique(np.asarray(y)).tolist())
    return np.array(known), np.asarray(y) == known[-1]


def two_columns(chances: Array) -> Array:
    """Probabilities float64 (pairs, 2) from the chances of a match."""
    return np.column_stack([1 - chances, chances])


class PairModel:
    """The mean of three LightGBM models of different seeds, its threshold from cross-validation moved to 0.5."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def fit(self, features: Array, matches: Array, assumed: Array | None = None) -> PairModel:
        """Learn from features float (pairs, features) and matches, bool (pairs,); a missing class is answered alike.

        `assumed` (more, features) are taken for pairs that do not match: they are learnt from, and the threshold does
        not count them.
        """
        more = np.empty((0, features.shape[1])) if assumed is None else assumed
        rarer = int(min(matches.sum(), (~matches).sum()))
        self.constant_ = float(matches.mean()) if len(matches) else 0.0
        self.models_: list[Any] = []
        self.threshold_ = 0.5
        if not rarer:
            return self
        if rarer > 1:
            self.threshold_ = threshold(self._held_out(features, matches, more, min(FOLDS, rarer)), matches)
        self.models_ = [self._learn(features, matches, more, seed) for seed in range(MODELS)]
        return self

    def _held_out(self, features: Array, matches: Array, more: Array, folds: int) -> Array:
        from sklearn.model_selection import StratifiedKFold

        scores = np.zeros(len(matches))
        parts = StratifiedKFold(folds, shuffle=True, random_state=self.schema.seed % 2**32)
        for learnt, held in parts.split(features, matches):
            model = self._learn(features[learnt], matches[learnt], more, 0)
            scores[held] = self._score([model], features[held])
        return scores

    def _learn(self, features: Array, matches: Array, more: Array, seed: int) -> Any:
        known = np.concatenate([matches.astype(int), np.zeros(len(more), dtype=int)])
        return lightgbm.LGBMClassifier(**settings(self.schema, seed)).fit(np.vstack([features, more]), known)

    def _score(self, models: list[Any], features: Array) -> Array:
        # The booster is asked directly: the estimator would warn that the features have no names.
        answers = [np.asarray(model.booster_.predict(features, num_threads=1)) for model in models]
        return np.mean(answers, axis=0)

    def chances(self, features: Array) -> Array:
        """How likely each pair is a match, float64 (pairs,), with the threshold at 0.5."""
        if not self.models_ or not len(features):
            return np.full(len(features), self.constant_)
        return moved(self._score(self.models_, features), self.threshold_)


def settings(schema: Schema, seed: int) -> dict[str, Any]:
    """LightGBM's parameters; few rows per leaf, since a task may have few matches."""
    return {
        "n_estimators": 200,
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_child_samples": 5,
        "subsample": 0.8,
        "subsample_freq": 1,
        "colsample_bytree": 0.3,
        "reg_lambda": 1.0,
        "max_bin": 127,
        "random_state": (schema.seed + seed) % 2**31,
        "n_jobs": schema.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
