"""How well one fit's signals tell the canaries that were in training from those that were not."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.audits.tallies import split_of
from bakeoff.stats.intervals import difference_of_shares

HALVINGS = 30


def area(signals: Array, inside: Array, level: float = 0.95) -> tuple[float, float, float]:
    """The area under the ROC curve, ties counting half, with an interval: (value, low, high).

    `signals` float64 (canaries,) and `inside` bool (canaries,) as in `tally`; nan where all canaries are of one side.
    Newcombe (2006), Statistics in Medicine 25, 559-573, method 5: a score interval, which has a width at 0 and 1.
    """
    from scipy.stats import rankdata

    signals, inside = np.asarray(signals, dtype=np.float64), np.asarray(inside, dtype=bool)
    members, others = int(inside.sum()), int((~inside).sum())
    if not members or not others:
        return math.nan, math.nan, math.nan
    value = float((rankdata(signals)[inside].sum() - members * (members + 1) / 2) / (members * others))
    z = NormalDist().inv_cdf((1 + level) / 2)

    def beyond(candidate: float) -> float:
        return abs(value - candidate) - z * math.sqrt(_variance(candidate, members, others))

    return value, _edge(value, 0.0, beyond), _edge(value, 1.0, beyond)


def advantage(signals: Array, inside: Array) -> tuple[float, float, float]:
    """The membership advantage of who takes the larger half of signals for members, with an interval.

    (value, low, high): the share of members so taken minus that of the others (Yeom et al. 2018, arXiv 1709.01604,
    definition 4), which is 0 for a guess and 1 for knowledge. The halves part at `split_of`, which knows no coin.
    Newcombe's (1998) interval of two Wilson intervals. nan where all canaries are of one side.
    """
    signals, inside = np.asarray(signals, dtype=np.float64), np.asarray(inside, dtype=bool)
    if inside.all() or not inside.any():
        return math.nan, math.nan, math.nan
    ordered = np.sort(signals)[::-1]
    taken = signals >= ordered[split_of(ordered) - 1]
    return difference_of_shares(taken[inside], taken[~inside])


def _variance(candidate: float, members: int, others: int) -> float:
    """The variance of an area with that expectation: Hanley and McNeil's, with equal sizes in its middle terms."""
    half = (members + others) / 2 - 1
    spread = 1 + half * (1 - candidate) / (2 - candidate) + half * candidate / (1 + candidate)
    return candidate * (1 - candidate) * spread / (members * others)


def _edge(value: float, end: float, beyond: Callable[[float], float]) -> float:
    """Where the interval ends between the value and 0 or 1, by halving."""
    if value == end:
        return end
    near, far = value, end
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        near, far = (near, middle) if beyond(middle) > 0 else (middle, far)
    return near
