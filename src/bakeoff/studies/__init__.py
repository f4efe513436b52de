"""Studies: published experiments, run again. Each is a list of settings, what is measured of one, and its claims.

A study's settings stand in a file of the package before it is run, thresholds of its verdicts among them; nothing in a
study looks at results in order to choose them. Results are kept one by one, so that a run can be ended at any moment.
A study may come out against its paper, which is a result.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Claim": "study",
    "Grid": "study",
    "Kept": "kept",
    "Outcome": "running",
    "Result": "study",
    "Setting": "study",
    "Study": "study",
    "Verdict": "study",
    "find": "finding",
    "run": "running",
    "studies": "finding",
}

__all__ = ["Claim", "Grid", "Kept", "Outcome", "Result", "Setting", "Study", "Verdict", "find", "run", "studies"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
