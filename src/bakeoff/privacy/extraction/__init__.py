"""Extraction: codes that were planted in training texts, and what an attacker who holds the weights gets back of them.

A canary is a made text with a secret in it, inserted into the training rows a known number of times. The attacker knows
everything of it but the secret. What is recovered means something only beside a network that never saw the canary.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Blanks": "blanks",
    "Canary": "canaries",
    "Exposure": "ranking",
    "Found": "reporting",
    "Frozen": "frozen",
    "Guess": "relaxing",
    "Kind": "canaries",
    "KINDS": "canaries",
    "Recovery": "recovery",
    "Relaxation": "relaxing",
    "Report": "reporting",
    "allowed_bits": "allowance",
    "deduplicated": "canaries",
    "exposure": "ranking",
    "extract": "relaxing",
    "inserted": "canaries",
    "make_canaries": "canaries",
    "recovered": "recovery",
    "report": "reporting",
    "secret_of": "blanks",
}
_NEURAL = {"frozen", "ranking", "relaxing", "reporting"}

__all__ = [
    "KINDS",
    "Blanks",
    "Canary",
    "Exposure",
    "Found",
    "Frozen",
    "Guess",
    "Kind",
    "Recovery",
    "Relaxation",
    "Report",
    "allowed_bits",
    "deduplicated",
    "exposure",
    "extract",
    "inserted",
    "make_canaries",
    "recovered",
    "report",
    "secret_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] in _NEURAL:
        from bakeoff.extras import need

        need("torch", "privacy")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
