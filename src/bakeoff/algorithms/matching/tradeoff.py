"""From which chance on pairs are called matches: one number between recall and precision."""

from __future__ import annotations

import numpy as np

from bakeoff.algorithms.thresholds import logits
from bakeoff.errors import UsageError
from bakeoff.nouns import Array

EDGE = 1e-3  # precision alone would call the one surest pair, recall alone every pair


def checked_share(name: str, value: float) -> float:
    """The value as float; UsageError when it is no number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise UsageError(f"{name} is {value!r}; give a number from 0 to 1.")
    return float(value)


def f_alpha(hits: Array, called: Array, true: Array, alpha: float) -> Array:
    """The weighted harmonic mean 1 / (alpha / precision + (1 - alpha) / recall); 0 where there is no hit.

    Van Rijsbergen's effectiveness, 1 - E (Information Retrieval, 2nd edition, 1979, chapter 7). alpha 0.5 is F1, 1 is
    the precision, 0 the recall; alpha is 1 / (1 + beta^2) of F-beta.
    """
    below = alpha * np.asarray(called, dtype=np.float64) + (1 - alpha) * np.asarray(true, dtype=np.float64)
    return np.divide(hits, below, out=np.zeros(np.broadcast(hits, below).shape), where=below > 0)


def best_chance(chances: Array, alpha: float, weights: Array | None = None) -> float:
    """The chance from which pairs are called matches, for the largest expected `f_alpha`.

    `chances` (pairs,) are calibrated, `weights` (pairs,) how many pairs each one stands for. Calling the likeliest
    pairs has the expected hits, sum of their chances; the expectation of the ratio is taken as the ratio of
    expectations (after Lipton, Elkan and Naryanaswamy, 2014). 0.5 where there is no pair. The chance lies half way to
    the next pair's.
    """
    if not len(chances):
        return 0.5
    alpha = float(np.clip(alpha, EDGE, 1 - EDGE))
    weight = np.ones(len(chances)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(-chances, kind="stable")
    ranked, weight = np.asarray(chances, dtype=np.float64)[order], weight[order]
    hits = np.cumsum(ranked * weight)
    expected = f_alpha(hits, np.cumsum(weight), hits[-1], alpha)
    expected[:-1][ranked[1:] == ranked[:-1]] = -1.0  # equal chances are called alike
    last = int(expected.argmax())
    following = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + following) / 2)


def gains(chances: Array, at: float) -> Array:
    """Log-odds of a match beyond those of the threshold `at`: above 0 where a pair is called a match."""
    return np.asarray(logits(np.asarray(chances)) - logits(np.array([at]))[0])
