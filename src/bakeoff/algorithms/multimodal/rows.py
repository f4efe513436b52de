"""A frame's cells read once for all members: numbers, dates, categories and texts."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from bakeoff.algorithms.columns import Columns, dates, numbers, strings
from bakeoff.nouns import Array, Frame


class Rows:
    """Some rows of a table; every column is read when it is first asked for, and kept."""

    def __init__(self, X: Frame, columns: Columns) -> None:
        self.frame = _with_bytes(X, columns.image)
        self.columns = columns
        self._strings: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def values(self) -> Array:
        """Numbers and the parts of dates, float64 (rows, features); missing is NaN."""
        return np.hstack([numbers(self.frame, self.columns.numeric), dates(self.frame, self.columns.datetime)])

    def strings(self, name: str) -> list[str]:
        """A column as texts, missing ones empty."""
        if name not in self._strings:
            self._strings[name] = strings(self.frame, name)
        return self._strings[name]

    def cells(self, name: str) -> list[object]:
        """A column's cells as they are."""
        return self.frame[name].tolist() if name in self.frame.columns else [None] * len(self)


def _with_bytes(X: Frame, names: tuple[str, ...]) -> Frame:
    """The frame with pictures as bytes where its cells are things that can be read, such as `bakeoff.tables` gives."""
    changed = {}
    for name in names:
        if name in X.columns and any(hasattr(cell, "read") for cell in X[name].tolist()):
            read = [cell.read() if hasattr(cell, "read") else cell for cell in X[name].tolist()]
            changed[name] = pd.Series(read, index=X.index, dtype=object)
    return X.assign(**changed) if changed else X
