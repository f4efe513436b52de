"""Whether a probability means the same for every group: among rows given 0.3, are three in ten true?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.measures import INSUFFICIENT, Measure
from bakeoff.fairness.patterns import Grouped
from bakeoff.fairness.weights import equal, weighed
from bakeoff.nouns import Array
from bakeoff.stats import interval, wilson

ERROR = "expected calibration error"


@dataclass(frozen=True)
class CalibrationSettings:
    """`bins` of equal width; `least` rows are needed in a group or bin; `draws` of truths that would be calibrated."""

    bins: int = 10
    least: int = 30
    draws: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.bins < 1 or self.least < 1 or self.draws < 1 or not 0 < self.level < 1:
            raise UsageError("Calibration needs at least 1 bin, 1 row and 1 draw, and a level between 0 and 1.")


def calibration(
    truth: Array,
    probabilities: Array,
    grouped: Grouped,
    settings: CalibrationSettings | None = None,
    weights: Array | None = None,
) -> tuple[Measure, ...]:
    """For every group its expected calibration error, and the share that came true in each bin of probabilities.

    The error is the mean over rows of |mean probability - share that came true| of their bin; `expected` is what it
    would be on average if the probabilities were right, which is not 0, and `p` how often it would be as large. Of a
    bin, `expected` is its mean probability. With `weights` (rows,) means are weighted. UsageError for different
    lengths, truths that are not 0 or 1, or probabilities outside of 0 to 1.
    """
    given = settings or CalibrationSettings()
    true, shares = np.asarray(truth, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if not len(true) == len(shares) == len(grouped):
        raise UsageError(
            f"There are {len(true):,} truths, {len(shares):,} probabilities and {len(grouped):,} rows with groups; "
            "give one of each for every row."
        )
    if not np.isin(true, (0, 1)).all() or not ((shares >= 0) & (shares <= 1)).all():
        raise UsageError("Truths must be 0 or 1, and probabilities from 0 to 1.")
    return tuple(_measured(true, shares, grouped, given, weighed(weights, len(grouped))))


def _measured(
    true: Array, shares: Array, grouped: Grouped, settings: CalibrationSettings, weights: Array
) -> Iterator[Measure]:
    bins = np.minimum((shares * settings.bins).astype(np.int64), settings.bins - 1)
    size = len(grouped.patterns.keys)
    cells = grouped.codes * settings.bins + bins
    weight, squares, came, given, spread = (
        grouped.patterns.members @ np.bincount(cells, one, minlength=size * settings.bins).reshape(size, settings.bins)
        for one in (weights, weights**2, weights * true, weights * shares, weights**2 * shares * (1 - shares))
    )
    random = np.random.default_rng([settings.seed % 2**32, 15])
    for place, group in enumerate(grouped.patterns.groups):
        told = (group.family, group.name)
        n, rows = float(weight[place].sum()), equal(weight[place].sum(), squares[place].sum())
        if rows < settings.least:
            why = f"{rows:,.0f} rows of {group.name!r} count, {settings.least} are needed"
            yield Measure(ERROR, *told, None, n=n, status=INSUFFICIENT, reason=why)
            continue
        value = float(np.abs(given[place] - came[place]).sum() / n)
        # Sums of coins, each of its own chance: near enough to normal with the same variance.
        noise = random.standard_normal((settings.draws, settings.bins)) * np.sqrt(spread[place])
        right = np.abs(noise).sum(1) / n
        drawn = np.abs(given[place] - came[place] + noise).sum(1) / n
        low, high = interval(drawn - (drawn.mean() - value), settings.level)
        yield Measure(
            ERROR,
            *told,
            value,
            max(0.0, min(low, value)),
            min(1.0, max(high, value)),
            n,
            expected=float(right.mean()),
            p=float((1 + (right >= value).sum()) / (1 + settings.draws)),
        )
        held = equal(weight[place], squares[place])
        for at in np.flatnonzero(held >= settings.least):
            count = float(weight[place, at])
            known = int(held[at])
            ends = wilson(float(came[place, at] / count * known), known, settings.level)
            metric = f"came true where {at / settings.bins:g} to {(at + 1) / settings.bins:g} was given"
            share = float(came[place, at] / count)
            yield Measure(metric, *told, share, *ends, count, expected=float(given[place, at] / count))
