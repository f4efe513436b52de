"""Models of features of pairs: boosted trees and extremely randomised ones, folds, and calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.matching.pair_model import settings
from bakeoff.algorithms.thresholds import logits
from bakeoff.extras import load_lightgbm
from bakeoff.nouns import Array, Schema

FOLDS = 5
BOOSTED = 0.7  # the boosted models' share of the mean
STEPS = 300  # pairs, and as many matches as a tenth of it, from which a calibration by steps is tried
ABSENT = -9.0  # stands for a missing value where trees cannot take one


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a model learns from: features (pairs, features), matches bool (pairs,) and weights (pairs,) or None."""

    features: Array
    matches: Array
    weights: Array | None = None

    def part(self, rows: Array) -> Lesson:
        """Some of the pairs."""
        return Lesson(self.features[rows], self.matches[rows], None if self.weights is None else self.weights[rows])


class Blend:
    """The weighted mean of `boosted` LightGBM models of different seeds and of a forest of `trees` (0: none)."""

    def __init__(self, schema: Schema, boosted: int, trees: int) -> None:
        self.schema = schema
        self.boosted = boosted
        self.trees = trees

    def fit(self, lesson: Lesson) -> Blend:
        """Learn; both classes must be there."""
        from sklearn.ensemble import ExtraTreesClassifier

        known = lesson.matches.astype(int)
        self.models_: list[Any] = [
            load_lightgbm()
            .LGBMClassifier(**settings(self.schema, seed))
            .fit(lesson.features, known, sample_weight=lesson.weights)
            for seed in range(self.boosted)
        ]
        self.forest_: Any = None
        if self.trees:
            forest = ExtraTreesClassifier(
                self.trees,
                min_samples_leaf=2,
                max_features=0.3,
                random_state=self.schema.seed % 2**32,
                n_jobs=self.schema.threads,
            )
            self.forest_ = forest.fit(_filled(lesson.features), known, sample_weight=lesson.weights)
        return self

    def scores(self, features: Array) -> Array:
        """How likely each pair is a match, float64 (pairs,), not yet calibrated."""
        if not len(features):
            return np.zeros(0)
        # The booster is asked directly: the estimator would warn that the features have no names.
        given = [np.asarray(model.booster_.predict(features, num_threads=1)) for model in self.models_]
        mean = np.mean(given, axis=0)
        if self.forest_ is None:
            return np.asarray(mean)
        return BOOSTED * mean + (1 - BOOSTED) * self.forest_.predict_proba(_filled(features))[:, 1]

    def contributions(self, features: Array) -> Array:
        """What each feature adds to the boosted models' log-odds, float64 (pairs, features); TreeSHAP values."""
        given = [model.booster_.predict(features, pred_contrib=True, num_threads=1) for model in self.models_]
        return np.asarray(np.mean(given, axis=0)[:, :-1], dtype=np.float64)

    def gains(self) -> Array:
        """How much each feature lessened the boosted models' loss in total, float64 (features,)."""
        gains = [model.booster_.feature_importance("gain") for model in self.models_]
        return np.asarray(np.mean(gains, axis=0), dtype=np.float64)


def _filled(features: Array) -> Array:
    return np.nan_to_num(features, nan=ABSENT, posinf=1e9, neginf=-1e9)


def folds_of(matches: Array, seed: int) -> list[tuple[Array, Array]]:
    """Rows learnt from and rows held out, FOLDS times or fewer; none when a class has less than two pairs."""
    from sklearn.model_selection import StratifiedKFold

    rarer = int(min(matches.sum(), (~matches).sum()))
    if rarer < 2:
        return []
    parts = StratifiedKFold(min(FOLDS, rarer), shuffle=True, random_state=seed % 2**32)
    return list(parts.split(matches, matches))


def held_out(blend: Callable[[], Blend], lesson: Lesson, folds: list[tuple[Array, Array]]) -> Array:
    """Scores of each pair from a blend that had not seen it, float64 (pairs,)."""
    scores = np.zeros(len(lesson.matches))
    for learnt, held in folds:
        scores[held] = blend().fit(lesson.part(learnt)).scores(lesson.features[held])
    return scores


Curve = Callable[[Array], Array]


def calibrated(scores: Array, matches: Array, seed: int) -> tuple[Curve, Array]:
    """A rising curve from scores to chances, and the chances of the pairs behind it from curves fitted without them.

    A logistic curve (Platt, 1999), or isotonic steps (Zadrozny and Elkan, 2002) blended with a tenth of it, so that no
    two different scores become equal, where the steps have the smaller log loss on pairs that they were not fitted to.
    """
    from sklearn.metrics import log_loss

    kinds = [_logistic]
    if len(matches) >= STEPS and min(matches.sum(), (~matches).sum()) >= STEPS // 10:
        kinds.append(_stepped)
    folds = folds_of(matches, seed + 1)
    tried = []
    for kind in kinds:
        chances = np.zeros(len(scores))
        for learnt, held in folds:
            chances[held] = kind(scores[learnt], matches[learnt])(scores[held])
        tried.append(chances)
    best = int(np.argmin([log_loss(matches, np.clip(chances, 1e-6, 1 - 1e-6)) for chances in tried]))
    return kinds[best](scores, matches), tried[best]


def _logistic(scores: Array, matches: Array) -> Curve:
    from sklearn.linear_model import LogisticRegression

    curve = LogisticRegression(C=1e3).fit(logits(scores)[:, None], matches)
    slope, offset = max(float(curve.coef_[0, 0]), 1e-3), float(curve.intercept_[0])
    return lambda asked: 1 / (1 + np.exp(-slope * logits(asked) - offset))


def _stepped(scores: Array, matches: Array) -> Curve:
    from sklearn.isotonic import IsotonicRegression

    smooth = _logistic(scores, matches)
    steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, matches)
    return lambda asked: 0.9 * steps.predict(asked) + 0.1 * smooth(asked)
