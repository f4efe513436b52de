"""Privacy: how well a cell's answers tell who was in training, and the least epsilon that this leaves possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bakeoff.judges.membership import canaries_of
from bakeoff.judges.privacy_audit import judge_fits, plan_fits
from bakeoff.judges.privacy_findings import FIGURES, JUDGE, bounded, insufficient, separation
from bakeoff.nouns import Answered, Brief, Finding, Plan
from bakeoff.privacy.audits import tally

CANARIES = "memorisation"  # the judge whose withheld rows and questions are read
SPLIT = "canaries"


class Privacy:
    """Membership advantage, and a lower bound on epsilon against what the fit claims, from the canaries of a cell.

    An ordinary cell is judged by the canaries that the judge of memorisation withheld by fair coins: `auc` and
    `advantage` of an attacker who sees the answers alone; `epsilon`, the bound of one run at 95 % (its low end; there
    is no high one), at the claim's delta or 1e-5; and `ceiling`, the most that so many canaries could have shown.
    `right guesses` keep what was counted, so that seeds can be pooled. Where the fit claims, `claim` has the verdict
    in `variant`: contradicted, not contradicted, or insufficient. An audit adds attacks on fits on halves of the rows,
    and rows that were made to be remembered.
    """

    name = JUDGE
    version = "1"

    def plan(self, brief: Brief) -> Plan:
        """No rows of its own: it reads the canaries of another judge."""
        return Plan(of=CANARIES)

    def judge(self, answered: Answered) -> Sequence[Finding]:
        """Findings of one cell's canaries; insufficient, with the reason, where it has none."""
        asked = canaries_of(answered)
        if isinstance(asked, str):
            return insufficient(FIGURES, asked, SPLIT)
        counted = tally(asked.signals, asked.inside)
        told = separation(asked.signals, asked.inside, SPLIT)
        return [*told, *bounded([(SPLIT, answered.result.claim, counted)])]

    def plan_audit(self, brief: Brief, quick: bool) -> Mapping[str, Plan]:
        """Sixteen fits on halves of the rows and one with inserted canaries, or two halves where it must be quick."""
        return plan_fits(brief, quick)

    def judge_audit(self, audited: Mapping[str, Answered]) -> Sequence[Finding]:
        """Attacks on every fit, and bounds on epsilon from halves and from inserted canaries."""
        return judge_fits(audited)
