"""Renyi divergences of a ledger's entries: looser than privacy loss distributions, and computed another way."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from bakeoff.extras import need
from bakeoff.nouns import Array
from bakeoff.privacy.entries import Entry, Kind, Neighbours

ORDERS = (*(1 + tenth / 10 for tenth in range(1, 100)), *range(11, 64), 72, 80, 96, 128, 192, 256, 512, 1024)
QUICK = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256)


def divergences(entries: Iterable[Entry], neighbours: Neighbours, orders: Sequence[float]) -> Array:
    """What these entries together diverge by at most at each order, float64 (orders,)."""
    found = np.zeros(len(orders))
    for entry in entries:
        if entry.kind is Kind.SPENT:
            one = _stated(entry.epsilon, orders)
        elif entry.kind is Kind.SELECTED:
            one = _selected(entry, neighbours, orders)
        else:
            one = _gaussian(entry, neighbours, orders)
        found += entry.count * one
    return found


def told_outright(entries: Iterable[Entry]) -> float:
    """The chance that a mechanism which states a delta tells outright; divergences hold otherwise."""
    total = 0.0
    for entry in entries:
        if entry.kind is Kind.SELECTED:
            total += entry.count * entry.mean * max(told_outright(option) for option in entry.options)
        else:
            total += entry.count * entry.delta
    return total


def _gaussian(entry: Entry, neighbours: Neighbours, orders: Sequence[float]) -> Array:
    base: Any = need("dp_accounting", "privacy")
    renyi: Any = need("dp_accounting.rdp", "privacy")
    replaced = neighbours is Neighbours.REPLACE
    # Who replaces a contribution takes one away and adds another: the sum moves by twice the bound. Several records of
    # a unit count as if they were always drawn together, which is worse than each by itself.
    noise = base.GaussianDpEvent(entry.sigma / (entry.together * (2 if replaced else 1)))
    rate = -math.expm1(entry.together * math.log1p(-entry.rate)) if entry.rate < 1 else 1.0
    relation = base.NeighboringRelation.REPLACE_ONE if replaced else base.NeighboringRelation.ADD_OR_REMOVE_ONE
    if rate == 1:
        event = noise
    elif replaced:
        # Wang, Balle and Kasiviswanathan 2019, theorem 27, asks of a sample only how often it holds the replaced row.
        event = base.SampledWithoutReplacementDpEvent(1.0, rate, noise)
    else:
        event = base.PoissonSampledDpEvent(rate, noise)
    accountant = renyi.RdpAccountant(list(orders), relation)
    with _quiet():
        accountant.compose(event)
    return np.asarray(accountant.rdp)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a warning for every order that is left out because its series does not converge; others bound as well."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _stated(epsilon: float, orders: Sequence[float]) -> Array:
    """Of randomised response, the worst of all mechanisms with that epsilon (Mironov 2017, proposition 5)."""
    order = np.asarray(orders, dtype=float)
    worst = np.logaddexp(order * epsilon, (1 - order) * epsilon) - np.logaddexp(0.0, epsilon)
    return np.asarray(np.minimum(worst / (order - 1), epsilon))


def _selected(entry: Entry, neighbours: Neighbours, orders: Sequence[float]) -> Array:
    """Of the best of a random number of runs (Papernot and Steinke 2022, theorems 2 and 6)."""
    from bakeoff.privacy.selection import halting

    order = np.asarray(orders, dtype=float)
    run = np.max([divergences(option, neighbours, orders) for option in entry.options], axis=0)
    more = math.log(entry.mean) / (order - 1)
    if math.isfinite(entry.shape):
        often = (1 - 1 / order) * run - math.log(halting(entry.mean, entry.shape)) / order
        found = run + more + (1 + entry.shape) * often.min()
    else:
        renyi: Any = need("dp_accounting.rdp.rdp_privacy_accountant", "privacy")
        near = [renyi.compute_delta(list(orders), list(run), math.log1p(1 / (one - 1)))[0] for one in order]
        found = run + more + entry.mean * np.asarray(near)
    # A divergence grows with its order, so what bounds a greater order bounds a smaller one too.
    return np.asarray(np.minimum.accumulate(found[::-1])[::-1])
