"""Scoring millions of candidates: a glance at every pair, and a close look where the glance leaves a doubt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.algorithms.blocking import Blocker
from bakeoff.algorithms.matching.reading import Records
from bakeoff.algorithms.matching.search import in_turn
from bakeoff.extras import load_lightgbm
from bakeoff.nouns import Array, Frame, Schema

DOUBT = 0.002  # chances between this and its complement are looked at closely
AT_ONCE = 200_000  # pairs whose features are held at once


class Sifter:
    """Chances that candidates match, for tables too large for the features of `PairScorer`.

    At a glance a pair is its standing among its rivals and which columns are equal, different or missing: whole numbers
    that are compared at once. Only pairs whose chance is then between `DOUBT` and 1 - `DOUBT` are compared letter by
    letter, column by column. Both looks are boosted trees learnt from the same labelled pairs.
    """

    def __init__(self, schema: Schema | None = None, threads: int = 1) -> None:
        """Without a schema every column but pictures is read."""
        self.schema = replace(schema or Schema((), "matching", "label", "f1", (0, 1), 0, 0.0), threads=threads)

    def fit(self, blocker: Blocker, pairs: Frame) -> Sifter:
        """Learn from labelled pairs of a fitted blocker's tables: `left`, `right`, `label` (bool) and perhaps `weight`.

        A weight tells how many candidates a labelled pair stands for, so that the chances are those among candidates.
        """
        positions = pairs[["left", "right"]].to_numpy(dtype=np.int64)
        matches = pairs["label"].to_numpy().astype(bool)
        weights = pairs["weight"].to_numpy(dtype=np.float64) if "weight" in pairs.columns else None
        self.columns_ = blocker.records_.names
        glance = glanced(blocker, positions)
        close = np.hstack([glance, spelt(blocker.records_, positions)])
        self.glance_, self.close_ = (
            self._learn(features, matches, weights, trees) for features, trees in ((glance, 40), (close, 150))
        )
        return self

    def _learn(self, features: Array, matches: Array, weights: Array | None, trees: int) -> Any:
        model = load_lightgbm().LGBMClassifier(
            n_estimators=trees,
            learning_rate=9 / trees,
            num_leaves=15,
            min_child_samples=10,
            subsample=0.8,
            subsample_freq=1,
            colsample_bytree=0.5,
            reg_lambda=1.0,
            random_state=self.schema.seed % 2**31,
            n_jobs=self.schema.threads,
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
        )
        return model.fit(features, matches.astype(int), sample_weight=weights).booster_

    def chances(self, blocker: Blocker, pairs: Frame) -> Array:
        """The chance of each candidate, float64 (pairs,), for `left` and `right` positions in the blocker's tables.

        Their `score` (the cosine, as Blocker.candidates gives it) is used where it is there, else computed.
        The tables have the columns of the fitted ones. `looked_` is how many pairs were looked at closely.
        """
        positions = pairs[["left", "right"]].to_numpy(dtype=np.int64)
        blocker.standing(positions[:0])  # the best partners are found once, before threads ask for them
        scores = pairs["score"].to_numpy(dtype=np.float64) if "score" in pairs.columns else None
        parts_of = [slice(start, start + AT_ONCE) for start in range(0, len(positions), AT_ONCE)]
        pieces = [(positions[some], None if scores is None else scores[some]) for some in parts_of]
        parts = list(in_turn(lambda part: self._part(blocker, *part), pieces, self.schema.threads))
        self.looked_ = sum(looked for _, looked in parts)
        return np.concatenate([chances for chances, _ in parts]) if parts else np.zeros(0)

    def _part(self, blocker: Blocker, positions: Array, scores: Array | None) -> tuple[Array, int]:
        glance = glanced(blocker, positions, scores)
        chances = np.asarray(self.glance_.predict(glance, num_threads=1), dtype=np.float64)
        doubt = np.flatnonzero((chances > DOUBT) & (chances < 1 - DOUBT))
        if len(doubt):
            close = np.hstack([glance[doubt], spelt(blocker.records_, positions[doubt])])
            chances[doubt] = self.close_.predict(close, num_threads=1)
        return chances, len(doubt)


def glanced(blocker: Blocker, positions: Array, scores: Array | None = None) -> Array:
    """Standing of pairs int64 (pairs, 2); each column 1 (equal), 0 (different) or NaN; and how many are each.

    float32 (pairs, 9 + columns).
    """
    left, right = _sides(blocker.records_, positions)
    equal = np.where((left == 0) | (right == 0), np.nan, left == right).astype(np.float32)
    counts = [np.nansum(equal, axis=1), np.nansum(1 - equal, axis=1)]
    return np.column_stack([blocker.standing(positions, scores), *counts, equal]).astype(np.float32)


def spelt(records: Records, positions: Array) -> Array:
    """Jaro-Winkler similarity and Indel ratio of each column, NaN where one is missing: float32 (pairs, 2 * columns).

    Two cells that meet in many pairs are compared once.
    """
    from rapidfuzz import fuzz, process
    from rapidfuzz.distance import JaroWinkler

    left, right = _sides(records, positions)
    out = np.full((len(positions), 2 * left.shape[1]), np.nan, dtype=np.float32)
    for column in range(left.shape[1]):
        known = np.flatnonzero((left[:, column] > 0) & (right[:, column] > 0))
        met = left[known, column].astype(np.int64) << 32 | right[known, column]
        different, at = np.unique(met, return_inverse=True)
        first = [records.texts[place] for place in (different >> 32).tolist()]
        second = [records.texts[place] for place in (different & 0xFFFFFFFF).tolist()]
        if first:
            scorers = (JaroWinkler.normalized_similarity, fuzz.ratio)
            alike = [process.cpdist(first, second, scorer=scorer, workers=1) for scorer in scorers]
            out[known, 2 * column], out[known, 2 * column + 1] = alike[0][at], alike[1][at] / 100
    return out


def _sides(records: Records, positions: Array) -> tuple[Array, Array]:
    return records.cells[0][positions[:, 0]], records.cells[-1][positions[:, 1]]
