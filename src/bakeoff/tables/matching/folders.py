"""A matching table on disk: records and pairs as Parquet and CSV with the same schema, its truth kept elsewhere.

`left` and `right` hold `record_id`, a record's position, and its cells; `train` and `test` hold `row_id`, the positions
`left` and `right` of a pair's records, and in train the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bakeoff.errors import TableError
from bakeoff.nouns import Array, Column, Frame, Sides
from bakeoff.tables.cells import convert
from bakeoff.tables.columns import Columns
from bakeoff.tables.folders import ROW_ID, Opened
from bakeoff.tables.matching.sides import joined
from bakeoff.tables.settings import Settings
from bakeoff.tables.standard import TableData
from bakeoff.tables.standard_files import Kept, Rows, write_rows
from bakeoff.tables.types import infer_types

RECORD_ID = "record_id"


def write_matching(data: TableData, making: Path) -> None:
    """Write the records and pairs of a matching table into a folder; the labels of test pairs are not among them."""
    sides = data.sides
    assert sides is not None
    _write_records(sides.left, sides.left_columns, making / "left")
    if sides.right is not None:
        _write_records(sides.right, sides.right_columns, making / "right")
    for part, positions in (("train", sides.train), ("test", sides.test)):
        _write_pairs(data, part, positions, making / part)


def _write_pairs(data: TableData, part: str, positions: Array, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    held = {
        ROW_ID: np.flatnonzero(data.parts == part).astype(np.int64),
        "left": positions[:, 0].astype(np.int64),
        "right": positions[:, 1].astype(np.int64),
    }
    if part == "train":
        held[data.target] = data.labels("train").astype(np.int64)
    pq.write_table(pa.table(held), path.with_suffix(".parquet"), compression="zstd")
    csv.write_csv(pa.table(held), path.with_suffix(".csv"), csv.WriteOptions(quoting_style="needed"))


def _write_records(records: Frame, columns: Sequence[Column], path: Path) -> None:
    write_rows(Rows(Columns.of(records), columns, RECORD_ID, 0, len(records)), path)


def load_matching(folder: str | Path, truth_folder: str | Path) -> TableData:
    """The matching table that was written to `folder`, by what its table.toml says now.

    Raises NotFound when a file is missing, and TableError when the folder and its truth do not belong together or a
    declared type does not fit.
    """
    folder = Path(folder)
    opened = Opened(folder, Path(truth_folder))
    settings, faults = opened.settings, list[str]()
    left, left_columns = _records(folder, "left", opened, faults)
    right: Frame | None = None
    right_columns: tuple[Column, ...] = ()
    if (folder / "right.parquet").is_file():
        right, right_columns = _records(folder, "right", opened, faults)
    if faults:
        raise TableError(faults)
    learnt, asked = (file.frame(["left", "right"]).to_numpy(np.int64) for file in (opened.train, opened.test))
    sides = Sides(left, right, learnt, asked, left_columns, right_columns, settings.complete)
    label = np.concatenate([file.column(settings.target).to_numpy(np.int64) for file in (opened.train, opened.truth)])
    parts = np.repeat(np.array(["train", "test"], dtype=object), [len(learnt), len(asked)])
    return opened.completed(joined(sides, label, parts, settings))


def _records(folder: Path, side: str, opened: Opened, faults: list[str]) -> tuple[Frame, tuple[Column, ...]]:
    import pandas as pd

    prefix, held, columns, settings = f"{side}_", {}, [], opened.settings
    own = Settings(
        types={n.removeprefix(prefix): kind for n, kind in settings.types.items() if n.startswith(prefix)},
        roles={n.removeprefix(prefix): role for n, role in settings.roles.items() if n.startswith(prefix)},
    )
    left_out = [name.removeprefix(prefix) for name in settings.leave_out if name.startswith(prefix)]
    file = Kept(folder / f"{side}.parquet", RECORD_ID)
    raw = file.frame([name for name in file.names if name not in (RECORD_ID, *left_out)])
    for column in infer_types(raw, own, folder):
        converted = convert(raw[column.name], column.type, folder, ("",))
        faults += [
            f"Column {prefix + column.name!r} cannot be {column.type}: it holds {reason}." for reason in converted.wrong
        ]
        held[column.name] = converted.series
        columns.append(opened.said.column(column, prefix))
    return pd.DataFrame(held, index=raw.index), tuple(columns)
