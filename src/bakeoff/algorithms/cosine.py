"""The cosine baseline: how alike two records are as wholes, and from where on that is a match."""

from __future__ import annotations

import numpy as np

from bakeoff.algorithms.matching.pair_model import labels_of, two_columns
from bakeoff.algorithms.records import fields_of, only_matching, plain, wholes
from bakeoff.algorithms.tfidf import TfIdf, cosines
from bakeoff.algorithms.thresholds import moved, threshold
from bakeoff.nouns import Array, Frame, Schema


class Cosine:
    """The mean of the TF-IDF cosines of words and of character 3- and 4-grams, on a logistic curve."""

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> Cosine:
        """Learn weights, curve and threshold from pairs; Declined when the task is no matching."""
        from sklearn.linear_model import LogisticRegression

        only_matching(schema, "cosine")
        self.classes_, matches = labels_of(y, schema)
        self.fields_ = fields_of(schema, X)
        texts = self._texts(X)
        different = list(dict.fromkeys(text for side in texts for text in side))
        self.weights_ = [TfIdf(terms).fit(different) for terms in ("words", "characters")]
        self.constant_, self.curve_, self.threshold_ = float(matches.mean()), None, 0.5
        if 0 < matches.sum() < len(matches):
            scores = self._cosines(texts)
            self.curve_ = LogisticRegression(C=1e3).fit(scores[:, None], matches)
            self.threshold_ = threshold(self.curve_.predict_proba(scores[:, None])[:, 1], matches)
        return self

    def _texts(self, X: Frame) -> tuple[list[str], list[str]]:
        left, right = ([plain(text) for text in wholes(X, side, self.fields_)] for side in ("left", "right"))
        return left, right

    def _cosines(self, texts: tuple[list[str], list[str]]) -> Array:
        return np.mean([cosines(*texts, weights) for weights in self.weights_], axis=0)

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (pairs, 2), the match last."""
        if self.curve_ is None or not len(X):
            return two_columns(np.full(len(X), self.constant_))
        scores = self._cosines(self._texts(X))
        return two_columns(moved(self.curve_.predict_proba(scores[:, None])[:, 1], self.threshold_))

    def predict(self, X: Frame) -> Array:
        """Labels."""
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)]
