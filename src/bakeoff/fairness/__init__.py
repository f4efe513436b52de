"""Fairness: whom a model treats worse, with the uncertainty of every figure and what chance alone would do.

Arrays, frames and callables go in and measures come out. Nothing here knows a judge, a challenge or a baseline.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AgreementSettings": "correlations",
    "Attribute": "swaps",
    "CalibrationSettings": "reliability",
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
    "SensitivitySettings": "sensitivity",
    "Settings": "groups",
    "SwapSettings": "swapping",
    "Swapped": "swaps",
    "Triples": "stereotypes",
    "Wanted": "figures",
    "WordSets": "encodings",
    "agreement": "correlations",
    "association": "associations",
    "by_attributes": "patterns",
    "by_identities": "patterns",
    "calibration": "reliability",
    "compare_errors": "quantities",
    "compare_groups": "groups",
    "compare_rankings": "rankings",
    "contextual_association": "contextual",
    "count": "counts",
    "crows_pairs": "stereotypes",
    "gender": "swaps",
    "hard_weights": "sensitivity",
    "looked_up": "encodings",
    "of_black_box": "sensitivity",
    "of_embeddings": "sensitivity",
    "of_linear": "sensitivity",
    "prediction_sensitivity": "sensitivity",
    "soft_weights": "sensitivity",
    "stereoset": "stereotypes",
    "swap": "swaps",
    "variants": "swaps",
    "word_swap_sensitivity": "swapping",
}

__all__ = [
    "AgreementSettings",
    "Attribute",
    "CalibrationSettings",
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
    "SensitivitySettings",
    "Settings",
    "SwapSettings",
    "Swapped",
    "Triples",
    "Wanted",
    "WordSets",
    "agreement",
    "association",
    "by_attributes",
    "by_identities",
    "calibration",
    "compare_errors",
    "compare_groups",
    "compare_rankings",
    "contextual_association",
    "count",
    "crows_pairs",
    "gender",
    "hard_weights",
    "looked_up",
    "of_black_box",
    "of_embeddings",
    "of_linear",
    "prediction_sensitivity",
    "soft_weights",
    "stereoset",
    "swap",
    "variants",
    "word_swap_sensitivity",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
