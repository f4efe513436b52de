"""What somebody's function or file gave, as an array of numbers, or one sentence that says what it is instead."""

from __future__ import annotations

from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array


def numbers(given: Any, what: str) -> Array:
    """As float64 of any shape; UsageError where rows are of different lengths or hold something else than numbers."""
    try:
        return np.asarray(given.detach().cpu() if hasattr(given, "detach") else given, dtype=np.float64)
    except (TypeError, ValueError) as odd:
        shape = "rows of different lengths" if "inhomogeneous" in str(odd) else "something else than numbers"
        raise UsageError(f"{what} holds {shape}; it must be one array of numbers.") from None
