"""From signals to right guesses: who is guessed to have been in training, and how often that was right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.audits import guesses as coins
from bakeoff.privacy.audits.guesses import CONFIDENCE
from bakeoff.privacy.audits.tradeoffs import Gaussian, refuted

SPREAD = 3.0  # standard deviations of the number of canaries that coins put in
UNFAIR = 6.0  # such deviations, which fair coins exceed less than once in 10^7 times
LEAST = 10  # guesses below which a way is not tried
NEIGHBOURS = "add or remove one"


class Side(StrEnum):
    """Whose coins are guessed: those that look most like members, those that look least so, or both."""

    BOTH = "both"
    MEMBERS = "members"
    OTHERS = "others"


@dataclass(frozen=True)
class Way:
    """How to guess: one canary of so many (`part` 3 is a third), at both ends of the signals or at one alone."""

    part: int
    side: Side = Side.BOTH

    def __str__(self) -> str:
        return f"1/{self.part}" + ("" if self.side is Side.BOTH else f" {self.side} alone")

    @classmethod
    def named(cls, words: str) -> Way:
        """The way that `str` told."""
        part, *rest = words.removeprefix("1/").split()
        return cls(int(part), Side(rest[0]) if rest else Side.BOTH)


# Noise tells of both ends. A fit that remembers some rows well tells of members alone, and one that is always right on
# its own rows of others alone, where it errs. Each is tried and paid for.
BOTH_ENDS = (1, 3, 10, 30)
ONE_END = (10, 30)
WAYS = (
    *(Way(part) for part in BOTH_ENDS),
    *(Way(part, side) for side in (Side.MEMBERS, Side.OTHERS) for part in ONE_END),
)


@dataclass(frozen=True)
class Tally:
    """How many of so many guesses about `canaries` coins were right, for each way of guessing.

    Trying several ways is paid for: each is judged at its share of the 5 % (Bonferroni), and those with fewer than ten
    guesses are not tried. Only the numbers of canaries decide which.
    """

    canaries: int
    ways: tuple[Way, ...]
    guesses: tuple[int, ...]
    correct: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.ways) == len(self.guesses) == len(self.correct) > 0:
            raise UsageError("A tally needs as many numbers of guesses and of right ones as ways, and one at least.")
        for right, guessed in zip(self.correct, self.guesses, strict=True):
            coins.check_counts(right, guessed, self.canaries)

    @property
    def tried(self) -> tuple[tuple[int, int], ...]:
        """(right, guesses) of each way that is tried."""
        every = tuple(zip(self.correct, self.guesses, strict=True))
        return tuple(one for one in every if one[1] >= LEAST) or every[:1]

    def bound(self, delta: float = 0.0, confidence: float = CONFIDENCE) -> float:
        """The lower bound on epsilon at `delta`: the best of the ways, each at its share."""
        coins.check_confidence(confidence)
        share = 1 - (1 - confidence) / len(self.tried)
        return coins.best_bound(self.tried, self.canaries, delta, share)

    def ceiling(self, delta: float = 0.0, confidence: float = CONFIDENCE) -> float:
        """What the bound would be were every guess right."""
        return _ceiling(self._all_right(), delta, confidence)

    def p_value(self, epsilon: float, delta: float = 0.0) -> float:
        """How likely a fit that keeps (epsilon, delta) is to be guessed so well, all ways paid for."""
        each = [coins.p_value(right, guessed, self.canaries, epsilon, delta) for right, guessed in self.tried]
        return min(1.0, len(each) * min(each))

    def least_p_value(self, epsilon: float, delta: float = 0.0) -> float:
        """The p-value were every guess right; where it is above 0.05, nothing could contradict the claim."""
        return self._all_right().p_value(epsilon, delta)

    def gaussian(self, delta: float, confidence: float = CONFIDENCE) -> float:
        """The lower bound on epsilon at `delta` of a mechanism known to have a Gaussian's trade-off curve.

        Tighter than `bound`, and only for those: it refutes a claim of mu-Gaussian privacy, and no (epsilon, delta).
        """
        coins.check_confidence(confidence)
        share = 1 - (1 - confidence) / len(self.tried)
        mu = max(refuted(right, guessed, self.canaries, Gaussian, share) for right, guessed in self.tried)
        return Gaussian(mu).epsilon(delta) if mu else 0.0

    def _all_right(self) -> Tally:
        return Tally(self.canaries, self.ways, self.guesses, self.guesses)


@lru_cache(maxsize=1024)
def _ceiling(all_right: Tally, delta: float, confidence: float) -> float:
    """The same for all entries that meet a plan, so it is worked out once."""
    return all_right.bound(delta, confidence)


def tally(signals: Array, inside: Array, *, ways: Sequence[Way] = WAYS, seed: int = 0) -> Tally:
    """Guess by signal, and count.

    `signals` float64 (canaries,) are larger the more a canary looks like a member, and `inside` bool (canaries,) says
    how its coin fell. With r guesses the r/2 largest signals are guessed to be members and the r/2 smallest not, one
    more of the first where r is odd; or all r are at one end. Where every canary is guessed the
    two sides part at `split_of`. Equal signals come in an order drawn from `seed`, that knows no coin. `ways` are to be
    chosen before anything is seen; those of less than one guess are left out. UsageError for signals that are no
    numbers, for other lengths, for none, for coins that are not fair, for what is no Way, or where no
    way is left.
    """
    signals, inside = np.asarray(signals, dtype=np.float64), np.asarray(inside)
    _check(signals, inside)
    strange = [way for way in ways if not isinstance(way, Way)]
    if strange:
        raise UsageError(f"{strange[0]!r} is no way to guess; give Way(3), say, for a third of the canaries.")
    held = tuple(way for way in ways if 1 <= way.part <= len(signals))
    if not held:
        raise UsageError(f"There is no way to guess about {len(signals)} canaries; give one such as Way(1), all.")
    shuffled = np.random.default_rng(seed).permutation(len(signals))
    order = shuffled[np.argsort(-signals[shuffled], kind="stable")]
    members = np.concatenate([[0], np.cumsum(inside[order])])
    others = np.concatenate([[0], np.cumsum(~inside[order][::-1])])
    guesses = tuple(len(signals) // way.part for way in held)
    half = split_of(signals[order])
    taken = [_taken(way, number, half) for way, number in zip(held, guesses, strict=True)]
    right = tuple(int(members[top] + others[number - top]) for top, number in zip(taken, guesses, strict=True))
    return Tally(len(signals), held, guesses, right)


def _taken(way: Way, guesses: int, half: int) -> int:
    """How many of the guesses are of members."""
    if way.side is not Side.BOTH:
        return guesses if way.side is Side.MEMBERS else 0
    return half if way.part == 1 else (guesses + 1) // 2


def split_of(ordered: Array) -> int:
    """How many of all canaries, largest signal first, are guessed to be members: float64 (canaries,).

    As many as lie above the widest gap between neighbouring signals that has about half of the canaries above it, as
    many as fair coins put in but once in 370 times; the half where no signals differ there.
    """
    canaries = len(ordered)
    middle, reach = canaries / 2, SPREAD * math.sqrt(canaries) / 2
    places = np.arange(max(1, math.ceil(middle - reach)), min(canaries - 1, math.floor(middle + reach)) + 1)
    if not len(places):
        return (canaries + 1) // 2
    with np.errstate(invalid="ignore"):
        gaps = np.nan_to_num(ordered[places - 1] - ordered[places])
    widest = places[gaps == gaps.max()]
    return int(widest[np.argmin(np.abs(widest - middle))]) if gaps.max() > 0 else (canaries + 1) // 2


def _check(signals: Array, inside: Array) -> None:
    if signals.ndim != 1 or signals.shape != inside.shape or not len(signals):
        raise UsageError(
            f"There are signals of shape {signals.shape} and coins of shape {inside.shape}; give one of each for every "
            "canary."
        )
    if inside.dtype != bool:
        raise UsageError(f"The coins are {inside.dtype}; give True for a canary that was in training and False else.")
    if np.isnan(signals).any():
        raise UsageError(f"{int(np.isnan(signals).sum())} signals of {len(signals)} are no number; score every canary.")
    heads = int(inside.sum())
    if abs(2 * heads - len(inside)) > UNFAIR * math.sqrt(len(inside)):
        raise UsageError(
            f"{heads:,} of {len(inside):,} canaries were in training, which fair coins do not do; throw one for each, "
            "as a bound holds for nothing else."
        )


def against_others(signals: Array) -> Array:
    """Signals (fits, rows) less what the other fits say of the same row on average, float64 (fits, rows).

    It tells a row that is easy for every fit from one that this fit has seen, and asks nobody's coins: an attack that
    compares with fits whose coins it knows, and is turned on each of them, counts one coin several times, so that its
    tallies must not be pooled. UsageError for fewer than two fits.
    """
    signals = np.asarray(signals, dtype=np.float64)
    if signals.ndim != 2 or len(signals) < 2:
        raise UsageError(f"Signals have the shape {signals.shape}; give (fits, rows) of two independent fits or more.")
    others: Array = (signals.sum(axis=0) - signals) / (len(signals) - 1)
    compared: Array = signals - others
    return compared


def pooled(tallies: Iterable[Tally]) -> Tally:
    """One tally of several independent fits, whose coins fell independently of each other.

    Together they are one mechanism with all the coins, so the same bounds hold for it, as long as no guess was made
    with the coins of another (see `against_others`). UsageError where there is none, or no way that all of them have.
    """
    held = list(tallies)
    if not held:
        raise UsageError("There is no tally to pool; give one at least.")
    ways = tuple(way for way in held[0].ways if all(way in one.ways for one in held))
    if not ways:
        raise UsageError("The tallies have no way of guessing in common; tally all of them with the same ways.")

    def total(name: str) -> tuple[int, ...]:
        return tuple(sum(getattr(one, name)[one.ways.index(way)] for one in held) for way in ways)

    return Tally(sum(one.canaries for one in held), ways, total("guesses"), total("correct"))


@dataclass(frozen=True)
class OneRun:
    """What one run shows: epsilon is at least `epsilon` at `delta`, and this audit could have shown `ceiling` at most.

    `gaussian` is the bound where the mechanism is known to have a Gaussian's trade-off curve, None where delta is 0.
    The neighbours differ by one record added or removed.
    """

    epsilon: float
    ceiling: float
    delta: float
    confidence: float
    tally: Tally
    gaussian: float | None = None
    neighbours: str = NEIGHBOURS

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold."""
        names = ("epsilon", "ceiling", "delta", "confidence", "gaussian", "neighbours")
        held = {name: getattr(self, name) for name in names}
        counts = {name: list(getattr(self.tally, name)) for name in ("guesses", "correct")}
        return held | {"canaries": self.tally.canaries, "ways": [str(way) for way in self.tally.ways]} | counts

    def __str__(self) -> str:
        at = f" at delta {self.delta:g}" if self.delta else ""
        right = ", ".join(f"{right} of {guessed}" for right, guessed in self.tally.tried)
        return (
            f"epsilon is at least {self.epsilon:.2f}{at} at {self.confidence:.0%} confidence; so many canaries "
            f"({self.tally.canaries:,}) could show {self.ceiling:.2f} at most (guessed right: {right})"
        )


def audit_one_run(
    signals: Array,
    inside: Array,
    delta: float = 0.0,
    *,
    ways: Sequence[Way] = WAYS,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> OneRun:
    """A lower bound on epsilon from one fit: each canary was in training by its own fair coin.

    `signals` float64 (canaries,) are larger the more a canary looks like a member, and must come from this fit alone;
    `inside` bool (canaries,) are the coins. See `tally` for the guesses, `lower_bound` for the theorem. UsageError for
    signals or coins that cannot be.
    """
    counted = tally(signals, inside, ways=ways, seed=seed)
    bounds = (counted.bound(delta, confidence), counted.ceiling(delta, confidence))
    return OneRun(*bounds, delta, confidence, counted, counted.gaussian(delta, confidence) if delta else None)
