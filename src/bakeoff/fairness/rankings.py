"""How a score ranks people of each group: areas under the curve within a group and across its border.

Subgroup AUC, BPSN (harmless rows of the group against harmful ones of the others), BNSP, and average equality gaps are
those of Borkan et al. 2019, "Nuanced metrics for measuring unintended bias with real data for text classification".
All of them come from one sort of the scores, with half weight for ties; intervals from joint resamples of a histogram.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.measures import INSUFFICIENT, Measure
from bakeoff.fairness.patterns import NO, Grouped
from bakeoff.fairness.weights import equal, weighed
from bakeoff.nouns import Array
from bakeoff.stats import interval

SUBGROUP, BPSN, BNSP = "subgroup AUC", "BPSN AUC", "BNSP AUC"
AREAS = (SUBGROUP, BPSN, BNSP)
GAPS = ("positive average equality gap", "negative average equality gap")
OVERALL, FINAL = "AUC", "mean of AUC and generalised means"
ALL, NAMED = "all", "named"
BINS = 2048
CHUNK = 25  # draws that are held in memory at once


@dataclass(frozen=True)
class RankSettings:
    """How rankings are compared.

    `background` says who stands against a group: all rows outside it, or only those that have another of the named
    identities (as Mathew et al. 2021 have it). `power` is that of the generalised mean over groups, -5 in the contest
    of Jigsaw, so that the worst groups count most. `least` rows are needed on either side of an area.
    """

    background: str = ALL
    power: float = -5.0
    least: int = 10
    draws: int = 500
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.background not in (ALL, NAMED):
            raise UsageError(f"There is no background called {self.background!r}; there are {ALL}, {NAMED}.")
        if not self.power or self.least < 1 or self.draws < 1 or not 0 < self.level < 1:
            raise UsageError("Rankings are compared with a power other than 0, at least 1 row and 1 draw, and a level.")


def compare_rankings(
    truth: Array,
    scores: Array,
    grouped: Grouped,
    settings: RankSettings | None = None,
    weights: Array | None = None,
) -> tuple[Measure, ...]:
    """Every area of every group, their generalised means over groups, and the AUC of all rows.

    `truth` bool (rows,) or of 0 and 1, `scores` float (rows,), larger for what is thought to be true. With `weights`
    (rows,) a pair of rows counts as much as the product of theirs, and `least` asks for as many equal rows as would
    vary as much. A generalised mean says in `reason` which groups it leaves out. UsageError for different lengths,
    scores that are no numbers, weights that are negative or no numbers, or rows of one class alone.
    """
    given = settings or RankSettings()
    true, held = _checked(truth, scores, grouped)
    weight = weighed(weights, len(grouped))
    codes = grouped.codes
    kept = weight > 0
    if given.background == NAMED:
        nobody = [place for place, key in enumerate(grouped.patterns.keys) if all(one == NO for one in key)]
        kept &= ~np.isin(codes, nobody)
    if not kept.all():
        true, held, codes, weight = true[kept], held[kept], codes[kept], weight[kept]
    if true.all() or not true.any():
        raise UsageError("All rows are of one class, so there is no ranking to be judged; give rows of both.")
    ranked = _Ranked.of(true, held, codes, weight)
    return tuple(_Rankings(ranked, grouped, given).measures())


def _checked(truth: Array, scores: Array, grouped: Grouped) -> tuple[Array, Array]:
    true, held = np.asarray(truth), np.asarray(scores, dtype=np.float64)
    if not len(true) == len(held) == len(grouped):
        raise UsageError(
            f"There are {len(true):,} true labels, {len(held):,} scores and {len(grouped):,} rows with groups; give "
            "one of each for every row."
        )
    if not np.isin(true, (0, 1)).all():
        raise UsageError("The true labels of a ranking must be 0 and 1, or False and True.")
    if np.isnan(held).any():
        raise UsageError(f"{int(np.isnan(held).sum()):,} scores are no numbers; leave those rows out.")
    return true.astype(bool), held


@dataclass(frozen=True)
class _Ranked:
    """Rows in the order of their scores: `ranks` without gaps, equal for ties, `true`, pattern `codes`, `weights`."""

    ranks: Array
    true: Array
    codes: Array
    weights: Array

    @classmethod
    def of(cls, true: Array, scores: Array, codes: Array, weights: Array) -> _Ranked:
        order = np.argsort(scores)  # rows of equal scores count alike in any order
        sorted_ = scores[order]
        ranks = np.cumsum(np.concatenate([[False], sorted_[1:] != sorted_[:-1]]))
        return cls(ranks, true[order], codes[order], weights[order])

    def middles(self, of: Array) -> Array:
        """For each rank the weight of these rows below it, with half of what is at it."""
        at = np.bincount(self.ranks[of], self.weights[of], minlength=int(self.ranks[-1]) + 1)
        return np.cumsum(at) - at / 2


class _Rankings:
    def __init__(self, ranked: _Ranked, grouped: Grouped, settings: RankSettings) -> None:
        self.ranked, self.patterns, self.settings = ranked, grouped.patterns, settings
        self.sides, self.points = self._exact()
        self.draws = _resampled(ranked, self.patterns.members, settings)

    def _exact(self) -> tuple[Array, Array]:
        """Rows on either side (groups, 2 positive and negative), and areas and gaps (groups, 5)."""
        ranked = self.ranked
        below = {side: ranked.middles(ranked.true == side) for side in (True, False)}
        totals = np.array([ranked.weights[ranked.true].sum(), ranked.weights[~ranked.true].sum()])
        sides, rows, points = [], [], []
        for members in self.patterns.members.astype(bool):
            inside = np.flatnonzero(members[ranked.codes])
            true = ranked.true[inside]
            over, under = inside[true], inside[~true]
            up, down = ranked.ranks[over], ranked.ranks[under]
            heavy, light = ranked.weights[over], ranked.weights[under]
            beaten = np.concatenate([[0.0], np.cumsum(light)])
            both = heavy @ (beaten[np.searchsorted(down, up, "left")] + beaten[np.searchsorted(down, up, "right")]) / 2
            mine = np.array([heavy.sum(), light.sum()])
            wins = np.array(
                [
                    both,
                    light @ (totals[0] - below[True][down]) - both,
                    heavy @ below[False][up] - both,
                    heavy @ below[True][up] - mine[0] ** 2 / 2,
                    light @ below[False][down] - mine[1] ** 2 / 2,
                ]
            )
            sides.append(mine)
            rows.append([float(equal(one.sum(), one @ one)) for one in (heavy, light)])
            points.append(_areas(wins, mine, totals))
        self.rows = np.array(rows)
        self.whole = float(ranked.weights[ranked.true] @ below[False][ranked.ranks[ranked.true]] / totals.prod())
        return np.array(sides), np.array(points)

    def measures(self) -> Iterator[Measure]:
        """All areas, their generalised means, and what sums them up."""
        level, least = self.settings.level, self.settings.least
        whole, areas = self.draws
        enough = np.zeros(len(self.sides), dtype=bool)
        for place, group in enumerate(self.patterns.groups):
            enough[place] = self.rows[place].min() >= least
            up, down = self.rows[place].tolist()
            n = float(self.sides[place].sum())
            for at, metric in enumerate((*AREAS, *GAPS)):
                if not enough[place]:
                    why = f"{group.name!r} has {up:,.0f} true and {down:,.0f} other rows, {least} of each are needed"
                    yield Measure(metric, group.family, group.name, None, n=n, status=INSUFFICIENT, reason=why)
                    continue
                value = float(self.points[place, at])
                low, high = _shifted(value, areas[:, place, at], level)
                yield Measure(metric, group.family, group.name, value, low, high, n)
        yield from self._summed(enough, whole, areas)

    def _summed(self, enough: Array, whole: Array, areas: Array) -> Iterator[Measure]:
        rows, level = float(self.ranked.weights.sum()), self.settings.level
        yield Measure(OVERALL, "", "all rows", self.whole, *_shifted(self.whole, whole, level), rows)
        for family in self.patterns.families:
            places = [place for place in self.patterns.family(family) if enough[place]]
            name = f"generalised mean, power {self.settings.power:g}"
            if not places:
                why = "no group has enough rows"
                yield from (Measure(one, family, name, None, status=INSUFFICIENT, reason=why) for one in AREAS)
                continue
            left = [self.patterns.groups[place].name for place in self.patterns.family(family) if not enough[place]]
            few = f"without {', '.join(left)}: fewer than {self.settings.least} rows of a class" if left else ""
            drawn = generalised_mean(areas[:, places, :3], self.settings.power, axis=1)
            means = generalised_mean(self.points[places, :3], self.settings.power, axis=0)
            n = float(self.sides[places].sum(1).min())
            for at, metric in enumerate(AREAS):
                value = float(means[at])
                yield Measure(metric, family, name, value, *_shifted(value, drawn[:, at], level), n, reason=few)
            final = float((self.whole + means.sum()) / 4)
            ends = _shifted(final, (whole + drawn.sum(1)) / 4, level)
            yield Measure(FINAL, family, name, final, *ends, n, reason=few)


def generalised_mean(values: Array, power: float, axis: int) -> Array:
    """((1/N) sum of m^power)^(1/power); a value of 0 makes it 0 where the power is below 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.mean(np.asarray(values, dtype=np.float64) ** power, axis=axis) ** (1 / power))


def _areas(wins: Array, mine: Array, totals: Array) -> Array:
    """Areas and gaps (..., 5) from counts of won pairs (..., 5), own rows (..., 2) and all rows (..., 2)."""
    up, down = mine[..., 0], mine[..., 1]
    others = totals - mine
    pairs = np.stack(
        [up * down, others[..., 0] * down, up * others[..., 1], up * others[..., 0], down * others[..., 1]], axis=-1
    )
    share = np.divide(wins, pairs, out=np.full(wins.shape, np.nan), where=pairs > 0)
    # Won pairs are differences of sums, so that rounding may leave an area of 0 a little below it.
    share = np.clip(share, 0.0, 1.0)
    share[..., 3:] = 0.5 - share[..., 3:]
    return share


def _resampled(ranked: _Ranked, members: Array, settings: RankSettings) -> tuple[Array, Array]:
    """AUC of all rows (draws,), and areas and gaps of groups (draws, groups, 5), of redrawn rows.

    A row comes a Poisson number of times, and so does a cell: the rows of one pattern and class in one bin of scores.
    Where rows have weights, a cell is drawn as a Gamma variable of the same mean and variance as what it would weigh.
    """
    place, bins = _bins(ranked)
    flat = (ranked.codes * 2 + ~ranked.true) * bins + place
    scale = None
    if (ranked.weights == 1).all():
        cells, counts = np.unique(flat, return_counts=True)
    else:
        cells, where = np.unique(flat, return_inverse=True)
        counts = np.bincount(where, ranked.weights)
        scale = np.bincount(where, ranked.weights**2) / counts
    summing = _summing(cells, bins, members)
    random = np.random.default_rng([settings.seed % 2**32, 3])
    wholes, areas = [], []
    for start in range(0, settings.draws, CHUNK):
        size = min(CHUNK, settings.draws - start)
        if scale is None:
            drawn: Array = random.poisson(counts[:, None], size=(len(cells), size)).astype(np.float32)
        else:
            drawn = random.standard_gamma((counts / scale)[:, None], size=(len(cells), size)) * scale[:, None]
        tables = (summing @ drawn).T.reshape(size, len(members) + 1, 2, bins)
        whole, own = _binned(tables.astype(np.float64))
        wholes.append(whole)
        areas.append(own)
    return np.concatenate(wholes), np.concatenate(areas)


def _bins(ranked: _Ranked) -> tuple[Array, int]:
    """The bin of each row and how many there are, with about as many rows in each; ties stay together."""
    distinct = int(ranked.ranks[-1]) + 1
    if distinct <= BINS:
        return ranked.ranks, distinct
    first = np.concatenate([[0], np.flatnonzero(np.diff(ranked.ranks)) + 1])
    return (first * BINS // len(ranked.ranks))[ranked.ranks], BINS


def _summing(cells: Array, bins: int, members: Array) -> Any:
    """The sparse matrix that sums cells into the histograms of every group, and of all rows last."""
    from scipy import sparse

    side, patterns = cells % (2 * bins), cells // (2 * bins)
    rows, columns = [], []
    for group, own in enumerate((*members.astype(bool), np.ones(members.shape[1], dtype=bool))):
        inside = np.flatnonzero(own[patterns])
        rows.append(group * 2 * bins + side[inside])
        columns.append(inside)
    at = np.concatenate(rows), np.concatenate(columns)
    ones = np.ones(len(at[0]), dtype=np.float32)
    return sparse.csr_matrix((ones, at), shape=((len(members) + 1) * 2 * bins, len(cells)))


def _binned(tables: Array) -> tuple[Array, Array]:
    """The same areas from histograms (draws, groups and all rows, 2 positive and negative, bins)."""
    groups, whole = tables[:, :-1], tables[:, -1:]
    below, total = _middle(whole), whole.sum(-1)
    up, down = groups[:, :, 0], groups[:, :, 1]
    both = (up * _middle(down)).sum(-1)
    wins = np.stack(
        [
            both,
            (down * (total[:, :, :1] - below[:, :, 0])).sum(-1) - both,
            (up * below[:, :, 1]).sum(-1) - both,
            (up * below[:, :, 0]).sum(-1) - up.sum(-1) ** 2 / 2,
            (down * below[:, :, 1]).sum(-1) - down.sum(-1) ** 2 / 2,
        ],
        axis=-1,
    )
    auc = (whole[:, 0, 0] * below[:, 0, 1]).sum(-1) / np.maximum(total[:, 0].prod(-1), 1.0)
    return auc, _areas(wins, groups.sum(-1), total)


def _middle(counts: Array) -> Array:
    return np.asarray(np.cumsum(counts, axis=-1) - counts / 2)


def _shifted(value: float, drawn: Array, level: float) -> tuple[float, float]:
    held = drawn[np.isfinite(drawn)]
    if not len(held):
        return value, value
    low, high = interval(held, level)
    return min(low, value), max(high, value)
