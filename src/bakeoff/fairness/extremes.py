"""How far groups lie apart: gaps, ratios, the smallest and the largest, with intervals that hold.

The largest of many estimates is too large, and resampling it does not help: with twenty groups that are all alike the
percentile interval of the gap never holds the truth. Intervals here are those of hybrid resampling (Chuang and Lai,
2000, "Hybrid resampling methods for confidence intervals", Statistica Sinica 10): each value that the extreme may have
is tried by moving the groups no farther than that value asks, and drawing anew around them. Of the chance to be wrong
the lower end gets what the upper end does not need, so that few groups far apart and many that are all alike are both
held as often as the level says. Between the two, where the extreme group is one or two standard errors beyond many
others, intervals hold more often: what is seen there is what groups that are all alike would show, for which the lower
end must hold too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bakeoff.fairness.measures import Measure
from bakeoff.fairness.redraws import Redraws
from bakeoff.nouns import Array

TINY = 1e-9  # a rate of nothing, where its logarithm is taken
HALVINGS = 10  # of the way from no gap to the gap there is, in search of the lower end
# Standard errors within which a group may be as far out as the extreme one. Estimates lie farther apart than what they
# estimate, so that with 0 the lower end of many groups that are all alike fails in 8 of 100 cases instead of 5.
LEVEL_WITH = 2.0


@dataclass(frozen=True)
class Spread:
    """Groups of one family: values (groups,), own intervals (2, groups), and how they are drawn anew.

    `fair` (groups, draws) are values if all were alike, `n` (groups,) rows. `bounds` are the least and the most that a
    value can be.
    """

    names: tuple[str, ...]
    values: Array
    ends: Array
    redraws: Redraws
    fair: Array
    n: Array
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def gap(self) -> float:
        """The largest value less the smallest."""
        return float(np.ptp(self.values))

    @property
    def between(self) -> tuple[str, str]:
        """The groups of the largest and of the smallest value."""
        return self.names[int(np.argmax(self.values))], self.names[int(np.argmin(self.values))]

    @cached_property
    def fair_gaps(self) -> Array:
        """The gap of each draw in which all groups are alike."""
        return _ranges(self.fair)

    @cached_property
    def drawn(self) -> Array:
        """Values drawn anew around those there are, (groups, draws)."""
        return self.redraws.around(self.values)

    @cached_property
    def _middle(self) -> float:
        """Where both extremes would meet, nearer to the one that is known better."""
        low, high = int(np.argmin(self.values)), int(np.argmax(self.values))
        # Errors of what they may be in truth: a share of 0 would have hardly any.
        inwards = np.where(self.values > self.values.mean(), -LEVEL_WITH, LEVEL_WITH)
        errors = self.redraws.errors(self.redraws.beyond(self.values, inwards))
        both = float(errors[high] + errors[low])
        return float(self.values[high]) - (float(errors[high]) / both if both else 0.5) * self.gap

    @cached_property
    def _pushed(self) -> Array:
        return self.redraws.beyond(self.values, LEVEL_WITH * np.sign(self.values - self._middle))

    def window(self, part: float) -> tuple[float, float]:
        """The smallest and the largest value of a gap that is so large a part of the one there is."""
        low, high = float(self.values.min()), float(self.values.max())
        return self._middle - part * (self._middle - low), self._middle + part * (high - self._middle)

    def moved(self, part: float) -> Array:
        """Values drawn anew around values within that window, (groups, draws)."""
        return self.redraws.around(np.clip(self._pushed, *self.window(part)))

    def mirrored(self) -> Spread:
        """The same of mirrored values, the smallest of which is the largest."""
        about = self._about
        ends = about - self.ends[::-1]
        return Spread(self.names, about - self.values, ends, self.redraws.mirrored(), self.fair, self.n, self.bounds)

    @property
    def _about(self) -> float:
        return sum(self.bounds) if np.isfinite(self.bounds).all() else 0.0

    def ratio(self, metric: str, family: str, name: str, level: float) -> Measure:
        """The smallest by the largest."""
        value = float(self.values.min() / self.values.max())
        low, high = self._ratio_ends(value, level)
        alike = _ratios(self.fair)
        return Measure(
            metric,
            family,
            name,
            value,
            max(0.0, min(low, value)),
            min(max(high, value), 1.0),
            float(self.n.min()),
            expected=float(np.nanmean(alike)) if np.isfinite(alike).any() else None,
            between=self.between[::-1],
        )

    def _ratio_ends(self, value: float, level: float) -> tuple[float, float]:
        logs, least, most = (np.log(np.maximum(some, TINY)) for some in (self.values, *self.ends))
        low = float(np.exp(-_farthest(logs, logs - least, most - logs)))
        share = _left(_ratios(self.drawn) > value * value / low if value else np.zeros(1), level)
        part = _part(lambda part: _ratios(self.moved(part)) <= value, share)
        bottom, top = self.window(part)
        return low, bottom / top if top > 0 else 1.0

    def smallest(self, metric: str, family: str, name: str, level: float) -> Measure:
        """The smallest value."""
        low, high = self.mirrored().top_ends(level)
        return self._one(int(np.argmin(self.values)), (metric, family, name), (self._about - high, self._about - low))

    def largest(self, metric: str, family: str, name: str, level: float) -> Measure:
        """The largest value."""
        return self._one(int(np.argmax(self.values)), (metric, family, name), self.top_ends(level))

    def _one(self, place: int, told: tuple[str, str, str], ends: tuple[float, float]) -> Measure:
        value = float(self.values[place])
        low, high = max(self.bounds[0], min(ends[0], value)), min(self.bounds[1], max(ends[1], value))
        return Measure(*told, value, low, high, float(self.n[place]), between=(self.names[place],))

    def top_ends(self, level: float) -> tuple[float, float]:
        """The interval of the largest value."""
        value, high = float(self.values.max()), float(self.ends[1].max())
        share = _left(np.fmax.reduce(self.drawn) < 2 * value - high, level)
        needed = self.redraws.needed(value)
        # A group takes part where moving it down alone, and not up, makes a draw reach what is seen.
        there = np.where(
            needed <= self.redraws.beyond(self.values, np.full(len(needed), LEVEL_WITH))[:, None], needed, np.inf
        )
        least = np.sort(there.min(0))
        return float(least[min(int(np.ceil(share * len(least))), len(least)) - 1]), high


def widest(metric: str, family: str, name: str, spreads: Sequence[Spread], level: float) -> Measure:
    """The largest gap of one or several figures of the same groups, their draws being joint.

    Of true and false positive rates together, the equalised odds gap (Hardt, Price and Srebro, 2016).
    """
    value = max(spread.gap for spread in spreads)
    largest = next(spread for spread in spreads if spread.gap == value)
    fair = np.fmax.reduce([spread.fair_gaps for spread in spreads])
    fair = fair[~np.isnan(fair)]
    p = float((1 + (fair >= value - 1e-12).sum()) / (1 + len(fair)))
    low, high = _gap_ends(spreads, value, level)
    most = max(spread.bounds[1] - spread.bounds[0] for spread in spreads)
    return Measure(
        metric,
        family,
        name,
        value,
        low if p <= 1 - level else 0.0,
        min(most, max(high, value)),
        float(min(spread.n.min() for spread in spreads)),
        expected=float(fair.mean()) if len(fair) else None,
        p=p,
        between=largest.between,
    )


def _gap_ends(spreads: Sequence[Spread], value: float, level: float) -> tuple[float, float]:
    high = max(
        _farthest(spread.values, spread.values - spread.ends[0], spread.ends[1] - spread.values) for spread in spreads
    )

    def gaps(part: float) -> Array:
        parts = [min(1.0, part * value / spread.gap) if spread.gap else 1.0 for spread in spreads]
        return np.asarray(np.fmax.reduce([_ranges(one.moved(at)) for one, at in zip(spreads, parts, strict=True)]))

    drawn = np.fmax.reduce([_ranges(spread.drawn) for spread in spreads])
    share = _left(drawn < 2 * value - high, level)
    return value * _part(lambda part: gaps(part) >= value, share), high


def _farthest(values: Array, below: Array, above: Array) -> float:
    """The most that a gap may be: that of the two values whose difference may be largest (Newcombe, 1998)."""
    apart = values[:, None] - values + np.sqrt(above[:, None] ** 2 + below**2)
    np.fill_diagonal(apart, 0.0)
    return float(apart.max())


def _left(missed: Array, level: float) -> float:
    """The chance to be wrong that an end which misses in these draws leaves to the other."""
    return max(1 - level - float(missed.mean()), (1 - level) / 2)


def _part(reached: Callable[[float], Array], share: float) -> float:
    """The least part of the gap with which so large a share of draws reaches what is seen."""
    low, high = 0.0, 1.0
    if reached(low).mean() >= share:
        return low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if reached(middle).mean() >= share:
            high = middle
        else:
            low = middle
    return low


def _ranges(values: Array) -> Array:
    # A draw in which some group has no row says nothing of it; the others still lie apart.
    return np.asarray(np.fmax.reduce(values) - np.fmin.reduce(values))


def _ratios(values: Array) -> Array:
    below = np.fmax.reduce(values)
    return np.divide(np.fmin.reduce(values), below, out=np.full(below.shape, np.nan), where=below > 0)
