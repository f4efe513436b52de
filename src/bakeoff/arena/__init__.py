"""Where the challenge is held: challenges, entries, cells, the wall, runners, the store and the board.

Algorithms and judges are found by entry points and never imported here; truth never goes behind the wall, and nothing
an entry wrote is imported, unpickled or parsed on this side of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AuditRequest": "challenge",
    "Board": "board",
    "Challenge": "challenge",
    "CompareOptions": "comparison",
    "Comparison": "comparison",
    "Predictor": "predictor",
    "RunRequest": "challenge",
    "TableOptions": "intake",
    "Versus": "board",
    "compare": "comparison",
    "load": "predictor",
    "make_demo": "demo",
    "make_demo_from": "demo",
}

__all__ = [
    "AuditRequest",
    "Board",
    "Challenge",
    "CompareOptions",
    "Comparison",
    "Predictor",
    "RunRequest",
    "TableOptions",
    "Versus",
    "compare",
    "load",
    "make_demo",
    "make_demo_from",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bakeoff.arena' has no attribute {name!r}")
    return getattr(import_module(f"bakeoff.arena.{_HOMES[name]}"), name)
