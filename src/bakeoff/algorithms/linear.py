"""The linear baseline: logistic or ridge regression on TF-IDF, one-hot and scaled features."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from bakeoff.algorithms.columns import readable_columns
from bakeoff.algorithms.features import Wide
from bakeoff.nouns import Array, Frame, Schema

FEW = 3_000
STRENGTHS = (0.05, 0.4, 4.0)
PENALTIES = (0.03, 0.3, 3.0, 30.0, 300.0)


class Linear:
    """Multinomial logistic regression for classes (C = 4 on many rows), ridge for numbers."""

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> Linear:
        """Learn from training rows; Declined when the table holds images alone."""
        self.features_ = Wide(readable_columns(schema, X, "linear"), schema.seed)
        wide = self.features_.fit_transform(X)
        if schema.classes:
            self.model_ = logistic(wide, np.asarray(y), schema.seed)
            self.classes_ = self.model_.classes_
        else:
            self.model_ = ridge(wide, np.asarray(y, dtype=np.float64), schema.seed)
        return self

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_)."""
        return self.model_.predict_proba(self.features_.transform(X))

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        return self.model_.predict(self.features_.transform(X))


def logistic(features: Array, y: Array, seed: int) -> LogisticRegression:
    """A multinomial logistic regression, fitted; stopped after 100 steps whether converged or not.

    On few rows noise is learnt by heart easily, so there C is what does best on a quarter of the rows.
    """
    held = np.random.default_rng(seed).random(len(y)) < 0.25
    loosest = STRENGTHS[-1]
    known = np.unique(y[~held])
    if len(y) > FEW or held.sum() < 20 or len(known) < len(np.unique(y)):
        return _logistic(features, y, loosest)
    losses = {}
    for strength in STRENGTHS:
        chances = _logistic(features[~held], y[~held], strength).predict_proba(features[held])
        right = chances[np.arange(held.sum()), np.searchsorted(known, y[held])]
        losses[strength] = -float(np.log(np.maximum(right, 1e-7)).mean())
    return _logistic(features, y, min(losses, key=lambda strength: losses[strength]))


def _logistic(features: Array, y: Array, C: float) -> LogisticRegression:
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    model = LogisticRegression(C=C, max_iter=100, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(features, y)


def ridge(features: Array, y: Array, seed: int) -> Ridge:
    """A ridge regression whose penalty did best on a fifth of the rows, then fitted on all of them."""
    held = np.random.default_rng(seed).random(len(y)) < 0.2
    best = PENALTIES[2]
    if 5 <= held.sum() <= len(y) - 5:
        errors = {}
        for penalty in PENALTIES:
            model = Ridge(alpha=penalty, solver="lsqr").fit(features[~held], y[~held])
            errors[penalty] = float(np.mean((model.predict(features[held]) - y[held]) ** 2))
        best = min(errors, key=lambda penalty: errors[penalty])
    return Ridge(alpha=best, solver="lsqr").fit(features, y)
