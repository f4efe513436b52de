"""Algorithms: the baselines of the house, and the adapter that turns a contestant's object into one that can be asked.

Baselines take part through the entry-point group `bakeoff.algorithms`, exactly as a stranger's algorithm would.
Nothing here knows the arena, the judges or a store; an algorithm sees a frame, labels and a schema.
"""

from __future__ import annotations

from typing import Any

_PLACES = {
    "adapt": "adapters",
    "Adapted": "adapters",
    "AutoGluon": "autogluon_stack",
    "Blocker": "blocking",
    "Boosted": "boosted",
    "CatBoost": "catboost_boosting",
    "Constant": "constant",
    "Cosine": "cosine",
    "Forest": "forest",
    "ImageFeatures": "image",
    "Linear": "linear",
    "Linkage": "linkage",
    "Matcher": "matching.matcher",
    "Multimodal": "multimodal",
    "Neighbours": "neighbours",
    "Network": "network",
    "Similarity": "similarity",
    "SplinkLinkage": "splink_linkage",
    "TabPFN": "tabpfn_prior",
    "XGBoost": "xgboost_boosting",
}

__all__ = [
    "Adapted",
    "AutoGluon",
    "Blocker",
    "Boosted",
    "CatBoost",
    "Constant",
    "Cosine",
    "Forest",
    "ImageFeatures",
    "Linear",
    "Linkage",
    "Matcher",
    "Multimodal",
    "Neighbours",
    "Network",
    "Similarity",
    "SplinkLinkage",
    "TabPFN",
    "XGBoost",
    "adapt",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
