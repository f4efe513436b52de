"""Importing this skips a module of tests where torch is missing, or fails where it was promised."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

if find_spec("torch") is None:
    why = "torch is not installed; install it with: pip install 'bakeoff[neural]'"
    if "torch" in os.environ.get("BAKEOFF_REQUIRE", "").split(","):
        raise ImportError(f"BAKEOFF_REQUIRE promises torch, but {why}")
    pytest.skip(why, allow_module_level=True)

import torch

torch.set_num_threads(1)

__all__ = ["torch"]
