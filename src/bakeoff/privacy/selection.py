"""What the best of a random number of private runs costs, from what one run costs.

The number of runs is drawn before and never told. Its distribution has a mean and a shape: 0 logarithmic, 1 geometric,
anything above 0 a truncated negative binomial, infinity Poisson (Papernot and Steinke 2022, arXiv 2110.03620). Each run
draws its candidate uniformly, so it is as private as the least private candidate.
"""

from __future__ import annotations

import math
from typing import Any

from bakeoff.privacy.accounting import composed, gathered, interval_for
from bakeoff.privacy.entries import Entry, Neighbours

HALVINGS = 60


def selected_epsilon(entry: Entry, delta: float, neighbours: Neighbours, grid: float) -> float:
    """Epsilon at `delta` of one use of a SELECTED entry, from the privacy curve of a run.

    delta(epsilon + c) is at most `mean` times a run's delta(epsilon). For a truncated negative binomial with halting
    probability g, c is (shape + 1) times the least e at which (1 - g) times a run's delta(e) is at most g (exp(e) - 1);
    for a Poisson number of runs it is the mean times a run's delta(0) (Koskela, Redberg and Wang 2024, arXiv
    2402.06701). Infinite where one run is without noise or spends all of delta.
    """
    runs = [_Curve(option, neighbours, grid) for option in entry.options if option]
    if not runs:
        return 0.0
    run = max(one.epsilon(delta / entry.mean) for one in runs)
    if math.isinf(entry.shape):
        return run + entry.mean * max(one.delta(0.0) for one in runs)
    halts = halting(entry.mean, entry.shape)
    return run + (entry.shape + 1) * max(_ratio(one, halts) for one in runs)


def halting(mean: float, shape: float) -> float:
    """The halting probability of a truncated negative binomial number with that mean; 1 where the mean is 1.

    Papernot and Steinke 2022, definition 1: it is at least 1, and falls with the mean.
    """
    low, high = 1e-12, 1.0
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if mean_runs(middle, shape) > mean else (low, middle)
    return low


def mean_runs(halts: float, shape: float) -> float:
    """The mean of a truncated negative binomial number with that halting probability."""
    if halts >= 1:
        return 1.0
    going = -math.expm1(math.log(halts))  # 1 - halts
    if shape == 0:
        return going / halts / -math.log(halts)
    return shape * going / halts / -math.expm1(shape * math.log(halts))


class _Curve:
    """The privacy curve of one run."""

    def __init__(self, option: tuple[Entry, ...], neighbours: Neighbours, grid: float) -> None:
        entries = gathered([entry for entry in option if entry.rate > 0], grid)
        self.whole: Any = composed(entries, neighbours, interval_for(entries, neighbours, grid))

    def epsilon(self, delta: float) -> float:
        return float(self.whole.get_epsilon_for_delta(delta))

    def delta(self, epsilon: float) -> float:
        return float(self.whole.get_delta_for_epsilon(epsilon))


def _ratio(run: _Curve, halts: float) -> float:
    """How much likelier it can be, as a log, that a run's rivals fall short of an answer."""
    if halts >= 1:
        return 0.0

    def enough(epsilon: float) -> bool:
        return (1 - halts) * run.delta(epsilon) <= halts * math.expm1(epsilon)

    high = 1e-3
    while not enough(high):
        high *= 2
        if high > 1e6:
            return math.inf
    low = 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
