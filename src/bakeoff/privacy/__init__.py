"""Privacy: fitting with a bound on what each record can change, and a ledger of everything that was spent.

Nothing here knows a judge, a challenge or a baseline. An epsilon is stated only where every step that touched training
rows stands in the ledger and no assumption was broken; otherwise the ledger says which one was.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Budget": "budget",
    "Entry": "entries",
    "Kind": "entries",
    "Ledger": "ledger",
    "MicroBatch": "microbatch",
    "MicroBatchSettings": "microbatch",
    "Neighbours": "entries",
    "PrivateRun": "run",
    "calibrate": "calibration",
    "epsilon_of": "accounting",
    "private": "run",
    "rdp_of": "accounting",
}
_NEURAL: set[str] = {"microbatch", "run"}

__all__ = [
    "Budget",
    "Entry",
    "Kind",
    "Ledger",
    "MicroBatch",
    "MicroBatchSettings",
    "Neighbours",
    "PrivateRun",
    "calibrate",
    "epsilon_of",
    "private",
    "rdp_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] in _NEURAL:
        from bakeoff.extras import need

        need("torch", "privacy")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
