"""What data is: reading tables, finding types, checking, splitting, and keeping them in standard form.

Nothing here knows what is asked of a table or who answers; a question belongs to `tasks`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Raw": "reading",
    "read": "reading",
    "Settings": "settings",
    "read_settings": "settings",
    "settings_for": "reading",
    "settings_toml": "settings",
    "infer_types": "types",
    "TableData": "standard",
    "standardise": "standardising",
    "write": "folders",
    "load": "folders",
    "card": "cards",
    "thumbnail": "images",
    "Picture": "images",
    "write_rows": "row_groups",
    "conform": "incoming",
}

__all__ = [
    "Picture",
    "Raw",
    "Settings",
    "TableData",
    "card",
    "conform",
    "infer_types",
    "load",
    "read",
    "read_settings",
    "settings_for",
    "settings_toml",
    "standardise",
    "thumbnail",
    "write",
    "write_rows",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bakeoff.tables' has no attribute {name!r}")
    return getattr(import_module(f"bakeoff.tables.{_HOMES[name]}"), name)
