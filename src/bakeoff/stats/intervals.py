"""Intervals: of replicates, of a share, and of a difference of two means."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from bakeoff.nouns import Array


def interval(replicates: Array, level: float = 0.95) -> tuple[float, float]:
    """The central percentile interval of bootstrap replicates (folds,): (low, high), both nan when all are nan."""
    finite = np.asarray(replicates, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return math.nan, math.nan
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(successes: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share of `successes` in `n` independent trials: (low, high), nan for no trial.

    Wilson (1927), Journal of the American Statistical Association 22, 209-212. Unlike a bootstrap it has a width at
    0 and at n successes.
    """
    if n < 1:
        return math.nan, math.nan
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def difference_of_shares(first: Array, second: Array) -> tuple[float, float, float]:
    """The share of hits in `first` minus that in `second`, with Newcombe's interval: (value, low, high).

    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10, from two Wilson intervals: unlike a bootstrap it
    has a width where every row or none is a hit.
    """
    shares = [float(np.mean(part)) for part in (first, second)]
    (low1, high1), (low2, high2) = (wilson(float(np.sum(part)), len(part)) for part in (first, second))
    value = shares[0] - shares[1]
    low = value - math.hypot(shares[0] - low1, high2 - shares[1])
    high = value + math.hypot(high1 - shares[0], shares[1] - low2)
    return value, low, high


def difference_of_means(a: Array, b: Array, level: float = 0.95) -> tuple[float, float, float]:
    """The mean of `a` minus the mean of `b`, two independent samples, with Welch's interval: (value, low, high).

    Welch's t interval (Welch 1947, Biometrika 34, 28-35) allows the samples different sizes and spreads. Low and high
    are nan when a sample has fewer than two numbers, and the value is nan when one is empty.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if not len(first) or not len(second):
        return math.nan, math.nan, math.nan
    value = float(first.mean() - second.mean())
    if min(len(first), len(second)) < 2:
        return value, math.nan, math.nan
    parts = [float(sample.var(ddof=1)) / len(sample) for sample in (first, second)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return value, value, value
    # Shares of the variance first: squares of tiny variances would vanish.
    shares = [part / sum(parts) for part in parts]
    freedom = 1 / (shares[0] ** 2 / (len(first) - 1) + shares[1] ** 2 / (len(second) - 1))
    half = student_quantile((1 + level) / 2, freedom) * error
    return value, value - half, value + half


def student_quantile(share: float, freedom: float) -> float:
    """The quantile of Student's t with `freedom` degrees of freedom; of the normal when that is infinite."""
    if math.isinf(freedom):
        return NormalDist().inv_cdf(share)
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))
