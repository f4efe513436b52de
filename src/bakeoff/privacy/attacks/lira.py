"""Likelihood ratio attacks: is a signal more like those of fits that saw its row, or of fits that did not?

Carlini et al. 2022, Membership Inference Attacks From First Principles, arXiv 2112.03570.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.attacks.references import References, Side, first_known

PRIOR = 2.0  # how many deviations the variance of all rows counts for in that of one row
LEAST = 1e-9  # of the signals' variance: what a variance is at least


def online(target: Array, signals: Array, known: References, per_row: bool = False) -> Array:
    """The log ratio of two normal densities (rows,), algorithm 1: of fits with the row, and of fits without it.

    Where no reference knows a row on one side, its mean there is that of the other side, moved by the middle gap.
    """
    present, absent = Side.of(signals, known.present), Side.of(signals, known.absent)
    both = (present.count > 0) & (absent.count > 0)
    gap = float((present.mean - absent.mean)[both].mean()) if both.any() else present.middle - absent.middle
    gap = gap if np.isfinite(gap) else 0.0
    middle = absent.middle if np.isfinite(absent.middle) else present.middle - gap
    means = (
        first_known(present.mean, absent.mean + gap, middle + gap),
        first_known(absent.mean, present.mean - gap, middle),
    )
    if present.freedom and absent.freedom:
        return _log_ratio(target, means, (_variance(present, signals, per_row), _variance(absent, signals, per_row)))
    # Without a spread for each side only the means tell them apart.
    common = np.full(len(target), _variance(absent if absent.freedom else present, signals, False)[0])
    return _log_ratio(target, means, (common, common))


def offline(target: Array, signals: Array, known: References, per_row: bool = False) -> Array:
    """How many standard deviations the target lies above the fits that never saw the row (rows,); equation 4.

    A row without such a fit is compared with all rows.
    """
    absent = Side.of(signals, known.absent)
    found = absent.count > 0
    if not found.any():
        return (target - signals.mean()) / np.sqrt(max(float(signals.var()), 1e-300))
    within = _variance(absent, signals, per_row)
    spread = np.where(found, within, within.mean() + float(np.var(absent.mean[found])))
    return (target - first_known(absent.mean, absent.middle)) / np.sqrt(spread)


def shrunk(target: Array, signals: Array, known: References) -> Array:
    """The same log ratio where a row's two means are themselves drawn from a normal distribution over rows (rows,).

    With few references most of the difference between a row's two means is noise. The two means of a row, with and
    without it, get a normal prior whose moments are those of all rows; their posterior draws each towards what the
    other and all rows say, and what it leaves open widens the two densities.
    """
    present, absent = Side.of(signals, known.present), Side.of(signals, known.absent)
    sides = present, absent
    if not (present.count.any() and absent.count.any()):
        return online(target, signals, known)
    least = LEAST * float(signals.var()) or 1.0
    noise, prior = _moments(target, sides, least)
    precision = np.linalg.inv(prior)
    of_data = [side.count / max(spread, least) for side, spread in zip(sides, noise, strict=True)]
    first, second = precision[0, 0] + of_data[0], precision[1, 1] + of_data[1]
    cross = precision[0, 1]
    over = first * second - cross * cross
    pulls = [
        weight * np.where(side.count > 0, side.mean - side.middle, 0.0)
        for side, weight in zip(sides, of_data, strict=True)
    ]
    means = (
        present.middle + (second * pulls[0] - cross * pulls[1]) / over,
        absent.middle + (first * pulls[1] - cross * pulls[0]) / over,
    )
    return _log_ratio(target, means, (noise[0] + second / over, noise[1] + first / over))


def _moments(target: Array, sides: tuple[Side, Side], least: float) -> tuple[tuple[float, float], Array]:
    """The variances of a fit's signal about a row's two means, and the covariance (2, 2) of the means over rows."""
    totals = [float(np.var(side.mean[side.count > 0])) for side in sides]
    if all(side.freedom for side in sides):
        noise = [max(side.variance, least) for side in sides]
        parts = [float(np.mean(1 / side.count[side.count > 0])) for side in sides]
        both = (sides[0].count > 0) & (sides[1].count > 0)
        shared = float(np.cov(sides[0].mean[both], sides[1].mean[both])[0, 1]) if both.sum() > 1 else 0.0
    else:
        # No row has two references alike: what stays of a row from fit to fit is read off the target itself, and the
        # rest is taken to be alike on both sides, for nothing tells them apart.
        likeness = [float(np.cov(side.mean[side.count > 0], target[side.count > 0])[0, 1]) for side in sides]
        shared = max(float(np.mean(likeness)), 0.0)
        totals = [float(np.mean(totals))] * 2
        noise, parts = [max(totals[0] - shared, least)] * 2, [1.0, 1.0]
    between = [max(t - spread * part, 0.01 * spread) for t, spread, part in zip(totals, noise, parts, strict=True)]
    most = 0.999 * np.sqrt(between[0] * between[1])
    shared = float(np.clip(shared, -most, most))
    return (noise[0], noise[1]), np.array([[between[0], shared], [shared, between[1]]])


def _log_ratio(target: Array, means: tuple[Array, Array], variances: tuple[Array, Array]) -> Array:
    (inside, outside), (with_row, without) = means, variances
    ratio: Array = 0.5 * np.log(without / with_row)
    ratio = ratio + (target - outside) ** 2 / (2 * without) - (target - inside) ** 2 / (2 * with_row)
    return ratio


def _variance(side: Side, signals: Array, per_row: bool) -> Array:
    """The variance of each row, (rows,): that of all rows, or with `per_row` its own, drawn towards that of all."""
    total = float(signals.var())
    pooled = max(side.variance if side.freedom else total, LEAST * total) or 1.0
    if not per_row:
        return np.full(len(side.mean), pooled)
    return np.asarray((np.nan_to_num(side.squares) + PRIOR * pooled) / (np.maximum(side.count - 1, 0) + PRIOR))


def _online_per_row(target: Array, signals: Array, known: References) -> Array:
    return online(target, signals, known, per_row=True)


def _offline_per_row(target: Array, signals: Array, known: References) -> Array:
    return offline(target, signals, known, per_row=True)


FORMS: Mapping[str, Callable[[Array, Array, References], Array]] = {
    "lira": online,
    "lira_per_row": _online_per_row,
    "lira_shrunk": shrunk,
    "lira_offline": offline,
    "lira_offline_per_row": _offline_per_row,
}
