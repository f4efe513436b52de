"""How much of the secrets was recovered: exactly, token by token, and as sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.stats.intervals import wilson

LEVEL = 0.95


@dataclass(frozen=True)
class Recovery:
    """What was recovered of `canaries` secrets: `exact` of them whole, and shares of their tokens.

    `tokens` is the share of places with the right token, `sets` that of tokens right whatever their place (a network
    that sees no order gives no more away). `chance` says what an attacker gets who has never seen the network:
    expected exact share, tokens and sets. Intervals of 95 % take canaries (exact, by Wilson 1927) and tokens (the
    spread between canaries) as if they were apart; those of one network are not quite.
    """

    canaries: int
    exact: int
    tokens: float
    sets: float
    tokens_error: float
    sets_error: float
    chance: tuple[float, float, float]

    @property
    def exact_interval(self) -> tuple[float, float]:
        """Of the share that is recovered exactly."""
        return wilson(self.exact, self.canaries, LEVEL)

    def as_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        low, high = self.exact_interval
        names = ("exact", "tokens", "sets")
        return {
            "canaries": self.canaries,
            "exact": self.exact,
            "exact share, 95 %": [round(low, 4), round(high, 4)],
            "tokens": round(self.tokens, 4),
            "tokens error": round(self.tokens_error, 4),
            "sets": round(self.sets, 4),
            "sets error": round(self.sets_error, 4),
            "chance": {name: round(value, 6) for name, value in zip(names, self.chance, strict=True)},
        }


def recovered(
    guesses: Sequence[Sequence[int]] | Array, secrets: Sequence[Sequence[int]] | Array, candidates: int
) -> Recovery:
    """Compare guesses with secrets, both (canaries, places) of token numbers, out of `candidates` for each place.

    UsageError where there are none, or shapes differ.
    """
    found, true = np.asarray(guesses), np.asarray(secrets)
    if found.shape != true.shape or found.ndim != 2 or not found.size:
        raise UsageError(f"Guesses have shape {found.shape} and secrets {true.shape}; give (canaries, places) of both.")
    right = (found == true).mean(axis=1)
    sets = np.array([overlap(one, other) for one, other in zip(found, true, strict=True)]) / found.shape[1]
    return Recovery(
        canaries=len(found),
        exact=int((found == true).all(axis=1).sum()),
        tokens=float(right.mean()),
        sets=float(sets.mean()),
        tokens_error=_error(right, found.shape[1]),
        sets_error=_error(sets, found.shape[1]),
        chance=chance(candidates, found.shape[1]),
    )


def overlap(one: Sequence[int] | Array, other: Sequence[int] | Array) -> int:
    """How many tokens two fillings share, each counted as often as it stands in both."""
    return (Counter(map(int, one)) & Counter(map(int, other))).total()


def chance(candidates: int, places: int) -> tuple[float, float, float]:
    """Exact share, tokens and sets of two fillings that are drawn evenly and apart.

    The shared count of a token is the smaller of two binomials, whose mean is the sum over k of P(count >= k)^2.
    """
    share = 1 / candidates
    mass = [comb(places, k) * share**k * (1 - share) ** (places - k) for k in range(places + 1)]
    least = [sum(mass[k:]) for k in range(1, places + 1)]
    return share**places, share, candidates * sum(tail**2 for tail in least) / places


def _error(shares: Array, places: int) -> float:
    """One standard error of the mean; where all canaries agree, that of one token more or less."""
    if len(shares) < 2:  # no spread to go by: the largest that as many coins can have
        return float(0.5 / np.sqrt(places))
    return max(float(shares.std(ddof=1) / np.sqrt(len(shares))), 1 / (places * len(shares)))
