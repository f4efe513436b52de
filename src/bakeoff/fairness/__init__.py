"""Fairness: whom a model treats worse, with the uncertainty of every figure and what chance alone would do.

Arrays, frames and callables go in and measures come out. Nothing here knows a judge, a challenge or a baseline.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "ContextDraws": "contextual",
    "Contextual": "contextual",
    "CountTable": "counts",
    "Draws": "associations",
    "GroupReport": "groups",
    "Grouped": "patterns",
    "Measure": "measures",
    "Pairs": "stereotypes",
    "Patterns": "patterns",
    "RankSettings": "rankings",
    "Settings": "groups",
    "Triples": "stereotypes",
    "Wanted": "figures",
    "WordSets": "encodings",
    "association": "associations",
    "by_attributes": "patterns",
    "by_identities": "patterns",
    "compare_groups": "groups",
    "compare_rankings": "rankings",
    "contextual_association": "contextual",
    "count": "counts",
    "crows_pairs": "stereotypes",
    "looked_up": "encodings",
    "stereoset": "stereotypes",
}

__all__ = [
    "ContextDraws",
    "Contextual",
    "CountTable",
    "Draws",
    "GroupReport",
    "Grouped",
    "Measure",
    "Pairs",
    "Patterns",
    "RankSettings",
    "Settings",
    "Triples",
    "Wanted",
    "WordSets",
    "association",
    "by_attributes",
    "by_identities",
    "compare_groups",
    "compare_rankings",
    "contextual_association",
    "count",
    "crows_pairs",
    "looked_up",
    "stereoset",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
