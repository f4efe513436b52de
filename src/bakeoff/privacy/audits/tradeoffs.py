"""The one-run audit of a whole trade-off curve: tighter than of one (epsilon, delta) where a curve is promised.

A trade-off curve says how much power a test between neighbours can have at each rate of false alarms. Gaussian
mechanisms have one named by a single number mu; any other is known by its privacy profile, delta over epsilon.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.audits.guesses import CONFIDENCE, check_claim, check_confidence, check_counts

STEPS = 60  # halvings
MOST = 1e3  # a parameter beyond which no curve is tried


class TradeOff(Protocol):
    """What a mechanism promises of every test between neighbours, the same in both directions."""

    def false_alarms(self, power: float) -> float:
        """The least rate of false alarms at which a test can have so much power."""


@dataclass(frozen=True)
class Gaussian:
    """mu-Gaussian privacy: neighbours are no easier told apart than N(0, 1) and N(mu, 1) (Dong, Roth and Su 2019)."""

    mu: float

    def false_alarms(self, power: float) -> float:
        """Phi(Phi^-1(power) - mu)."""
        from scipy.special import ndtr, ndtri

        return float(ndtr(ndtri(power) - self.mu))

    def delta(self, epsilon: float) -> float:
        """The delta at an epsilon: Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu) (Balle and Wang 2018)."""
        from scipy.special import log_ndtr, ndtr

        if not self.mu:
            return 0.0
        near, far = self.mu / 2 - epsilon / self.mu, -self.mu / 2 - epsilon / self.mu
        return max(0.0, float(ndtr(near) - math.exp(min(epsilon + float(log_ndtr(far)), 0.0))))

    def epsilon(self, delta: float) -> float:
        """The epsilon at a delta between 0 and 1, 0 where the delta alone suffices."""
        check_claim(0.0, delta)
        if not delta:
            raise UsageError("Gaussian privacy has no finite epsilon at delta 0; give a delta, such as 1e-5.")
        if self.delta(0.0) <= delta:
            return 0.0
        low, high = 0.0, 1.0
        while self.delta(high) > delta:
            low, high = high, 2 * high
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.delta(middle) > delta else (low, middle)
        return low


@dataclass(frozen=True)
class Profile:
    """The curve behind privacy at several (epsilon, delta) at once: float64 (points,) each, one point is plain DP."""

    epsilons: Array
    deltas: Array

    @classmethod
    def of(cls, epsilon: float, delta: float = 0.0) -> Profile:
        """Plain (epsilon, delta) privacy."""
        check_claim(epsilon, delta)
        return cls(np.array([epsilon]), np.array([delta]))

    def false_alarms(self, power: float) -> float:
        """The greatest of e^-epsilon (power - delta) and 1 - delta - e^epsilon (1 - power) over the points."""
        near = np.exp(-self.epsilons) * (power - self.deltas)
        # e^epsilon is capped where the line that it stands for lies below 0 anyway.
        far = 1 - self.deltas - np.exp(np.minimum(self.epsilons, 700.0)) * (1 - power)
        return float(min(1.0, max(0.0, near.max(), far.max())))


def refutes(correct: int, guesses: int, canaries: int, curve: TradeOff, confidence: float = CONFIDENCE) -> bool:
    """Whether so many right guesses are less likely than 1 - confidence under every mechanism that keeps the curve.

    Mahloujifar, Melis and Chaudhuri 2024 (arXiv 2410.22235). With p_n the chance of n right guesses, let
    r_i = sum over n >= i of n p_n / canaries and h_i = sum over n >= i of (guesses - n) p_n / canaries. Telling one
    canary from its absence is a test, so h_i is at least the false alarms at power r_(i+1). From all of the tail at
    `correct`, the least r_0 + h_0 that this allows follows going down, and must not exceed guesses / canaries.
    The number of guesses must not depend on the coins. UsageError for counts that cannot be.
    """
    check_counts(correct, guesses, canaries)
    check_confidence(confidence)
    tail, whole = 1 - confidence, guesses / canaries
    hit, missed = tail * correct / canaries, tail * (guesses - correct) / canaries
    for right in range(correct - 1, -1, -1):
        needed = curve.false_alarms(min(1.0, hit))
        if needed <= missed:
            return False
        hit += right / (guesses - right) * (needed - missed)
        missed = needed
        # What is still to come only adds: the least total so far is that of all the rest at `right`.
        if hit + missed > whole:
            return True
    return hit + missed > whole


def refuted(
    correct: int,
    guesses: int,
    canaries: int,
    family: Callable[[float], TradeOff] = Gaussian,
    confidence: float = CONFIDENCE,
) -> float:
    """The greatest parameter of a family of curves, which promise less as it grows, that so many right guesses refute.

    For the Gaussian family that is a lower bound on mu, and `Gaussian(mu).epsilon(delta)` one on epsilon, if the
    mechanism's curve is one of the family. 0 where nothing is refuted. UsageError for counts that cannot be.
    """
    low, high = 0.0, 1.0
    if not refutes(correct, guesses, canaries, family(low), confidence):
        return low
    while refutes(correct, guesses, canaries, family(high), confidence):
        if high > MOST:
            return high
        low, high = high, 2 * high
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if refutes(correct, guesses, canaries, family(middle), confidence) else (low, middle)
    return low
