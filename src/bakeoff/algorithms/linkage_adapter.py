"""The adapter of linkage entries: fitted on two tables of records and labelled pairs, then asked for the links."""

from __future__ import annotations

from typing import Any

import numpy as np

from bakeoff.algorithms.adapters import Adapted, as_numbers, parameters_of
from bakeoff.errors import Refused
from bakeoff.nouns import Array, Frame, Schema

SCORED, GROUPED = "scored", "grouped"


class Linking:
    """A linkage entry that can be fitted, asked for links and, where it has `predict_proba`, for answers to pairs."""

    def __init__(self, model: Any, schema: Schema) -> None:
        self.schema = schema
        self._pairs = Adapted(model, schema)
        self.asks = callable(getattr(model, "predict_proba", None))

    @property
    def model(self) -> Any:
        """The contestant's object."""
        return self._pairs.model

    @property
    def notes(self) -> list[str]:
        """What was done to make it fit."""
        return self._pairs.notes

    def fit(self, left: Frame, right: Frame | None, pairs: Frame) -> Linking:
        """Fit on the records and the labelled pairs, with the schema where `fit` asks for it."""
        self._pairs.learn_labels(pairs["label"].to_numpy())
        if "schema" in parameters_of(self.model.fit):
            self.model.fit(left, right, pairs, schema=self.schema)
        else:
            self.model.fit(left, right, pairs)
        self._pairs.note_whether_repeatable()
        return self

    def link(self, left: Frame, right: Frame | None) -> tuple[str, Array]:
        """The links: ("scored", float64 (links, 3)) or ("grouped", int64 (records,)), left records first.

        Refused when they are neither a frame with left, right and score nor a group id for each record.
        """
        given = self.model.link(left, right)
        if hasattr(given, "columns"):
            return SCORED, _scored(given)
        return GROUPED, _grouped(given, len(left), None if right is None else len(right))

    def answers(self, X: Frame) -> Array:
        """Answers to pairs as float64 (rows, classes)."""
        return self._pairs.answers(X)


def _scored(given: Frame) -> Array:
    lacking = [name for name in ("left", "right", "score") if name not in given.columns]
    if lacking:
        raise Refused(
            f"link gave a frame without {' and '.join(lacking)}; give the columns left, right (positions) and score."
        )
    return np.column_stack([as_numbers(given[name], "link").astype(np.float64) for name in ("left", "right", "score")])


def _grouped(given: Any, left: int, right: int | None) -> Array:
    sides = [given] if right is None else given
    sizes = [left] if right is None else [left, right]
    if given is None or (right is not None and not (isinstance(given, (tuple, list)) and len(given) == 2)):
        wanted = "one group id for each record" if right is None else "a tuple of the left and right group ids"
        raise Refused(f"link gave a {type(given).__name__}; give a frame with left, right and score, or {wanted}.")
    arrays = []
    for ids, size, side in zip(sides, sizes, ("left", "right"), strict=False):
        array = np.asarray(ids)
        if array.shape != (size,):
            raise Refused(f"link gave group ids of shape {array.shape} for {size} {side} records; give one for each.")
        arrays.append(array)
    return _codes(arrays)


def _codes(arrays: list[Array]) -> Array:
    """Whole numbers for group ids of any type; a record whose id is missing is in a group of its own."""
    import pandas as pd

    kinds = {array.dtype.kind for array in arrays}
    whole = arrays if len(kinds) == 1 or kinds <= set("iuf") else [array.astype(object) for array in arrays]
    codes = pd.factorize(np.concatenate(whole))[0].astype(np.int64)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    return codes
