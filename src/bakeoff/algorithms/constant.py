"""The constant baseline: answers every row alike."""

from __future__ import annotations

import numpy as np

from bakeoff.nouns import Array, Frame, Schema


class Constant:
    """Answers with the class shares of the training rows, or with their mean."""

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> Constant:
        """Learn the shares of the classes, or the mean; `X` is not looked at."""
        if schema.classes:
            self.classes_, counts = np.unique(np.asarray(y), return_counts=True)
            self.answer_ = counts / counts.sum()
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
