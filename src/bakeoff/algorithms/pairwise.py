"""Features of pairs of records: the similarities of every column that both have, by its type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bakeoff.algorithms import similarities as alike
from bakeoff.algorithms.columns import numbers as numbers_of
from bakeoff.algorithms.records import TEXTLIKE, Field, Fields, fields_of, side_cells, wholes
from bakeoff.nouns import Array, ColumnType, Frame, Schema

WHOLE = "(whole record)"


class PairFeatures:
    """Dense float32 (pairs, features); columns in which matches may differ are left out, and their words with them.

    Every textlike column gives its similarities, whether each side is missing and how much of it stands in the whole
    of the other record; one where most cells hold a number gives the first number's differences too. A column that one
    side alone has gives the last two.
    """

    def __init__(self, aligned: bool = False) -> None:
        """`aligned` adds which words of two texts find a partner."""
        self.aligned = aligned

    def fit_transform(self, pairs: Frame, schema: Schema) -> Array:
        """Learn the weights of words from the training pairs and return their features.

        Declined when no column is left to compare.
        """
        self.fields_: Fields = fields_of(schema, pairs)
        self.texts_: dict[str, alike.Texts] = {}
        self.numbered_: set[str] = set()
        for field in self.fields_.shared:
            if field.type in TEXTLIKE:
                left, right = self._sides(pairs, field)
                self.texts_[field.name] = alike.Texts(self.aligned).fit(left, right)
                if min(_share_numbered(left), _share_numbered(right)) > 0.5:
                    self.numbered_.add(field.name)
        self.whole_ = alike.Texts(self.aligned).fit(*self._wholes(pairs))
        return self.transform(pairs)

    def transform(self, pairs: Frame) -> Array:
        """Features of other pairs; each row depends on that pair alone."""
        both = self._wholes(pairs)
        parts = [(WHOLE, self.whole_.score(*both))]
        for field in self.fields_.seen:
            if field.shared:
                parts.append((field.name, self._compare(pairs, field)))
            parts.append((field.name, self._alone(pairs, field, both)))
        self.columns_ = [name for name, part in parts for _ in range(part.shape[1])]
        return np.hstack([part for _, part in parts]).astype(np.float32)

    def _sides(self, pairs: Frame, field: Field) -> tuple[list[str], list[str]]:
        return (
            side_cells(pairs, field.name, "left", self.fields_),
            side_cells(pairs, field.name, "right", self.fields_),
        )

    def _wholes(self, pairs: Frame) -> tuple[list[str], list[str]]:
        return wholes(pairs, "left", self.fields_), wholes(pairs, "right", self.fields_)

    def _compare(self, pairs: Frame, field: Field) -> Array:
        names = (f"left_{field.name}", f"right_{field.name}")
        if field.type is ColumnType.NUMERIC:
            return alike.numbers(*numbers_of(pairs, names).T)
        if field.type is ColumnType.DATETIME:
            return alike.numbers(*[alike.days(_column(pairs, name)) for name in names])
        if field.type is ColumnType.IMAGE:
            return alike.pictures(*[_column(pairs, name).tolist() for name in names])
        left, right = self._sides(pairs, field)
        scores = self.texts_[field.name].score(left, right)
        if field.name in self.numbered_:
            first = alike.numbers(alike.first_numbers(left), alike.first_numbers(right))
            scores = np.hstack([scores, first])
        return scores

    def _alone(self, pairs: Frame, field: Field, both: tuple[list[str], list[str]]) -> Array:
        parts = []
        for side, other in zip(("left", "right"), reversed(both), strict=True):
            if side in field.sides:
                column = _column(pairs, f"{side}_{field.name}")
                parts.append(column.isna().to_numpy(dtype=np.float64))
                if field.type in TEXTLIKE:
                    parts.append(alike.contained(side_cells(pairs, field.name, side, self.fields_), other))
        return np.column_stack(parts)


def _column(pairs: Frame, name: str) -> Any:
    return pairs[name] if name in pairs.columns else pd.Series([None] * len(pairs), index=pairs.index, dtype=object)


def _share_numbered(texts: list[str]) -> float:
    known = np.array([bool(text) for text in texts], dtype=bool)
    return float(np.isfinite(alike.first_numbers(texts))[known].mean()) if known.any() else 0.0
