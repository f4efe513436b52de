"""One label for each sentence: a linear classifier of TF-IDF weighted words, word pairs and characters."""

from __future__ import annotations

from typing import Any

import numpy as np

from bakeoff.algorithms.text.reading import Tokens
from bakeoff.nouns import Array

FOLDS = 4
ABSENT = 3.0  # how far on the wrong side of a label a sentence is that cannot have it


class SentenceLabels:
    """A linear support vector machine, one class against the others; texts are tokens joined by blanks."""

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def fit(self, tokens: Tokens, labels: list[str]) -> SentenceLabels:
        """Learn from sentences and their labels."""
        self.known_ = sorted(set(labels))
        codes = np.searchsorted(self.known_, labels)
        self.shares_ = np.bincount(codes, minlength=len(self.known_)) / max(1, len(labels))
        texts = [" ".join(words) for words in tokens]
        self.model_: Any = None
        # Nothing can be told apart by single characters: there is no pair of characters, and perhaps no word.
        if len(self.known_) > 1 and any(len(text.strip()) > 1 for text in texts):
            from sklearn.svm import LinearSVC

            self.features_ = _features()
            told = self.features_.fit_transform(texts)
            self.model_ = LinearSVC(C=self.strength, random_state=0, max_iter=300, tol=1e-3).fit(told, codes)
        return self

    def scores(self, tokens: Tokens) -> Array:
        """How far each sentence is on each label's side, float64 (sentences, labels); labels' shares where none is."""
        if self.model_ is None or not tokens:
            return np.tile(self.shares_, (len(tokens), 1))
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


def out_of_fold(tokens: Tokens, labels: list[str], seed: int) -> Array | None:
    """Scores by classifiers that have not seen the sentence, float64 (sentences, labels in order); None for few rows.

    A label that a fold has no sentence of is further off than any.
    """
    known = sorted(set(labels))
    if len(labels) < 10 * FOLDS or len(known) < 2:
        return None
    folds = np.random.default_rng(seed).permutation(len(labels)) % FOLDS
    out = np.full((len(labels), len(known)), -ABSENT)
    for fold in range(FOLDS):
        learn, ask = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        model = SentenceLabels().fit([tokens[row] for row in learn], [labels[row] for row in learn])
        places = np.searchsorted(known, model.known_)
        out[np.ix_(ask, places)] = model.scores([tokens[row] for row in ask])
    return out


def told_out_of_fold(tokens: Tokens, labels: list[str], seed: int) -> list[str]:
    """The label that sentences would be given by a classifier that has not seen them; with few rows their own."""
    scores = out_of_fold(tokens, labels, seed)
    if scores is None:
        return labels
    known = sorted(set(labels))
    return [known[code] for code in scores.argmax(axis=1)]


class LabelChances:
    """Probabilities of labels by `SentenceLabels`, as sure as it was right about sentences that it had not seen."""

    def fit(self, tokens: Tokens, labels: list[str], seed: int) -> LabelChances:
        """Learn from sentences and their labels; with few rows nothing is known of how sure to be."""
        self.model_ = SentenceLabels().fit(tokens, labels)
        scores = out_of_fold(tokens, labels, seed)
        self.sharpness_ = 0.0 if scores is None else _sharpness(scores, np.searchsorted(self.model_.known_, labels))
        return self

    def logs(self, tokens: Tokens) -> Array:
        """Logarithms of probabilities, float64 (sentences, labels in order)."""
        return _log_softmax(self.sharpness_ * self.model_.scores(tokens))


def _sharpness(scores: Array, codes: Array) -> float:
    """What scores are to be multiplied by for the least loss of the true labels (after Platt, 1999)."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(codes))
    found = minimize_scalar(
        lambda power: -_log_softmax(np.exp(power) * scores)[rows, codes].mean(), bounds=(-4.0, 4.0), method="bounded"
    )
    return float(np.exp(found.x))


def _log_softmax(scores: Array) -> Array:
    top = scores.max(axis=1, keepdims=True)
    return scores - top - np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
