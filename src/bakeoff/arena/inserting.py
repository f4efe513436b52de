"""Rows that no table holds: rows of a table with some cells changed, asked as probes or learned from in audit cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.errors import BakeoffError
from bakeoff.nouns import Array, Frame, Insertion


def changed_rows(frame: Frame, rows: Sequence[int], changes: Sequence[Mapping[str, Any]]) -> Frame:
    """Rows of `frame` by position, each with its changes to the columns that are there, in the columns' own types.

    BakeoffError for a value that its column cannot hold, since a column of another type would give the rows away.
    """
    made = frame.iloc[list(rows)].reset_index(drop=True)
    for name in frame.columns:
        places = [place for place, changed in enumerate(changes) if name in changed]
        if places:
            made[name] = _changed(made[name], places, [changes[place][name] for place in places])
    return made


def _changed(cells: Any, places: Sequence[int], values: Sequence[Any]) -> Any:
    """A column with other values at some places, of the same type as before."""
    import pandas as pd

    if isinstance(cells.dtype, pd.CategoricalDtype):
        for value in values:
            if value not in list(cells.cat.categories) and not pd.isna(value):
                raise _unfit(cells, value)
    wanted = cells.astype(object).to_numpy().copy()
    wanted[list(places)] = pd.Series(values, dtype=object).to_numpy()
    try:
        made = pd.Series(wanted, dtype=cells.dtype)
    except (TypeError, ValueError):
        raise _unfit(cells, values[0]) from None
    if made.dtype != object:
        for place, value in zip(places, values, strict=True):
            kept = made.iloc[place]
            if not (kept == value or (pd.isna(kept) and pd.isna(value))):
                raise _unfit(cells, value)
    return made


def _unfit(cells: Any, value: Any) -> BakeoffError:
    return BakeoffError(
        f"A judge changes a cell of {cells.name!r} to {value!r}, which a column of {cells.dtype} can't hold."
    )


def with_inserted(
    train: Frame, labels: Array, table: Frame, inserted: Sequence[Insertion], rng: np.random.Generator
) -> tuple[Frame, Array]:
    """Training rows and labels with further ones between them, at places that `rng` chooses.

    The rows are made from those of `table`, which has the columns of `train`.
    """
    import pandas as pd

    made = changed_rows(table, [one.row for one in inserted], [one.changes for one in inserted])
    targets = np.array([one.label for one in inserted], dtype=object)
    fitting = targets.astype(labels.dtype)
    if fitting.tolist() != targets.tolist():
        raise BakeoffError(f"A judge inserts a row with a target that targets of {labels.dtype} can't hold.")
    order = np.argsort(np.concatenate([np.linspace(0, 1, len(labels)), rng.random(len(made))]), kind="stable")
    rows = pd.concat([train, made], ignore_index=True).iloc[order].reset_index(drop=True)
    return rows, np.concatenate([labels, fitting])[order]
