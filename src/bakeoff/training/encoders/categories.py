"""Categorical columns: a row of an embedding for each frequent value, one for missing and one for all others."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Frame
from bakeoff.training.preparation import Preparation
from bakeoff.training.reading import strings

MISSING, UNSEEN, FIRST = 0, 1, 2


class Categories:
    """All categorical columns of a table.

    Values seen fewer than `least` times, and those beyond the `most` frequent, share the row of unseen values; with
    `slots` the values are hashed into so many rows instead and nothing is taken from data.
    """

    name = "categorical"

    def __init__(self, columns: Sequence[str], *, least: int = 1, most: int = 10_000, slots: int = 0) -> None:
        self.columns = tuple(columns)
        self.least = least
        self.most = most
        self.slots = slots

    def learn(self, X: Frame, preparation: Preparation) -> None:
        """The values of each column: hashed, or known, or those of the rows."""
        self.places: dict[str, dict[str, int]] = {}
        for name in self.columns:
            given = preparation.known.categories.get(name)
            if given is not None:
                kept = list(dict.fromkeys(map(str, given)))
                preparation.public("categories", name, len(kept))
            elif self.slots:
                kept = []
                preparation.public("categories", name, self.slots, "hashed")
            else:
                kept = self._frequent(strings(X, name))
                preparation.taken("categories", name, len(kept), len(X), f"seen at least {self.least} times")
            if not self.slots or given is not None:
                self.places[name] = {value: FIRST + place for place, value in enumerate(kept)}

    def _frequent(self, values: list[str]) -> list[str]:
        counts = Counter(value for value in values if value)
        ranked = sorted(counts, key=lambda value: (-counts[value], value))
        return [value for value in ranked if counts[value] >= self.least][: self.most]

    def read(self, X: Frame) -> Mapping[str, Array]:
        """`codes` int64 (rows, columns): 0 missing, 1 unseen, then the values."""
        codes = np.zeros((len(X), len(self.columns)), dtype=np.int64)
        for j, name in enumerate(self.columns):
            places = self.places.get(name)
            for i, value in enumerate(strings(X, name)):
                if value:
                    codes[i, j] = self._hashed(value) if places is None else places.get(value, UNSEEN)
        return {"codes": codes}

    def _hashed(self, value: str) -> int:
        return FIRST + zlib.crc32(value.encode()) % self.slots

    def layers(self) -> Any:
        """An embedding for each column."""
        from bakeoff.training.layers.categories import CategoryLayers

        counts = [FIRST + (len(self.places[name]) if name in self.places else self.slots) for name in self.columns]
        return CategoryLayers(counts)
