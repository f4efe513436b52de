"""The attacks themselves: from signals to scores, larger where a row looks more like a member of the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.attacks.references import References, Side, references
from bakeoff.privacy.attacks.settings import AttackSettings, SignalScale

PRIOR = 2.0  # how many deviations the variance of all rows counts for in that of one row


def score(inside: Array, signals: Array, settings: AttackSettings) -> Mapping[str, Array]:
    """The scores of every attack by name, each float64 (fits, rows), every fit in turn as the target.

    `loss` is the signal itself (Yeom et al. 2018, arXiv 1709.01604; as Attack P in Ye et al. 2022, arXiv 2111.09679).
    """
    found = {name: np.empty_like(signals) for name in settings.attacks}
    rng = np.random.default_rng(settings.seed)
    chances = _chances(signals, settings.scale)
    for target, known in enumerate(references(inside, rng)):
        for name in settings.attacks:
            if name == "loss":
                found[name][target] = signals[target]
            elif name.startswith("lira"):
                found[name][target] = LIRA[name](signals[target], signals, known)
            else:
                ratio = _ratio(chances[target], chances, known, settings, online=name == "rmia")
                found[name][target] = _more_likely_than(ratio, ~inside[target], settings.gamma)
    return found


def _lira(target: Array, signals: Array, known: References, per_row: bool = False) -> Array:
    """The log of the ratio of two normal densities: Carlini et al. 2022, arXiv 2112.03570, algorithm 1.

    Where no reference knows a row on one side, its mean there is that of the other side, moved by the middle gap.
    """
    present, absent = Side.of(signals, known.present), Side.of(signals, known.absent)
    both = (present.count > 0) & (absent.count > 0)
    gap = float((present.mean - absent.mean)[both].mean()) if both.any() else present.middle - absent.middle
    gap = gap if np.isfinite(gap) else 0.0
    middle = absent.middle if np.isfinite(absent.middle) else present.middle - gap
    absent_mean = _first(absent.mean, present.mean - gap, middle)
    present_mean = _first(present.mean, absent.mean + gap, middle + gap)
    shared = not (present.freedom and absent.freedom)
    spreads = [_variance(side, signals, per_row) for side in (present, absent)]
    if shared:  # one spread for both: then only the means tell them apart
        spreads = [np.nanmax([side.variance for side in (present, absent)] + [1e-300]) * np.ones(len(target))] * 2
    inside, outside = spreads
    return (
        0.5 * np.log(outside / inside)
        + (target - absent_mean) ** 2 / (2 * outside)
        - (target - present_mean) ** 2 / (2 * inside)
    )


def _lira_offline(target: Array, signals: Array, known: References, per_row: bool = False) -> Array:
    """How many standard deviations the target lies above the fits that never saw the row; arXiv 2112.03570, eq. 4.

    A row without such a fit is compared with all rows.
    """
    absent = Side.of(signals, known.absent)
    found = absent.count > 0
    middle = absent.middle if found.any() else float(signals.mean())
    within = _variance(absent, signals, per_row)
    between = float(np.var(absent.mean[found])) if found.any() else float(signals.var())
    spread = np.where(found, within, within.mean() + between)
    return (target - _first(absent.mean, middle)) / np.sqrt(spread)


def _variance(side: Side, signals: Array, per_row: bool) -> Array:
    """The variance of each row, (rows,): that of all rows, or with `per_row` drawn from its own towards it."""
    pooled = side.variance
    least = 1e-9 * float(signals.var()) or 1.0
    pooled = max(pooled, least) if np.isfinite(pooled) else max(float(signals.var()), least)
    if not per_row:
        return np.full(len(side.mean), pooled)
    return (np.nan_to_num(side.squares) + PRIOR * pooled) / (np.maximum(side.count - 1, 0) + PRIOR)


def _first(*choices: Array | float) -> Array:
    """The first of the choices that is a number, for each row."""
    found = np.asarray(choices[0], dtype=np.float64)
    for choice in choices[1:]:
        found = np.where(np.isnan(found), choice, found)
    return found


def _chances(signals: Array, scale: SignalScale) -> Array:
    if scale is SignalScale.LOG_LIKELIHOOD:
        return np.exp(np.minimum(signals, 0.0))
    from scipy.special import expit

    return np.asarray(expit(signals))


def _ratio(target: Array, chances: Array, known: References, settings: AttackSettings, online: bool) -> Array:
    """How many times as likely the target finds each row as fits do on average.

    Zarifzadeh et al. 2024, arXiv 2312.03262, equation 3. Offline, fits that saw the row are guessed from those that did
    not: p = ((1 + a) p_out + (1 - a)) / 2, their appendix B.2.2.
    """
    absent = Side.of(chances, known.absent)
    present = Side.of(chances, known.present)
    guessed = ((1 + settings.a) * absent.mean + 1 - settings.a) / 2
    if online:
        usual = _first((present.mean + absent.mean) / 2, guessed, present.mean, chances.mean())
    else:
        middle = ((1 + settings.a) * absent.middle + 1 - settings.a) / 2
        usual = _first(guessed, middle, chances.mean())
    return target / np.maximum(usual, 1e-300)


def _more_likely_than(ratio: Array, population: Array, gamma: float) -> Array:
    """The share of the population, rows that the target never saw, that each row beats by `gamma`, a tie counting half.

    Rows that beat equally many stand in the order of their ratios, or all that beat the whole population were alike.
    """
    held = np.sort(ratio[population])
    beaten = (
        np.searchsorted(held, ratio / gamma, side="left") + np.searchsorted(held, ratio / gamma, side="right")
    ) / 2
    return np.asarray(beaten / len(held) + 0.4 * ratio / (1 + ratio) / len(ratio))


def _online_per_row(target: Array, signals: Array, known: References) -> Array:
    return _lira(target, signals, known, per_row=True)


def _offline_per_row(target: Array, signals: Array, known: References) -> Array:
    return _lira_offline(target, signals, known, per_row=True)


LIRA: Mapping[str, Callable[[Array, Array, References], Array]] = {
    "lira": _lira,
    "lira_per_row": _online_per_row,
    "lira_offline": _lira_offline,
    "lira_offline_per_row": _offline_per_row,
}
