"""Training: how a network is fitted. Encoders by column type, heads by task kind, one loop, and regimes.

Nothing here knows a judge, a challenge or a baseline, and nothing mixes the records of a batch: what a network answers
to a record depends on that record alone, so that private training can bound what each contributes. Whatever was taken
from data besides gradients (a vocabulary, bins, a scale) is written down in a `Preparation`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Batch": "records",
    "Checkpoint": "checkpoints",
    "Clock": "clock",
    "DataStep": "preparation",
    "Fitted": "fitting",
    "Fitting": "fitting",
    "GradientStep": "regimes",
    "Head": "heads",
    "History": "history",
    "Known": "preparation",
    "OuterLoop": "regimes",
    "Plain": "regimes",
    "Preparation": "preparation",
    "Ragged": "records",
    "Recipe": "recipe",
    "Records": "records",
    "Regime": "regimes",
    "Source": "preparation",
    "TableNetwork": "network",
    "TableReader": "reader",
    "Temperature": "calibration",
    "fit": "fitting",
    "head_for": "heads",
}
_NEURAL = {"checkpoints", "fitting", "heads", "network", "regimes"}

__all__ = [
    "Batch",
    "Checkpoint",
    "Clock",
    "DataStep",
    "Fitted",
    "Fitting",
    "GradientStep",
    "Head",
    "History",
    "Known",
    "OuterLoop",
    "Plain",
    "Preparation",
    "Ragged",
    "Recipe",
    "Records",
    "Regime",
    "Source",
    "TableNetwork",
    "TableReader",
    "Temperature",
    "fit",
    "head_for",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] in _NEURAL:
        from bakeoff.extras import need

        need("torch", "neural")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
