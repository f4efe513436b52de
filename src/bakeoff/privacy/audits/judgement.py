"""A claim against what an audit found: contradicted, not contradicted, or too little to say either."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bakeoff.nouns import Claim, Finding
from bakeoff.privacy.audits.guesses import CONFIDENCE
from bakeoff.privacy.audits.tallies import NEIGHBOURS, Tally, Way
from bakeoff.stats.significance import holm

CONTRADICTED, NOT_CONTRADICTED, INSUFFICIENT = "contradicted", "not contradicted", "insufficient"
RIGHT = "right guesses"  # the metric under which a judge's findings keep what was counted
UNIT = "record"


@dataclass(frozen=True)
class Verdict:
    """What became of a claim: the bound and its ceiling at the claim's delta, and how likely so many right guesses are.

    `p` is the p-value of the claim (None where it was not tested), `adjusted` the same after Holm's correction for all
    the claims judged with it. Not contradicted is never verified: an entry can hide what it knows of a row.
    """

    verdict: str
    reason: str
    claim: Claim
    bound: float | None = None
    ceiling: float | None = None
    p: float | None = None
    adjusted: float | None = None
    canaries: int = 0

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold."""
        names = ("verdict", "reason", "bound", "ceiling", "p", "adjusted", "canaries")
        told = {name: getattr(self.claim, name) for name in ("epsilon", "delta", "unit", "neighbours")}
        return {"claim": told} | {name: getattr(self, name) for name in names}


def verdict(claim: Claim, counted: Tally | None, confidence: float = CONFIDENCE) -> Verdict:
    """One claim by itself; of several claims, `verdicts` keeps the chance of any false accusation below 5 %."""
    return verdicts([(claim, counted)], confidence)[0]


def verdicts(audited: Sequence[tuple[Claim, Tally | None]], confidence: float = CONFIDENCE) -> list[Verdict]:
    """Each claim against its tally (pooled over the seeds of an entry on a task), in the order given.

    Contradicted where Holm's adjusted p-value is at most 1 - confidence. A claim is tested at its own delta, only where
    it is per record with neighbours that add or remove one, and only where its ceiling lies above it: the others are
    `insufficient` and do not count in the correction, as no coin decides which they are.
    """
    first = [_before_coins(claim, counted, confidence) for claim, counted in audited]
    adjusted = holm(np.array([np.nan if one.p is None else one.p for one in first]))
    return [_after(one, float(level), confidence) for one, level in zip(first, adjusted, strict=True)]


def _before_coins(claim: Claim, counted: Tally | None, confidence: float) -> Verdict:
    if counted is None:
        return Verdict(INSUFFICIENT, "no canaries were asked", claim)
    bound, ceiling = counted.bound(claim.delta, confidence), counted.ceiling(claim.delta, confidence)
    found = Verdict(INSUFFICIENT, "", claim, bound, ceiling, canaries=counted.canaries)
    if claim.unit != UNIT:
        return replace(found, reason=f"the claim is per {claim.unit}, and the canaries are single records")
    if claim.neighbours != NEIGHBOURS:
        reason = f"the claim is for neighbours that {claim.neighbours}, and a canary is added or removed"
        return replace(found, reason=reason)
    if ceiling <= claim.epsilon:
        reason = f"{counted.canaries:,} canaries can show an epsilon of {ceiling:.2f} at most"
        return replace(found, reason=reason)
    return replace(found, p=counted.p_value(claim.epsilon, claim.delta))


def _after(found: Verdict, adjusted: float, confidence: float) -> Verdict:
    if found.p is None or found.bound is None:
        return found
    if adjusted <= 1 - confidence:
        reason = f"epsilon is at least {found.bound:.2f} at {confidence:.0%}, and {found.claim.epsilon:g} was claimed"
        return replace(found, verdict=CONTRADICTED, reason=reason, adjusted=adjusted)
    reason = "the guesses are no better than the claim allows"
    if found.p <= 1 - confidence:
        reason = "the guesses are better than the claim allows, and not by enough among so many claims"
    return replace(found, verdict=NOT_CONTRADICTED, reason=reason, adjusted=adjusted)


def weakest(claims: Iterable[Claim | None]) -> Claim | None:
    """What several fits promise together: the largest epsilon and delta; None where one of them promises nothing.

    Where units or neighbours differ, those that an audit cannot test are kept.
    """
    held = list(claims)
    made = [claim for claim in held if claim is not None]
    if not made or len(made) < len(held):
        return None
    return Claim(
        max(claim.epsilon for claim in made),
        max(claim.delta for claim in made),
        next((claim.unit for claim in made if claim.unit != UNIT), UNIT),
        next((claim.neighbours for claim in made if claim.neighbours != NEIGHBOURS), NEIGHBOURS),
    )


def as_findings(counted: Tally, judge: str, split: str) -> list[Finding]:
    """A tally as findings, one for each way of guessing, from which `tally_of` makes it again."""
    return [
        Finding(judge, RIGHT, right / guessed, variant=f"{way} of {counted.canaries}", split=split, n=guessed)
        for way, guessed, right in zip(counted.ways, counted.guesses, counted.correct, strict=True)
    ]


def tally_of(findings: Iterable[Finding], split: str) -> Tally | None:
    """The tally that a cell's findings hold, None where they hold none."""
    held = [one for one in findings if one.metric == RIGHT and one.split == split and one.value is not None]
    if not held:
        return None
    words = [one.variant.split(" of ") for one in held]
    right = tuple(round((one.value or 0.0) * one.n) for one in held)
    guessed = tuple(one.n for one in held)
    return Tally(int(words[0][1]), tuple(Way.named(way) for way, _ in words), guessed, right)
