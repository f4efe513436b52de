"""What every adapter of another library asks before it begins, and the rows and features that it begins with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from bakeoff.algorithms.columns import Columns, readable_columns, strings
from bakeoff.algorithms.features import Compact
from bakeoff.errors import Declined, MissingExtra
from bakeoff.extras import need
from bakeoff.nouns import Array, Frame, Schema

KINDS = ("classification", "regression", "matching")
HELD_OUT = 0.15
MOST_HELD_OUT = 5_000  # rows: more would not tell better when to stop
FEWEST_HELD_OUT = 8
CATEGORIES = 1_000  # of one column; rarer ones are read as missing


def library(module: str, extra: str, instead: str = "") -> ModuleType:
    """The package; Declined with the line that installs it, and with what there is `instead`, where it is missing."""
    try:
        return need(module, extra)
    except MissingExtra as missing:
        raise Declined(f"{missing}{instead}") from missing


def columns_for(who: str, X: Frame, schema: Schema) -> Columns:
    """The columns that are there in fit and in predict; Declined for images alone, and where no row is answered."""
    if schema.kind not in KINDS:
        raise Declined(f"The baseline {who!r} classifies and estimates numbers; this task is {schema.kind}.")
    return readable_columns(schema, X.drop(columns=[name for name in schema.fit_only if name in X.columns]), who)


@dataclass(frozen=True)
class Target:
    """The target as libraries want it: class codes int64 (rows,) with `classes` (classes,), or float64 (rows,)."""

    values: Array
    classes: Array | None

    @classmethod
    def of(cls, y: Array, schema: Schema) -> Target:
        """Codes count the classes that have training rows, in the schema's order."""
        y = np.asarray(y)
        if not schema.classes:
            return cls(y.astype(np.float64), None)
        present = set(y.tolist())
        classes = [label for label in schema.classes if label in present]
        places = {label: place for place, label in enumerate(classes)}
        return cls(np.array([places[label] for label in y.tolist()]), np.array(classes, dtype=y.dtype))

    @property
    def single(self) -> bool:
        """Whether all rows have the same target, so that there is nothing to learn."""
        return len(np.unique(self.values)) < 2


def held_out(target: Target, seed: int) -> tuple[Array, Array]:
    """Positions to learn from and to hold out, seeded: each class in its share, and one row of each to learn from.

    Nothing is held out where fewer than 8 rows would be.
    """
    rows = len(target.values)
    wanted = min(round(HELD_OUT * rows), MOST_HELD_OUT)
    order = np.random.default_rng([seed % 2**32, 15]).permutation(rows)
    if wanted < FEWEST_HELD_OUT:
        return np.arange(rows), np.zeros(0, dtype=np.int64)
    if target.classes is None:
        held = order[:wanted]
    else:
        parts = [order[target.values[order] == code] for code in range(len(target.classes))]
        # The last one drawn of each class stays, however few there are.
        held = np.concatenate([part[: min(round(wanted / rows * len(part)), len(part) - 1)] for part in parts])
    return np.setdiff1d(np.arange(rows), held), np.sort(held)


class Coded:
    """Compact features with each category as one code, float32 (rows, features); unseen and missing ones are NaN.

    `types` says of each feature whether it is a quantity (q) or a category (c).
    """

    def __init__(self, columns: Columns, seed: int) -> None:
        self.categorical = columns.categorical
        self.compact = Compact(replace(columns, categorical=()), seed)

    def fit_transform(self, X: Frame) -> Array:
        """Learn the features from training rows and return theirs."""
        self.codes: dict[str, dict[str, int]] = {}
        for name in self.categorical:
            values, counts = np.unique(np.array(strings(X, name), dtype=object), return_counts=True)
            common = values[np.argsort(-counts, kind="stable")][:CATEGORIES].tolist()
            self.codes[name] = {value: code for code, value in enumerate(value for value in common if value)}
        compact = self.compact.fit_transform(X)
        self.types = ["q"] * compact.shape[1] + ["c"] * len(self.codes)
        return self._join(X, compact)

    def transform(self, X: Frame) -> Array:
        """Features of other rows."""
        return self._join(X, self.compact.transform(X))

    def _join(self, X: Frame, compact: Array) -> Array:
        coded = [[codes.get(value, np.nan) for value in strings(X, name)] for name, codes in self.codes.items()]
        return np.column_stack([compact, *(np.array(column, dtype=np.float32) for column in coded)])
