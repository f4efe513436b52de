"""Cells of a frame as plain values; a column that is absent reads as missing, since some are shown in fit alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.nouns import Array, Frame

DAY = pd.Timedelta(days=1)
EPOCH = pd.Timestamp("1970-01-01", tz="UTC")


def numbers(X: Frame, names: Sequence[str]) -> Array:
    """Numeric columns as float64 (rows, names); missing and infinite values are NaN."""
    out = np.full((len(X), len(names)), np.nan)
    for j, name in enumerate(names):
        if name in X.columns:
            out[:, j] = pd.to_numeric(X[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    out[~np.isfinite(out)] = np.nan
    return out


def strings(X: Frame, name: str, longest: int | None = None) -> list[str]:
    """One column as strings, missing ones empty, cut after `longest` characters; token lists are joined by blanks."""
    if name not in X.columns:
        return [""] * len(X)
    missing = X[name].isna().to_numpy()
    return [
        "" if gone else (cell if type(cell) is str else _string(cell))[:longest]
        for cell, gone in zip(X[name].tolist(), missing, strict=True)
    ]


def _string(cell: Any) -> str:
    return " ".join(map(str, cell)) if isinstance(cell, (list, tuple, np.ndarray)) else str(cell)


def moments(X: Frame, names: Sequence[str]) -> Array:
    """Datetime columns as days since 1970, float64 (rows, names); NaN where missing."""
    out = np.full((len(X), len(names)), np.nan)
    for j, name in enumerate(names):
        if name in X.columns:
            when = pd.DatetimeIndex(pd.to_datetime(X[name], errors="coerce", utc=True))
            out[:, j] = np.asarray((when - EPOCH) / DAY, dtype=np.float64)
    return out


def cells(X: Frame, name: str) -> list[Any]:
    """One column's cells as they are."""
    return list(X[name].tolist()) if name in X.columns else [None] * len(X)
