"""A matching table on disk: records and pairs as Parquet and CSV with the same schema, its truth kept elsewhere.

`left` and `right` hold `record_id`, a record's position, and its cells; `train` and `test` hold `row_id`, the positions
`left` and `right` of a pair's records, and in train the label.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound, TableError
from bakeoff.nouns import Array, Column, ColumnType, Frame, Sides
from bakeoff.tables.cells import convert
from bakeoff.tables.columns import BLOCK
from bakeoff.tables.folders import ROW_ID, public_name, source_name
from bakeoff.tables.images import Picture, Place, ending
from bakeoff.tables.matching.sides import joined
from bakeoff.tables.remarks import Remark
from bakeoff.tables.row_groups import bytes_of
from bakeoff.tables.settings import Settings, read_settings
from bakeoff.tables.standard import TableData, with_public
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
    """Records as Parquet and CSV, group by group, with each picture under `images/` by its content."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    schema, pictures = _schema(records, columns)
    told = schema
    for name in pictures:
        told = told.set(told.get_field_index(name), pa.field(name, pa.large_string()))
        (path.parent / "images").mkdir(exist_ok=True)
    options = csv.WriteOptions(quoting_style="needed")
    with (
        pq.ParquetWriter(path.with_suffix(".parquet"), schema, compression="zstd") as whole,
        csv.CSVWriter(path.with_suffix(".csv"), told, write_options=options) as texts,
    ):
        for first in range(0, len(records), BLOCK):
            frame = records.iloc[first : first + BLOCK].reset_index(drop=True)
            frame.insert(0, RECORD_ID, np.arange(first, first + len(frame), dtype=np.int64))
            for low, high, held in bytes_of({name: frame[name] for name in pictures}, len(frame)):
                rows = frame.iloc[low:high]
                whole.write_table(_table(rows, schema, held))
                paths = {name: [_keep(cell, path.parent) for cell in cells] for name, cells in held.items()}
                texts.write_table(_table(rows, told, paths))


def _schema(records: Frame, columns: Sequence[Column]) -> tuple[Any, list[str]]:
    import pyarrow as pa

    kinds = {
        ColumnType.NUMERIC: pa.float64(),
        ColumnType.DATETIME: pa.timestamp("us"),
        ColumnType.IMAGE: pa.large_binary(),
    }
    fields = [(RECORD_ID, pa.int64())]
    for column in columns:
        whole = records[column.name].dtype.kind == "i"
        fields.append((column.name, pa.int64() if whole else kinds.get(column.type, pa.large_string())))
    return pa.schema(fields), [column.name for column in columns if column.type is ColumnType.IMAGE]


def _table(rows: Frame, schema: Any, pictures: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    held = [pa.array(pictures.get(each.name, rows[each.name]), each.type, from_pandas=True) for each in schema]
    return pa.Table.from_arrays(held, schema=schema)


def _keep(cell: bytes | None, folder: Path) -> str | None:
    if cell is None:
        return None
    path = f"images/{hashlib.sha256(cell).hexdigest()}{ending(cell)}"
    if not (folder / path).exists():
        (folder / path).write_bytes(cell)
    return path


def load_matching(folder: str | Path, truth_folder: str | Path) -> TableData:
    """The matching table that was written to `folder`, by what its table.toml says now.

    Raises NotFound when a file is missing, and TableError when the folder and its truth do not belong together or a
    declared type does not fit.
    """
    folder = Path(folder)
    settings = read_settings(_there(folder / "table.toml"))
    train, test = (_read(folder / f"{part}.parquet") for part in ("train", "test"))
    truth = _read(Path(truth_folder) / f"{settings.name}.parquet")
    if settings.target not in truth.columns or not np.array_equal(truth[ROW_ID], test[ROW_ID]):
        raise TableError(
            f"The truth of table {settings.name!r} does not belong to {str(folder)!r}; add the table again."
        )
    if settings.split is None:
        raise TableError(f"The table.toml of {str(folder)!r} has no [split]; add the table again.")
    stored = _card(folder)
    whys = {said["name"]: said for said in stored.get("columns", [])}
    faults: list[str] = []
    left, left_columns = _records(folder, "left", settings, whys, faults)
    right: Frame | None = None
    right_columns: tuple[Column, ...] = ()
    if (folder / "right.parquet").is_file():
        right, right_columns = _records(folder, "right", settings, whys, faults)
    if faults:
        raise TableError(faults)
    learnt, asked = (frame[["left", "right"]].to_numpy(np.int64) for frame in (train, test))
    sides = Sides(left, right, learnt, asked, left_columns, right_columns, settings.complete)
    label = np.concatenate([train[settings.target].to_numpy(np.int64), truth[settings.target].to_numpy(np.int64)])
    parts = np.repeat(np.array(["train", "test"], dtype=object), [len(train), len(test)])
    data = joined(sides, label, parts, settings)
    public = truth[name].to_numpy(dtype=bool) if (name := public_name(settings.target)) in truth.columns else None
    data = with_public(data, public)
    sources = truth[name].to_numpy() if (name := source_name(settings.target)) in truth.columns else None
    return replace(data, sources=sources, remarks=_remarks(stored), checked=tuple(stored.get("checked", ())))


def _records(
    folder: Path, side: str, settings: Settings, whys: dict[str, Any], faults: list[str]
) -> tuple[Frame, tuple[Column, ...]]:
    import pandas as pd

    prefix, held, columns = f"{side}_", {}, []
    own = Settings(
        types={n.removeprefix(prefix): kind for n, kind in settings.types.items() if n.startswith(prefix)},
        roles={n.removeprefix(prefix): role for n, role in settings.roles.items() if n.startswith(prefix)},
    )
    left_out = [name.removeprefix(prefix) for name in settings.leave_out if name.startswith(prefix)]
    raw = _cells(folder / f"{side}.parquet", left_out)
    for column in infer_types(raw, own, folder):
        said = whys.get(f"{prefix}{column.name}", {})
        converted = convert(raw[column.name], column.type, folder, ("",))
        faults += [
            f"Column {prefix + column.name!r} cannot be {column.type}: it holds {reason}." for reason in converted.wrong
        ]
        held[column.name] = converted.series
        columns.append(replace(column, why=said.get("why", column.why), trait=said.get("trait", column.trait)))
    return pd.DataFrame(held, index=raw.index), tuple(columns)


def _cells(path: Path, left_out: Sequence[str]) -> Frame:
    """The records in a file, with pictures as the files under `images/` that the CSV beside it names."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    fields = list(_told(lambda: pq.read_schema(_there(path)), path))
    pictures = [field.name for field in fields if pa.types.is_large_binary(field.type)]
    names = [field.name for field in fields if field.name not in (RECORD_ID, *left_out)]
    frame = _read(path, [name for name in names if name not in pictures])
    if shown := [name for name in names if name in pictures]:
        options = csv.ConvertOptions(include_columns=shown, column_types=dict.fromkeys(shown, "large_string"))
        parsing = csv.ParseOptions(newlines_in_values=True)
        paths = csv.read_csv(_there(path.with_suffix(".csv")), convert_options=options, parse_options=parsing)
        for name in shown:
            frame[name] = pd.Series([_picture(cell, path.parent) for cell in paths[name].to_pylist()], dtype=object)
    return frame[names]


def _picture(path: str | None, folder: Path) -> Picture | None:
    return Picture(at=Place(str(folder / path)), name=Path(path).stem) if path else None


def _remarks(stored: dict[str, Any]) -> tuple[Remark, ...]:
    if "remarks" in stored:
        return tuple(
            Remark(said["check"], said["text"], said.get("column", ""), tuple(said.get("rows", ())))
            for said in stored["remarks"]
        )
    return tuple(Remark("reading", text) for text in stored.get("notes", ()))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise NotFound(f"There is no {path.name} in {str(path.parent)!r}; add the table again.")
    return path


def _read(path: Path, columns: Sequence[str] | None = None) -> Frame:
    import pyarrow.parquet as pq

    names = None if columns is None else list(columns)
    return _told(lambda: pq.read_table(_there(path), columns=names), path).to_pandas(ignore_metadata=True)


def _told(read: Callable[[], Any], path: Path) -> Any:
    import pyarrow as pa

    try:
        return read()
    except (pa.ArrowException, OSError) as fault:
        raise TableError(f"{str(path)!r} is damaged ({str(fault).splitlines()[0]}); add the table again.") from fault


def _card(folder: Path) -> dict[str, Any]:
    path = folder / "card.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return stored if isinstance(stored, dict) else {}
