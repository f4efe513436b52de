"""A table in its standard form, with its cells column by column, named by the digest of its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, Frame, Role, Sides, Split, Table, digest
from bakeoff.tables.cells import fingerprint
from bakeoff.tables.columns import Columns
from bakeoff.tables.remarks import Remark
from bakeoff.tables.settings import Settings


@dataclass(frozen=True, eq=False)
class TableData:
    """A table with its cells.

    `cells` are its standard columns, the target among them, training rows first; a row's place in them is its `row_id`.
    They may be given as a pandas DataFrame. `parts` (n,) holds "train" or "test". `remarks` are what the checks found,
    `checked` the names of the checks that looked. `public` (test rows,) tells the public test rows, None where the test
    part is whole. `sides` are the records behind a matching table's pairs. `sources` (test rows,) are the numbers of
    the test rows in the file that they came from, counted from 1, None where nobody knows. An image cell is an
    `images.Picture`, or None.
    """

    table: Table
    cells: Columns
    parts: Array
    split: Split
    settings: Settings
    remarks: tuple[Remark, ...] = field(default=())
    checked: tuple[str, ...] = field(default=())
    public: Array | None = None
    sides: Sides | None = None
    sources: Array | None = None

    def __post_init__(self) -> None:
        given: Any = self.cells
        if not isinstance(given, Columns):
            object.__setattr__(self, "cells", Columns.of(given))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should see, in sentences."""
        return tuple(remark.text for remark in self.remarks)

    @property
    def frame(self) -> Frame:
        """All columns as a pandas DataFrame, made once; for a table that fits in memory."""
        return self.cells.frame()

    def column(self, name: str) -> Any:
        """One standard column as a pandas series."""
        return self.cells.column(name)

    @property
    def target(self) -> str:
        """The name of the target column."""
        return self.table.of_role(Role.TARGET)[0].name

    def span(self, part: str) -> tuple[int, int]:
        """The first row of "train" or "test", and the row after its last."""
        return (0, self._learnt) if part == "train" else (self._learnt, len(self.parts))

    @cached_property
    def tested(self) -> Array:
        """Which rows are in the test part: bool (n,)."""
        return np.asarray(self.parts == "test")

    @cached_property
    def _learnt(self) -> int:
        # Counted once: it is asked for each column, and takes long in a large table.
        return int(np.count_nonzero(self.parts == "train"))

    def rows(self, part: str) -> Frame:
        """The rows of "train" or "test" without the target, numbered from 0."""
        return self.cells.piece(*self.span(part), [name for name in self.cells.names if name != self.target])

    def labels(self, part: str) -> Array:
        """The target of "train" or "test": int64 or str objects for classes, float64 for a quantity."""
        return as_labels(self.cells.cut(self.target, *self.span(part)))


def as_labels(series: Any) -> Array:
    """A standard target column as a numpy array: int64, float64, or an object array of str."""
    return series.to_numpy() if series.dtype.kind in "if" else series.to_numpy(dtype=object)


def assembled(
    cells: Columns | Frame,
    parts: Array,
    split: Split,
    columns: Sequence[Column],
    settings: Settings,
    prints: Mapping[str, str] | None = None,
) -> TableData:
    """The table record over standard columns, with the digest of content, types, roles and split.

    `prints` are the columns' fingerprints where they are known already.
    """
    held = cells if isinstance(cells, Columns) else Columns.of(cells)
    prints = prints or {column.name: fingerprint(held.column(column.name)) for column in columns}
    content = [[column.name, column.type, column.role, prints[column.name]] for column in columns]
    named = digest([content, split.identity(), fingerprint_of_parts(parts)])
    about = {
        key: value for key in ("licence", "source", "commit", "notes", "label") if (value := getattr(settings, key))
    }
    settings = replace(
        settings,
        types={column.name: column.type for column in columns},
        roles={column.name: column.role for column in columns if column.role not in (Role.FEATURE, Role.TARGET)},
        leave_out=(),
        targets=(),
        split=split,
        images="",
        lenient=False,
    )
    return TableData(Table(settings.name, tuple(columns), held.rows, named, about), held, parts, split, settings)


def with_public(data: TableData, public: Array | None) -> TableData:
    """The table with its public test rows (test rows,); where somebody gave them they count in its digest.

    Chosen ones follow from the split and the labels, which the digest covers already.
    """
    if public is None or data.split.method != "given":
        return replace(data, public=public)
    named = digest([data.table.digest, np.packbits(np.asarray(public, dtype=bool)).tobytes()])
    return replace(data, public=public, table=replace(data.table, digest=named))


def fingerprint_of_parts(parts: Array) -> str:
    """The digest of which rows are in test."""
    return digest(np.packbits(parts == "test").tobytes())
