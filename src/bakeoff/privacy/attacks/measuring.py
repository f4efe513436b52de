"""How well scores tell members from others: areas and hits, with intervals that know that rows and fits are shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.attacks.references import complements
from bakeoff.privacy.attacks.report import Measured
from bakeoff.stats.bootstrap import resample
from bakeoff.stats.intervals import interval, wilson

FEWEST_ALARMS = 10  # hits at a rate of false alarms that fewer than so many others make are noise
FEWEST_FITS = 4  # fewer independent fits cannot be resampled
FINER, STEP = 500, 1.005  # so many of the top others have a bin of their own, and each one after holds 0.5 % more
EXACT = 1 << 22
AT_ONCE = 100


@dataclass(frozen=True, eq=False)
class Pooled:
    """Who is a member, bool (fits, rows), and replicates' weights of row groups and of fits in clusters.

    `row` int (rows,) and `fit` int (fits,) give the group of each row and the cluster of each fit, `rows` float64
    (draws, groups) and `fits` (draws, clusters) how often each replicate draws it. A single cluster is not resampled.
    """

    inside: Array
    row: Array
    fit: Array
    rows: Array
    fits: Array

    @property
    def resamples_fits(self) -> bool:
        """Whether there are enough independent fits to resample them."""
        return len(self.fits[0]) > 1

    def of_rows(self) -> Pooled:
        """With the fits as they are."""
        return replace(self, fit=np.zeros_like(self.fit), fits=np.ones((len(self.fits), 1)))

    def of_fits(self) -> Pooled:
        """With the rows as they are."""
        return replace(self, row=np.zeros_like(self.row), rows=np.ones((len(self.rows), 1)))


def pool(inside: Array, draws: int, seed: int) -> Pooled:
    """Draw the weights by which rows and fits, a fit together with its complement, are resampled independently."""
    rows = resample(inside.shape[1], f"attack rows {seed}", draws)
    partner = complements(inside)
    own = np.arange(len(inside))
    _, fit = np.unique(np.where(partner >= 0, np.minimum(own, partner), own), return_inverse=True)
    clusters = int(fit.max()) + 1
    if clusters < FEWEST_FITS:
        return Pooled(inside, rows.group, np.zeros(len(inside), dtype=int), rows.weights, np.ones((draws, 1)))
    fits = resample(clusters, f"attack fits {seed}", draws).weights
    return Pooled(inside, rows.group, fit, rows.weights, fits)


def area(scores: Array, member: Array) -> float:
    """The chance that a member scores above another, ties half; both flat; nan where either kind is missing."""
    from scipy.stats import rankdata

    members, others = int(member.sum()), int((~member).sum())
    if not members or not others:
        return np.nan
    ranks = rankdata(scores)[member].sum()
    return float((ranks - members * (members + 1) / 2) / (members * others))


def hits(scores: Array, member: Array, fprs: Sequence[float]) -> Array:
    """The share of members found where at most so many others are, (fprs,); a tie is taken whole or not at all.

    nan where there is no member or no other row.
    """
    if member.all() or not member.any():
        return np.full(len(fprs), np.nan)
    others = np.sort(scores[~member])[::-1]
    members = np.sort(scores[member])
    allowed = np.floor(np.asarray(fprs) * len(others) + 1e-9).astype(int)
    # The first one that must not be a false alarm sets the threshold: only scores above it count.
    cut = np.where(allowed < len(others), others[np.minimum(allowed, len(others) - 1)], -np.inf)
    return (len(members) - np.searchsorted(members, cut, side="right")) / len(members)


def replicates(scores: Sequence[Array], pooled: Pooled, fprs: Sequence[float]) -> Array:
    """Area and hits of every replicate of several attacks' scores (fits, rows): (attacks, draws, 1 + fprs).

    Drawing rows and fits and multiplying their weights (Owen 2007, The pigeonhole bootstrap, Annals of Applied
    Statistics 1, 386-411) counts what is of one row in one fit alone three times, drawing only rows or only fits once.
    So the variance is taken as twice that of the latter two less that of the first, and replicates are drawn together
    to it, though never below what rows or fits alone make. nan where a replicate draws no member or no other.
    """
    binned = [_bins(one.ravel(), pooled.inside.ravel()) for one in scores]
    found = _replicates(binned, pooled, fprs)
    if not pooled.resamples_fits:
        return found
    apart = [_replicates(binned, part, fprs) for part in (pooled.of_rows(), pooled.of_fits())]
    both, rows, fits = (np.nanvar(draws, axis=1, keepdims=True) for draws in (found, *apart))
    variance = np.clip(2 * (rows + fits) - both, np.maximum(rows, fits), both)
    middle = np.nanmean(found, axis=1, keepdims=True)
    ratio = np.sqrt(np.divide(variance, both, out=np.ones_like(both), where=both > 0))
    return np.asarray(np.clip(middle + (found - middle) * ratio, 0.0, 1.0))


def _replicates(binned: Sequence[tuple[Array, int]], pooled: Pooled, fprs: Sequence[float]) -> Array:
    from scipy.sparse import csr_array

    groups, clusters = pooled.rows.shape[1], pooled.fits.shape[1]
    place = (pooled.row[None, :].astype(np.int64) * clusters + pooled.fit[:, None]).ravel()
    member = pooled.inside.ravel()
    # Weights are whole numbers, whose sums single precision holds exactly up to 2 ** 24.
    exact = np.float32 if member.size < EXACT else np.float64
    kinds = [
        [
            csr_array((np.ones(kept.sum(), exact), (bins[kept], place[kept])), shape=(count, groups * clusters))
            for kept in (member, ~member)
        ]
        for bins, count in binned
    ]
    found = np.empty((len(binned), len(pooled.rows), 1 + len(fprs)))
    for start in range(0, len(pooled.rows), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        rows, fits = pooled.rows[part].T.astype(exact), pooled.fits[part].T.astype(exact)
        weights = np.multiply(rows[:, None, :], fits[None, :, :], order="C").reshape(groups * clusters, -1)
        for attack, (members, others) in enumerate(kinds):
            found[attack, part] = _figures(members @ weights, others @ weights, fprs)
    return found


def _figures(members: Array, others: Array, fprs: Sequence[float]) -> Array:
    """From the weights of members and others in each bin, (bins, draws), the top one first."""
    draws = np.arange(members.shape[1])
    hit, alarmed = np.cumsum(members, axis=0), np.cumsum(others, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # In single precision the sum of products would be rounded.
        below = np.einsum("bd,bd->d", hit - members / 2, others, dtype=np.float64)
        columns = [below / hit[-1] / alarmed[-1]]
        for fpr in fprs:
            last = (alarmed <= fpr * alarmed[-1] + 1e-6).sum(axis=0) - 1
            columns.append(np.where(last >= 0, hit[np.maximum(last, 0), draws], 0.0) / hit[-1])
    return np.stack(columns, axis=1)


def _bins(scores: Array, member: Array) -> tuple[Array, int]:
    """The bin of each score, 0 for the largest ones, and how many bins there are.

    Scores between the same two others share one, as do ties, which changes no figure; where there are many others,
    only the top ones get bins of their own.
    """
    others = np.unique(scores[~member])
    place = np.searchsorted(others, scores, side="left") + np.searchsorted(others, scores, side="right")
    place = 2 * len(others) - place
    if len(others) > FINER:
        steps = FINER * STEP ** np.arange(int(np.log(len(others) / FINER) / np.log(STEP)) + 1)
        edges = np.unique(np.concatenate([np.arange(2 * FINER), 2 * np.ceil(steps)])).astype(int)
        place = np.searchsorted(edges, place, side="right") - 1
    return place, int(place.max()) + 1


def measured(values: Array, draws: Array, pooled: Pooled, level: float, reasons: Sequence[str]) -> list[Measured]:
    """Each value (figures,) with the percentile interval of its replicates (draws, figures), or the reason for none."""
    return [
        Measured(None, reason=reason)
        if reason
        else Measured(value, *_ends(value, interval(draws[:, place], level), pooled, level))
        for place, (value, reason) in enumerate(zip(values.tolist(), reasons, strict=True))
    ]


def strongest(values: Array, draws: Array, pooled: Pooled, level: float) -> Measured:
    """The largest of several attacks' values (attacks,), with an interval that pays for choosing it.

    Intervals of all attacks that hold together at `level`, from replicates (draws, attacks) of the same rows and fits
    (Mandel and Betensky 2008, Computational Statistics & Data Analysis 52, 2158-2165), bound the largest true value by
    their largest lower and largest upper end. Where attacks are alike they are narrower than Bonferroni's.
    """
    count, attacks = draws.shape
    ordered = np.sort(draws, axis=0)
    below, above = (
        np.stack([np.searchsorted(ordered[:, one], draws[:, one], side=side) for one in range(attacks)], axis=1)
        for side in ("left", "right")
    )
    # How far out each replicate lies in the attack where it lies furthest, as a place from the end.
    outer = np.minimum(above - 1, count - 1 - below).min(axis=1)
    place = int(np.sort(outer)[int(np.floor((1 - level) * count))])
    ends = zip(ordered[place].tolist(), ordered[count - 1 - place].tolist(), strict=True)
    each = 1 - (1 - level) / attacks
    bounds = [_ends(value, one, pooled, each) for value, one in zip(values.tolist(), ends, strict=True)]
    return Measured(float(values.max()), max(low for low, _ in bounds), max(high for _, high in bounds))


def _ends(value: float, ends: tuple[float, float], pooled: Pooled, level: float) -> tuple[float, float]:
    low, high = ends
    if not high > low:  # nothing varies at 0 or 1, which says nothing of how sure that is: rows are the trials
        rows = pooled.inside.shape[1]
        low, high = wilson(value * rows, rows, level)
    return min(low, value), max(high, value)


def reasons(member: Array, fprs: Sequence[float]) -> list[str]:
    """Why the area and each rate of false alarms cannot be measured; empty where it can."""
    members, others = int(member.sum()), int((~member).sum())
    few = min(members, others) < FEWEST_ALARMS
    told = f"{members:,} members and {others:,} others; {FEWEST_ALARMS} of each are needed" if few else ""
    needed = [int(np.ceil(FEWEST_ALARMS / fpr - 1e-9)) for fpr in fprs]
    return [told, *(told or _too_few(others, need) for need in needed)]


def _too_few(others: int, needed: int) -> str:
    return f"{others:,} answers to rows that were not inside; {needed:,} are needed" if others < needed else ""


def curve(scores: Array, inside: Array, fprs: Sequence[float]) -> Mapping[float, float]:
    """The hits at many rates of false alarms, to be drawn."""
    found = hits(scores.ravel(), inside.ravel(), fprs)
    return dict(zip(fprs, found.tolist(), strict=True))
