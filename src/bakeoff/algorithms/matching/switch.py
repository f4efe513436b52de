"""Whether features of rivals stay: a paired test on pairs that no model had seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.algorithms.thresholds import threshold
from bakeoff.nouns import Array

SURE = 1.645  # standard errors by which the log loss must fall: a one-sided test at 5 per cent


@dataclass(frozen=True)
class ContextChoice:
    """Whether features of rivals are used and why, with F1 and log loss of held-out pairs without and with them.

    Figures of what was not tried are NaN.
    """

    on: bool
    reason: str
    f1: tuple[float, float] = (float("nan"), float("nan"))
    log_loss: tuple[float, float] = (float("nan"), float("nan"))


def choose(without: Array, with_: Array, matches: Array, records: Array) -> ContextChoice:
    """Compare held-out chances float64 (pairs,) of the same pairs; `records` (pairs,) tell whose the pairs are.

    Features of rivals stay when they lessen the log loss by more than SURE standard errors. Pairs of one record share
    their rivals, so differences are summed by record before their spread is taken (clustered standard error; Cameron
    and Miller, "A practitioner's guide to cluster-robust inference", 2015, eq. 11 without its small-sample factor).
    """
    losses = [_losses(chances, matches) for chances in (without, with_)]
    gain = losses[0] - losses[1]
    _, place = np.unique(records, return_inverse=True)
    sums = np.bincount(place, weights=gain - gain.mean())
    error = float(np.sqrt((sums**2).sum())) / len(gain)
    on = bool(gain.mean() > SURE * error)
    verdict = "more" if on else "not more"
    return ContextChoice(
        on,
        f"log loss of held-out pairs fell by {gain.mean():.4f}, {verdict} than {SURE} standard errors of {error:.4f}",
        (_f1(without, matches), _f1(with_, matches)),
        (float(losses[0].mean()), float(losses[1].mean())),
    )


def _losses(chances: Array, matches: Array) -> Array:
    held = np.clip(chances, 1e-6, 1 - 1e-6)
    return np.asarray(-np.log(np.where(matches, held, 1 - held)))


def _f1(chances: Array, matches: Array) -> float:
    called = chances >= threshold(chances, matches)
    return float(2 * (called & matches).sum() / max(1, called.sum() + matches.sum()))
