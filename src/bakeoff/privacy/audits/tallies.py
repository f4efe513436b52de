"""From signals to right guesses: who is guessed to have been in training, and how often that was right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.audits import guesses as coins
from bakeoff.privacy.audits.guesses import CONFIDENCE
from bakeoff.privacy.audits.tradeoffs import Gaussian, refuted

PARTS = (1, 3, 10, 30)  # every canary guessed, a third of them, a tenth, a thirtieth: each is tried and paid for
LEAST = 10  # guesses below which a part is not tried
NEIGHBOURS = "add or remove one"


@dataclass(frozen=True)
class Tally:
    """How many of so many guesses about `canaries` coins were right, for each part of them that was guessed.

    Trying several numbers of guesses is paid for: each is judged at its share of the 5 % (Bonferroni), and those with
    fewer than ten guesses are not tried. Only the numbers of canaries decide which.
    """

    canaries: int
    parts: tuple[int, ...]
    guesses: tuple[int, ...]
    correct: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.parts) == len(self.guesses) == len(self.correct) > 0:
            raise UsageError("A tally needs as many numbers of guesses and of right ones as parts, and one at least.")
        for right, guessed in zip(self.correct, self.guesses, strict=True):
            coins.check_counts(right, guessed, self.canaries)

    @property
    def tried(self) -> tuple[tuple[int, int], ...]:
        """(right, guesses) of each number of guesses that is tried."""
        every = tuple(zip(self.correct, self.guesses, strict=True))
        return tuple(one for one in every if one[1] >= LEAST) or every[:1]

    def bound(self, delta: float = 0.0, confidence: float = CONFIDENCE) -> float:
        """The lower bound on epsilon at `delta`: the best of the numbers of guesses, each at its share."""
        coins.check_confidence(confidence)
        share = 1 - (1 - confidence) / len(self.tried)
        return max(coins.lower_bound(right, guessed, self.canaries, delta, share) for right, guessed in self.tried)

    def ceiling(self, delta: float = 0.0, confidence: float = CONFIDENCE) -> float:
        """What the bound would be were every guess right."""
        return self._all_right().bound(delta, confidence)

    def p_value(self, epsilon: float, delta: float = 0.0) -> float:
        """How likely a fit that keeps (epsilon, delta) is to be guessed so well, all numbers of guesses paid for."""
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
        return Tally(self.canaries, self.parts, self.guesses, self.guesses)


def tally(signals: Array, inside: Array, *, parts: Sequence[int] = PARTS, seed: int = 0) -> Tally:
    """Guess by signal, and count.

    `signals` float64 (canaries,) are larger the more a canary looks like a member, and `inside` bool (canaries,) says
    how its coin fell. With r guesses the r/2 largest signals are guessed to be members and the r/2 smallest not, one
    more of the first where r is odd; equal signals come in an order drawn from `seed`, that knows no coin. `parts`,
    chosen before anything is seen, say how many are guessed: 3 is a third of the canaries. UsageError for signals that
    are no numbers, for other lengths, or for none.
    """
    signals, inside = np.asarray(signals, dtype=np.float64), np.asarray(inside)
    if signals.ndim != 1 or signals.shape != inside.shape or not len(signals):
        raise UsageError(
            f"There are signals of shape {signals.shape} and coins of shape {inside.shape}; give one of each for every "
            "canary."
        )
    if inside.dtype != bool:
        raise UsageError(f"The coins are {inside.dtype}; give True for a canary that was in training and False else.")
    if np.isnan(signals).any():
        raise UsageError(f"{int(np.isnan(signals).sum())} signals of {len(signals)} are no number; score every canary.")
    if not parts or min(parts) < 1 or min(parts) > len(signals) or any(int(part) != part for part in parts):
        raise UsageError(f"parts are {tuple(parts)}; they must be whole numbers from 1, and one at most the canaries.")
    shuffled = np.random.default_rng(seed).permutation(len(signals))
    order = shuffled[np.argsort(-signals[shuffled], kind="stable")]
    members = np.concatenate([[0], np.cumsum(inside[order])])
    others = np.concatenate([[0], np.cumsum(~inside[order][::-1])])
    kept = [int(part) for part in parts if part <= len(signals)]
    numbers = [len(signals) // part for part in kept]
    right = [int(members[(number + 1) // 2] + others[number // 2]) for number in numbers]
    return Tally(len(signals), tuple(kept), tuple(numbers), tuple(right))


def pooled(tallies: Iterable[Tally]) -> Tally:
    """One tally of several independent fits, whose coins fell independently of each other.

    Together they are one mechanism with all the coins, so the same bounds hold for it. UsageError where there is none.
    """
    held = list(tallies)
    if not held:
        raise UsageError("There is no tally to pool; give one at least.")
    parts = tuple(part for part in held[0].parts if all(part in one.parts for one in held))
    if not parts:
        raise UsageError("The tallies have no number of guesses in common; tally all of them with the same parts.")

    def total(name: str) -> tuple[int, ...]:
        return tuple(sum(getattr(one, name)[one.parts.index(part)] for one in held) for part in parts)

    return Tally(sum(one.canaries for one in held), parts, total("guesses"), total("correct"))


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
        counts = {name: list(getattr(self.tally, name)) for name in ("parts", "guesses", "correct")}
        return held | {"canaries": self.tally.canaries} | counts

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
    parts: Sequence[int] = PARTS,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> OneRun:
    """A lower bound on epsilon from one fit: each canary was in training by its own fair coin.

    `signals` float64 (canaries,) are larger the more a canary looks like a member, and must come from this fit alone;
    `inside` bool (canaries,) are the coins. See `tally` for the guesses, `lower_bound` for the theorem. UsageError for
    signals or coins that cannot be.
    """
    counted = tally(signals, inside, parts=parts, seed=seed)
    bounds = (counted.bound(delta, confidence), counted.ceiling(delta, confidence))
    return OneRun(*bounds, delta, confidence, counted, counted.gaussian(delta, confidence) if delta else None)
