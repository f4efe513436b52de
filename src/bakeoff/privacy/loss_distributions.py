"""The privacy loss distribution of each mechanism, put on a grid so that its privacy curve is never understated.

A cell of the grid between two losses holds some of the upper and some of the lower measure; both are kept when they are
moved to its two ends ("Connect the Dots", Doroshenko et al. 2022, arXiv 2207.04380, algorithm 1), so the curve of
delta over epsilon is exact at the grid's points and above the true one between them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bakeoff.nouns import Array

TAIL = 10.0  # standard deviations beyond which noise counts as delta: 1.5e-23 of its mass
FAR = 1e-25  # weight of a mixture's places beyond which none is told apart
TABLE, NEWTON = 4096, 6  # places between which an output is looked up, and steps that make it exact
SMALLEST = 1e-280  # probabilities below which a cell counts as delta
BLOCK = 1 << 16  # outputs worked on at a time


@dataclass(frozen=True)
class Mixture:
    """Normal distributions at 0, 1, 2, ... with these weights and one standard deviation, against the one at 0.

    The loss is the log of the mixture's density over that of N(0, sigma^2), which grows with the output. `left_out` is
    the weight of places farther out, which counts as delta.
    """

    weights: tuple[float, ...]
    sigma: float
    left_out: float = 0.0

    @classmethod
    def of(cls, rate: float, sigma: float, together: int = 1) -> Mixture:
        """How far a sum moves when each of so many contributions takes part with chance `rate`, by itself."""
        if together == 1:
            return cls((1 - rate, rate), sigma)
        from scipy.stats import binom

        most = max(1, min(together, int(binom.isf(FAR, together, rate)) + 1))
        weights = binom.pmf(np.arange(most + 1), together, rate)
        left_out = float(binom.sf(most, together, rate))
        return cls(tuple(weights / weights.sum()), sigma, left_out)

    @property
    def farthest(self) -> float:
        """The output above which lies next to nothing of the mixture."""
        return len(self.weights) - 1 + TAIL * self.sigma

    def loss(self, outputs: Array) -> Array:
        """The loss at each output."""
        return np.concatenate([self._loss_and_slope(part)[0] for part in _blocks(outputs)])

    def _loss_and_slope(self, outputs: Array) -> tuple[Array, Array]:
        places = np.arange(len(self.weights))
        with np.errstate(divide="ignore"):
            logs = np.log(self.weights) + places * (outputs[:, None] - places / 2) / self.sigma**2
        top = logs.max(axis=1)
        shares = np.exp(logs - top[:, None])
        whole = shares.sum(axis=1)
        return top + np.log(whole), shares @ places / whole / self.sigma**2

    def outputs(self, losses: Array) -> Array:
        """The output at which the loss is that; minus infinity where it is always greater."""
        if len(self.weights) > 2:
            return self._searched(losses)
        rate = self.weights[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            # log((e^loss - 1 + rate) / rate), without taking the exponential of a great loss
            small = np.log((np.expm1(np.minimum(losses, 1.0)) + rate) / rate)
            great = losses + np.log1p(-(1 - rate) * np.exp(-np.maximum(losses, 1.0))) - math.log(rate)
        logs = np.where(losses > 1.0, great, small)
        return self.sigma**2 * np.where(np.isnan(logs), -np.inf, logs) + 0.5

    def _searched(self, losses: Array) -> Array:
        table = np.linspace(-TAIL * self.sigma, self.farthest, TABLE)
        held = self.loss(table)
        out = []
        for part in _blocks(losses):
            found: Array = np.asarray(np.interp(part, held, table))
            for _ in range(NEWTON):
                here, slope = self._loss_and_slope(found)
                step = (here - part) / np.maximum(slope, 1e-300)
                found = np.asarray(np.clip(found - step, table[0], table[-1]))
            out.append(np.where(part < held[0], -np.inf, np.where(part > held[-1], self.farthest, found)))
        return np.concatenate(out)

    def masses(self, edges: Array) -> tuple[Array, Array]:
        """What the mixture and N(0, sigma^2) put between neighbouring edges."""
        parts = [_between((edges - place) / self.sigma) for place in range(len(self.weights))]
        mixed = sum(weight * part for weight, part in zip(self.weights, parts, strict=True))
        return np.asarray(mixed), parts[0]

    def above(self, edge: float) -> tuple[float, float]:
        """What the mixture and N(0, sigma^2) put above an edge."""
        from scipy.special import ndtr

        tails = [float(ndtr((place - edge) / self.sigma)) for place in range(len(self.weights))]
        return sum(weight * tail for weight, tail in zip(self.weights, tails, strict=True)), tails[0]


@dataclass(frozen=True)
class Losses:
    """How likely each privacy loss is: cell i of the grid stands for a loss of (start + i) intervals."""

    start: int
    probabilities: Array
    infinite: float


@dataclass(frozen=True)
class LossDistribution:
    """The losses of a mechanism where a unit is taken away, and where one is added (the same where one is replaced)."""

    removed: Losses
    added: Losses
    interval: float


@lru_cache(maxsize=64)
def added_or_removed(rate: float, sigma: float, together: int, interval: float) -> LossDistribution:
    """Gaussian noise on a sum in which a unit takes part with chance `rate`, for one that is added or removed.

    The worst pair is (1 - rate) N(0, sigma^2) + rate N(1, sigma^2) and N(0, sigma^2), in both directions (Zhu, Dong and
    Wang 2022, arXiv 2106.08567). A rate of 1 is a sum over all rows. Where a unit has several records (`together`),
    each drawn by itself, the sum moves by a binomial number of bounds (Ganesh 2024, "Tight Group-Level DP Guarantees
    for DP-SGD with Sampling via Mixture of Gaussians Mechanisms").
    """
    mixture = Mixture.of(rate, sigma, together)
    lowest, highest = mixture.loss(np.array([-TAIL * sigma, mixture.farthest])) / interval
    start, stop = math.floor(lowest), math.ceil(highest)
    edges = mixture.outputs(np.arange(start, stop + 1) * interval)
    mixed, alone = mixture.masses(edges)
    above = mixture.above(edges[-1])
    below = 1.0 - mixture.above(edges[0])[1]
    removed = _on_grid(start, mixed, alone, interval, (below, above[0] + mixture.left_out))
    added = _on_grid(-stop, alone[::-1], mixed[::-1], interval, (above[1], below + mixture.left_out))
    return LossDistribution(removed, added, interval)


def reach(rate: float, sigma: float, together: int) -> float:
    """About how far the losses of one use reach."""
    mixture = Mixture.of(rate, sigma, together)
    return float(np.ptp(mixture.loss(np.array([-TAIL * sigma, mixture.farthest]))))


@lru_cache(maxsize=64)
def replaced(rate: float, sigma: float, interval: float) -> LossDistribution:
    """The same where a unit's contribution is replaced by another, and samples are Poisson.

    The worst pair is (1 - rate) N(0, sigma^2) + rate N(1, sigma^2) against the same with N(-1, sigma^2).
    """
    mixture = Mixture.of(rate, sigma)
    farthest = np.array([mixture.farthest])
    stop = math.ceil(float((mixture.loss(farthest) - mixture.loss(-farthest))[0]) / interval)
    losses = np.arange(1, stop + 1) * interval
    with np.errstate(divide="ignore"):
        # With u = exp(x / sigma^2), b = rate exp(-1 / 2 sigma^2): b u^2 + (1 - rate)(1 - e^loss) u - b e^loss = 0.
        linear = np.log1p(-rate) + np.log(np.expm1(np.minimum(losses, 30.0))) + np.maximum(losses - 30.0, 0.0)
    linear = linear - math.log(rate) + 0.5 / sigma**2
    root = np.logaddexp(linear, np.logaddexp(2 * linear, math.log(4.0) + losses) / 2) - math.log(2.0)
    half = sigma**2 * root
    edges = np.concatenate([-half[::-1], [0.0], half])
    upper, _ = mixture.masses(edges)
    lower, _ = mixture.masses(-edges[::-1])
    above = mixture.above(edges[-1])[0]
    below = 1.0 - mixture.above(edges[0])[0]
    both = _on_grid(-stop, upper, lower[::-1], interval, (below, above))
    return LossDistribution(both, both, interval)


@lru_cache(maxsize=64)
def fixed_size(rate: float, sigma: float, interval: float) -> LossDistribution:
    """Gaussian noise on a sum over a share `rate` of all rows, drawn without replacement, where one is replaced.

    A replaced row moves the sum by twice its bound, so the noise counts half. The curve is that of a mixture against
    N(0, (sigma / 2)^2) where epsilon is above 0, mirrored below it, with what is left of both measures at 0 (Zhu, Dong
    and Wang 2022, arXiv 2106.08567).
    """
    mixture = Mixture.of(rate, sigma / 2)
    stop = math.ceil(float(mixture.loss(np.array([mixture.farthest]))[0]) / interval)
    edges = mixture.outputs(np.arange(0, stop + 1) * interval)
    mixed, alone = mixture.masses(edges)
    above = mixture.above(edges[-1])
    probabilities = np.zeros(2 * stop + 1)
    probabilities[stop:] = _split(0, mixed, alone, interval)
    probabilities[: stop + 1] += _split(-stop, alone[::-1], mixed[::-1], interval)
    probabilities[stop] += 1.0 - mixed.sum() - alone.sum() - sum(above)
    probabilities[0] += above[1]
    both = Losses(-stop, probabilities, above[0])
    return LossDistribution(both, both, interval)


@lru_cache(maxsize=64)
def stated_pair(epsilon: float, delta: float, interval: float) -> LossDistribution:
    """The worst mechanism that is (epsilon, delta)-private: randomised response that sometimes tells outright.

    Kairouz, Oh and Viswanath 2015, "The Composition Theorem for Differential Privacy".
    """
    likely = (1 - delta) / (1 + math.exp(-epsilon))
    unlikely = (1 - delta) - likely
    first = math.floor(-epsilon / interval + 1e-9)
    probabilities = np.zeros(math.floor(epsilon / interval + 1e-9) - first + 2)
    for loss, upper, lower in ((epsilon, likely, unlikely), (-epsilon, unlikely, likely)):
        cell = math.floor(loss / interval + 1e-9)
        probabilities[cell - first : cell - first + 2] += _split(cell, np.array([upper]), np.array([lower]), interval)
    both = Losses(first, probabilities, delta)
    return LossDistribution(both, both, interval)


def _blocks(numbers: Array) -> list[Array]:
    return [numbers[start : start + BLOCK] for start in range(0, len(numbers), BLOCK)]


def _between(edges: Array) -> Array:
    """What N(0, 1) puts between neighbouring edges, exact in both tails."""
    from scipy.special import ndtr

    above, below = ndtr(-edges), ndtr(edges)
    return np.asarray(np.where(edges[:-1] > 0, above[:-1] - above[1:], below[1:] - below[:-1]))


def _split(start: int, upper: Array, lower: Array, interval: float) -> Array:
    """Each cell's upper mass, moved to its two ends so that the lower measure's mass is kept too."""
    losses = (start + np.arange(len(upper))) * interval
    with np.errstate(over="ignore", invalid="ignore"):
        high = (upper - np.exp(losses) * lower) / -np.expm1(-interval)
    high = np.clip(np.nan_to_num(high, nan=np.inf, posinf=np.inf), 0.0, upper)
    out = np.zeros(len(upper) + 1)
    out[:-1] += upper - high
    out[1:] += high
    return out


def _on_grid(start: int, upper: Array, lower: Array, interval: float, outside: tuple[float, float]) -> Losses:
    """Masses by cell; what lies below the first edge is put at it, what lies above the last one at infinity."""
    probabilities = _split(start, upper, lower, interval)
    probabilities[0] += outside[0]
    tiny = probabilities < SMALLEST  # whose logs and quotients overflow
    infinite = outside[1] + float(probabilities[tiny].sum())
    probabilities[tiny] = 0.0
    return Losses(start, probabilities, infinite)
