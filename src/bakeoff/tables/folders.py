"""A table on disk: Parquet and CSV with the same schema, its settings and card, and its truth kept elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import Column, ColumnType, Frame, Split
from bakeoff.tables.cards import card
from bakeoff.tables.cells import convert, fingerprint, labels
from bakeoff.tables.columns import BLOCK, SPILL, Columns
from bakeoff.tables.croissant import Edition, write_croissant
from bakeoff.tables.images import Picture, Place, ending
from bakeoff.tables.readers.formats import parse
from bakeoff.tables.remarks import Remark
from bakeoff.tables.row_groups import bytes_of
from bakeoff.tables.settings import Settings, read_settings, settings_toml
from bakeoff.tables.standard import TableData, assembled, with_public
from bakeoff.tables.types import infer_column

ROW_ID = "row_id"
PARTS = ("train", "test")
PUBLIC, SOURCE = "public", "source_row"
DIGITS = 64  # of a picture's name, which is the digest of its content
OURS = frozenset(
    {f"{name}.{kind}" for name in ("train", "test", "left", "right") for kind in ("parquet", "csv")}
    | {"table.toml", "card.json", "croissant.json", "images"}
)


def write(data: TableData, folder: str | Path, truth_folder: str | Path, edition: Edition | None = None) -> Path:
    """Write a table to `folder`, and the test rows' targets to `truth_folder/NAME.parquet`, readable by the owner only.

    The folder appears whole or not at all; an earlier table there is replaced. `edition` is what its Croissant metadata
    say of the version. Raises UsageError when the folder holds anything else. Returns the folder.
    """
    folder, truth_folder = Path(folder), Path(truth_folder)
    if folder.exists() and (strangers := sorted({path.name for path in folder.iterdir()} - OURS)):
        raise UsageError(f"{str(folder)!r} holds {strangers[0]!r}, which is not part of a table; name another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _fill(data, making)
        write_croissant(making, data.table, data.settings, edition)
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
    if data.sides is not None:
        from bakeoff.tables.matching.folders import write_matching

        write_matching(data, folder)
    else:
        # Arrow writes outside Python's lock, so that the files of a large table are written side by side.
        with ThreadPoolExecutor(len(PARTS) if data.cells.large else 1) as pool:
            deque(pool.map(partial(_write_part, data, folder), PARTS), maxlen=0)
    (folder / "table.toml").write_text(settings_toml(data.settings), encoding="utf-8")
    said = {"remarks": [asdict(remark) for remark in data.remarks], "checked": list(data.checked)}
    (folder / "card.json").write_text(json.dumps({**card(data), **said}, ensure_ascii=False), encoding="utf-8")


def _write_part(data: TableData, folder: Path, part: str) -> None:
    """The rows of a part as Parquet and CSV, group by group, with each picture under `images/` by its content."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    columns = [column for column in data.table.columns if part == "train" or column.name != data.target]
    schema = _schema(data, columns)
    pictures = [column.name for column in columns if column.type is ColumnType.IMAGE]
    told = schema
    for name in pictures:
        told = told.set(told.get_field_index(name), pa.field(name, pa.large_string()))
        (folder / "images").mkdir(exist_ok=True)
    # Texts are quoted, so that a missing cell and an empty text, or 01 and 1, stay apart.
    options = csv.WriteOptions(quoting_style="needed")
    start, stop = data.span(part)
    # Numbers and texts hardly repeat, so that a dictionary of them costs more than it saves.
    repeated = [c.name for c in columns if c.type in (ColumnType.CATEGORICAL, ColumnType.DATETIME, ColumnType.TOKENS)]
    with (
        pq.ParquetWriter(folder / f"{part}.parquet", schema, compression="zstd", use_dictionary=repeated) as whole,
        csv.CSVWriter(folder / f"{part}.csv", told, write_options=options) as texts,
        ThreadPoolExecutor(2) as pool,
    ):
        for first in range(start, stop, BLOCK):
            frame = data.cells.piece(first, min(first + BLOCK, stop), [column.name for column in columns])
            frame.insert(0, ROW_ID, np.arange(first, first + len(frame), dtype=np.int64))
            for low, high, held in bytes_of({name: frame[name] for name in pictures}, len(frame)):
                rows = frame.iloc[low:high]
                paths = {name: [_keep(cell, folder) for cell in cells] for name, cells in held.items()}
                writing = [
                    pool.submit(whole.write_table, _table(rows, schema, held)),
                    pool.submit(texts.write_table, _table(rows, told, paths)),
                ]
                for one in writing:
                    one.result()


def _table(rows: Frame, schema: Any, pictures: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    return pa.Table.from_arrays(
        [pa.array(pictures.get(field.name, rows[field.name]), field.type, from_pandas=True) for field in schema],
        schema=schema,
    )


def _schema(data: TableData, columns: Sequence[Column]) -> Any:
    import pyarrow as pa

    kinds = {
        ColumnType.NUMERIC: pa.float64(),
        ColumnType.DATETIME: pa.timestamp("us"),
        ColumnType.IMAGE: pa.large_binary(),
    }
    fields = [(ROW_ID, pa.int64())]
    for column in columns:
        whole = data.cells.cut(column.name, 0, 1).dtype.kind == "i"
        fields.append((column.name, pa.int64() if whole else kinds.get(column.type, pa.large_string())))
    return pa.schema(fields)


def _keep(cell: bytes | None, folder: Path) -> str | None:
    if cell is None:
        return None
    path = f"images/{hashlib.sha256(cell).hexdigest()}{ending(cell)}"
    if not (folder / path).exists():
        (folder / path).write_bytes(cell)
    return path


def public_name(target: str) -> str:
    """The name of the column that tells the public test rows in a truth file."""
    return PUBLIC if target != PUBLIC else f"{PUBLIC}_rows"


def source_name(target: str) -> str:
    """The name of the column that tells in a truth file where test rows stood in the file they came from."""
    return SOURCE if target != SOURCE else f"{SOURCE}_number"


def _write_truth(data: TableData, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = {ROW_ID: np.arange(*data.span("test"), dtype=np.int64), data.target: pa.array(data.labels("test").tolist())}
    if data.public is not None:
        held[public_name(data.target)] = np.asarray(data.public, dtype=bool)
    if data.sources is not None:
        held[source_name(data.target)] = np.asarray(data.sources, dtype=np.int64)
    # Opened with its mode, so that at no moment somebody else can read it.
    handle, making = tempfile.mkstemp(prefix=f".{data.table.name}.", dir=folder)
    with os.fdopen(handle, "wb") as file:
        pq.write_table(pa.table(held), file)
    os.chmod(making, 0o600)
    os.replace(making, folder / f"{data.table.name}.parquet")


def load(folder: str | Path, truth_folder: str | Path, *, threshold: int = SPILL) -> TableData:
    """The table that `write` wrote, by what its table.toml says now: a type or role edited there holds.

    The digest is made anew, so it differs after such an edit. Pictures are not read, and a table of more than
    `threshold` bytes of cells is kept in a scratch folder, column by column. Raises NotFound when a file is missing and
    TableError when the folder and its truth do not belong together.
    """
    folder = Path(folder)
    if (folder / "left.parquet").is_file():
        from bakeoff.tables.matching.folders import load_matching

        return load_matching(folder, truth_folder)
    settings = read_settings(_there(folder / "table.toml"))
    files = [_Kept(_there(folder / f"{part}.parquet")) for part in PARTS]
    truth = _Kept(_there(Path(truth_folder) / f"{settings.name}.parquet"))
    if settings.target not in truth.names or not np.array_equal(truth.column(ROW_ID), files[1].column(ROW_ID)):
        raise TableError(
            f"The truth of table {settings.name!r} does not belong to {str(folder)!r}; add the table again."
        )
    if settings.split is None:
        raise TableError(f"The table.toml of {str(folder)!r} has no [split]; add the table again.")
    public = truth.column(name).to_numpy(bool) if (name := public_name(settings.target)) in truth.names else None
    sources = truth.column(name).to_numpy() if (name := source_name(settings.target)) in truth.names else None
    return replace(with_public(_restored(files, truth, settings, folder, threshold), public), sources=sources)


class _Kept:
    """A Parquet file of standard columns, read column by column."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError):
            parse(path.read_bytes(), str(path))  # knows what to say of a damaged file
            raise
        self.path = path
        self.names = list(self._file.schema_arrow.names)
        self.rows = self._file.metadata.num_rows

    def holds_bytes(self, name: str) -> bool:
        import pyarrow as pa

        kind = self._file.schema_arrow.field(name).type
        return bool(pa.types.is_large_binary(kind) or pa.types.is_binary(kind))

    def size(self, left_out: Container[str]) -> int:
        """Bytes of the cells, columns that are left out apart."""
        groups = [self._file.metadata.row_group(place) for place in range(self._file.metadata.num_row_groups)]
        chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
        return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema not in left_out)

    def column(self, name: str) -> Any:
        return self._file.read(columns=[name]).column(0).to_pandas()

    def pictures(self, names: Sequence[str], folder: Path) -> dict[str, Any]:
        """Columns of pictures by the paths in the CSV beside this file, whose names tell the pictures' content."""
        import pandas as pd
        from pyarrow import csv

        if not names:
            return {}
        options = csv.ConvertOptions(
            include_columns=[ROW_ID, *names], column_types={ROW_ID: "int64", **dict.fromkeys(names, "large_string")}
        )
        parsing = csv.ParseOptions(newlines_in_values=True)
        paths = csv.read_csv(_there(self.path.with_suffix(".csv")), convert_options=options, parse_options=parsing)
        if not np.array_equal(paths[ROW_ID].to_numpy(), self.column(ROW_ID)):
            raise TableError(f"{str(self.path)!r} and the CSV file beside it hold different rows; add the table again.")
        return {name: pd.Series(_pictures(paths[name].to_pylist(), folder), dtype=object) for name in names}


def _pictures(paths: Sequence[str | None], folder: Path) -> list[Picture | None]:
    names = [Path(path).stem if path else "" for path in paths]
    return [
        Picture(at=Place(str(folder / path)), name=name if len(name) == DIGITS else "") if path else None
        for path, name in zip(paths, names, strict=True)
    ]


def _restored(files: Sequence[_Kept], truth: _Kept, settings: Settings, folder: Path, threshold: int) -> TableData:
    import pandas as pd

    parts = np.repeat(np.array(PARTS, dtype=object), [file.rows for file in files])
    names = [name for name in files[0].names if name not in (ROW_ID, *settings.leave_out)]
    images = [name for name in names if settings.types.get(name) is ColumnType.IMAGE and files[0].holds_bytes(name)]
    cells = Columns(len(parts), sum(file.size(images) for file in files) > threshold)
    pictures = [file.pictures(images, folder) for file in files]
    stored = _parsed_card(folder)
    whys = {said["name"]: said for said in stored.get("columns", [])}
    columns, faults, prints = [], [], {}
    for name in names:
        if name in images:
            series = pd.concat([held[name] for held in pictures], ignore_index=True)
        else:
            tested = truth if name == settings.target else files[1]
            series = pd.concat([files[0].column(name), tested.column(name)], ignore_index=True)
        column = _as_said(infer_column(name, series, settings, folder), whys.get(name, {}))
        standard, wrong = _standard(series, column, settings, folder)
        faults += [f"Column {name!r} cannot be {column.type}: it holds {reason}." for reason in wrong]
        columns.append(column)
        if not faults:
            cells.put(name, standard)
            prints[name] = fingerprint(standard)
    if faults:
        raise TableError(faults)
    data = assembled(cells, parts, settings.split or Split(), columns, settings, prints)
    said = stored.get("remarks") or [{"check": "reading", "text": text} for text in stored.get("notes", ())]
    remarks = [Remark(**{**remark, "rows": tuple(remark.get("rows", ()))}) for remark in said]
    return replace(data, remarks=tuple(remarks), checked=tuple(stored.get("checked", ())))


def _as_said(column: Column, said: Mapping[str, Any]) -> Column:
    """The column with the reason and the trait that its card tells."""
    return replace(column, why=said.get("why", column.why), trait=said.get("trait", column.trait))


def _standard(series: Any, column: Column, settings: Settings, folder: Path) -> tuple[Any, Iterable[str]]:
    if column.name == settings.target:
        return (series.astype("float64") if column.type is ColumnType.NUMERIC else labels(series, ())), ()
    if column.type is ColumnType.IMAGE and series.map(lambda cell: cell is None or isinstance(cell, Picture)).all():
        return series, ()
    converted = convert(series, column.type, folder, ("",))
    return converted.series, converted.wrong


def _there(path: Path) -> Path:
    if not path.is_file():
        raise NotFound(f"There is no {path.name} in {str(path.parent)!r}; add the table again.")
    return path


def _parsed_card(folder: Path) -> Mapping[str, Any]:
    path = folder / "card.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return stored if isinstance(stored, dict) else {}
