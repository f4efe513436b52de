"""The constant baseline: answers every row alike."""

from __future__ import annotations

import numpy as np

from bakeoff.nouns import Array, Frame, Schema

AT_THRESHOLD = ("f1", "precision", "recall")


class Constant:
    """Answers with the class shares of the training rows, or with their mean.

    Where matches are judged at a threshold, that every pair matches is the best constant, and the answer.
    """

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> Constant:
        """Learn the shares of the classes, or the mean; `X` is not looked at."""
        if schema.classes:
            self.classes_, counts = np.unique(np.asarray(y), return_counts=True)
            self.answer_ = counts / counts.sum()
            if schema.kind == "matching" and schema.metric in AT_THRESHOLD:
                self.answer_ = (self.classes_ == 1).astype(np.float64)
        else:
            self.answer_ = np.array([np.mean(np.asarray(y, dtype=np.float64))])
        return self

    def predict_proba(self, X: Frame) -> Array:
        """The same shares for every row: float64 (rows, classes)."""
        return np.tile(self.answer_, (len(X), 1))

    def predict(self, X: Frame) -> Array:
        """The most frequent class, or the mean, for every row."""
        if hasattr(self, "classes_"):
            return np.repeat(self.classes_[self.answer_.argmax()], len(X))
        return np.full(len(X), self.answer_[0])
