"""How an audit is made, which coins it tosses, and how many of them it will guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.audits import Gaussian, refuted

SEES = ("steps", "final")
MOST = 20_000  # canaries beyond which a bound gains little
FEWEST = 20  # canaries below which nothing can be shown
FAULTS = 0.5  # of what may be wrong once in twenty audits goes to guesses that look for faults
SHARES = (
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.08,
    0.12,
    0.18,
    0.25,
    0.35,
    0.5,
    0.75,
    1.0,
)  # of the canaries, tried as numbers of guesses


@dataclass(frozen=True)
class Canaries:
    """So many canaries (0: as many as there is room for, up to 20,000), each in or out by a fair coin of its own.

    `kind` is the direction of their gradients: "dirac" (one weight each) or "random" (up to 64 weights each). `sees`
    is what the auditor is shown: every noisy sum ("steps") or only how the weights have changed in the end ("final").
    Coins come from the operating system; `seed` repeats them and the directions. UsageError for what cannot be.
    """

    count: int = 0
    kind: str = "dirac"
    sees: str = "steps"
    seed: int | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.count and self.count < FEWEST:
            raise UsageError(f"{self.count} canaries show nothing; take at least {FEWEST}, better 1,000 or more.")
        if self.sees not in SEES:
            raise UsageError(f"An auditor cannot see {self.sees!r}; it can see {' or '.join(map(repr, SEES))}.")
        if not 0.5 <= self.confidence < 1:
            raise UsageError(f"The confidence is {self.confidence}; it must be at least 0.5 and below 1, such as 0.95.")

    def tossed(self, room: int) -> tuple[Array, np.random.Generator]:
        """Which canaries are in, bool (canaries,), and the numbers that directions are made of.

        UsageError where there is room for fewer than were asked for, or than show anything.
        """
        count = self.count or min(MOST, room)
        if not FEWEST <= count <= room:
            asked = f", and {self.count} were asked for" if self.count else ""
            raise UsageError(
                f"This network has room for {room} gradient canaries, as each takes a weight of its own{asked}; at "
                f"least {FEWEST} are needed to show anything."
            )
        random = np.random.default_rng(self.seed)
        return random.random(count) < 0.5, random

    def tossed_records(self, count: int) -> Array:
        """Which of so many canaries are in, bool (count,); UsageError where there are too few to show anything."""
        if count < FEWEST:
            raise UsageError(f"{count} canaries show nothing; take at least {FEWEST}, better 1,000 or more.")
        return np.asarray(np.random.default_rng(self.seed).random(count) < 0.5)


def guesses_for(count: int, epsilon: float, delta: float, confidence: float) -> tuple[int, int]:
    """Two numbers of guesses: the best if the claim is just true, and the best if there is half of its noise.

    They depend on no coin, and trying both is paid for. As if the claim were that of a Gaussian mechanism with the same
    epsilon at delta, whose surest guesses are right so often as its curve allows.
    """
    mu = _distance(epsilon, delta)
    first, second = levels(confidence)
    return _best(count, mu, first), _best(count, 2 * mu, second)


def levels(confidence: float) -> tuple[float, float]:
    """The confidence at which each of the two is held, so that both hold together."""
    doubt = 1 - confidence
    return 1 - (1 - FAULTS) * doubt, 1 - FAULTS * doubt


def _best(count: int, mu: float, confidence: float) -> int:
    """The number of guesses with the highest bound, a standard deviation fewer right ones counted on than expected."""
    best, found = count, (-1.0, -1.0)
    for share in SHARES:
        guesses = max(1, round(share * count))
        right = _right(mu, share)
        expected = max(0, round(guesses * right - np.sqrt(guesses * right * (1 - right))))
        bound = refuted(expected, guesses, count, Gaussian, confidence)
        # Where no bound is to be expected, how far from chance the guesses are.
        worth = bound, (right - 0.5) * np.sqrt(guesses)
        if bound < 0.9 * found[0]:  # it has passed its height
            break
        if worth > found:
            best, found = guesses, worth
    return best


def _distance(epsilon: float, delta: float) -> float:
    """How many deviations the neighbours of a Gaussian mechanism lie apart, at most 20."""
    low, high = 0.0, 20.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if Gaussian(middle).epsilon(delta) < epsilon else (low, middle)
    return high


def _right(mu: float, share: float) -> float:
    """How often the surest guesses are right, where such a share of all is guessed."""
    from scipy.special import ndtr

    low, high = 0.0, mu + 10.0
    for _ in range(40):
        edge = (low + high) / 2
        hit, missed = float(ndtr(mu / 2 - edge)), float(ndtr(-mu / 2 - edge))
        low, high = (edge, high) if hit + missed > share else (low, edge)
    return hit / (hit + missed)


def right_guesses(scores: Array, inside: Array, guesses: int, middle: float | None = None) -> int:
    """How many of the surest guesses are right: scores above the middle are guessed in, and the farther the surer.

    Without a `middle` it is the median of what was seen, so that faults are seen that move all scores.
    """
    off = scores - (np.median(scores) if middle is None else middle)
    surest = np.argsort(-np.abs(off), kind="stable")[:guesses]
    return int(((off[surest] > 0) == inside[surest]).sum())
