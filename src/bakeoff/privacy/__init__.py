"""Privacy: fitting with a bound on what each record can change, and a ledger of everything that was spent.

Nothing here knows a judge, a challenge or a baseline. An epsilon is stated only where every step that touched training
rows stands in the ledger and no assumption was broken; otherwise the ledger says which one was.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Account": "planning",
    "Automatic": "clipping",
    "BookKeeping": "bookkeeping",
    "Budget": "budget",
    "Canaries": "whitebox.canaries",
    "Curve": "curves",
    "Entry": "entries",
    "Flat": "clipping",
    "Kind": "entries",
    "Layerwise": "clipping",
    "Ledger": "ledger",
    "MicroBatch": "microbatch",
    "MicroBatchSettings": "microbatch",
    "Neighbours": "entries",
    "Noise": "noise",
    "Plan": "planning",
    "PrivateRun": "run",
    "PrivateSGD": "regime",
    "PrivateSettings": "regime",
    "PrivateStep": "regime",
    "Quantile": "clipping",
    "Repetitions": "tuning",
    "Trial": "tuning",
    "Tuned": "tuning",
    "WhiteBoxReport": "whitebox.reports",
    "account": "planning",
    "attack": "attacks.attacking",
    "audit_fit": "whitebox.auditing",
    "audit_membership": "attacks.estimators",
    "audit_white_box": "whitebox.auditing",
    "audit_with_records": "whitebox.strange",
    "calibrate": "calibration",
    "decaying": "schedule",
    "epsilon_of": "accounting",
    "epsilons_of": "curves",
    "falling": "schedule",
    "plot_epsilon": "curves",
    "private": "run",
    "rdp_of": "accounting",
    "recipe_for": "regime",
    "smallest_sigma": "calibration",
    "strange_records": "whitebox.strange",
    "tune": "tuning",
    "verify": "verification",
}
_NEURAL: set[str] = {
    "bookkeeping",
    "microbatch",
    "noise",
    "regime",
    "run",
    "verification",
    "whitebox.auditing",
    "whitebox.strange",
}

__all__ = [
    "Account",
    "Automatic",
    "BookKeeping",
    "Budget",
    "Canaries",
    "Curve",
    "Entry",
    "Flat",
    "Kind",
    "Layerwise",
    "Ledger",
    "MicroBatch",
    "MicroBatchSettings",
    "Neighbours",
    "Noise",
    "Plan",
    "PrivateRun",
    "PrivateSGD",
    "PrivateSettings",
    "PrivateStep",
    "Quantile",
    "Repetitions",
    "Trial",
    "Tuned",
    "WhiteBoxReport",
    "account",
    "attack",
    "audit_fit",
    "audit_membership",
    "audit_white_box",
    "audit_with_records",
    "calibrate",
    "decaying",
    "epsilon_of",
    "epsilons_of",
    "falling",
    "plot_epsilon",
    "private",
    "rdp_of",
    "recipe_for",
    "smallest_sigma",
    "strange_records",
    "tune",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] in _NEURAL:
        from bakeoff.extras import need

        need("torch", "privacy")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
