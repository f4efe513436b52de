"""A protected column of a table as groups: its values, or the quarters of a number with many."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from bakeoff.nouns import Array

FEW = 12  # different numbers that are groups by themselves; more are put into quarters


def groups_of(column: Any, numeric: bool) -> Array:
    """The group of each row of a pandas column, object (rows,); None where it is missing."""
    import pandas as pd

    values = column.astype(object).where(column.notna(), None)
    if not numeric or column.nunique() <= FEW:
        return np.asarray(values, dtype=object)
    numbers = pd.to_numeric(column, errors="coerce")
    ends = np.unique(np.quantile(numbers.dropna(), [0.25, 0.5, 0.75]))
    names = [f"up to {ends[0]:.3g}", *(f"{low:.3g} to {high:.3g}" for low, high in pairwise(ends))]
    names.append(f"above {ends[-1]:.3g}")
    places = np.searchsorted(ends, numbers.to_numpy(), side="left")
    named = np.array(names, dtype=object)[np.minimum(places, len(names) - 1)]
    return np.where(numbers.isna().to_numpy(), None, named)
