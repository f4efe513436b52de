"""From a budget to the noise: the smallest sigma with which what is planned stays within it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from bakeoff.errors import UsageError
from bakeoff.privacy.accounting import REPORTED, SEARCHED, epsilon_of, rdp_of
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.entries import Entry, Kind, Neighbours

CLOSE = 1e-4  # how near sigma comes to the smallest one, relative to it
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
    and hardly below it. UsageError where what was spent already leaves nothing.
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
    """The smallest sigma for which the entries `planned(sigma)` stay within the budget; they grow safer with sigma.

    It is looked for on a coarse grid of privacy losses and settled on the grid of reported figures. UsageError where no
    noise is enough.
    """

    def excess(sigma: float, grid: float) -> float:
        """How far above the budget epsilon is, as a log."""
        found = epsilon_of(planned(sigma), budget.delta, neighbours=neighbours, grid=grid)
        return math.log(max(found, 1e-12) / budget.epsilon)

    def loose(sigma: float) -> float:
        return rdp_of(planned(sigma), budget.delta, neighbours=neighbours, quick=True)

    near = _least(lambda sigma: excess(sigma, SEARCHED), _enough(loose, budget), 0.5)
    return _least(lambda sigma: excess(sigma, REPORTED), near, 2 * CLOSE)


def _enough(loose: Callable[[float], float], budget: Budget) -> float:
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


def _least(excess: Callable[[float], float], guess: float, width: float) -> float:
    """The least sigma without an excess, but for CLOSE, by a bracket around a guess and the Illinois rule in logs."""
    low = high = guess
    over = under = excess(guess)
    while under > 0:
        low, over = high, under
        high, width = high * (1 + width), min(2 * width, 1.0)
        under = excess(high)
    while over <= 0 and low > LEAST:
        high, under = low, over
        low, width = low / (1 + width), min(2 * width, 1.0)
        over = excess(low)
    if over <= 0:
        return low
    while high / low > 1 + CLOSE:
        share = min(max(over / (over - under), 0.02), 0.98) if math.isfinite(over) else 0.5
        middle = low * (high / low) ** share
        found = excess(middle)
        if found > 0:
            low, over, under = middle, found, under / 2
        else:
            high, under, over = middle, found, over / 2
    return high
