"""Records as numbers: which cell and which words each one has, so that what is said a thousand times is read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from bakeoff.algorithms.matching.growing import Growth
from bakeoff.algorithms.records import SIDES, Fields, cells, fields_of, plain, wholes
from bakeoff.nouns import Array, ColumnType, Frame, Schema


@dataclass(frozen=True, eq=False)
class Records:
    """Two tables, or one, with every different cell written once.

    `texts` are the different cells as plain text, the first of them empty; `cells` has, for each table, int32 (records,
    columns) places in `texts`. The columns are those of `names`, on both sides alike.
    """

    texts: list[str]
    cells: list[Array]
    names: tuple[str, ...]

    def joined(self, side: int, start: int = 0) -> list[str]:
        """The records of one table from a position on, as one text each."""
        texts = np.array(self.texts, dtype=object)
        return [" ".join(filter(None, row)) for row in texts[self.cells[side][start:]].tolist()]

    def of(self, side: int) -> Any:
        """Which cells the records of one table have, sparse float32 (records, texts); empty cells are left out."""
        places = self.cells[side]
        rows, columns = places.shape
        ones = (places > 0).ravel().astype(np.float32)
        starts = np.arange(0, rows * columns + 1, max(1, columns))[: rows + 1]
        # A copy: the matrix drops its zeros in place, and the cells must stay.
        found = sparse.csr_matrix((ones, places.flatten(), starts), shape=(rows, len(self.texts)))
        found.eliminate_zeros()
        return found


def read(left: Frame, right: Frame | None, schema: Schema) -> Records:
    """Every column but pictures and ignored ones.

    Where columns are ignored, a record is one cell: its words are taken out wherever they stand.
    """
    tables = [left] if right is None else [left, right]
    fields = fields_of(schema, _heads(tables))
    seen: dict[str, int] = {"": 0}
    names = tuple(field.name for field in fields.seen if field.type is not ColumnType.IMAGE)
    names = ("",) if fields.ignored else names
    places = [_places(table, SIDES[side], (fields, names), seen) for side, table in enumerate(tables)]
    return Records(list(seen), places, names)


def grown(records: Records, growth: Growth, schema: Schema) -> Records:
    """The records after a growth of their tables, of which the new ones alone are read."""
    seen = {text: place for place, text in enumerate(records.texts)}
    fields = fields_of(schema, _heads([table for table in growth.after if table is not None]))
    places = list(records.cells)
    new = _places(growth.more, SIDES[growth.side], (fields, records.names), seen)
    places[growth.side] = np.vstack([places[growth.side], new])
    return Records(list(seen), places, records.names)


def _heads(tables: list[Frame]) -> Frame:
    return pd.concat([t.iloc[:0].add_prefix(f"{side}_") for side, t in zip(SIDES, tables, strict=False)], axis=1)


def _places(table: Frame, side: str, what: tuple[Fields, tuple[str, ...]], seen: dict[str, int]) -> Array:
    """Places of one table's cells among all different ones, int32 (records, columns); new ones are put into `seen`."""
    fields, names = what
    if fields.ignored:
        texts = map(plain, wholes(table.add_prefix(f"{side}_"), side, fields))
        return np.fromiter((seen.setdefault(text, len(seen)) for text in texts), np.int32, len(table))[:, None]
    columns = [_coded(table, name, seen) for name in names]
    return np.column_stack(columns) if columns else np.zeros((len(table), 0), dtype=np.int32)


def _coded(table: Frame, name: str, seen: dict[str, int]) -> Array:
    """Places of one column's cells among all different ones, int32 (records,)."""
    if name not in table.columns:
        return np.zeros(len(table), dtype=np.int32)
    try:
        codes, different = pd.factorize(table[name])
        given = pd.DataFrame({name: different})
    except TypeError:  # lists of tokens cannot be told apart by their hash
        codes, given = np.arange(len(table)), table[[name]]
    texts = map(plain, cells(given, name))
    places = np.fromiter((seen.setdefault(text, len(seen)) for text in texts), np.int32, len(given))
    return np.concatenate([places, np.zeros(1, dtype=np.int32)])[codes]  # a missing cell has the code -1
