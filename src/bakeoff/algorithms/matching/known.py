"""Labelled pairs as a matcher takes them: positions of records, which pairs match, and what each pair stands for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.matching.pair_model import labels_of
from bakeoff.errors import EntryError, UsageError
from bakeoff.nouns import Array, Frame, Schema

WEIGHT = "weight"


@dataclass(frozen=True, eq=False)
class Labels:
    """Labelled pairs: `positions` int64 (pairs, 2), `matches` bool (pairs,), `classes` with the match last.

    Within one table the smaller position stands first. `weights` (pairs,) are the numbers of pairs that pairs drawn at
    random stand for, 0 for others; None where nobody said so.
    """

    positions: Array
    matches: Array
    classes: Array
    weights: Array | None = None

    @property
    def rarer(self) -> int:
        """How many pairs the rarer class has."""
        return int(min(self.matches.sum(), (~self.matches).sum()))

    def lists(self) -> tuple[Array, Array]:
        """The pairs that match, and those that do not: int64 (pairs, 2) each."""
        return self.positions[self.matches], self.positions[~self.matches]

    def check_agreement(self) -> None:
        """EntryError when a pair is labelled both ways."""
        pairs, place = np.unique(self.positions, axis=0, return_inverse=True)
        share = np.bincount(place.ravel(), weights=self.matches) / np.maximum(np.bincount(place.ravel()), 1)
        both = np.flatnonzero((share > 0) & (share < 1))
        if len(both):
            left, right = pairs[both[0]]
            more = f" (and {len(both) - 1:,} more)" if len(both) > 1 else ""
            raise EntryError(
                f"The labels contradict each other: the pair of records {left} and {right}{more} is labelled a match "
                "and no match; keep the label that is right, or leave enforce_labels off."
            )


def labels_for(pairs: Any, left: Frame, right: Frame | None, schema: Schema) -> Labels:
    """The labels in a frame with the positions `left`, `right` and `label`, or in a file with the records' ids.

    None gives no labels. EntryError for a frame that lacks a column, or names a record that is not there.
    """
    if pairs is None:
        return Labels(np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=bool), np.array(schema.classes or (0, 1)))
    if isinstance(pairs, (str, os.PathLike)):
        pairs = read_labels(pairs, left, right)
    lacking = [name for name in ("left", "right", "label") if name not in getattr(pairs, "columns", ())]
    if lacking:
        raise EntryError(
            f"The labelled pairs lack {' and '.join(lacking)}; give the columns left and right (positions of records, "
            "from 0) and label."
        )
    given = pairs[["left", "right"]].to_numpy()
    whole = given.dtype.kind in "iu" or (given.dtype.kind == "f" and bool((given == np.floor(given)).all()))
    if len(given) and not whole:
        raise EntryError(
            f"The labelled pairs name a record {given.ravel()[0]!r}; give positions of records, counted from 0, or the "
            "path of a file with their ids."
        )
    positions = given.astype(np.int64).reshape(-1, 2)
    _check_places(positions, len(left), len(left) if right is None else len(right))
    if right is None:
        positions = np.sort(positions, axis=1)
        if (own := np.flatnonzero(positions[:, 0] == positions[:, 1])).size:
            raise EntryError(f"The labelled pairs pair record {positions[own[0], 0]} with itself; leave that pair out.")
    classes, matches = _classes(pairs["label"], schema)
    weights = pairs[WEIGHT].fillna(0.0).to_numpy(dtype=np.float64) if WEIGHT in pairs.columns else None
    return Labels(positions, matches, classes, weights if weights is not None and weights.any() else None)


def _classes(given: Any, schema: Schema) -> tuple[Array, Array]:
    """The two labels, the match last, and which pairs match; words are understood where no schema names the classes."""
    from bakeoff.tables.matching.pairs import parse_labels

    values = given.to_numpy()
    if schema.classes or not len(values):
        classes, matches = labels_of(values, schema) if len(values) else (np.array(schema.classes or (0, 1)), values)
        return classes, np.asarray(matches, dtype=bool)
    said = parse_labels(given)
    if (said < 0).any():
        strange = values[said < 0][0]
        raise EntryError(f"The label {strange!r} says neither match nor no match; write 1 or 0, or yes or no.")
    sides = [next(iter(values[said == side].tolist()), side) for side in (0, 1)]
    return np.array(sides), said == 1


def _check_places(positions: Array, lefts: int, rights: int) -> None:
    for place, (side, size) in enumerate((("left", lefts), ("right", rights))):
        wrong = np.flatnonzero((positions[:, place] < 0) | (positions[:, place] >= size))
        if len(wrong):
            raise EntryError(
                f"The labelled pairs name the {side} record {positions[wrong[0], place]}, and there are {size:,}, "
                "counted from 0; give positions in the tables handed in."
            )


def read_labels(path: Any, left: Frame, right: Frame | None) -> Frame:
    """A file of labelled pairs with ids of records, as positions: a frame of left, right, label and perhaps weight.

    The records' ids are found as `bakeoff table add` finds them; where no column holds them, positions from 0 are
    taken. Pairs without a label are left out. UsageError for a file that is not one of labelled pairs or names a record
    that is not there.
    """
    import pandas as pd

    from bakeoff.tables.matching.pairs import find_pairs, id_column, keys
    from bakeoff.tables.reading import read

    frame = read(path, name="pairs").sound().frame
    if not len(frame):
        return pd.DataFrame({"left": np.zeros(0, int), "right": np.zeros(0, int), "label": np.zeros(0, int)})
    tables = [left] if right is None else [left, right]
    found, problems = find_pairs(frame, None, "", [np.empty(0, dtype=object)] * len(tables))
    if found is None or problems:
        raise UsageError(f"{str(path)!r} holds no labelled pairs: {(problems or ['it names no records'])[0]}")
    sides = {}
    for place, (side, asked) in enumerate((("left", found.left), ("right", found.right))):
        table = tables[min(place, len(tables) - 1)]
        every = asked if right is not None else np.concatenate([found.left, found.right])
        name, _ = id_column(table, "", side, every)
        ids = keys(table[name]) if name else np.array([str(row) for row in range(len(table))], dtype=object)
        at = {key: row for row, key in reversed(list(enumerate(ids)))}
        strange = next((key for key in asked if key not in at), None)
        if strange is not None:
            raise UsageError(
                f"{str(path)!r} names the {side} record {strange!r}, and no record has that id; mend the id."
            )
        sides[side] = [at[key] for key in asked]
    made = pd.DataFrame({**sides, "label": found.label})
    if WEIGHT in frame.columns:
        made[WEIGHT] = pd.to_numeric(frame[WEIGHT], errors="coerce")
    return made[made["label"] >= 0].reset_index(drop=True)
