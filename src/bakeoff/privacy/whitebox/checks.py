"""What a watched fit tells of its engine directly: noise, size of steps, and sampling, each beside what is stated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.whitebox.watching import Seen

SURE = 1e-7  # how seldom a check of a sound fit fails


@dataclass(frozen=True)
class Check:
    """One thing that was measured: `found`, by its share of what is stated, `low` and `high` as surely as can be.

    `expected` is what it is in a sound fit, `meaning` what it means where it is not.
    """

    name: str
    found: float
    low: float
    high: float
    expected: float
    meaning: str

    @property
    def holds(self) -> bool:
        """Whether what is expected lies within."""
        return self.low <= self.expected <= self.high

    @property
    def words(self) -> str:
        """For people: what was found beside what is stated."""
        return f"{self.name} is {self.found:.3f} ({self.low:.3f} to {self.high:.3f}), and should be {self.expected:g}"


def checks_of(seen: Seen, inside: Array, rate: float) -> tuple[Check, ...]:
    """Checks of every step together, each false once in ten million sound fits; none where no step was seen.

    `rate` is the one stated in the ledger.
    """
    if not seen.steps:
        return ()
    out = ~inside
    found = []
    if out.any():
        found.append(_noise(seen, out))
        if seen.steps > 1:
            found.append(_repeats(seen, out))
    if inside.any():
        found.append(_pull(seen, inside))
        found.append(_drawn(seen, inside, rate))
    return tuple(found)


def _noise(seen: Seen, out: Array) -> Check:
    """Squares of canaries that are out are noise alone: a chi-square variable."""
    from scipy.stats import chi2

    total, freedom = float(seen.squares[out].sum()), int(out.sum()) * seen.steps
    low, high = (math.sqrt(total / float(chi2.isf(tail, freedom))) for tail in (SURE / 2, 1 - SURE / 2))
    return Check(
        "noise over what is stated",
        *(math.sqrt(total / freedom), low, high, 1.0),
        "noise is missing, too small, too large, or not added once a step",
    )


def _repeats(seen: Seen, out: Array) -> Check:
    """Products of neighbouring steps' noise: means of so many are nearly normal, with a variance of 1 over them."""
    from scipy.stats import norm

    count = int(out.sum()) * (seen.steps - 1)
    mean = float(seen.repeats[out].sum()) / count
    room = float(norm.isf(SURE / 2)) / math.sqrt(count)
    return Check("likeness of two steps' noise", mean, mean - room, mean + room, 0.0, "noise is used more than once")


def _pull(seen: Seen, inside: Array) -> Check:
    """What canaries that are in add, over rate times bound: the spread between canaries is measured."""
    from scipy.stats import t

    pulls = seen.pulls[inside] / seen.expected
    error = float(np.std(pulls, ddof=1)) / math.sqrt(len(pulls)) if len(pulls) > 1 else math.inf
    room = float(t.isf(SURE / 2, max(1, len(pulls) - 1))) * error
    mean = float(pulls.mean())
    return Check(
        "a record's part over what is stated",
        *(mean, mean - room, mean + room, 1.0),
        "gradients are not cut to their bound, or records are drawn more often than is stated",
    )


def _drawn(seen: Seen, inside: Array, rate: float) -> Check:
    from scipy.stats import beta

    trials, hits = int(inside.sum()) * seen.steps, int(seen.drawn[inside].sum())
    low = float(beta.ppf(SURE / 2, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.isf(SURE / 2, hits + 1, trials - hits)) if hits < trials else 1.0
    return Check(
        "share of records drawn over the stated rate",
        *(hits / trials / rate, low / rate, high / rate, 1.0),
        "records are drawn at another rate than is stated",
    )
