"""The similarity baseline: boosted trees on the similarities of two records, column by column."""

from __future__ import annotations

from bakeoff.algorithms.matching.pair_model import PairModel, labels_of, two_columns
from bakeoff.algorithms.pairwise import PairFeatures
from bakeoff.algorithms.records import only_matching
from bakeoff.nouns import Array, Frame, Schema


class Similarity:
    """Similarities by column type and LightGBM; each pair is answered by itself."""

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> Similarity:
        """Learn from pairs with `left_*` and `right_*` columns; Declined when the task is no matching."""
        only_matching(schema, "similarity")
        self.classes_, matches = labels_of(y, schema)
        self.features_ = PairFeatures()
        self.model_ = PairModel(schema).fit(self.features_.fit_transform(X, schema), matches)
        return self

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (pairs, 2), the match last."""
        return two_columns(self.model_.chances(self.features_.transform(X)))

    def predict(self, X: Frame) -> Array:
        """Labels."""
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)]
