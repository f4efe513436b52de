"""The boosted baseline: LightGBM on skrub's features."""

from __future__ import annotations

from typing import Any

import numpy as np

from bakeoff.algorithms.columns import readable_columns
from bakeoff.algorithms.features import Compact
from bakeoff.extras import load_lightgbm
from bakeoff.nouns import Array, Frame, Schema

lightgbm = load_lightgbm()  # here, so that no fit is charged for it
TREES = 2_500  # over all classes together, so that fifty classes cost no more than ten


class Boosted:
    """Gradient-boosted trees, at most 2,500 in all, with fewer rounds when there are many classes."""

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> Boosted:
        """Learn from training rows; Declined when the table holds images alone."""
        self.features_ = Compact(readable_columns(schema, X, "boosted"), schema.seed)
        features = self.features_.fit_transform(X)
        if schema.classes:
            self.model_: Any = lightgbm.LGBMClassifier(**settings(schema, len(features)))
            self.model_.fit(features, np.asarray(y))
            self.classes_ = self.model_.classes_
        else:
            self.model_ = lightgbm.LGBMRegressor(**settings(schema, len(features)))
            self.model_.fit(features, np.asarray(y, dtype=np.float64))
        return self

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_)."""
        # The booster is asked directly: the estimator would warn that the features have no names.
        raw = np.asarray(self._ask(X))
        return np.column_stack([1 - raw, raw]) if raw.ndim == 1 else raw

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        if hasattr(self, "classes_"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return self._ask(X)

    def _ask(self, X: Frame) -> Array:
        return self.model_.booster_.predict(self.features_.transform(X), num_threads=1)


def settings(schema: Schema, rows: int) -> dict[str, Any]:
    """LightGBM's parameters for a table of so many rows."""
    ensembles = len(schema.classes) if len(schema.classes) > 2 else 1
    return {
        "n_estimators": int(np.clip(TREES // ensembles, 30, 120)),
        "learning_rate": 0.08,
        "num_leaves": 15,
        "min_child_samples": int(np.clip(rows // 50, 5, 20)),
        "subsample": 0.8,
        "subsample_freq": 1,
        "colsample_bytree": 0.5,
        "reg_lambda": 1.0,
        "max_bin": 127,
        "random_state": schema.seed,
        "n_jobs": schema.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
