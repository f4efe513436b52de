"""Audits in one run: lower bounds on epsilon from canaries that a fair coin put in or left out; numpy and scipy only.

An audit accuses and never acquits: each bound stands beside its ceiling, what it could have come to at most.
"""

from __future__ import annotations

from bakeoff.privacy.audits.guesses import ceiling, lower_bound, p_value
from bakeoff.privacy.audits.judgement import Verdict, tally_of, verdict, verdicts, weakest
from bakeoff.privacy.audits.separation import advantage, area
from bakeoff.privacy.audits.tallies import OneRun, Side, Tally, Way, against_others, audit_one_run, pooled, tally
from bakeoff.privacy.audits.tradeoffs import Gaussian, Profile, TradeOff, refuted, refutes

__all__ = [
    "Gaussian",
    "OneRun",
    "Profile",
    "Side",
    "Tally",
    "TradeOff",
    "Verdict",
    "Way",
    "advantage",
    "against_others",
    "area",
    "audit_one_run",
    "ceiling",
    "lower_bound",
    "p_value",
    "pooled",
    "refuted",
    "refutes",
    "tally",
    "tally_of",
    "verdict",
    "verdicts",
    "weakest",
]
