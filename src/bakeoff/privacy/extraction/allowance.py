"""What a guarantee of differential privacy allows of a canary's exposure."""

from __future__ import annotations

import math

from bakeoff.errors import UsageError

CHANCE = math.log2(math.e)  # bits: the mean of -log2 of a number drawn evenly from 0 to 1


def allowed_bits(epsilon: float, delta: float, space: int, *, repeats: int = 1) -> float:
    """The largest mean exposure that (epsilon, delta)-differential privacy for one text allows, in bits.

    Without the canary every rank is as likely as another, so with it the chance of a rank of at most k among `space`
    is at most e^epsilon k / space + delta; over all k that makes (epsilon + 1) log2(e) + delta log2(space). A canary
    that stands there `repeats` times is protected as a group: epsilon grows with them, and delta with the sum of
    e^(i epsilon) for i below `repeats` (Vadhan 2017, lemma 2.2). Never more than log2(space). UsageError for numbers
    out of range.
    """
    if not (epsilon >= 0 and 0 <= delta < 1 and space >= 2 and repeats >= 1):
        raise UsageError(
            "Exposure is bounded for an epsilon of at least 0, a delta from 0 to below 1, 2 secrets and 1 repetition, "
            f"and not {epsilon:g}, {delta:g}, {space} and {repeats}."
        )
    most = math.log2(space)
    if repeats * epsilon > most:  # beyond any exposure, and the sum of the group's deltas would overflow
        return most
    group = delta * math.fsum(math.exp(epsilon * turn) for turn in range(repeats))
    return min(most, (repeats * epsilon + 1) * CHANCE + group * most)
