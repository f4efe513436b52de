"""Signals: how much an answer looks as if its row had been trained on; larger is more like a member."""

from __future__ import annotations

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array

LEAST, MOST = 1e-12, 0.25  # between which lies what an answer of exactly 0 counts as


def signals_of(answers: Array, labels: Array) -> Array:
    """Log odds of the true class, (fits, rows), from probabilities (fits, rows, classes) and class numbers (rows,).

    Carlini et al. 2022, arXiv 2112.03570, section IV.C: the log odds of a fit's answers are near to Gaussian. The odds
    are against the other classes' own sum, so that nothing is lost near 1. An answer of exactly 0 or 1, as forests
    give, counts as half the smallest distance from 0 or 1 that any answer has. UsageError where shapes disagree, a
    probability is negative or not finite, or a label is no class.
    """
    answers, labels = np.asarray(answers, dtype=np.float64), np.asarray(labels)
    if answers.ndim != 3 or labels.shape != answers.shape[1:2]:
        raise UsageError(
            f"Answers have the shape {answers.shape} and labels {labels.shape}; give (fits, rows, classes) and (rows,)."
        )
    if not np.isfinite(answers).all() or answers.min(initial=0.0) < 0:
        raise UsageError("Answers hold nan, infinity or a negative number; give probabilities for every fit and row.")
    if labels.dtype.kind not in "iu" or labels.min(initial=0) < 0 or labels.max(initial=0) >= answers.shape[2]:
        raise UsageError(f"Labels must be class numbers from 0 to {answers.shape[2] - 1}, one for each row.")
    return log_odds(*map(np.stack, zip(*(right_and_wrong(held, labels) for held in answers), strict=True)))


def right_and_wrong(answers: Array, labels: Array) -> tuple[Array, Array]:
    """The probability of the true class, and of all others together, (rows,) each, from answers (rows, classes)."""
    right = np.take_along_axis(answers, labels[:, None], axis=1)[:, 0]
    others = answers.copy()
    np.put_along_axis(others, labels[:, None], 0.0, axis=1)
    return right, others.sum(axis=1)


def closeness_signals(closeness: Array) -> Array:
    """Log odds (fits, rows) of how close written answers are to the truth, from 0 to 1, (fits, rows)."""
    closeness = np.asarray(closeness, dtype=np.float64)
    if not ((closeness >= 0) & (closeness <= 1)).all():
        raise UsageError("Closeness must be from 0 to 1 for every fit and row.")
    return log_odds(closeness, 1 - closeness)


def number_signals(predicted: Array, truth: Array) -> Array:
    """Log likelihoods (fits, rows) of answered numbers (fits, rows) for true ones (rows,), up to a constant.

    Minus half the squared error in units of the root of the middle squared error of each fit, so at most 0: attacks on
    them are of the scale `SignalScale.LOG_LIKELIHOOD`. UsageError where shapes disagree or a number is not finite.
    """
    predicted, truth = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if predicted.ndim != 2 or truth.shape != predicted.shape[1:]:
        raise UsageError(
            f"Answers have the shape {predicted.shape} and truth {truth.shape}; they are (fits, rows) and (rows,)."
        )
    errors = (predicted - truth) ** 2
    if not np.isfinite(errors).all():
        raise UsageError("Answers or truth hold nan, infinity or numbers too large to square; answer every row.")
    middle = float(np.median(errors)) or float(errors.mean()) or 1.0
    return -errors / (2 * middle)


def log_odds(right: Array, wrong: Array) -> Array:
    """The log of right over wrong, each at least half the smallest of them all that is above 0: float64 as they are."""
    both = np.concatenate([right.ravel(), wrong.ravel()])
    above = both[both > 0]
    floor = float(np.clip(above.min() / 2, LEAST, MOST)) if above.size else LEAST
    odds: Array = np.log(np.maximum(right, floor)) - np.log(np.maximum(wrong, floor))
    return odds
