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


def load_lightgbm() -> ModuleType:
    """LightGBM, whose wheel leaves the OpenMP library to the system.

    Raises MissingExtra with what installs that library where it is not there.
    """
    try:
        return importlib.import_module("lightgbm")
    except OSError as missing:
        raise MissingExtra(
            f"LightGBM cannot be loaded here ({missing}); it needs the system's OpenMP library, which on Debian and "
            "Ubuntu comes with: apt install libgomp1 (on macOS: brew install libomp)"
        ) from missing
