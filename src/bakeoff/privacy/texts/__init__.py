"""Private text: words replaced with noise in an embedding space, and whole texts written anew from a noisy code.

What replaces words is metric differential privacy, which is weaker than epsilon for a text and is never called that;
what rewrites a text is (epsilon, delta)-private for the whole of it. Word vectors, vocabularies and an auto-encoder
are public or paid for: nothing here may learn from the texts that it protects unless a ledger says what it cost.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Coded": "coding",
    "Guarantee": "guarantees",
    "METHODS": "mechanisms",
    "Replaced": "replacing",
    "Share": "guessing",
    "TextCoder": "coding",
    "Vectors": "vectors",
    "WordReplacer": "replacing",
    "documentation_vectors": "documentation",
    "encoder_vectors": "public",
    "guess_words": "guessing",
    "link_texts": "guessing",
    "published_epsilon": "published",
    "read_vectors": "vectors",
    "train_vectors": "public",
    "usual_vectors": "public",
}
_NEURAL = {"coding"}

__all__ = [
    "METHODS",
    "Coded",
    "Guarantee",
    "Replaced",
    "Share",
    "TextCoder",
    "Vectors",
    "WordReplacer",
    "documentation_vectors",
    "encoder_vectors",
    "guess_words",
    "link_texts",
    "published_epsilon",
    "read_vectors",
    "train_vectors",
    "usual_vectors",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] in _NEURAL:
        from bakeoff.extras import need

        need("torch", "privacy")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
