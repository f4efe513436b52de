"""The nearest-neighbours baseline: looks up the most similar training rows."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from bakeoff.algorithms.columns import readable_columns
from bakeoff.algorithms.features import Compact
from bakeoff.nouns import Array, Frame, Schema

SIZES = (1, 3, 5, 9, 15, 25, 40)
TRIED = 2_000


class Neighbours:
    """The mean answer of the k most similar training rows; the k that did best on training rows, each left out once."""

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> Neighbours:
        """Learn from training rows; Declined when the table holds images alone."""
        self.features_ = Compact(readable_columns(schema, X, "neighbours"), schema.seed)
        features = self.features_.fit_transform(X)
        self.centre_ = np.nan_to_num(_quiet(np.nanmean, features))
        spread = np.nan_to_num(_quiet(np.nanstd, features))
        # A rare category would otherwise outweigh everything once divided by its tiny spread.
        self.spread_ = np.maximum(np.where(spread > 0, spread, 1.0), 0.05)
        if schema.classes:
            self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
            self.targets_ = np.eye(len(self.classes_))[codes]
        else:
            self.targets_ = np.asarray(y, dtype=np.float64)[:, None]
        known = self._place(features)
        most = max(1, min(max(SIZES), len(known) - 1))
        self.index_ = NearestNeighbors(n_neighbors=most, algorithm="brute", n_jobs=schema.threads).fit(known)
        self.prior_ = self.targets_.mean(axis=0)
        self.k_ = self._choose(known, schema.seed)
        return self

    def _place(self, features: Array) -> Array:
        placed = (features - self.centre_) / self.spread_
        return np.clip(np.nan_to_num(placed), -6, 6).astype(np.float32)

    def _choose(self, known: Array, seed: int) -> int:
        rows = np.random.default_rng(seed).permutation(len(known))[:TRIED]
        most = min(self.index_.n_neighbors + 1, len(known))
        places = self.index_.kneighbors(known[rows], most, return_distance=False)
        # A row's own place is dropped wherever it stands; among exact duplicates it need not come first.
        own = places == rows[:, None]
        own[~own.any(axis=1), -1] = True
        others = places[~own].reshape(len(rows), -1)
        errors = {}
        for k in [size for size in SIZES if size <= others.shape[1]]:
            errors[k] = float(np.mean((self._mean(others[:, :k]) - self.targets_[rows]) ** 2))
        return min(errors, key=lambda k: errors[k]) if errors else 1

    def _mean(self, places: Array) -> Array:
        if not hasattr(self, "classes_"):
            return self.targets_[places].mean(axis=1)
        # The class shares of all rows count as one more neighbour, so that no class is ever impossible.
        return (self.targets_[places].sum(axis=1) + self.prior_) / (places.shape[1] + 1)

    def _answer(self, X: Frame) -> Array:
        places = self.index_.kneighbors(self._place(self.features_.transform(X)), self.k_, return_distance=False)
        return self._mean(places)

    def predict_proba(self, X: Frame) -> Array:
        """Shares of the classes among the k nearest rows, float64 (rows, classes_)."""
        return self._answer(X)

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        answers = self._answer(X)
        return self.classes_[answers.argmax(axis=1)] if hasattr(self, "classes_") else answers[:, 0]


def _quiet(measure: object, features: Array) -> Array:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without values has no mean, and needs none
        return measure(features, axis=0, dtype=np.float64)  # type: ignore[operator]
