"""A new frame brought into the types that a fitted predictor was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.errors import TableError
from bakeoff.nouns import Column, Frame
from bakeoff.tables.cells import convert
from bakeoff.tables.sentences import listed


def conform(frame: Frame, columns: Sequence[Column]) -> Frame:
    """The named columns of `frame` in standard form, in the order of `columns`; other columns are passed over.

    Raises TableError with every column that is missing or holds cells of another type.
    """
    import pandas as pd

    problems = [f"The frame has no column {column.name!r}." for column in columns if column.name not in frame.columns]
    held = {}
    for column in columns:
        if column.name not in frame.columns:
            continue
        converted = convert(frame[column.name].reset_index(drop=True), column.type)
        problems += [
            f"Column {column.name!r} has {why}: rows {listed([int(row) for row in rows.nonzero()[0]])}."
            for why, rows in converted.wrong.items()
        ]
        held[column.name] = converted.series
    if problems:
        raise TableError(problems)
    return pd.DataFrame(held, columns=[column.name for column in columns])
