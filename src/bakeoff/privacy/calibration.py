"""From a budget to the noise: the smallest sigma with which what is planned stays within it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from bakeoff.errors import UsageError
from bakeoff.privacy.accounting import REPORTED, SEARCHED, epsilon_of, rdp_of
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.entries import Entry, Kind, Neighbours

CLOSE = 1e-3  # how near sigma comes to the smallest one, relative to it
LEAST, MOST = 1e-2, 1e7  # sigma is looked for between these

Planned = Callable[[float], Iterable[Entry]]


def calibrate(
    budget: Budget,
    rate: float,
    steps: int,
    *,
    entries: Iterable[Entry] = (),
    shape: Sequence[float] | None = None,
    neighbours: Neighbours = Neighbours.ADD_OR_REMOVE,
) -> float:
    """The smallest sigma with which `steps` Poisson-sampled Gaussian steps at `rate` stay within the budget.

    `entries` are those that stand in the ledger already and share the budget. `shape` are multipliers of sigma for
    equally long stretches of the steps, in order: step t is then run with sigma times its stretch's multiplier (see
    `stretched`). The epsilon of the sigma that is given back is at most the budget's on the grid of reported figures,
    and less than half a percent below it. UsageError where what was spent already leaves nothing.
    """
    held = tuple(entries)

    def planned(sigma: float) -> Iterable[Entry]:
        return (*held, *noisy_steps("planned", rate, stretched(sigma, steps, shape)))

    return smallest_sigma(budget, planned, neighbours=neighbours)


def stretched(sigma: float, steps: int, shape: Sequence[float] | None = None) -> list[float]:
    """The sigma of each step, where `shape` multiplies that of equally long stretches (one for each epoch, or step).

    UsageError where a multiplier is not positive or there are more of them than steps.
    """
    if steps < 1 or int(steps) != steps:
        raise UsageError(f"There are {steps} steps; a fit has a whole number of at least 1.")
    if shape is None:
        return [sigma] * steps
    if not 0 < len(shape) <= steps or not all(one > 0 and math.isfinite(one) for one in shape):
        raise UsageError(f"A noise schedule holds 1 to {steps} positive multipliers, one for each stretch of steps.")
    return [sigma * shape[step * len(shape) // steps] for step in range(steps)]


def noisy_steps(name: str, rate: float, sigmas: Iterable[float]) -> list[Entry]:
    """Entries of Poisson-sampled Gaussian steps with these sigmas, equal ones in a row together."""
    return [Entry(Kind.SAMPLED, name, len(list(equal)), rate=rate, sigma=sigma) for sigma, equal in groupby(sigmas)]


def smallest_sigma(budget: Budget, planned: Planned, *, neighbours: Neighbours = Neighbours.ADD_OR_REMOVE) -> float:
    """The smallest sigma for which the entries `planned(sigma)` stay within the budget; they grow safer with sigma."""

    def loose(sigma: float) -> float:
        return rdp_of(planned(sigma), budget.delta, neighbours=neighbours, quick=True)

    def excess(sigma: float, grid: float = SEARCHED) -> float:
        return epsilon_of(planned(sigma), budget.delta, neighbours=neighbours, grid=grid) - budget.epsilon

    high = _bracketed(loose, budget)
    low = high / 2
    while excess(low) <= 0:
        high, low = low, low / 2
        if low < LEAST:
            return high
    while high / low > 1 + CLOSE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if excess(middle) <= 0 else (middle, high)
    while excess(high, REPORTED) > 0:  # two grids differ by less than a step of the search
        high *= 1 + CLOSE
    return high


def _bracketed(loose: Callable[[float], float], budget: Budget) -> float:
    """A sigma that is enough by the looser bound, which costs little to compute."""
    sigma = 1.0
    while loose(sigma) > budget.epsilon:
        sigma *= 2
        if sigma > MOST:
            raise UsageError(
                f"No noise is enough: what is spent already leaves nothing of epsilon {budget.epsilon:g} at delta "
                f"{budget.delta:g}. Take a greater budget, or spend less before."
            )
    while sigma > LEAST and loose(sigma / 2) <= budget.epsilon:
        sigma /= 2
    return sigma
