"""Audits in one run: lower bounds on epsilon from canaries that a fair coin put in or left out; numpy and scipy only.

An audit accuses and never acquits: each bound stands beside its ceiling, what it could have come to at most.
"""

from __future__ import annotations

from bakeoff.privacy.audits.guesses import ceiling, lower_bound, p_value
from bakeoff.privacy.audits.tradeoffs import Gaussian, Profile, TradeOff, refuted, refutes

__all__ = [
    "Gaussian",
    "Profile",
    "TradeOff",
    "ceiling",
    "lower_bound",
    "p_value",
    "refuted",
    "refutes",
]
