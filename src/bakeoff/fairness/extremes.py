"""How far groups lie apart: gaps, ratios, the smallest and the largest, with intervals that hold.

The largest of many estimates is too large, and resampling it does not help: with twenty groups that are all alike the
percentile interval of the gap never holds the truth. The intervals here bound the deviations of all groups that may be
the largest or the smallest at once, so that each end is passed with at most half of what is left by the level. They are
as narrow as those of one difference where it is plain which two groups lie farthest apart, and wide where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.fairness.measures import Measure
from bakeoff.nouns import Array

TINY = 1e-6  # of a value: what its logarithm is taken of where a resample has none of it left
PLAUSIBLE = 0.95  # a group that lies farther from the extreme than so many resamples of all gaps is not the extreme


@dataclass(frozen=True)
class Spread:
    """Groups of one family: values (groups,), deviations of resamples and values if all were alike (draws, groups)."""

    names: tuple[str, ...]
    values: Array
    deviations: Array
    fair: Array
    n: Array

    @property
    def gap(self) -> float:
        """The largest value less the smallest."""
        return float(np.ptp(self.values))

    @property
    def between(self) -> tuple[str, str]:
        """The groups of the largest and of the smallest value."""
        return self.names[int(np.argmax(self.values))], self.names[int(np.argmin(self.values))]

    def plausible(self) -> tuple[Array, Array]:
        """Which groups may be the largest, and which the smallest, bool (groups,)."""
        ranges = _range(self.deviations)
        known = ranges[np.isfinite(ranges)]
        # Where no resample says how far they may deviate, any of them may be an extreme.
        reach = np.quantile(known, PLAUSIBLE) if len(known) else np.inf
        return self.values >= self.values.max() - reach, self.values <= self.values.min() + reach

    def off(self) -> tuple[Array, Array]:
        """For each draw the most by which the gap may be too large, and too small, (draws,)."""
        top, bottom = self.plausible()
        return (
            np.fmax.reduce(self.deviations[:, top], 1) - np.fmin.reduce(self.deviations[:, bottom], 1),
            np.fmax.reduce(self.deviations[:, bottom], 1) - np.fmin.reduce(self.deviations[:, top], 1),
        )

    def fair_gaps(self) -> Array:
        """The gap of each draw in which all groups are alike."""
        return _range(self.fair)

    def ratio(self, metric: str, family: str, name: str, level: float) -> Measure:
        """The smallest by the largest, its interval from resamples of the logarithm."""
        value = float(self.values.min() / self.values.max())
        low, high = 0.0, 1.0
        if value > 0:
            logs = np.log(np.maximum(self.values + self.deviations, TINY * self.values) / self.values)
            over, under = Spread(self.names, np.log(self.values), logs, self.fair, self.n).off()
            low, high = value * np.exp(-_quantile(over, level)), value * np.exp(_quantile(under, level))
        with np.errstate(divide="ignore", invalid="ignore"):
            alike = np.fmin.reduce(self.fair, 1) / np.fmax.reduce(self.fair, 1)
        return Measure(
            metric,
            family,
            name,
            value,
            min(float(low), value),
            min(max(float(high), value), 1.0),
            float(self.n.min()),
            expected=float(np.nanmean(alike)) if np.isfinite(alike).any() else None,
            between=self.between[::-1],
        )

    def smallest(self, metric: str, family: str, name: str, level: float) -> Measure:
        """The smallest value."""
        place = int(np.argmin(self.values))
        ends = self._ends(float(self.values[place]), self.plausible()[1], level)
        whose = (self.names[place],)
        return Measure(metric, family, name, float(self.values[place]), *ends, float(self.n[place]), between=whose)

    def largest(self, metric: str, family: str, name: str, level: float) -> Measure:
        """The largest value."""
        place = int(np.argmax(self.values))
        ends = self._ends(float(self.values[place]), self.plausible()[0], level)
        whose = (self.names[place],)
        return Measure(metric, family, name, float(self.values[place]), *ends, float(self.n[place]), between=whose)

    def _ends(self, value: float, groups: Array, level: float) -> tuple[float, float]:
        off = self.deviations[:, groups]
        low = value - _quantile(np.fmax.reduce(off, 1), level)
        high = value + _quantile(-np.fmin.reduce(off, 1), level)
        return max(0.0, min(low, value)), min(1.0, max(high, value))


def widest(metric: str, family: str, name: str, spreads: Sequence[Spread], level: float) -> Measure:
    """The largest gap of one or several figures of the same groups, their resamples being joint.

    Of true and false positive rates together, the equalised odds gap (Hardt, Price and Srebro, 2016).
    """
    value = max(spread.gap for spread in spreads)
    largest = next(spread for spread in spreads if spread.gap == value)
    offs = [spread.off() for spread in spreads]
    over = np.fmax.reduce([one for one, _ in offs])
    under = np.fmax.reduce([one for _, one in offs])
    fair = np.fmax.reduce([spread.fair_gaps() for spread in spreads])
    fair = fair[~np.isnan(fair)]
    return Measure(
        metric,
        family,
        name,
        value,
        max(0.0, value - max(_quantile(over, level), 0.0)),
        min(1.0, value + max(_quantile(under, level), 0.0)),
        float(min(spread.n.min() for spread in spreads)),
        expected=float(fair.mean()) if len(fair) else None,
        p=float((1 + (fair >= value - 1e-12).sum()) / (1 + len(fair))),
        between=largest.between,
    )


def _range(values: Array) -> Array:
    # A resample in which some group has no row says nothing of it; the others still lie apart.
    return np.asarray(np.fmax.reduce(values, 1) - np.fmin.reduce(values, 1))


def _quantile(values: Array, level: float) -> float:
    held = values[np.isfinite(values)]
    return float(np.quantile(held, (1 + level) / 2)) if len(held) else 0.0
