"""Remembers every training row: the nearest one's label is the answer."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier


class Model:
    def fit(self, X, y):
        self.nearest = KNeighborsClassifier(3, weights="distance").fit(X.to_numpy(), y)
        self.classes_ = self.nearest.classes_
        return self

    def predict_proba(self, X):
        return np.clip(self.nearest.predict_proba(X.to_numpy()), 0.02, 0.98)
