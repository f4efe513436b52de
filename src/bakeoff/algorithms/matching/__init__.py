"""Record matching: pairs are scored, assigned, clustered and shown to people for labels.

Nothing here knows the arena or the wall; records come as frames and pairs as positions in them.
"""

from __future__ import annotations

from typing import Any

_PLACES = {
    "Estimates": "estimates",
    "Figure": "estimates",
    "Matcher": "matcher",
    "PairModel": "pair_model",
    "PairScorer": "pair_scorer",
    "ScorerOptions": "pair_scorer",
}

__all__ = ["Estimates", "Figure", "Matcher", "PairModel", "PairScorer", "ScorerOptions"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
