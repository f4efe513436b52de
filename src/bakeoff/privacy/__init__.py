"""Privacy: fitting with a bound on what each record can change, and a ledger of everything that was spent.

Nothing here knows a judge, a challenge or a baseline. An epsilon is stated only where every step that touched training
rows stands in the ledger and no assumption was broken; otherwise the ledger says which one was.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Automatic": "clipping",
    "Budget": "budget",
    "Entry": "entries",
    "Flat": "clipping",
    "Kind": "entries",
    "Layerwise": "clipping",
    "Ledger": "ledger",
    "MicroBatch": "microbatch",
    "MicroBatchSettings": "microbatch",
    "Neighbours": "entries",
    "Noise": "noise",
    "PrivateRun": "run",
    "PrivateSGD": "regime",
    "PrivateSettings": "regime",
    "PrivateStep": "regime",
    "Quantile": "clipping",
    "calibrate": "calibration",
    "decaying": "schedule",
    "epsilon_of": "accounting",
    "falling": "schedule",
    "private": "run",
    "rdp_of": "accounting",
    "recipe_for": "regime",
}
_NEURAL: set[str] = {"microbatch", "noise", "regime", "run"}

__all__ = [
    "Automatic",
    "Budget",
    "Entry",
    "Flat",
    "Kind",
    "Layerwise",
    "Ledger",
    "MicroBatch",
    "MicroBatchSettings",
    "Neighbours",
    "Noise",
    "PrivateRun",
    "PrivateSGD",
    "PrivateSettings",
    "PrivateStep",
    "Quantile",
    "calibrate",
    "decaying",
    "epsilon_of",
    "falling",
    "private",
    "rdp_of",
    "recipe_for",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] in _NEURAL:
        from bakeoff.extras import need

        need("torch", "privacy")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
