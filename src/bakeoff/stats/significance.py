"""Which differences are beyond noise: p-values of paired differences, and Holm's correction for many of them."""

from __future__ import annotations

import math

import numpy as np

from bakeoff.nouns import Array


def p_values(difference: Array, error: Array, freedom: float = math.inf) -> Array:
    """Two-sided p-values of differences with standard errors of the same shape.

    Student's t with `freedom` degrees of freedom, the normal when that is infinite. A difference without any spread
    has p = 0, and none at all has p = 1. nan stays nan.
    """
    from scipy.special import ndtr, stdtr

    difference, error = np.abs(difference), np.asarray(error, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error > 0, difference / error, np.where(difference > 0, np.inf, 0.0))
    ratio = np.where(np.isnan(difference) | np.isnan(error), np.nan, ratio)
    tail = ndtr(-ratio) if math.isinf(freedom) else stdtr(freedom, -ratio)
    return np.asarray(2 * tail)


def holm(p: Array) -> Array:
    """Holm's adjusted p-values (m,): reject where they are at most alpha; nan is not counted and stays nan.

    Holm (1979), Scandinavian Journal of Statistics 6, 65-70: keeps the chance of any false claim among the m below
    alpha, whatever their dependence.
    """
    p = np.asarray(p, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors)) if len(order) else p[order]
    return adjusted
