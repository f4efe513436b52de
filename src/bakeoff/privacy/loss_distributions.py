"""The privacy loss distribution of each mechanism, put on a grid so that its privacy curve is never understated.

A cell of the grid between two losses holds some of the upper and some of the lower measure; both are kept when they are
moved to its two ends ("Connect the Dots", Doroshenko et al. 2022, arXiv 2207.04380, algorithm 1), so the curve of
delta over epsilon is exact at the grid's points and above the true one between them. Composition is dp-accounting's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from bakeoff.extras import need
from bakeoff.nouns import Array
from bakeoff.privacy.entries import Neighbours

TAIL = 10.0  # standard deviations beyond which noise counts as delta: 1.5e-23 of its mass
TABLE, NEWTON = 4096, 6  # places between which an output is looked up, and steps that make it exact


@dataclass(frozen=True)
class Mixture:
    """Normal distributions at 0, 1, 2, ... with these weights and one standard deviation, against the one at 0.

    The loss is the log of the mixture's density over that of N(0, sigma^2), which grows with the output.
    """

    weights: tuple[float, ...]
    sigma: float

    @classmethod
    def of(cls, rate: float, sigma: float, together: int = 1) -> Mixture:
        """How far a sum moves when each of so many contributions takes part with chance `rate`, by itself."""
        if together == 1:
            return cls((1 - rate, rate), sigma)
        from scipy.stats import binom

        return cls(tuple(binom.pmf(np.arange(together + 1), together, rate)), sigma)

    @property
    def farthest(self) -> float:
        """The output above which lies next to nothing of the mixture."""
        return len(self.weights) - 1 + TAIL * self.sigma

    def loss(self, outputs: Array) -> Array:
        """The loss at each output."""
        from scipy.special import logsumexp

        places = np.arange(len(self.weights))
        with np.errstate(divide="ignore"):
            logs = np.log(self.weights)
        powers = places * (outputs[..., None] - places / 2) / self.sigma**2
        found: Array = np.asarray(logsumexp(logs + powers, axis=-1))
        return found

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
        found = np.interp(losses, held, table)
        places = np.arange(len(self.weights))
        for _ in range(NEWTON):
            density = np.asarray(self.weights) * np.exp(places * (found[:, None] - places / 2) / self.sigma**2)
            slope = (density * places).sum(1) / density.sum(1) / self.sigma**2
            step = (np.log(density.sum(1)) - losses) / np.maximum(slope, 1e-300)
            found = np.clip(found - step, table[0], table[-1])
        return np.where(losses < held[0], -np.inf, np.where(losses > held[-1], self.farthest, found))

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


@lru_cache(maxsize=64)
def added_or_removed(rate: float, sigma: float, together: int, interval: float) -> Any:
    """Gaussian noise on a sum in which a unit takes part with chance `rate`, for one that is added or removed.

    The worst pair is (1 - rate) N(0, sigma^2) + rate N(1, sigma^2) and N(0, sigma^2), in both directions (Zhu, Dong and
    Wang 2022, arXiv 2106.08567). A rate of 1 is a sum over all rows. Where a unit has several records (`together`),
    each drawn by itself, the sum moves by a binomial number of bounds (Ganesh 2024, "Tight Group-Level DP Guarantees
    for DP-SGD with Sampling via Mixture of Gaussians Mechanisms"). A dp-accounting PrivacyLossDistribution.
    """
    mixture = Mixture.of(rate, sigma, together)
    lowest, highest = mixture.loss(np.array([-TAIL * sigma, mixture.farthest])) / interval
    start, stop = math.floor(lowest), math.ceil(highest)
    edges = mixture.outputs(np.arange(start, stop + 1) * interval)
    mixed, alone = mixture.masses(edges)
    above = mixture.above(edges[-1])
    below = 1.0 - mixture.above(edges[0])[1]
    removed = _on_grid(start, mixed, alone, interval, below, above[0])
    added = _on_grid(-stop, alone[::-1], mixed[::-1], interval, above[1], below)
    return _distribution()(removed, added)


@lru_cache(maxsize=64)
def replaced(rate: float, sigma: float, interval: float) -> Any:
    """The same where a unit's contribution is replaced by another, and samples are Poisson.

    The worst pair is (1 - rate) N(0, sigma^2) + rate N(1, sigma^2) against the same with N(-1, sigma^2).
    """
    pld: Any = need("dp_accounting.pld.privacy_loss_distribution", "privacy")
    relation: Any = need("dp_accounting.privacy_accountant", "privacy").NeighboringRelation
    return pld.from_gaussian_mechanism(
        sigma,
        value_discretization_interval=interval,
        sampling_prob=rate,
        neighboring_relation=relation.REPLACE_ONE,
    )


@lru_cache(maxsize=64)
def fixed_size(rate: float, sigma: float, interval: float) -> Any:
    """Gaussian noise on a sum over a share `rate` of all rows, drawn without replacement, where one is replaced.

    A replaced row moves the sum by twice its bound, so the noise counts half. The curve is that of a mixture against
    N(0, (sigma / 2)^2) where epsilon is above 0, mirrored below it, with what is left of both measures at 0 (Zhu, Dong
    and Wang 2022, arXiv 2106.08567). A dp-accounting PrivacyLossDistribution.
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
    return _distribution()(_dense()(interval, -stop, probabilities, above[0], True))


@lru_cache(maxsize=64)
def stated_pair(epsilon: float, delta: float, interval: float) -> Any:
    """The worst mechanism that is (epsilon, delta)-private: randomised response that sometimes tells outright.

    Kairouz, Oh and Viswanath 2015, "The Composition Theorem for Differential Privacy".
    """
    likely = (1 - delta) / (1 + math.exp(-epsilon))
    unlikely = (1 - delta) / (1 + math.exp(epsilon))
    held: dict[int, float] = {}
    for loss, upper, lower in ((epsilon, likely, unlikely), (-epsilon, unlikely, likely)):
        cell = math.floor(loss / interval + 1e-9)
        low, high = _split(cell, np.array([upper]), np.array([lower]), interval)
        held[cell] = held.get(cell, 0.0) + float(low)
        held[cell + 1] = held.get(cell + 1, 0.0) + float(high)
    pmf: Any = need("dp_accounting.pld.pld_pmf", "privacy")
    return _distribution()(pmf.create_pmf(held, interval, delta, True))


def nothing(interval: float) -> Any:
    """The distribution of what tells nothing."""
    pld: Any = need("dp_accounting.pld.privacy_loss_distribution", "privacy")
    return pld.identity(value_discretization_interval=interval)


def gaussian(rate: float, sigma: float, together: int, neighbours: Neighbours, interval: float) -> Any:
    """The distribution of one Poisson-sampled Gaussian sum for these neighbours."""
    if neighbours is Neighbours.REPLACE:
        # Several records of a unit count as if they were always drawn together, which is worse than each by itself.
        return replaced(1 - (1 - rate) ** together, sigma / together, interval)
    return added_or_removed(rate, sigma, together, interval)


def _distribution() -> Any:
    pld: Any = need("dp_accounting.pld.privacy_loss_distribution", "privacy")
    return pld.PrivacyLossDistribution


def _dense() -> Any:
    pmf: Any = need("dp_accounting.pld.pld_pmf", "privacy")
    return pmf.DensePLDPmf


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


def _on_grid(start: int, upper: Array, lower: Array, interval: float, lowest: float, infinite: float) -> Any:
    """Masses by cell, with what lies below the first edge at it, and what lies above the last one at infinity."""
    probabilities = _split(start, upper, lower, interval)
    probabilities[0] += lowest
    return _dense()(interval, start, probabilities, infinite, True)
