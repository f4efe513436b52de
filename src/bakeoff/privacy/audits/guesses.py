"""The one-run audit: how many coins of canaries were guessed right, and the epsilon that so many right ones refute.

Each of `canaries` records was put in or left out by its own fair coin, so one of them added or removed is the
neighbour that the bound is about. An auditor guesses some coins from what came out, and keeps quiet about the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array

CONFIDENCE = 0.95
FAR = 12.0  # standard deviations below the mean, where a binomial has nothing left to say
NEAR = 1e-6  # how much lower than it could be a bound may be


def p_value(correct: int, guesses: int, canaries: int, epsilon: float, delta: float = 0.0) -> float:
    """The most likely that an (epsilon, delta)-private fit lets an auditor be right so often or more.

    Steinke, Nasr and Jagielski 2023 (arXiv 2305.08846), theorem 5.2: with q = e^epsilon / (1 + e^epsilon) and f(v) the
    chance of at least v among `guesses` coins that fall right with q, f(correct) + 2 delta canaries
    max_i (f(correct - i) - f(correct)) / i. The number of guesses must not depend on the coins. UsageError for counts
    or a claim that cannot be.
    """
    check_counts(correct, guesses, canaries)
    check_claim(epsilon, delta)
    from scipy.special import betainc

    if not correct:
        return 1.0
    right = 1 / (1 + math.exp(-epsilon))
    beyond = float(betainc(correct, guesses - correct + 1, right))
    if not delta:
        return beyond
    spread = FAR * math.sqrt(guesses * right * (1 - right)) + FAR
    first = max(0, min(correct - 1, math.floor(guesses * right - spread)))
    masses = _masses(np.arange(correct - 1, first - 1, -1), guesses, epsilon)
    worst = float(np.max(np.cumsum(masses) / np.arange(1, len(masses) + 1)))
    return min(1.0, beyond + 2 * delta * canaries * worst)


def _masses(correct: Array, guesses: int, epsilon: float) -> Array:
    """The chance of exactly so many right ones of coins that each fall right with e^epsilon / (1 + e^epsilon)."""
    from scipy.special import gammaln

    wrong = guesses - correct
    ways = gammaln(guesses + 1) - gammaln(correct + 1) - gammaln(wrong + 1)
    # log(1 - q) = log(q) - epsilon, which keeps its digits where q is all but 1
    masses: Array = np.exp(ways - guesses * math.log1p(math.exp(-epsilon)) - epsilon * wrong)
    return masses


def lower_bound(correct: int, guesses: int, canaries: int, delta: float = 0.0, confidence: float = CONFIDENCE) -> float:
    """The epsilon that so many right guesses refute at `delta`: a private fit would exceed its own so in one run of
    twenty at 95 % confidence.

    0 where nothing is refuted. UsageError for counts, a delta or a confidence that cannot be.
    """
    return best_bound([(correct, guesses)], canaries, delta, confidence)


def best_bound(counted: Sequence[tuple[int, int]], canaries: int, delta: float, confidence: float) -> float:
    """The greatest of the lower bounds of several counts (right, guesses), each at that confidence."""
    check_confidence(confidence)
    level, low = 1 - confidence, 0.0
    for correct, guesses in counted:
        if p_value(correct, guesses, canaries, low, delta) > level:
            continue
        high = low + 1
        while p_value(correct, guesses, canaries, high, delta) <= level:
            low, high = high, 2 * high
        while high - low > NEAR:
            middle = (low + high) / 2
            low, high = (middle, high) if p_value(correct, guesses, canaries, middle, delta) <= level else (low, middle)
    return low


def ceiling(guesses: int, canaries: int, delta: float = 0.0, confidence: float = CONFIDENCE) -> float:
    """The most that `lower_bound` can come to: all guesses right. No claim above it can be contradicted."""
    return lower_bound(guesses, guesses, canaries, delta, confidence)


def check_counts(correct: int, guesses: int, canaries: int) -> None:
    """UsageError unless 0 <= correct <= guesses <= canaries, whole numbers, with a guess at least."""
    whole = all(float(one).is_integer() for one in (correct, guesses, canaries))
    if not (whole and 0 <= correct <= guesses <= canaries and guesses > 0):
        raise UsageError(
            f"{correct} right of {guesses} guesses about {canaries} canaries cannot be; there must be one guess at "
            "least, no more right ones than guesses, and no more guesses than canaries."
        )


def check_claim(epsilon: float, delta: float) -> None:
    """UsageError unless epsilon is 0 or more and delta a probability below 1."""
    if not (epsilon >= 0 and math.isfinite(epsilon)):
        raise UsageError(f"epsilon is {epsilon}; it must be a finite number, 0 or more.")
    if not 0 <= delta < 1:
        raise UsageError(f"delta is {delta}; it must be 0 or more and below 1.")


def check_confidence(confidence: float) -> None:
    """UsageError unless the confidence lies between 0.5 and 1."""
    if not 0.5 <= confidence < 1:
        raise UsageError(f"The confidence is {confidence}; it must be at least 0.5 and below 1, such as 0.95.")
