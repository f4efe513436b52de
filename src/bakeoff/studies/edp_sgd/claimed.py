"""Whether the epsilon that is claimed for clipped means of micro-batches is true: by accounting, and by an attack."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bakeoff.privacy import Budget, Ledger
from bakeoff.privacy.calibration import smallest_sigma
from bakeoff.privacy.entries import Entry, Kind

LEVEL = 0.95


def accounted(values: Mapping[str, Any]) -> dict[str, Any]:
    """The epsilon that the paper's accounting gives, and the one of the sensitivity that a record really has."""
    rate, sigma, steps, delta = (values[name] for name in ("rate", "sigma", "steps", "delta"))
    claimed, honest = Ledger(), Ledger()
    claimed.sampled("a sensitivity of the clip", rate, sigma, steps)
    honest.sampled("a sensitivity of twice the clip", rate, sigma / 2, steps)
    found = {"claimed": claimed.epsilon(delta), "honest": honest.epsilon(delta)}
    bounds = {"claimed by Renyi divergences": claimed.rdp(delta), "honest by Renyi divergences": honest.rdp(delta)}
    return {**found, **bounds, "rate": rate, "sigma": sigma, "steps": steps, "delta": delta}


def attacked(values: Mapping[str, Any]) -> dict[str, Any]:
    """One step with the noise of the claimed epsilon is run many times, with one record and without, and told apart.

    Every record is in the sample, so that the step is a Gaussian mechanism. Where its noise has deviation s and the
    record moves the sum by m, telling both apart by a threshold in the middle has error rates of the normal
    distribution with distance mu = m / s; from bounds on the rates (Clopper and Pearson, 1934) follows one on mu, and
    from mu epsilon at delta (Dong, Roth and Su 2022, corollary 2.13; as Nasr et al. 2023 audit).
    """
    from bakeoff.studies.edp_sgd.one_step import micro_step, record_step

    delta, trials = values["delta"], values["trials"]
    budget = Budget(values["epsilon"], delta)
    sigma = smallest_sigma(budget, lambda sigma: [Entry(Kind.RELEASED, "one step", sigma=sigma)])
    figures: dict[str, Any] = {"claimed": budget.epsilon, "sigma": sigma, "delta": delta, "trials": trials}
    for name, step in (("micro-batch", micro_step), ("record", record_step)):
        found = step(sigma, trials)
        figures[name] = {"stated": found.epsilon(delta), **_bound(found.with_it, found.without_it, delta)}
    return figures


def _bound(with_it: Any, without_it: Any, delta: float) -> dict[str, float]:
    """A lower bound on epsilon at 95 % confidence from two samples of a number, float64 (trials,)."""
    from scipy.stats import norm

    # The threshold comes from one half of the trials, the rates from the other.
    half = len(with_it) // 2
    first, second = float(np.mean(with_it[:half])), float(np.mean(without_it[:half]))
    middle, sign = (first + second) / 2, math.copysign(1.0, first - second)
    hits = int((sign * (with_it[half:] - middle) > 0).sum())
    alarms = int((sign * (without_it[half:] - middle) > 0).sum())
    count = len(with_it) - half
    surest = (1 - LEVEL) / 2
    least = _clopper(hits, count, surest)[0]
    most = _clopper(alarms, count, surest)[1]
    distance = max(0.0, float(norm.ppf(least) - norm.ppf(most)))
    told = {"hits": hits / count, "false alarms": alarms / count, "distance at least": distance}
    return {**told, "epsilon at least": epsilon_at(distance, delta)}


def _clopper(found: int, count: int, miss: float) -> tuple[float, float]:
    """Clopper and Pearson's bounds of a share, each missed with probability `miss`."""
    from scipy.stats import beta

    low = float(beta.ppf(miss, found, count - found + 1)) if found else 0.0
    high = float(beta.ppf(1 - miss, found + 1, count - found)) if found < count else 1.0
    return low, high


def epsilon_at(distance: float, delta: float) -> float:
    """Epsilon at `delta` of a Gaussian mechanism whose two outputs lie so many deviations apart.

    The epsilon at which Phi(d / 2 - e / d) - exp(e) Phi(-d / 2 - e / d) is delta (Balle and Wang 2018, theorem 8).
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if distance <= 0:
        return 0.0

    def excess(epsilon: float) -> float:
        first = norm.cdf(distance / 2 - epsilon / distance)
        second = math.exp(epsilon + norm.logcdf(-distance / 2 - epsilon / distance))
        return float(first - second - delta)

    if excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, distance**2 / 2 + 12 * distance))
