"""Exact values: rows whose category or number is the same, for columns of which values come again and again."""

from __future__ import annotations

from typing import Any

import numpy as np

from bakeoff.algorithms.multimodal.near import Near
from bakeoff.algorithms.multimodal.rows import Rows
from bakeoff.algorithms.table_network import MANY
from bakeoff.nouns import Array

SEVERAL = 10  # values up to which trees tell them apart well enough by themselves
AGAIN = 20  # rows that a value has on average: where they are fewer it tells too little of the next one


class ValuedView:
    """Learns the values of numbers and categories that have more than SEVERAL, each AGAIN times on average."""

    def __init__(self, numeric: tuple[str, ...], categorical: tuple[str, ...]) -> None:
        self.numeric = numeric
        self.categorical = categorical
        self.values: dict[str, Any] = {}
        self.numbers: dict[str, Array] = {}

    def fit_transform(self, rows: Rows) -> Near:
        """Learn the values; `numbers` are then those of the training rows."""
        for name in (*self.categorical, *self.numeric):
            values = np.unique(self._column(rows, name))
            # Categories of very many values have neighbours already.
            most = min(len(rows) / AGAIN, MANY if name in self.categorical else np.inf)
            if SEVERAL < len(values) <= most:
                self.values[name] = values
        found = self.transform(rows)
        self.numbers = {name: places[:, 0] for name, places in found.places.items()}
        return found

    def transform(self, rows: Rows) -> Near:
        """Other rows: every value's own place, likeness 1; -1 for one that was not met."""
        places, likeness = {}, {}
        for name, values in self.values.items():
            cells = self._column(rows, name)
            at = np.minimum(np.searchsorted(values, cells), len(values) - 1)
            known = values[at] == cells
            places[name] = np.where(known, at, -1)[:, None]
            likeness[name] = known.astype(np.float32)[:, None]
        return Near(places, likeness)

    def _column(self, rows: Rows, name: str) -> Array:
        """Texts as they are, numbers with the missing ones below all others."""
        if name in self.categorical:
            return np.array(rows.strings(name), dtype=object)
        column = rows.values[:, self.numeric.index(name)]
        return np.where(np.isnan(column), -np.inf, column)
