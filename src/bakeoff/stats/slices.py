"""Where two contestants differ: paired differences within slices of the rows, beyond noise after Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.significance import holm

LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Differences:
    """Arrays over slices (S,): rows, the mean difference with its 95 % interval, and the mean over all other rows.

    `p` is Holm-adjusted over the slices, `beyond` says where it is at most alpha, and `apart` where the slice's
    difference is unlike that of the other rows, after the same correction. `order` puts those first that are both, then
    those that are beyond; within each, by the end of the interval that is nearest to 0: what is surely large stands
    above what is perhaps larger.
    """

    size: Array
    mean: Array
    low: Array
    high: Array
    rest: Array
    p: Array
    beyond: Array
    apart: Array
    order: Array


def slice_differences(difference: Array, slices: Sequence[Array], alpha: float = 0.05) -> Differences:
    """Test in each slice (positions of rows) whether the paired `difference` (rows,) is 0 there.

    The p-value is that of flipping each row's sign at random (Fisher's randomisation test of pairs) by its normal
    approximation, z = sum d / sqrt(sum d^2): unlike a t-test it cannot be certain by a handful of rows that agree,
    since |z| is at most the square root of the rows that differ at all. Whether the slice is unlike the other rows is
    asked by putting rows into it at random (a permutation test), again by its normal approximation.
    """
    difference = np.asarray(difference, dtype=np.float64)
    size = np.array([len(rows) for rows in slices])
    sums = np.array([difference[rows].sum() for rows in slices])
    squares = np.array([np.square(difference[rows]).sum() for rows in slices])
    mean = np.divide(sums, size, out=np.zeros(len(size)), where=size > 0)
    variance = np.divide(squares, size, out=np.zeros(len(size)), where=size > 0) - mean * mean
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * np.sqrt(np.maximum(variance, 0.0) / np.maximum(size - 1, 1))
    others = len(difference) - size
    rest = np.divide(difference.sum() - sums, others, out=np.full(len(size), math.nan), where=others > 0)
    z = np.divide(np.abs(sums), np.sqrt(squares), out=np.zeros(len(size)), where=squares > 0)
    p = holm(_two_sided(z))
    spread = difference.std() * np.sqrt(1 / np.maximum(size, 1) + 1 / np.maximum(others, 1))
    unlike = np.divide(np.abs(mean - rest), spread, out=np.zeros(len(size)), where=(spread > 0) & (others > 0))
    apart = holm(_two_sided(unlike)) <= alpha
    low, high = mean - half, mean + half
    beyond = p <= alpha
    sure = np.where(low > 0, low, np.where(high < 0, -high, 0.0))
    order = np.lexsort((-np.abs(mean), -sure, ~(beyond & apart), ~beyond))
    return Differences(size, mean, low, high, rest, p, beyond, apart, order)


def _two_sided(z: Array) -> Array:
    return np.array([2 * NormalDist().cdf(-each) for each in z])
