"""What a white-box audit comes to, for people and as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bakeoff.nouns import Array
from bakeoff.privacy.whitebox.checks import Check


class Word(StrEnum):
    """What an audit says of a claim; it never says that one is true."""

    CONTRADICTED = "contradicted"
    NOT_CONTRADICTED = "not contradicted"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True)
class WhiteBoxReport:
    """A lower bound on epsilon from one fit with canaries, beside what is claimed and what could have been shown.

    `bound` and `ceiling` (all guesses right) are at `confidence` and `delta`, by the trade-off curve that the ledger's
    steps have with less noise; `plain` is the bound of (epsilon, delta) alone, which assumes nothing of the mechanism.
    `claim` is the epsilon of the ledger's steps; `broken` says why the ledger itself states none. `tried` holds (right,
    guesses) for each number of guesses, which were fixed beforehand and are paid for. `inside` bool and `scores`
    float64, both (canaries,), are what they were made from. `checks` are measured directly, and only where every step
    is seen.
    """

    bound: float
    ceiling: float
    plain: float
    claim: float
    delta: float
    confidence: float
    tried: tuple[tuple[int, int], ...]
    sees: str
    inside: Array = field(repr=False)
    scores: Array = field(repr=False)
    checks: tuple[Check, ...] = ()
    broken: tuple[str, ...] = ()
    refuted: bool = False

    @property
    def canaries(self) -> int:
        """How many there were, in or out."""
        return len(self.inside)

    @property
    def verdict(self) -> Word:
        """Contradicted where the claim's curve is refuted; insufficient where even all guesses right would not do."""
        if self.refuted:
            return Word.CONTRADICTED
        return Word.INSUFFICIENT if self.ceiling <= self.claim else Word.NOT_CONTRADICTED

    @property
    def problems(self) -> tuple[str, ...]:
        """The checks that failed, in words."""
        return tuple(f"{check.words}: {check.meaning}" for check in self.checks if not check.holds)

    def __str__(self) -> str:
        right = ", ".join(f"{right:,} of {guesses:,}" for right, guesses in self.tried)
        lines = [
            f"{self.verdict}: epsilon is at least {_number(self.bound)} at {self.confidence:.0%} (claimed "
            f"{_number(self.claim)} at delta {self.delta:g}; {self.canaries:,} canaries could show "
            f"{_number(self.ceiling)})",
            f"guessed right: {right}, seeing {self._seen()}; without the ledger's curve at least {_number(self.plain)}",
        ]
        lines += [f"- {'' if check.holds else 'NOT AS STATED: '}{check.words}" for check in self.checks]
        lines += [f"the ledger states no epsilon: {why}" for why in self.broken]
        return "\n".join(lines)

    def _seen(self) -> str:
        return {"steps": "every noisy sum", "final": "the final weights"}.get(self.sees, self.sees)

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold."""
        numbers = {"bound": self.bound, "ceiling": self.ceiling, "plain bound": self.plain, "claim": self.claim}
        return {
            "verdict": self.verdict.value,
            **{name: one if math.isfinite(one) else None for name, one in numbers.items()},
            "delta": self.delta,
            "confidence": self.confidence,
            "tried": [list(one) for one in self.tried],
            "canaries": self.canaries,
            "sees": self.sees,
            "checks": [{"name": c.name, "found": c.found, "low": c.low, "high": c.high} for c in self.checks],
            "problems": list(self.problems),
            "broken": list(self.broken),
        }


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "infinity"
