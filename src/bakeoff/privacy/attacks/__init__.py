"""Attacks that tell training rows from others by a fit's answers alone; numpy and scipy only.

Any estimator that answers can be attacked: a *fit matrix* holds the answers of several fits and says which rows each
was trained on. Every fit is the target in turn, and the others are what an attacker would have trained himself.
"""

from __future__ import annotations

from bakeoff.privacy.attacks.attacking import attack as attack
from bakeoff.privacy.attacks.estimators import audit_membership as audit_membership
from bakeoff.privacy.attacks.halves import plan_halves as plan_halves
from bakeoff.privacy.attacks.report import Attacked as Attacked
from bakeoff.privacy.attacks.report import AttackReport as AttackReport
from bakeoff.privacy.attacks.report import Measured as Measured
from bakeoff.privacy.attacks.settings import ATTACKS as ATTACKS
from bakeoff.privacy.attacks.settings import AttackSettings as AttackSettings
from bakeoff.privacy.attacks.settings import SignalScale as SignalScale
from bakeoff.privacy.attacks.signals import closeness_signals as closeness_signals
from bakeoff.privacy.attacks.signals import number_signals as number_signals
from bakeoff.privacy.attacks.signals import signals_of as signals_of

__all__ = [
    "ATTACKS",
    "AttackReport",
    "AttackSettings",
    "Attacked",
    "Measured",
    "SignalScale",
    "attack",
    "audit_membership",
    "closeness_signals",
    "number_signals",
    "plan_halves",
    "signals_of",
]
