"""Algorithms: the baselines of the house, and the adapter that turns a contestant's object into one that can be asked.

Baselines take part through the entry-point group `bakeoff.algorithms`, exactly as a stranger's algorithm would.
Nothing here knows the arena, the judges or a store; an algorithm sees a frame, labels and a schema.
"""

from __future__ import annotations

from typing import Any

_PLACES = {
    "Adapted": "adapters",
    "adapt": "adapters",
    "Blocker": "blocking",
    "Boosted": "boosted",
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
}

__all__ = [
    "Adapted",
    "Blocker",
    "Boosted",
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
    "adapt",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
