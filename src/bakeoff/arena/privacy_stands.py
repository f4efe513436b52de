"""What a challenge shows of each entry's privacy: bounds from canaries against claims, corrected for all claims.

Judges keep what was counted, cell by cell. Here seeds are pooled, the claims of entry.toml and of the fits are brought
in, and all claims of a challenge are tested together, so that one honest entry in twenty challenges is accused at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bakeoff.arena.board import Estimate, GroupFigure, PrivacyBound, PrivacyStand
from bakeoff.arena.privacy_claims import claim_words, read_claim
from bakeoff.nouns import CellResult, Claim, Entry, Finding

JUDGE = "privacy"
DELTA = 1e-5  # at which epsilon is bounded where nothing was claimed
APART = ("epsilon", "ceiling", "claim", "right guesses", "fits")  # told as bounds, or counted for them
UNKNOWN = "no canaries were asked"

Pair = tuple[str, str]


@dataclass(frozen=True)
class Seen:
    """All that was seen of one entry on one task, over seeds.

    `claims` are what its fits claim, None for one that says nothing, and `findings` those of its cells one by one;
    `audits` and `audited` are the same of its audits.
    """

    entry: Entry
    task: str
    claims: tuple[Claim | None, ...] = ()
    findings: tuple[Sequence[Finding], ...] = ()
    audits: tuple[Claim | None, ...] = ()
    audited: tuple[Sequence[Finding], ...] = ()


@dataclass(frozen=True)
class _Counted:
    """The canaries of one kind, pooled, with the claim that they test."""

    of: str
    claim: Claim | None
    tally: object
    reason: str = ""


@dataclass
class Stands:
    """Where entries stand with their claims, put together from what was seen of all of them."""

    seen: Sequence[Seen]
    _found: dict[Pair, PrivacyStand] = field(default_factory=dict)

    def by_pair(self) -> dict[Pair, PrivacyStand]:
        """The stand of each (entry, task) of which anything is known."""
        from bakeoff.privacy.audits import verdicts

        counted = [(one, part) for one in self.seen for part in _counted(one)]
        tested = [(part.claim, part.tally) for _, part in counted if part.claim is not None]
        judged = iter(verdicts(tested))  # type: ignore[arg-type]
        bounds: dict[Pair, list[PrivacyBound]] = {}
        for one, part in counted:
            bound = _unclaimed(part)
            if part.claim is not None:
                found = next(judged)
                reason = part.reason if part.tally is None and part.reason else found.reason
                if part.claim != _claimed(one.entry, one.claims):
                    reason = f"these fits claim {claim_words(part.claim)}: {reason}"
                bound = replace(bound, verdict=found.verdict, reason=reason, adjusted=found.adjusted)
            bounds.setdefault((one.entry.name, one.task), []).append(bound)
        for one in self.seen:
            pair = (one.entry.name, one.task)
            figures = _figures(one)
            if bounds.get(pair) or figures:
                self._found[pair] = PrivacyStand(_claimed(one.entry, one.claims), tuple(bounds.get(pair, ())), figures)
        return self._found


def _counted(one: Seen) -> list[_Counted]:
    """An entry's canaries by kind; without any, a claim alone, which nothing can test."""
    from bakeoff.privacy.audits import pooled
    from bakeoff.privacy.audits.judgement import RIGHT, tally_of

    found: list[_Counted] = []
    for claims, held in ((one.claims, one.findings), (one.audits, one.audited)):
        claim = _claimed(one.entry, claims)
        splits = dict.fromkeys(f.split for findings in held for f in findings if f.metric == RIGHT)
        for split in splits:
            tallies = [counted for findings in held if (counted := tally_of(findings, split)) is not None]
            found.append(_Counted(split, claim, pooled(tallies)))
    if not any(part.of == "canaries" for part in found) and (claim := _claimed(one.entry, one.claims)) is not None:
        reasons = [finding.reason for findings in one.findings for finding in findings if finding.reason]
        found.insert(0, _Counted("canaries", claim, None, reasons[0] if reasons else UNKNOWN))
    return found


def _claimed(entry: Entry, fitted: Sequence[Claim | None]) -> Claim | None:
    """What the fits claim together, or entry.toml where they say nothing."""
    from bakeoff.privacy.audits import weakest

    promised = read_claim(entry.claims)
    return weakest(promised if claim is None else claim for claim in fitted) if fitted else promised


def _unclaimed(part: _Counted) -> PrivacyBound:
    from bakeoff.privacy.audits import Tally

    delta = DELTA if part.claim is None else part.claim.delta
    if not isinstance(part.tally, Tally):
        return PrivacyBound(part.of, delta, reason=part.reason)
    return PrivacyBound(part.of, delta, part.tally.bound(delta), part.tally.ceiling(delta), part.tally.canaries)


def _figures(one: Seen) -> dict[GroupFigure, Estimate]:
    """Figures other than bounds, over seeds; the group tells the kind of canaries."""
    from bakeoff.arena.scores import over_seeds

    held: dict[GroupFigure, list[Finding]] = {}
    for findings in (*one.findings, *one.audited):
        for finding in findings:
            if finding.metric not in APART:
                held.setdefault(GroupFigure(JUDGE, finding.split, finding.metric, finding.variant), []).append(finding)
    return {which: over_seeds(found) for which, found in held.items()}


def claims_anything(entries: Iterable[Entry], results: Mapping[str, CellResult]) -> bool:
    """Whether any entry claims anything, in entry.toml or by its fits."""
    return any(read_claim(entry.claims) for entry in entries) or any(one.claim for one in results.values())
