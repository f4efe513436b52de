"""Findings of privacy: figures with intervals, bounds beside their ceilings, and what becomes of a claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bakeoff.nouns import Array, Claim, Finding
from bakeoff.privacy.audits import Tally, Verdict, advantage, area, verdicts
from bakeoff.privacy.audits.judgement import INSUFFICIENT, as_findings

JUDGE = "privacy"
DELTA = 1e-5  # at which epsilon is bounded where nothing was claimed
FIGURES = ("auc", "advantage", "epsilon")
Audited = tuple[str, Claim | None, Tally]  # the split, what the fits claim, and what was counted


def separation(signals: Array, inside: Array, split: str) -> Iterator[Finding]:
    """Area under the ROC curve and membership advantage, of one fit's canaries."""
    if inside.all() or not inside.any():
        yield from insufficient(FIGURES[:2], f"the coins of all {len(inside)} canaries fell alike", split)
        return
    for metric, figure in (("auc", area), ("advantage", advantage)):
        value, low, high = figure(signals, inside)
        yield Finding(JUDGE, metric, value, low, high, split=split, n=len(signals))


def bounded(audited: Sequence[Audited]) -> Iterator[Finding]:
    """The bound, its ceiling, the counts and the verdict of each split; verdicts corrected for all of these splits."""
    claimed = [(claim, counted) for _, claim, counted in audited if claim is not None]
    judged = iter(verdicts(claimed))
    for split, claim, counted in audited:
        delta = DELTA if claim is None else claim.delta
        bound, words = counted.bound(delta), f"delta {delta:g}"
        yield Finding(JUDGE, "epsilon", bound, bound, None, words, split=split, n=counted.canaries)
        yield Finding(JUDGE, "ceiling", counted.ceiling(delta), variant=words, split=split, n=counted.canaries)
        if claim is not None:
            yield _verdict(next(judged), split)
        yield from as_findings(counted, JUDGE, split)


def _verdict(found: Verdict, split: str) -> Finding:
    return Finding(
        JUDGE,
        "claim",
        found.claim.epsilon,
        variant=found.verdict,
        split=split,
        n=found.canaries,
        status="insufficient" if found.verdict == INSUFFICIENT else "ok",
        reason=found.reason,
    )


def insufficient(metrics: Sequence[str], reason: str, split: str) -> list[Finding]:
    """No figure, and why."""
    return [Finding(JUDGE, metric, None, split=split, status="insufficient", reason=reason) for metric in metrics]
