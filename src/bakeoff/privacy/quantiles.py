"""Quantiles of numbers whose range nobody knows beforehand, from noisy counts.

A float32 is a sign, an exponent and a fraction; with the sign turned round its bits are in the order of the numbers. So
the first bits of all numbers are counted with noise, then the next bits of those that hold much, and so on: a tree that
grows where the numbers are, whatever their unit. A record is in one cell of each level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.releases import Allowance

BITS, LEVELS = 4, 6  # of each level; the sign, the exponent and 15 bits of the fraction in all
WHOLE = 32
SURE = 4.0  # deviations of the noise that a cell must hold to be there at all
LIKELY = 2.0  # the same within a cell that is there, where noise can do little harm
SMALL = 1 / 64  # of all numbers: a cell that holds less is not looked into
FINE, COARSE = 3 * BITS, 2 * BITS  # bits of a cell that holds numbers of one size, or of about one magnitude


@dataclass(frozen=True)
class Sketch:
    """Where numbers lie: cells from `low` to `high`, ascending and apart, and how many each holds (float64, above 0).

    Without a cell nothing could be told from noise.
    """

    low: Array
    high: Array
    mass: Array

    def __len__(self) -> int:
        return len(self.mass)

    def quantiles(self, shares: Sequence[float] | Array) -> Array:
        """The values below which these shares of the numbers lie, float64; empty without a cell."""
        if not len(self):
            return np.zeros(0)
        ends = np.cumsum(self.mass)
        places = np.stack([ends - self.mass, ends], axis=1).ravel()
        values = np.stack([self.low, self.high], axis=1).ravel()
        return np.interp(np.asarray(shares) * ends[-1], places, values)


def ordered(values: Array) -> Array:
    """Finite numbers as int64 from 0 to 2^32 - 1 in the order of their float32."""
    largest = np.finfo(np.float32).max
    held = np.clip(np.asarray(values, dtype=np.float64), -largest, largest).astype(np.float32)
    bits = (held + np.float32(0)).view(np.uint32).astype(np.int64)  # minus zero is zero
    return np.where(bits >> (WHOLE - 1), (1 << WHOLE) - 1 - bits, bits | (1 << (WHOLE - 1)))


def unordered(codes: Array) -> Array:
    """The numbers, float64; those beyond the finite ones are the last finite one."""
    top = 1 << (WHOLE - 1)
    held = np.clip(codes, 0, (1 << WHOLE) - 1)
    bits = np.where(held >= top, held - top, (1 << WHOLE) - 1 - held).astype(np.uint32)
    with np.errstate(invalid="ignore"):
        found = bits.view(np.float32).astype(np.float64)
    largest = float(np.finfo(np.float32).max)
    return np.where(np.isfinite(found), found, np.where(held >= top, largest, -largest))


def sketched(values: Array, weights: Array, sigma: float, allowance: Allowance) -> Sketch:
    """Noisy cells of numbers, float64 (records,), NaN where missing.

    `weights` (records,) of one unit's records add up to at most 1, so one unit changes each level by at most 1, and all
    levels together cost one Gaussian release with noise multiplier `sigma`.
    """
    known = np.isfinite(values)
    codes, weights = ordered(values[known]), weights[known]
    deviation = sigma * np.sqrt(LEVELS)
    cells = np.zeros(1, dtype=np.int64)
    masses = np.full(1, np.inf)
    leaves: list[tuple[Array, Array, int]] = []
    for level in range(1, LEVELS + 1):
        shift = WHOLE - BITS * level
        inside = (cells[:, None] << BITS) + np.arange(1 << BITS)
        counted = allowance.counts(_counted(codes >> shift, weights, inside.ravel()), deviation).reshape(inside.shape)
        counted[counted < (SURE if level <= 2 else LIKELY) * deviation] = 0.0
        sums = counted.sum(axis=1)
        # What stands nowhere within a cell stays with the whole cell.
        lost = sums <= 0
        leaves.append((cells[lost], masses[lost], shift + BITS))
        if level == 1:
            masses = sums
        share = np.divide(masses, sums, out=np.zeros_like(sums), where=~lost)
        inside, counted = inside[~lost].ravel(), (counted * share[:, None])[~lost].ravel()
        inside, counted = inside[counted > 0], counted[counted > 0]
        if level == 1:
            whole = counted.sum()
        onward = (counted >= SMALL * whole) & (counted >= 1.5 * SURE * deviation)
        if level == LEVELS:
            onward[:] = False
        leaves.append((inside[~onward], counted[~onward], shift))
        cells, masses = inside[onward], counted[onward]
        if not len(cells):
            break
    return _joined(leaves)


def _counted(keys: Array, weights: Array, wanted: Array) -> Array:
    """The weight of each wanted key, ascending."""
    places = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
    there = wanted[places] == keys
    return np.bincount(places[there], weights[there], minlength=len(wanted))


def _joined(leaves: list[tuple[Array, Array, int]]) -> Sketch:
    kept: list[tuple[Array, Array, int]] = []
    for bits in (FINE, COARSE):  # a coarse cell beside finer ones is one that noise alone has lifted
        kept = kept or [one for one in leaves if one[2] <= WHOLE - bits and len(one[0])]
    if not kept:
        return Sketch(*(np.zeros(0),) * 3)
    low = np.concatenate([cells << shift for cells, _, shift in kept])
    high = np.concatenate([((cells + 1) << shift) - 1 for cells, _, shift in kept])
    order = np.argsort(low)
    mass = np.concatenate([mass for _, mass, _ in kept])
    return Sketch(unordered(low[order]), unordered(high[order]), mass[order])
