"""White-box audits: canaries at the level of gradients in a fit whose every noisy sum is seen, and what that shows.

They look at the engine from inside, as its owner can, and so come nearest to what is claimed; they too can accuse and
never acquit. Everything here needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Canaries": "canaries",
    "Check": "checks",
    "WhiteBoxReport": "reports",
    "audit_fit": "auditing",
    "audit_white_box": "auditing",
    "audit_with_records": "strange",
    "strange_records": "strange",
}

__all__ = [
    "Canaries",
    "Check",
    "WhiteBoxReport",
    "audit_fit",
    "audit_white_box",
    "audit_with_records",
    "strange_records",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
