"""The records behind a matching table and its pairs: the pairs' cells beside each other, and the table they make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType, Frame, Role, Sides, Split, Table, digest
from bakeoff.tables.cells import fingerprint
from bakeoff.tables.settings import Settings
from bakeoff.tables.standard import TableData

SIDES = ("left", "right")


def pair_frame(sides: Sides, positions: Array) -> Frame:
    """The cells of both records of each pair: columns `left_*` and `right_*`, numbered from 0.

    `positions` int64 (pairs, 2) are positions in the left records and in the right ones (in the left ones again where
    the pairs are duplicates within one table).
    """
    import pandas as pd

    positions = np.asarray(positions, dtype=np.int64).reshape(-1, 2)
    right = sides.left if sides.right is None else sides.right
    halves = [
        records.take(positions[:, place]).add_prefix(f"{side}_").reset_index(drop=True)
        for place, (side, records) in enumerate(zip(SIDES, (sides.left, right), strict=True))
    ]
    return pd.concat(halves, axis=1)


def nodes(positions: Array, left: int, *, within: bool) -> tuple[Array, Array]:
    """Both records of each pair in one numbering: the left ones, then the right ones."""
    return positions[:, 0], positions[:, 1] if within else positions[:, 1] + left


def joined(sides: Sides, label: Array, parts: Array, settings: Settings) -> TableData:
    """The table of pairs, training ones first, with the digest of records, pairs, labels and split.

    `label` int64 (pairs,) and `parts` (pairs,) are in the order of `sides.train` and then `sides.test`.
    """
    frame = pair_frame(sides, np.concatenate([sides.train, sides.test]))
    frame[settings.target] = np.asarray(label, dtype=np.int64)
    right = sides.left_columns if sides.right is None else sides.right_columns
    columns = [
        replace(column, name=f"{side}_{column.name}")
        for side, of_side in zip(SIDES, (sides.left_columns, right), strict=True)
        for column in of_side
    ]
    target = Column(settings.target, ColumnType.CATEGORICAL, Role.TARGET, "1 for a match, 0 for none")
    split = settings.split or Split()
    held = digest([*_content(sides), label.tolist(), split.identity(), *(["complete"] if sides.complete else [])])
    about = {key: said for key in ("licence", "source", "commit", "notes", "label") if (said := getattr(settings, key))}
    settings = replace(
        settings,
        kind="matching",
        types={column.name: column.type for column in (*columns, target)},
        roles={column.name: column.role for column in columns if column.role is not Role.FEATURE},
        dates={},
        leave_out=(),
        images="",
        lenient=False,
    )
    table = Table(settings.name, (*columns, target), len(frame), held, about)
    return TableData(table, frame, parts, split, settings, sides=sides)


def _content(sides: Sides) -> list[Any]:
    halves = [(sides.left, sides.left_columns)]
    if sides.right is not None:
        halves.append((sides.right, sides.right_columns))
    cells = [[[c.name, c.type, c.role, fingerprint(frame[c.name])] for c in columns] for frame, columns in halves]
    return [cells, digest(sides.train.astype("<i8").tobytes()), digest(sides.test.astype("<i8").tobytes())]
