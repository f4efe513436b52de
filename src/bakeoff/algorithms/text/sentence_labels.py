"""One label for each sentence: a linear classifier of TF-IDF weighted words, word pairs and characters."""

from __future__ import annotations

from typing import Any

import numpy as np

from bakeoff.algorithms.text.reading import Tokens, as_objects
from bakeoff.nouns import Array

FOLDS = 4


class SentenceLabels:
    """A linear support vector machine, one class against the others; texts are tokens joined by blanks."""

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def fit(self, tokens: Tokens, labels: list[str]) -> SentenceLabels:
        """Learn from sentences and their labels."""
        self.known_ = sorted(set(labels))
        if len(self.known_) > 1:
            from sklearn.svm import LinearSVC

            self.features_ = _features()
            told = self.features_.fit_transform([" ".join(words) for words in tokens])
            codes = np.searchsorted(self.known_, labels)
            self.model_ = LinearSVC(C=self.strength, random_state=0, max_iter=300, tol=1e-3).fit(told, codes)
        return self

    def scores(self, tokens: Tokens) -> Array:
        """How far each sentence is on each label's side, float64 (sentences, labels)."""
        if len(self.known_) < 2:
            return np.ones((len(tokens), len(self.known_)))
        if not tokens:
            return np.zeros((0, len(self.known_)))
        found = self.model_.decision_function(self.features_.transform([" ".join(words) for words in tokens]))
        return np.column_stack([-found, found]) if found.ndim == 1 else found

    def predict(self, tokens: Tokens) -> list[str]:
        """The label of each sentence."""
        return [self.known_[code] for code in self.scores(tokens).argmax(axis=1)]


def _features() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char", ngram_range=(2, 4), sublinear_tf=True)
    return make_union(words, characters)


def told_out_of_fold(tokens: Tokens, labels: list[str], seed: int) -> list[str]:
    """The label that sentences would be given by a classifier that has not seen them; with few rows their own."""
    if len(labels) < 10 * FOLDS or len(set(labels)) < 2:
        return labels
    folds = np.random.default_rng(seed).permutation(len(labels)) % FOLDS
    out = as_objects(labels)
    for fold in range(FOLDS):
        learn, ask = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        model = SentenceLabels().fit([tokens[row] for row in learn], [labels[row] for row in learn])
        out[ask] = as_objects(model.predict([tokens[row] for row in ask]))
    return list(out)
