"""Records as numbers: which cell and which words each one has, so that what is said a thousand times is read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

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

    def joined(self, side: int) -> list[str]:
        """The records of one table as one text each."""
        texts = np.array(self.texts, dtype=object)
        return [" ".join(filter(None, row)) for row in texts[self.cells[side]].tolist()]

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
    tables = {"left": left} if right is None else {"left": left, "right": right}
    heads = pd.concat([table.iloc[:0].add_prefix(f"{side}_") for side, table in tables.items()], axis=1)
    fields = fields_of(schema, heads)
    seen: dict[str, int] = {"": 0}
    if fields.ignored:
        return _whole(tables, fields, seen)
    names = tuple(field.name for field in fields.seen if field.type is not ColumnType.IMAGE)
    places = []
    for table in tables.values():
        columns = [_coded(table, name, seen) for name in names]
        places.append(np.column_stack(columns) if columns else np.zeros((len(table), 0), dtype=np.int32))
    return Records(list(seen), places, names)


def _whole(tables: dict[str, Frame], fields: Fields, seen: dict[str, int]) -> Records:
    places = []
    for side, table in zip(SIDES, tables.values(), strict=False):
        texts = map(plain, wholes(table.add_prefix(f"{side}_"), side, fields))
        places.append(np.fromiter((seen.setdefault(text, len(seen)) for text in texts), np.int32, len(table))[:, None])
    return Records(list(seen), places, ("",))


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
