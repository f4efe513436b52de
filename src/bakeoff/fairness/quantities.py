"""Errors of numbers by group: of a regression, or of probabilities, whose mean error is calibration in the large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.extremes import Spread, widest
from bakeoff.fairness.groups import GAP, GroupReport, Settings, adjusted, shifted
from bakeoff.fairness.measures import INSUFFICIENT, Measure
from bakeoff.fairness.patterns import Grouped
from bakeoff.fairness.redraws import Shifted
from bakeoff.fairness.weights import equal, weighed
from bakeoff.nouns import Array

MEAN, ABSOLUTE, ROOT = "mean error", "mean absolute error", "root mean squared error"
METRICS = (MEAN, ABSOLUTE, ROOT)
UNBOUNDED = (-np.inf, np.inf)


def compare_errors(
    truth: Array,
    predicted: Array,
    grouped: Grouped,
    settings: Settings | None = None,
    weights: Array | None = None,
) -> GroupReport:
    """Mean error (predicted - true), mean absolute and root mean squared error of every group, and their gaps.

    Intervals and p come from joint normal draws of each pattern's means, which with `weights` (rows,) are weighted.
    UsageError for different lengths or numbers that are none.
    """
    given = settings or Settings()
    true, guessed = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if not len(true) == len(guessed) == len(grouped):
        raise UsageError(
            f"There are {len(true):,} true numbers, {len(guessed):,} predictions and {len(grouped):,} rows with "
            "groups; give one of each for every row."
        )
    if not (np.isfinite(true).all() and np.isfinite(guessed).all()):
        raise UsageError("Some true numbers or predictions are none; leave those rows out.")
    moments = _Moments.of(guessed - true, grouped, given, weighed(weights, len(grouped)))
    groups: list[Measure] = []
    comparisons: list[Measure] = []
    for place, metric in enumerate(METRICS):
        groups += moments.measures(place, metric)
        comparisons += moments.gaps(place, metric)
    return GroupReport(tuple(groups), tuple(adjusted(comparisons)))


@dataclass(frozen=True)
class _Moments:
    """Weight and rows (groups,), figures (groups, 3), and their deviations in joint draws (draws, groups, 3)."""

    grouped: Grouped
    settings: Settings
    weight: Array
    rows: Array
    values: Array
    deviations: Array

    @classmethod
    def of(cls, errors: Array, grouped: Grouped, settings: Settings, weights: Array) -> _Moments:
        size = len(grouped.patterns.keys)
        kinds = np.stack([errors, np.abs(errors), errors**2], axis=1)
        weight, squares = (np.bincount(grouped.codes, one, minlength=size) for one in (weights, weights**2))
        sums = np.stack([np.bincount(grouped.codes, weights * one, minlength=size) for one in kinds.T], axis=1)
        products = np.stack(
            [np.bincount(grouped.codes, weights * one * other, minlength=size) for one in kinds.T for other in kinds.T],
            axis=1,
        ).reshape(size, 3, 3)
        known = np.where(weight > 0, weight, 1.0)[:, None]
        means = sums / known
        spread = products / known[:, :, None] - means[:, :, None] * means[:, None, :]
        # The variance of a mean of n equal rows, n - 1 in its denominator; one row has none that could be known.
        rows = equal(weight, squares)
        spread *= (1 / np.maximum(rows - 1, 1.0))[:, None, None]
        random = np.random.default_rng([settings.seed % 2**32, 14])
        noise = random.standard_normal((settings.draws, size, 3))
        drawn = means + np.einsum("pij,dpj->dpi", _roots(spread), noise)
        members = grouped.patterns.members
        whole = members @ weight
        below = np.where(whole > 0, whole, 1.0)[:, None]
        values = _figures((members @ (means * weight[:, None])) / below)
        resampled = _figures(np.einsum("gp,dpk->dgk", members, drawn * weight[:, None]) / below)
        counted = equal(whole, members @ squares)
        wide = _students(counted, settings.level)[:, None]
        return cls(grouped, settings, whole, counted, values, (resampled - values) * wide)

    def measures(self, place: int, metric: str) -> Iterator[Measure]:
        """One figure of every group."""
        for at, group in enumerate(self.grouped.patterns.groups):
            told = (metric, group.family, group.name)
            n = float(self.weight[at])
            if self.rows[at] < self.settings.least:
                why = f"{self.rows[at]:,.0f} rows of {group.name!r} count, {self.settings.least:g} are needed"
                yield Measure(*told, None, n=n, status=INSUFFICIENT, reason=why)
                continue
            value = float(self.values[at, place])
            yield Measure(*told, value, *shifted(value, self.deviations[:, at, place], self.settings.level), n)

    def gaps(self, place: int, metric: str) -> Iterator[Measure]:
        """The largest less the smallest of every family, as wide as all groups together may deviate."""
        patterns = self.grouped.patterns
        for family in patterns.families:
            places = [at for at in patterns.family(family) if self.rows[at] >= self.settings.least]
            if len(places) < 2:
                why = "fewer than two groups have enough rows"
                yield Measure(metric, family, GAP, None, status=INSUFFICIENT, reason=why)
                continue
            off = np.ascontiguousarray(self.deviations[:, places, place].T)
            values, level = self.values[places, place], self.settings.level
            ends = np.array([shifted(float(one), row, level) for one, row in zip(values, off, strict=True)]).T
            names = tuple(patterns.groups[at].name for at in places)
            # Where all are alike groups lie as far apart as their deviations do.
            spread = Spread(names, values, ends, Shifted(off), off, self.weight[places], UNBOUNDED)
            yield widest(metric, family, GAP, [spread], level)


def _students(rows: Array, level: float) -> Array:
    """How much wider an interval of a mean of so many rows is than that of a normal variable (Student, 1908)."""
    from scipy.stats import norm, t

    share = (1 + level) / 2
    return np.asarray(t.ppf(share, np.maximum(rows - 1, 1.0)) / norm.ppf(share))


def _figures(means: Array) -> Array:
    """Mean error, mean absolute error and the root of the mean square, (..., 3)."""
    out = np.array(means)
    out[..., 2] = np.sqrt(np.maximum(out[..., 2], 0.0))
    return out


def _roots(spread: Array) -> Array:
    """Square roots of covariance matrices (patterns, 3, 3), which may be singular."""
    values, vectors = np.linalg.eigh(spread)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :])
