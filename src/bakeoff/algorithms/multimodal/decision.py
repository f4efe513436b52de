"""Which label is told, given probabilities: the likeliest one unless the metric counts every class alike."""

from __future__ import annotations

import numpy as np

from bakeoff.nouns import Array

EVEN = ("balanced_accuracy", "macro_f1")
LEANINGS = (0.0, 0.25, 0.5, 0.75, 1.0)


def leaning(metric: str, chances: Array, truth: Array) -> float:
    """How far to lean towards rare classes: the power of the class shares that probabilities are divided by.

    0 for metrics for which the likeliest class is best; else what does best on held-out rows, probabilities float64
    (rows, classes) with class numbers (rows,).
    """
    if metric not in EVEN:
        return 0.0
    shares = np.bincount(truth, minlength=chances.shape[1]) / len(truth)
    scores = [_score(metric, decided(chances, shares, power), truth) for power in LEANINGS]
    return LEANINGS[int(np.argmax(scores))]


def decided(chances: Array, shares: Array, power: float) -> Array:
    """Class numbers (rows,)."""
    return (chances / np.maximum(shares, 1e-6) ** power).argmax(axis=1)


def _score(metric: str, guess: Array, truth: Array) -> float:
    from sklearn.metrics import f1_score, recall_score

    known = np.unique(truth)
    measure = recall_score if metric == "balanced_accuracy" else f1_score
    return float(measure(truth, guess, labels=known, average="macro", zero_division=0))
