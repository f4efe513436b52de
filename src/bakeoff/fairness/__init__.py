"""Fairness: whom a model treats worse, with the uncertainty of every figure and what chance alone would do.

Arrays, frames and callables go in and measures come out. Nothing here knows a judge, a challenge or a baseline.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "CountTable": "counts",
    "GroupReport": "groups",
    "Grouped": "patterns",
    "Measure": "measures",
    "Patterns": "patterns",
    "RankSettings": "rankings",
    "Settings": "groups",
    "Wanted": "figures",
    "by_attributes": "patterns",
    "by_identities": "patterns",
    "compare_groups": "groups",
    "compare_rankings": "rankings",
    "count": "counts",
}

__all__ = [
    "CountTable",
    "GroupReport",
    "Grouped",
    "Measure",
    "Patterns",
    "RankSettings",
    "Settings",
    "Wanted",
    "by_attributes",
    "by_identities",
    "compare_groups",
    "compare_rankings",
    "count",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
