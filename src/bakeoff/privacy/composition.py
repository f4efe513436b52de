"""Privacy loss distributions composed: any number at once by Fourier transforms, or as dp-accounting's own objects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.extras import need
from bakeoff.nouns import Array
from bakeoff.privacy.entries import Entry, Kind, Neighbours
from bakeoff.privacy.loss_distributions import LossDistribution, Losses

CUT = 1e-15  # mass of the composed losses that may lie outside what is kept; it counts as delta
EXPONENTS = tuple(2.0**power for power in range(-6, 12))  # of Chernoff's bound, for losses from 1e-3 to 1e3


def as_library(found: LossDistribution | None, interval: float) -> Any:
    """A dp-accounting PrivacyLossDistribution; without a distribution that of what tells nothing."""
    pld: Any = need("dp_accounting.pld.privacy_loss_distribution", "privacy")
    if found is None:
        return pld.identity(value_discretization_interval=interval)
    dense: Any = need("dp_accounting.pld.pld_pmf", "privacy").DensePLDPmf

    def one(losses: Losses) -> Any:
        return dense(interval, losses.start, losses.probabilities, losses.infinite, True)

    removed = one(found.removed)
    return pld.PrivacyLossDistribution(removed, None if found.added is found.removed else one(found.added))


def of_library(entry: Entry, neighbours: Neighbours, interval: float) -> Any:
    """dp-accounting's own distribution of one use of a mechanism that it knows, None for any other.

    It knows Gaussian noise on single records, all of them or a Poisson sample.
    """
    if entry.kind not in (Kind.SAMPLED, Kind.RELEASED) or entry.together > 1:
        return None
    pld: Any = need("dp_accounting.pld.privacy_loss_distribution", "privacy")
    relation: Any = need("dp_accounting.privacy_accountant", "privacy").NeighboringRelation
    return pld.from_gaussian_mechanism(
        entry.sigma,
        value_discretization_interval=interval,
        sampling_prob=entry.rate if entry.kind is Kind.SAMPLED else 1.0,
        neighboring_relation=relation.REPLACE_ONE if neighbours is Neighbours.REPLACE else relation.ADD_OR_REMOVE_ONE,
    )


def together(parts: Sequence[tuple[LossDistribution, Sequence[int]]], interval: float) -> list[LossDistribution]:
    """Distributions composed at several moments: each part comes with how often it was used up to each of them.

    One distribution for each moment, on the same grid as the parts.
    """
    counts = np.array([count for _, count in parts], dtype=np.int64)
    removed = _convolved([part.removed for part, _ in parts], counts, interval)
    if all(part.added is part.removed for part, _ in parts):
        return [LossDistribution(one, one, interval) for one in removed]
    added = _convolved([part.added for part, _ in parts], counts, interval)
    return [LossDistribution(one, other, interval) for one, other in zip(removed, added, strict=True)]


def epsilon_at(found: LossDistribution, delta: float) -> float:
    """The least epsilon at least 0 where the curve is at most `delta`; infinite where it nowhere is."""
    return max(_epsilon_at(found.removed, found.interval, delta), _epsilon_at(found.added, found.interval, delta))


def _epsilon_at(losses: Losses, interval: float, delta: float) -> float:
    """delta(epsilon) = infinite + the sum of p (1 - exp(epsilon - loss)) over losses above epsilon."""
    if losses.infinite >= delta:
        return math.inf
    first = max(0, 1 - losses.start)  # the first loss above 0
    held = losses.probabilities[first:]
    cells = (losses.start + first + np.arange(len(held))) * interval
    with np.errstate(divide="ignore"):
        lower = np.logaddexp.accumulate((np.log(held) - cells)[::-1])[::-1]  # logs of the lower measure above
    upper = np.cumsum(held[::-1])[::-1]
    begins = np.concatenate([[0.0], cells])  # from each to the next one, epsilon is above no other loss
    curve = losses.infinite + upper - np.exp(begins[:-1] + lower)
    place = int(np.searchsorted(-curve, -delta, side="right")) - 1  # the last beginning where it is above delta
    if place < 0 or not len(held):
        return 0.0
    return float(np.log(losses.infinite + upper[place] - delta) - lower[place])


def _convolved(parts: Sequence[Losses], counts: Array, interval: float) -> list[Losses]:
    """The sum of so many losses of each part, at each moment; counts are (parts, moments)."""
    from scipy.fft import irfft, next_fast_len, rfft

    first, last = _window(parts, counts, interval)
    size = next_fast_len(max(last - first + 1, *(len(part.probabilities) for part in parts)), real=True)
    whole = np.ones((counts.shape[1], size // 2 + 1), dtype=np.complex128)
    for part, often in zip(parts, counts, strict=True):
        transform = rfft(part.probabilities, size)
        for moment, count in enumerate(often):
            if count:
                whole[moment] *= transform ** int(count)
    told = -np.expm1(counts.T @ np.log1p([-part.infinite for part in parts]))
    out = []
    for moment, start in enumerate(counts.T @ np.array([part.start for part in parts])):
        around = np.maximum(irfft(whole[moment], size), 0.0)
        held = np.roll(around, int(start) - first)[: last - first + 1]
        out.append(Losses(first, held, float(told[moment]) + CUT))
    return out


def _window(parts: Sequence[Losses], counts: Array, interval: float) -> tuple[int, int]:
    """Cells outside of which no moment's sum lies but for CUT of its mass, by Chernoff's bound."""
    exponents = np.array(EXPONENTS) * interval
    highest = np.full(counts.shape[1], np.inf)
    lowest = np.full(counts.shape[1], -np.inf)
    for sign in (1, -1):
        logs = np.array([_log_moments(part, sign * exponents) for part in parts])
        reach = ((counts.T @ logs) + math.log(2 / CUT)) / exponents
        if sign > 0:
            highest = reach.min(axis=1)
        else:
            lowest = -reach.min(axis=1)
    ends = counts.T @ np.array([[part.start, part.start + len(part.probabilities) - 1] for part in parts])
    first = np.maximum(np.floor(lowest), ends[:, 0]).min()
    last = np.minimum(np.ceil(highest), ends[:, 1]).max()
    return int(first), int(last)


def _log_moments(losses: Losses, exponents: Array) -> Array:
    """The log of the mean of exp(exponent * cell) at each exponent."""
    held = np.flatnonzero(losses.probabilities > 0)
    cells = (held + losses.start).astype(np.float64)
    logs = np.log(losses.probabilities[held])
    out = np.empty(len(exponents))
    for place, exponent in enumerate(exponents):
        powers = logs + exponent * cells
        top = powers.max()
        out[place] = top + math.log(np.exp(powers - top).sum())
    return out
