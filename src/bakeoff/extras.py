"""Optional parts: import a package, or say in one sentence which extra brings it."""

from __future__ import annotations

import importlib
from types import ModuleType

from bakeoff.errors import MissingExtra


def need(module: str, extra: str) -> ModuleType:
    """Import `module`, which the extra `extra` brings.

    Raises MissingExtra with the install line when it is not there.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        raise MissingExtra(
            f"This needs the package {(missing.name or module)!r}, which is not installed; "
            f"install it with: pip install 'bakeoff[{extra}]'"
        ) from missing
