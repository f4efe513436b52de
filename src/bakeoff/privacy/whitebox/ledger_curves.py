"""What a ledger promises of every test between neighbours: its trade-off curve, with as much noise or with less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.accounting import SEARCHED, distribution_of, epsilon_of, gathered, interval_for
from bakeoff.privacy.audits import Gaussian, Profile, TradeOff, refutes
from bakeoff.privacy.composition import together
from bakeoff.privacy.entries import Entry, Kind, Neighbours
from bakeoff.privacy.loss_distributions import Losses

CLOSE = 2e-3  # how near the share of noise is searched for
MOST = 1e3  # times less noise than is stated, beyond which none is told apart
POINTS = 400  # epsilons at which a curve is known; between them it is taken to promise less


@dataclass(frozen=True)
class Stated:
    """The noisy steps of a ledger as a family of claims: all of their noise divided by the same number."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, entries: Sequence[Entry], neighbours: Neighbours) -> Stated:
        """What is private in a ledger; UsageError where an audit by coins has nothing to compare itself with."""
        held = tuple(entry for entry in entries if entry.private and (entry.rate or entry.kind is not Kind.SAMPLED))
        if neighbours is not Neighbours.ADD_OR_REMOVE:
            raise UsageError(
                f"The ledger's neighbours are {neighbours.value!r}, and a canary that is in or out tells of "
                f"{Neighbours.ADD_OR_REMOVE.value!r}; audit a fit whose ledger is stated for that."
            )
        if not held or not all(entry.kind in (Kind.SAMPLED, Kind.RELEASED) for entry in held):
            raise UsageError(
                "The ledger holds something else than steps of Gaussian noise, or none, so an audit of the steps has "
                "no curve to be compared with; audit a fit that takes nothing but gradients from its records."
            )
        return cls(held)

    @property
    def noisy(self) -> bool:
        """Whether every step has noise at all."""
        return all(entry.sigma > 0 for entry in self.entries)

    def less(self, times: float) -> list[Entry]:
        """The entries with so many times less noise."""
        return [replace(entry, sigma=entry.sigma / times) for entry in self.entries]

    def epsilon(self, delta: float, times: float = 1.0) -> float:
        """Epsilon with so many times less noise; 0 where there is endless noise."""
        return epsilon_of(self.less(times), delta, grid=SEARCHED) if times > 0 else 0.0

    def curve(self, times: float = 1.0) -> TradeOff:
        """The trade-off curve with so many times less noise, never above the true one."""
        return _curve(tuple(self.less(times))) if times else Gaussian(0.0)

    def refuted(self, tried: Sequence[tuple[int, int]], canaries: int, confidences: Sequence[float]) -> float:
        """How many times less noise than stated, at the least, the right guesses show: 0 where nothing is shown.

        `tried` holds (right, guesses) of each number of guesses, fixed beforehand, and `confidences` the level of each.
        """

        def shown(times: float) -> bool:
            curve = self.curve(times)
            each = zip(tried, confidences, strict=True)
            return any(refutes(right, guesses, canaries, curve, level) for (right, guesses), level in each)

        if not shown(0.0):
            return 0.0
        low, high = 0.0, 1.0
        while shown(high):
            low, high = high, 2 * high
            if high > MOST:
                return low
        while high - low > CLOSE * high:
            middle = (low + high) / 2
            low, high = (middle, high) if shown(middle) else (low, middle)
        return low


@lru_cache(maxsize=256)
def _curve(entries: tuple[Entry, ...]) -> Profile:
    """The curve that these steps keep, a little below it between its points."""
    few = gathered(entries, SEARCHED)
    interval = interval_for(few, Neighbours.ADD_OR_REMOVE, SEARCHED)
    parts = [(distribution_of(entry, Neighbours.ADD_OR_REMOVE, interval), [entry.count]) for entry in few]
    (whole,) = together(parts, interval)
    # What lies in the last thousandth of a millionth is as good as nothing to so few guesses.
    far = max(_loss_above(whole.removed, interval), _loss_above(whole.added, interval), interval)
    epsilons = np.linspace(0.0, far, POINTS)
    deltas = np.maximum(_deltas(whole.removed, epsilons, interval), _deltas(whole.added, epsilons, interval))
    return Profile(epsilons, np.minimum(deltas, 1.0))


def _deltas(losses: Losses, epsilons: Array, interval: float) -> Array:
    """delta(epsilon) = infinite + the sum of p (1 - exp(epsilon - loss)) over losses above epsilon."""
    cells = (losses.start + np.arange(len(losses.probabilities))) * interval
    with np.errstate(over="ignore", invalid="ignore"):
        lower = np.where(cells > 0, losses.probabilities * np.exp(-cells), 0.0)
    above = np.concatenate([np.cumsum(losses.probabilities[::-1])[::-1], [0.0]])
    below = np.concatenate([np.cumsum(lower[::-1])[::-1], [0.0]])
    place = np.searchsorted(cells, epsilons, side="right")
    return np.asarray(
        np.maximum(losses.infinite + above[place] - np.exp(np.minimum(epsilons, 700.0)) * below[place], 0.0)
    )


def _loss_above(losses: Losses, interval: float) -> float:
    above = np.cumsum(losses.probabilities[::-1])[::-1]
    place = int(np.searchsorted(-above, -1e-9))
    return float(min((losses.start + min(place, len(above) - 1)) * interval, 600.0))
