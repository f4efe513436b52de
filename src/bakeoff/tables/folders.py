"""A table on disk: Parquet and CSV with the same schema, its settings and card, and its truth kept elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import ColumnType, Frame
from bakeoff.tables.cards import card
from bakeoff.tables.cells import convert, labels
from bakeoff.tables.formats import parse
from bakeoff.tables.images import ending
from bakeoff.tables.remarks import Remark
from bakeoff.tables.settings import Settings, read_settings, settings_toml
from bakeoff.tables.standard import TableData, assembled
from bakeoff.tables.types import infer_types

ROW_ID = "row_id"
PARTS = ("train", "test")
OURS = frozenset({"train.parquet", "test.parquet", "train.csv", "test.csv", "table.toml", "card.json", "images"})


def write(data: TableData, folder: str | Path, truth_folder: str | Path) -> Path:
    """Write a table to `folder`, and the test rows' targets to `truth_folder/NAME.parquet`, readable by the owner only.

    The folder appears whole or not at all; an earlier table there is replaced. Raises UsageError when it holds anything
    else. Returns the folder.
    """
    folder, truth_folder = Path(folder), Path(truth_folder)
    if folder.exists() and (strangers := sorted({path.name for path in folder.iterdir()} - OURS)):
        raise UsageError(f"{str(folder)!r} holds {strangers[0]!r}, which is not part of a table; name another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _fill(data, making)
        making.chmod(0o755)
        _write_truth(data, truth_folder)
        if folder.exists():
            shutil.rmtree(folder)
        making.rename(folder)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return folder


def _fill(data: TableData, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    for part in PARTS:
        frame = data.frame.loc[data.parts == part]
        frame = frame if part == "train" else frame.drop(columns=data.target)
        frame.insert(0, ROW_ID, frame.index.to_numpy(np.int64))
        table = pa.Table.from_pandas(frame, schema=_schema(data, frame), preserve_index=False)
        pq.write_table(table, folder / f"{part}.parquet", compression="zstd")
        # Texts are quoted, so that a missing cell and an empty text, or 01 and 1, stay apart.
        csv.write_csv(
            _with_paths(data, table, folder), folder / f"{part}.csv", csv.WriteOptions(quoting_style="needed")
        )
    (folder / "table.toml").write_text(settings_toml(data.settings), encoding="utf-8")
    (folder / "card.json").write_text(json.dumps(card(data), ensure_ascii=False), encoding="utf-8")


def _schema(data: TableData, frame: Frame) -> Any:
    import pyarrow as pa

    kinds = {
        ColumnType.NUMERIC: pa.float64(),
        ColumnType.DATETIME: pa.timestamp("us"),
        ColumnType.IMAGE: pa.large_binary(),
    }
    fields = [(ROW_ID, pa.int64())]
    for column in data.table.columns:
        if column.name in frame.columns:
            whole = frame[column.name].dtype.kind == "i"
            fields.append((column.name, pa.int64() if whole else kinds.get(column.type, pa.large_string())))
    return pa.schema(fields)


def _with_paths(data: TableData, table: Any, folder: Path) -> Any:
    """The table with each image written under `images/` by its content, and its path in the cell."""
    import pyarrow as pa

    for column in data.table.columns:
        if column.type is not ColumnType.IMAGE:
            continue
        (folder / "images").mkdir(exist_ok=True)
        paths = [None if cell is None else _keep(cell, folder) for cell in table[column.name].to_pylist()]
        place = table.column_names.index(column.name)
        table = table.set_column(place, column.name, pa.array(paths, pa.large_string()))
    return table


def _keep(cell: bytes, folder: Path) -> str:
    path = f"images/{hashlib.sha256(cell).hexdigest()[:24]}{ending(cell)}"
    if not (folder / path).exists():
        (folder / path).write_bytes(cell)
    return path


def _write_truth(data: TableData, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    truth = data.frame.loc[data.parts == "test", [data.target]]
    table = pa.table({ROW_ID: truth.index.to_numpy(np.int64), data.target: pa.array(truth[data.target].tolist())})
    # Opened with its mode, so that at no moment somebody else can read it.
    handle, making = tempfile.mkstemp(prefix=f".{data.table.name}.", dir=folder)
    with os.fdopen(handle, "wb") as file:
        pq.write_table(table, file)
    os.chmod(making, 0o600)
    os.replace(making, folder / f"{data.table.name}.parquet")


def load(folder: str | Path, truth_folder: str | Path) -> TableData:
    """The table that `write` wrote, by what its table.toml says now: a type or role edited there holds.

    The digest is made anew, so it differs after such an edit. Raises NotFound when a file is missing and TableError
    when the folder and its truth do not belong together.
    """
    folder = Path(folder)
    settings = read_settings(_there(folder / "table.toml"))
    train = _parsed(folder / "train.parquet")
    test = _parsed(folder / "test.parquet")
    truth = _parsed(Path(truth_folder) / f"{settings.name}.parquet")
    if settings.target not in truth.columns or not np.array_equal(truth[ROW_ID], test[ROW_ID]):
        raise TableError(
            f"The truth of table {settings.name!r} does not belong to {str(folder)!r}; add the table again."
        )
    test.insert(train.columns.get_loc(settings.target), settings.target, truth[settings.target])
    return _restored(train, test, settings, folder)


def _restored(train: Frame, test: Frame, settings: Settings, folder: Path) -> TableData:
    import pandas as pd

    parts = np.repeat(np.array(PARTS, dtype=object), [len(train), len(test)])
    raw = pd.concat([train, test], ignore_index=True).drop(columns=[ROW_ID, *settings.leave_out], errors="ignore")
    columns = infer_types(raw, settings, folder)
    stored = _parsed_card(folder)
    whys = {said["name"]: said["why"] for said in stored.get("columns", [])}
    columns = tuple(replace(column, why=whys.get(column.name, column.why)) for column in columns)
    held, faults = {}, []
    for column in columns:
        series = raw[column.name]
        if column.name == settings.target:
            numeric = column.type is ColumnType.NUMERIC
            held[column.name] = series.astype("float64") if numeric else labels(series, ())
            continue
        converted = convert(series, column.type, folder, ("",))
        faults += [f"Column {column.name!r} cannot be {column.type}: it holds {reason}." for reason in converted.wrong]
        held[column.name] = converted.series
    if faults:
        raise TableError(faults)
    split = settings.split
    if split is None:
        raise TableError(f"The table.toml of {str(folder)!r} has no [split]; add the table again.")
    data = assembled(pd.DataFrame(held), parts, split, columns, settings)
    return replace(data, remarks=tuple(Remark("reading", text) for text in stored.get("notes", ())))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise NotFound(f"There is no {path.name} in {str(path.parent)!r}; add the table again.")
    return path


def _parsed(path: Path) -> Frame:
    return parse(_there(path).read_bytes(), str(path))


def _parsed_card(folder: Path) -> Mapping[str, Any]:
    path = folder / "card.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return stored if isinstance(stored, dict) else {}
