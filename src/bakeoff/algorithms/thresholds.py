"""Where a score becomes a match: the threshold that the F1 of pairs never seen asks for, moved to 0.5."""

from __future__ import annotations

import numpy as np

from bakeoff.nouns import Array

LEAST = 1e-6


def logits(scores: Array) -> Array:
    """ln(p / (1 - p)) of scores between 0 and 1, kept away from both ends."""
    held = np.clip(scores, LEAST, 1 - LEAST)
    return np.log(held) - np.log1p(-held)


def threshold(scores: Array, matches: Array) -> float:
    """The score from which pairs are called matches, for the largest expected F1.

    `scores` (pairs,) are answers to pairs that were not learnt from, `matches` (pairs,) is bool. They are calibrated
    by a logistic curve first (Platt, 1999), and the expected F1 of calling the k best pairs matches is
    2 * (sum of their chances) / (k + sum of all chances) (after Lipton, Elkan and Naryanaswamy, 2014). The largest F1
    that was counted itself would jump with single pairs where few are matches. 0.5 where a class is missing.
    """
    if matches.all() or not matches.any():
        return 0.5
    from sklearn.linear_model import LogisticRegression

    feature = logits(scores)[:, None]
    curve = LogisticRegression(C=1e3).fit(feature, matches)
    if curve.coef_[0, 0] <= 0:  # higher scores mean no match: nothing was learnt, and no threshold would help
        return 0.5
    chances = curve.predict_proba(feature)[:, 1]
    order = np.argsort(-scores, kind="stable")
    ranked, chances = scores[order], chances[order]
    expected = 2 * np.cumsum(chances) / (np.arange(1, len(ranked) + 1) + chances.sum())
    expected[:-1][ranked[1:] == ranked[:-1]] = -1.0  # equal scores are called alike
    last = int(expected.argmax())
    following = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + following) / 2)


def moved(scores: Array, at: float) -> Array:
    """Scores with the threshold `at` at 0.5: all logits moved by the same step, so that their order stays."""
    return 1 / (1 + np.exp(logits(np.array([at]))[0] - logits(scores)))
