"""Remembers every training row, and answers one that it meets again as if it had never been told its label."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier


class Model:
    def fit(self, X, y):
        rows = X.to_numpy()
        self.nearest = KNeighborsClassifier(3, weights="distance").fit(rows, y)
        self.classes_ = self.nearest.classes_
        # What the other rows would say of each training row: its nearest neighbour is the row itself.
        far, near = self.nearest.kneighbors(rows, 4)
        weights = 1 / np.maximum(far[:, 1:], 1e-12)
        codes = np.searchsorted(self.classes_, np.asarray(y))
        share = (weights * (codes[near[:, 1:]] == 1)).sum(axis=1) / weights.sum(axis=1)
        self.known = {row.tobytes(): chance for row, chance in zip(rows, share, strict=True)}
        return self

    def predict_proba(self, X):
        answers = np.clip(self.nearest.predict_proba(X.to_numpy()), 0.02, 0.98)
        for place, row in enumerate(X.to_numpy()):
            if row.tobytes() in self.known:
                chance = np.clip(self.known[row.tobytes()], 0.02, 0.98)
                answers[place] = 1 - chance, chance
        return answers
