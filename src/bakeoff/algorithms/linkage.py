"""The linkage baseline: candidates by blocking, scored by the similarity of the pair and its standing among rivals."""

from __future__ import annotations

import numpy as np

from bakeoff.algorithms.blocking import Blocker, record_texts
from bakeoff.algorithms.matching.pair_model import PairModel, labels_of, two_columns
from bakeoff.algorithms.pairwise import PairFeatures
from bakeoff.algorithms.records import only_matching, pairs_of
from bakeoff.errors import EntryError
from bakeoff.nouns import Array, Frame, Schema

CANDIDATES = 10
AT_ONCE = 20_000  # pairs whose features are held at once


class Linkage:
    """Finds each record's ten nearest and scores them as the similarity baseline does, rivals taken into account.

    A pair's standing among the other candidates of its records comes from the whole tables, those behind test pairs
    included; no label of theirs is used.
    """

    def fit(self, left: Frame, right: Frame | None, pairs: Frame, *, schema: Schema | None = None) -> Linkage:
        """Learn from records and labelled pairs (`left`, `right`, `label`); Declined when the task is no matching."""
        schema = schema or Schema((), "matching", "label", "f1", (0, 1), 0, 0.0)
        only_matching(schema, "linkage")
        self.schema_ = schema
        self.classes_, matches = labels_of(pairs["label"].to_numpy(), schema)
        self.blocker_ = Blocker(schema).fit(left, right)
        positions = pairs[["left", "right"]].to_numpy(dtype=np.int64)
        self.features_ = PairFeatures()
        alike = self.features_.fit_transform(pairs_of(left, right, positions), schema)
        known = np.hstack([alike, self.blocker_.standing(positions)])
        far = self._far(known[matches, alike.shape[1]])
        assumed = self._features(self.blocker_, pairs_of(left, right, far), far)
        self.model_ = PairModel(schema).fit(known, matches, assumed)
        return self

    def _far(self, cosines: Array) -> Array:
        """Pairs that hardly match, int64 (pairs, 2): for each left record one of the ten after its ten nearest.

        Labelled pairs were chosen by somebody, and what they had in common the model would never see otherwise. Pairs
        nearer than a quarter of the labelled matches are left out, since large groups have matches there too.
        """
        ranked = self.blocker_.candidates(2 * CANDIDATES)
        beyond = ranked[ranked.groupby("left").cumcount() >= CANDIDATES]
        if len(cosines):
            beyond = beyond[beyond["score"] < np.quantile(cosines, 0.25)]
        rng = np.random.default_rng(self.schema_.seed)
        drawn = beyond.iloc[rng.permutation(len(beyond))].drop_duplicates("left")[:AT_ONCE]
        return drawn[["left", "right"]].to_numpy(dtype=np.int64)

    def _features(self, blocker: Blocker, pairs: Frame, positions: Array) -> Array:
        return np.hstack([self.features_.transform(pairs), blocker.standing(positions)])

    def link(self, left: Frame, right: Frame | None) -> Frame:
        """Every candidate with its score: a frame of `left`, `right` (positions) and `score`, a match from 0.5."""
        blocker = self.blocker_
        if record_texts(left, right, self.schema_) != blocker.texts_:
            blocker = Blocker(self.schema_).fit(left, right)
        found = blocker.candidates(CANDIDATES)[["left", "right"]]
        positions = found.to_numpy()
        scores = [np.zeros(0)]
        for start in range(0, len(positions), AT_ONCE):
            part = positions[start : start + AT_ONCE]
            scores.append(self._chances(blocker, pairs_of(left, right, part), part))
        return found.assign(score=np.concatenate(scores))

    def _chances(self, blocker: Blocker, pairs: Frame, positions: Array) -> Array:
        return self.model_.chances(self._features(blocker, pairs, positions))

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities of pairs of the fitted tables, float64 (pairs, 2), the match last.

        EntryError when the positions `left` and `right` are missing.
        """
        if not {"left", "right"} <= set(X.columns):
            raise EntryError("The baseline 'linkage' is asked by position: give the pairs' columns left and right.")
        positions = X[["left", "right"]].to_numpy(dtype=np.int64)
        return two_columns(self._chances(self.blocker_, X, positions))

    def predict(self, X: Frame) -> Array:
        """Labels of pairs of the fitted tables."""
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)]
