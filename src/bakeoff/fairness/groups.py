"""How a classifier treats groups: every metric of every group, gaps between groups, and whether chance would do.

Draws are joint for all groups, so that a gap, the larger of two gaps or the worst of twenty groups has an interval
too. A gap between the largest and the smallest of several groups is above zero even where all are treated alike;
beside each stands what it would be on average then, and how often chance alone makes one as large.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.counts import CountTable
from bakeoff.fairness.extremes import Spread, widest
from bakeoff.fairness.figures import Figure, Wanted, figures_of
from bakeoff.fairness.measures import INSUFFICIENT, Measure
from bakeoff.fairness.rates import quotient
from bakeoff.fairness.redraws import Redraws, Shares, Shifted
from bakeoff.nouns import Array
from bakeoff.stats import holm, interval, wilson

GAP, RATIO = "largest - smallest", "smallest / largest"
SMALLEST, LARGEST = "smallest", "largest"
ODDS = "equalised odds"
CELLS = 100_000_000  # counts in all resamples, which lie in memory
RATES_OF_ODDS = ("true positive rate", "false positive rate")


@dataclass(frozen=True)
class Settings:
    """How figures are compared.

    `least` rows are needed in a figure's denominator, below which it is insufficient; `draws` joint resamples; `level`
    of the intervals; `reference` names for a family the group that the others are compared with, besides the rest.
    """

    wanted: Wanted = field(default_factory=Wanted)
    least: float = 10
    draws: int = 2000
    level: float = 0.95
    seed: int = 0
    reference: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.least < 1 or self.draws < 1 or not 0 < self.level < 1:
            raise UsageError(
                f"Groups are compared with at least 1 row, 1 draw and a level between 0 and 1, and not with "
                f"{self.least:g}, {self.draws} and {self.level:g}."
            )


@dataclass(frozen=True)
class GroupReport:
    """Figures of every group, and comparisons of the groups of every family."""

    groups: tuple[Measure, ...]
    comparisons: tuple[Measure, ...]

    def __iter__(self) -> Iterator[Measure]:
        return iter((*self.groups, *self.comparisons))

    def find(self, metric: str, group: str, family: str = "") -> Measure:
        """The one measure of that name; UsageError where there is none, or more than one."""
        found = [
            one for one in self if (one.metric, one.group) == (metric, group) and (not family or one.family == family)
        ]
        if len(found) != 1:
            raise UsageError(f"There are {len(found)} measures of {metric!r} for {group!r} in {family or 'any'!r}.")
        return found[0]

    def frame(self) -> Any:
        """All measures as a pandas frame, one to a row."""
        import pandas as pd

        return pd.DataFrame([vars(one) for one in self])

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return str(self.frame().drop(columns=["adjusted"]).to_html(index=False, float_format=lambda one: f"{one:.3f}"))


def compare_groups(table: CountTable, settings: Settings | None = None) -> GroupReport:
    """Every figure of every group of a table of counts, and every family's gaps, with intervals.

    UsageError for an unknown metric, class or reference group.
    """
    given = settings or Settings()
    figures = figures_of(table.classes, given.wanted)
    _check_reference(table, given)
    if table.counts.size * given.draws > CELLS:
        most = max(1, CELLS // table.counts.size)
        raise UsageError(
            f"There are {len(table.patterns.keys):,} groups of {len(table.classes)} classes, too many for "
            f"{given.draws:,} resamples; take coarser groups or classes, or at most {most:,} draws."
        )
    draws = _Draws.of(table, given)
    groups: list[Measure] = []
    comparisons: list[Measure] = []
    odds: dict[str, list[Spread]] = {}
    for place, figure in enumerate(figures):
        # Each figure's own random numbers: rates over different rows must not rise and fall together by them.
        part = _Figured(figure, draws, given, np.random.default_rng([given.seed % 2**32, 2, place]))
        groups += part.measures()
        for family in table.patterns.families:
            places = [place for place in table.patterns.family(family) if part.enough[place]]
            if len(places) < 2:
                comparisons.append(part.too_few(family))
                continue
            spread = part.spread(places)
            comparisons += part.extremes(family, spread)
            comparisons += part.each(family, places)
            if figure.name in RATES_OF_ODDS:
                odds.setdefault(family, []).append(spread)
    comparisons += [widest(ODDS, family, GAP, two, given.level) for family, two in odds.items() if len(two) == 2]
    return GroupReport(tuple(groups), tuple(adjusted(comparisons)))


def _check_reference(table: CountTable, settings: Settings) -> None:
    for family, name in settings.reference:
        names = [table.patterns.groups[place].name for place in table.patterns.family(family)]
        if not names:
            there = ", ".join(table.patterns.families)
            raise UsageError(
                f"There is no attribute {family!r} with a group to compare others with; there are: {there}."
            )
        if name not in names:
            raise UsageError(
                f"There is no group {name!r} of {family!r} to compare others with; there are: {', '.join(names)}."
            )


@dataclass(frozen=True)
class _Draws:
    """A table, its groups' counts, and joint resamples of both, with the table that they were drawn from."""

    table: CountTable
    groups: Array
    smoothed: Array
    resampled: Array
    resampled_groups: Array

    @classmethod
    def of(cls, table: CountTable, settings: Settings) -> _Draws:
        drawn = table.resampled(settings.draws, np.random.default_rng([settings.seed % 2**32, 1]))
        return cls(table, table.by_group(), table.by_group(table.smoothed), drawn, table.by_group(drawn))


class _Figured:
    """One figure of all groups: values, deviations of resamples, and values if all groups were alike."""

    def __init__(self, figure: Figure, draws: _Draws, settings: Settings, random: np.random.Generator) -> None:
        self.figure, self.draws, self.settings = figure, draws, settings
        self.table = draws.table
        self.groups = self.table.patterns.groups
        self.n = figure.parts(draws.groups)[1]
        self.values = figure.values(draws.groups)
        self.deviations = figure.values(draws.resampled_groups) - figure.values(draws.smoothed)
        self.rows = self._rows()
        self.enough = self.rows >= settings.least
        self.exact = figure.binomial and self.table.squares is None
        self.fair = alike(figure, self.table, settings.draws, random)
        self.ends = np.full((2, len(self.groups)), np.nan)
        for place in np.flatnonzero(self.enough):
            self.ends[:, place] = self._around(int(place))
        self.noise = self._noise(random)

    def _rows(self) -> Array:
        """The rows that a denominator stands for: of weights, as many equal ones as would vary as much."""
        if self.table.squares is None:
            return self.n
        whole = self.draws.groups.sum((-1, -2))
        squared = self.table.by_group(self.table.squares).sum((-1, -2))
        return np.asarray(self.n * np.divide(whole, squared, out=np.zeros(whole.shape), where=squared > 0))

    def _noise(self, random: np.random.Generator) -> Array:
        """Standard normal numbers (groups, draws), alike for groups as far as they share rows."""
        roots = np.sqrt(_effective(self.table, np.maximum(self.figure.parts(self.table.counts)[1], 0.0)))
        weights = self.table.patterns.members * roots
        length = np.sqrt((weights**2).sum(1))[:, None]
        normal = random.standard_normal((len(roots), self.settings.draws))
        return np.asarray(np.divide(weights, length, out=np.zeros(weights.shape), where=length > 0) @ normal)

    def measures(self) -> Iterator[Measure]:
        """The figure of each group."""
        for place, group in enumerate(self.groups):
            told = (self.figure.name, group.family, group.name)
            n = float(self.n[place])
            if not self.enough[place]:
                yield Measure(*told, None, n=n, status=INSUFFICIENT, reason=self._few(place))
                continue
            yield Measure(*told, float(self.values[place]), float(self.ends[0, place]), float(self.ends[1, place]), n)

    def _around(self, place: int) -> tuple[float, float]:
        value, level = float(self.values[place]), self.settings.level
        if self.exact:
            return wilson(value * self.n[place], int(self.n[place]), level)
        low, high = shifted(value, self.deviations[:, place], level)
        return max(low, 0.0), min(high, 1.0)

    def _few(self, place: int) -> str:
        return f"{self.rows[place]:,.0f} rows of {self.groups[place].name!r} count, {self.settings.least:g} are needed"

    def too_few(self, family: str) -> Measure:
        """What is said of a family in which fewer than two groups can be measured."""
        places = self.table.patterns.family(family)
        told = "; ".join(self._few(place) for place in places if not self.enough[place])
        reason = f"fewer than two groups can be compared: {told}" if told else "there is one group alone"
        return Measure(self.figure.name, family, GAP, None, status=INSUFFICIENT, reason=reason)

    def spread(self, places: Sequence[int]) -> Spread:
        """What is known of how far these groups lie apart."""
        return Spread(
            tuple(self.groups[place].name for place in places),
            self.values[places],
            self.ends[:, places],
            self._redraws(places),
            np.ascontiguousarray(self.fair[:, places].T),
            self.n[places],
        )

    def _redraws(self, places: Sequence[int]) -> Redraws:
        if self.figure.binomial:
            return Shares(self.rows[places], self.noise[places])
        return Shifted(np.ascontiguousarray(self.deviations[:, places].T))

    def extremes(self, family: str, spread: Spread) -> Iterator[Measure]:
        """Gap, ratio, smallest and largest of a family's groups."""
        name, level = self.figure.name, self.settings.level
        yield widest(name, family, GAP, [spread], level)
        if spread.values.max() > 0:
            yield spread.ratio(name, family, RATIO, level)
        yield spread.smallest(name, family, SMALLEST, level)
        yield spread.largest(name, family, LARGEST, level)

    def each(self, family: str, places: Sequence[int]) -> Iterator[Measure]:
        """Each group against all rows outside it, and against the reference group where there is one."""
        reference = dict(self.settings.reference).get(family)
        at = next((one for one in places if self.groups[one].name == reference), None)
        for place in places:
            rest = np.ones(len(self.table.patterns.keys)) - self.table.patterns.members[place]
            if len(places) > 2 and self._parts(self.table.counts, rest)[1] >= self.settings.least:
                yield self._against_rest(family, place, rest)
            if at is not None and at != place:
                yield self._against(family, place, at)

    def _against(self, family: str, place: int, other: int) -> Measure:
        names = (self.groups[place].name, self.groups[other].name)
        value, n = float(self.values[place] - self.values[other]), float(min(self.n[place], self.n[other]))
        if self.exact and not self.table.patterns.overlapping:
            ends = _newcombe(self.values[[place, other]], self.ends[:, [place, other]])
        else:
            ends = shifted(value, self.deviations[:, place] - self.deviations[:, other], self.settings.level)
        return Measure(self.figure.name, family, " - ".join(names), value, *ends, n, between=names)

    def _against_rest(self, family: str, place: int, rest: Array) -> Measure:
        above, below = self._parts(self.table.counts, rest)
        others, level = float(quotient((above, below))), self.settings.level
        name, value = self.groups[place].name, float(self.values[place]) - others
        if self.exact:
            both = np.stack([self.ends[:, place], wilson(float(above), int(below), level)], axis=1)
            ends = _newcombe(np.array([self.values[place], others]), both)
        else:
            drawn, smoothed = (
                quotient(self._parts(some, rest)) for some in (self.draws.resampled, self.table.smoothed)
            )
            ends = shifted(value, self.deviations[:, place] - (drawn - smoothed), level)
        told = (self.figure.name, family, f"{name} - rest")
        return Measure(*told, value, *ends, float(self.n[place]), between=(name,))

    def _parts(self, tables: Array, patterns: Array) -> tuple[Array, Array]:
        above, below = self.figure.parts(np.einsum("...pij,p->...ij", tables, patterns)[..., None, :, :])
        return above[..., 0], below[..., 0]


def alike(figure: Figure, table: CountTable, draws: int, random: np.random.Generator) -> Array:
    """The figure's values float64 (draws, groups) where every pattern has the pooled rate, or the pooled table."""
    members = table.patterns.members
    if not figure.binomial:
        rows = np.rint(_effective(table, table.counts.sum((-1, -2)))).astype(np.int64)
        pooled = table.counts.sum(0).ravel() / max(table.rows, 1e-300)
        tables = random.multinomial(rows, pooled, size=(draws, len(rows))).astype(np.float64)
        return figure.values(table.by_group(tables.reshape(draws, *table.counts.shape)))
    above, below = figure.parts(table.counts)
    rate = float(above.sum() / below.sum()) if below.sum() else 0.0
    rows = np.rint(_effective(table, below)).astype(np.int64)
    hits = random.binomial(rows, min(max(rate, 0.0), 1.0), size=(draws, len(rows)))
    share = np.divide(below, rows, out=np.zeros(below.shape), where=rows > 0)
    return quotient(((hits * share) @ members.T, np.broadcast_to(members @ below, (draws, len(members)))))


def _newcombe(shares: Array, ends: Array) -> tuple[float, float]:
    """The interval of the first of two shares (2,) less the second, from theirs (2 low and high, 2).

    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
    """
    value = float(shares[0] - shares[1])
    below, above = shares - ends[0], ends[1] - shares
    return value - float(np.hypot(below[0], above[1])), value + float(np.hypot(above[0], below[1]))


def _effective(table: CountTable, weight: Array) -> Array:
    if table.squares is None:
        return weight
    whole, squares = table.counts.sum((-1, -2)), table.squares.sum((-1, -2))
    return np.asarray(weight * np.divide(whole, squares, out=np.zeros(weight.shape), where=squares > 0))


def shifted(value: float, deviations: Array, level: float) -> tuple[float, float]:
    """The interval of a figure whose resamples deviate so; (value, value) where no resample has one."""
    low, high = interval(deviations, level)
    return (value, value) if np.isnan(low) else (value + min(low, 0.0), value + max(high, 0.0))


def adjusted(comparisons: Sequence[Measure]) -> Iterator[Measure]:
    """The same with p-values corrected for all of them (Holm, 1979)."""
    given = [one.p for one in comparisons if one.p is not None]
    corrected = iter(holm(np.array(given)).tolist() if given else [])
    for one in comparisons:
        yield one if one.p is None else replace(one, adjusted=next(corrected))
