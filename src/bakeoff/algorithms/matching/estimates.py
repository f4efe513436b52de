"""What a matcher is worth, from chances of pairs that were held out while they were learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.bootstrap import resample
from bakeoff.stats.intervals import interval, wilson

FOLDS = 200
AT_ONCE = 4_000_000  # weights of replicates held at once
POINTS = 200  # of the curve that are kept


@dataclass(frozen=True)
class Figure:
    """A value from 0 to 1 with its 95 % interval; nan where it is undefined."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Two decimals, the interval in brackets."""
        if not np.isfinite(self.value):
            return "undefined"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, eq=False)
class Estimates:
    """Held-out figures of `pairs` labelled pairs, `matches` of them matches.

    `area` is the area under the precision-recall curve (average precision). `confusion` holds the pairs as ((true none,
    called though none), (missed, found)); `curve` float64 (points, 3) the chance, precision and recall from few pairs
    called to all. `weighted` says that pairs stand for others, as those drawn at random while labelling: the figures
    are of all candidates then, and the confusion matrix counts weights.
    """

    pairs: int
    matches: int
    precision: Figure
    recall: Figure
    f1: Figure
    area: Figure
    confusion: tuple[tuple[float, float], tuple[float, float]]
    curve: Array
    weighted: bool = False


def estimate(
    chances: Array, matches: Array, at: float, weights: Array | None = None, groups: Array | None = None
) -> Estimates:
    """Figures of held-out `chances` (pairs,), called a match from `at`, against `matches`, bool (pairs,).

    `weights` (pairs,) say how many pairs each one stands for; those of weight 0 are left out. `groups` (pairs,) name
    what is resampled together, best the left record, since the pairs of one record are not independent. Intervals are
    the bootstrap's, and no narrower than Wilson's of as many independent pairs: a bootstrap of few pairs without an
    error has no width.
    """
    weighted = weights is not None
    weight = np.ones(len(chances)) if weights is None else np.asarray(weights, dtype=np.float64)
    counted = weight > 0
    chances, matches, weight = np.asarray(chances)[counted], np.asarray(matches, dtype=bool)[counted], weight[counted]
    group = np.arange(len(chances)) if groups is None else np.unique(groups[counted], return_inverse=True)[1].ravel()
    called = chances >= at
    drawn = _replicates(chances, matches, called, weight, group)
    sums = _sums(np.ones((1, len(chances))), matches, called, weight)[0]
    hits, said, true = sums
    effective = [_effective(weight[part]) for part in (called, matches, called | matches)]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.array([hits / said, hits / true, 2 * hits / (said + true)])
        of_draws = np.array(
            [drawn[:, 0] / drawn[:, 1], drawn[:, 0] / drawn[:, 2], 2 * drawn[:, 0] / drawn[:, 1:3].sum(1)]
        )
    precision, recall, f1 = (_figure(*each) for each in zip(values, of_draws, effective, strict=True))
    area = average_precision(chances, matches, weight[None, :])[0] if len(chances) else np.nan
    wrong, missed = said - hits, true - hits
    confusion = ((float(weight.sum() - said - missed), float(wrong)), (float(missed), float(hits)))
    return Estimates(
        len(chances),
        int(matches.sum()),
        precision,
        recall,
        f1,
        _figure(area, drawn[:, 3], effective[2]),
        confusion,
        curve(chances, matches, weight),
        weighted,
    )


def _sums(draws: Array, matches: Array, called: Array, weight: Array) -> Array:
    """Hits, called and true of each replicate: (folds, 3)."""
    parts = np.stack([matches & called, called, matches], axis=1) * weight[:, None]
    return np.asarray(draws @ parts)


def _replicates(chances: Array, matches: Array, called: Array, weight: Array, group: Array) -> Array:
    """Hits, called, true and average precision of each bootstrap replicate: (folds, 4)."""
    if not len(chances):
        return np.full((1, 4), np.nan)
    drawn = resample(int(group.max()) + 1, "matcher", FOLDS)
    step, found = max(1, AT_ONCE // len(chances)), []
    for start in range(0, FOLDS, step):
        draws = drawn.weights[start : start + step][:, drawn.group[group]]
        area = average_precision(chances, matches, draws * weight)
        found.append(np.column_stack([_sums(draws, matches, called, weight), area]))
    return np.vstack(found)


def _effective(weights: Array) -> float:
    """How many pairs of equal weight say as much (Kish, Survey Sampling, 1965)."""
    return float(weights.sum() ** 2 / max(float((weights**2).sum()), 1e-300)) if len(weights) else 0.0


def _figure(value: float, draws: Array, effective: float) -> Figure:
    value = float(value)
    if not np.isfinite(value):
        return Figure(np.nan, np.nan, np.nan)
    low, high = interval(draws)
    count = max(1, round(effective))
    least, most = wilson(value * count, count)
    return Figure(
        value,
        min(value, least, low if np.isfinite(low) else least),
        max(value, most, high if np.isfinite(high) else most),
    )


def average_precision(chances: Array, matches: Array, weights: Array) -> Array:
    """The area under the precision-recall curve for each row of `weights` (folds, pairs), as steps: (folds,).

    The sum over falling thresholds of the gain in recall times the precision, as scikit-learn's; nan without a match.
    """
    order, last = _ranked(chances)
    weights = np.asarray(weights, dtype=np.float64)[:, order]
    called = np.cumsum(weights, axis=1)[:, last]
    hits = np.cumsum(weights * matches[order], axis=1)[:, last]
    gained = np.diff(hits, axis=1, prepend=0.0) * (hits / np.maximum(called, 1e-300))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(hits[:, -1] > 0, gained.sum(axis=1) / hits[:, -1], np.nan))


def _ranked(chances: Array) -> tuple[Array, Array]:
    """The order of falling chances, and the places in it after which a threshold may lie."""
    order = np.argsort(-chances, kind="stable")
    ranked = chances[order]
    return order, np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))


def curve(chances: Array, matches: Array, weights: Array) -> Array:
    """Chance, precision and recall at up to POINTS thresholds, float64 (points, 3); empty without a match."""
    if not matches.any():
        return np.zeros((0, 3))
    order, last = _ranked(chances)
    called, hits = np.cumsum(weights[order])[last], np.cumsum((weights * matches)[order])[last]
    points = np.column_stack([chances[order][last], hits / called, hits / hits[-1]])
    return points[np.unique(np.linspace(0, len(points) - 1, POINTS).round().astype(int))]
