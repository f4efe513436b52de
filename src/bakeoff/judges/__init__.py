"""Judges: each reads a finished cell's answers and says what they show, as findings.

A judge may plan rows to withhold or to ask beforehand; it never trains anything, never meets an entry, and knows
nothing of the arena that runs cells.
"""

from __future__ import annotations

from typing import Any

_PLACES = {
    "Cost": "cost",
    "Fairness": "fairness",
    "Linkage": "linkage",
    "Memorisation": "memorisation",
    "Privacy": "privacy",
    "Quality": "quality",
}

__all__ = ["Cost", "Fairness", "Linkage", "Memorisation", "Privacy", "Quality"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
