"""The forest baseline: random forest on skrub's features."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from bakeoff.algorithms.columns import readable_columns
from bakeoff.algorithms.features import Compact
from bakeoff.nouns import Array, Frame, Schema


class Forest:
    """A random forest of 200 trees (100 above 5,000 rows)."""

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> Forest:
        """Learn from training rows; Declined when the table holds images alone."""
        self.features_ = Compact(readable_columns(schema, X, "forest"), schema.seed)
        features = self.features_.fit_transform(X)
        trees = {
            "n_estimators": 200 if len(features) <= 5_000 else 100,
            "min_samples_leaf": 2,
            "random_state": schema.seed,
            "n_jobs": schema.threads,
        }
        if schema.classes:
            self.model_ = RandomForestClassifier(max_features="sqrt", **trees).fit(features, np.asarray(y))
            self.classes_ = self.model_.classes_
        else:
            self.model_ = RandomForestRegressor(max_features=1 / 3, **trees)
            self.model_.fit(features, np.asarray(y, dtype=np.float64))
        return self

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_)."""
        return self.model_.predict_proba(self.features_.transform(X))

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        return self.model_.predict(self.features_.transform(X))
