"""Noisy answers about training rows: each stands in a ledger before it is told.

All of them are counts with Gaussian noise. Several share one allowance: the noise multipliers of the parts are chosen
so that together they cost as much as a single Gaussian release would (Dong, Roth and Su, Gaussian Differential
Privacy, 2022, corollary 3.3: the squares of 1 / sigma add up, whatever was asked because of an earlier answer).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array

TINY = 2.0**-54


class Keeper(Protocol):
    """What a ledger does here: it is told of each answer."""

    def released(self, name: str, sigma: float, count: int = 1, detail: str = "") -> Any:
        """A Gaussian answer over all rows; sigma is the noise's deviation over what one unit can change (L2)."""

    def spent(self, name: str, epsilon: float, delta: float = 0.0, count: int = 1, detail: str = "") -> Any:
        """Any other mechanism."""


class Normals:
    """Standard normal numbers from the operating system's generator; with a seed, for tests alone, from numpy's."""

    def __init__(self, seed: int | None = None) -> None:
        self._seeded = None if seed is None else np.random.default_rng(seed)

    def normal(self, size: int) -> Array:
        """float64 (size,), by Box and Muller from 53 bits each, so none is further out than 8.6."""
        if self._seeded is not None:
            return self._seeded.standard_normal(size)
        pairs = (size + 1) // 2
        bits = np.frombuffer(os.urandom(16 * pairs), dtype=np.uint64).reshape(2, pairs)
        first, second = (bits >> np.uint64(11)) * 2.0**-53
        length = np.sqrt(-2 * np.log(first + TINY))
        angle = 2 * np.pi * second
        return np.concatenate([length * np.cos(angle), length * np.sin(angle)])[:size]


class Allowance:
    """What preparation may spend: releases that together cost one Gaussian of multiplier `sigma`, and `delta`.

    `delta` is for what noise alone cannot hide: that a value came at all. UsageError where sigma is not above 0.
    """

    def __init__(self, ledger: Keeper, sigma: float, delta: float, noise: Normals | None = None) -> None:
        if not sigma > 0 or not 0 <= delta < 1:
            raise UsageError(
                f"An allowance needs a sigma above 0 and a delta from 0 to 1, and not {sigma} and {delta}."
            )
        self.ledger = ledger
        self.sigma = sigma
        self.delta = delta
        self.noise = noise or Normals()

    def divided(self, weights: Mapping[str, float], share: float = 1.0) -> dict[str, float]:
        """The noise multiplier of each release, by name, out of a share of all: less noise for a larger weight."""
        whole = sum(weights.values()) / share
        return {name: self.sigma * math.sqrt(whole / weight) for name, weight in weights.items()}

    def counts(self, counts: Array, deviation: float) -> Array:
        """Counts with noise of this deviation, whole numbers: what rounding hides, a float's last bits cannot tell."""
        return np.rint(counts + deviation * self.noise.normal(len(counts)))


def gaussian_delta(epsilon: float, sigma: float) -> float:
    """The delta of one Gaussian release at an epsilon (Balle and Wang, 2018, theorem 8, sensitivity 1)."""
    from scipy.stats import norm

    near, far = 1 / (2 * sigma) - epsilon * sigma, -1 / (2 * sigma) - epsilon * sigma
    return float(norm.cdf(near) - math.exp(epsilon + float(norm.logcdf(far))))


def gaussian_sigma(epsilon: float, delta: float) -> float:
    """The least noise multiplier with which one Gaussian release is (epsilon, delta)-private."""
    low, high = 1e-3, 1e6
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if gaussian_delta(epsilon, middle) > delta else (low, middle)
    return high
