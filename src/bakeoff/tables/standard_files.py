"""Standard columns as files and back: Parquet and CSV with one schema, and pictures beside them by their content."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bakeoff.errors import NotFound, TableError
from bakeoff.nouns import Column, ColumnType, Frame
from bakeoff.tables.columns import BLOCK, Columns
from bakeoff.tables.images import Picture, Place, ending
from bakeoff.tables.remarks import Remark
from bakeoff.tables.row_groups import bytes_of

T = TypeVar("T")
CSV_ROWS = 1 << 12  # that Arrow makes texts of at a time
LOOKED_AT = 10_000  # rows that tell whether dates repeat
SCHEMA = "ARROW:schema"  # by which Arrow tells in a Parquet file what its columns were
DIGITS = 64  # of a picture's name, which is the digest of its content
# Numbers and texts hardly repeat, so that a dictionary of them costs more than it saves.
REPEATED = (ColumnType.CATEGORICAL, ColumnType.DATETIME, ColumnType.TOKENS)


@dataclass(frozen=True)
class Rows:
    """Rows of standard columns that become files: those from `start` to before `stop`, numbered in a column `index`."""

    cells: Columns
    columns: Sequence[Column]
    index: str
    start: int
    stop: int

    @property
    def pictures(self) -> list[str]:
        """The names of the columns that hold pictures."""
        return [column.name for column in self.columns if column.type is ColumnType.IMAGE]

    @property
    def repeating(self) -> list[str]:
        """The names of the columns that are worth a dictionary in Parquet."""
        return [column.name for column in self.columns if column.type in REPEATED and self._repeats(column)]

    def _repeats(self, column: Column) -> bool:
        if column.type is not ColumnType.DATETIME:
            return True
        head = self.cells.cut(column.name, self.start, min(self.start + LOOKED_AT, self.stop))
        return bool(head.nunique() <= len(head) / 2)

    @property
    def coded(self) -> list[str]:
        """The names of the columns of names that are kept as codes."""
        names = [column.name for column in self.columns if column.type is ColumnType.CATEGORICAL]
        return [name for name in names if self.cells.different(name) is not None]


def write_rows(rows: Rows, path: Path, *, twin: bool = True) -> None:
    """Write rows as Parquet and CSV at `path`, group by group, with each picture under `images/` by its content.

    Without its `twin` there is no CSV; `write_twin` makes it of the Parquet later. Pictures always have it, as it is
    what names their files.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = told = _schema(rows)
    for name in rows.pictures:
        told = told.set(told.get_field_index(name), pa.field(name, pa.large_string()))
    has_texts = twin or bool(rows.pictures)
    plain = schema
    schema = schema if has_texts else _packed(rows, schema)
    packing = {
        # zstd would make the files a quarter smaller, and take twice as long to.
        "compression": "snappy",
        "use_dictionary": rows.repeating,
        # Nobody looks for texts between two others, so that it is not told which are the first and the last.
        "write_statistics": [rows.index, *(one.name for one in rows.columns if one.type is not ColumnType.TEXT)],
        "store_schema": schema is plain,
    }
    with (
        pq.ParquetWriter(path.with_suffix(".parquet"), schema, **packing) as whole,
        _texts(path, told) if has_texts else nullcontext() as texts,
        ThreadPoolExecutor(2) as pool,
    ):
        if schema is not plain:
            # What the file tells is not how its cells are handed over.
            whole.add_key_value_metadata({SCHEMA: base64.b64encode(plain.serialize().to_pybytes()).decode()})
        writing: list[Future[None]] = []
        for held, cells in _groups(rows, schema):
            paths = {name: [_keep(cell, path.parent) for cell in data] for name, data in cells.items()}
            table = _table(held, schema, cells)
            tables = table, _table(held, told, paths) if paths else table
            # One group is made ready while the one before it is written.
            for one in writing:
                one.result()
            writing = [pool.submit(whole.write_table, tables[0])]
            if texts is not None:
                writing.append(pool.submit(texts.write_table, tables[1]))
        for one in writing:
            one.result()


def _packed(rows: Rows, schema: Any) -> Any:
    """The schema by which columns of codes are handed over as such; the schema itself where there are none."""
    import pyarrow as pa

    for name in rows.coded:
        place = schema.get_field_index(name)
        schema = schema.set(place, pa.field(name, pa.dictionary(pa.int16(), pa.large_string())))
    return schema


def write_twin(path: Path) -> None:
    """Write the CSV file beside a Parquet file that `write_rows` left without, group by group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    with _texts(path, file.schema_arrow) as texts:
        for batch in file.iter_batches(BLOCK):
            texts.write_table(pa.Table.from_batches([batch]))


def _texts(path: Path, schema: Any) -> Any:
    """What writes the CSV file of this name."""
    from pyarrow import csv

    # Texts are quoted, so that a missing cell and an empty text, or 01 and 1, stay apart.
    options = csv.WriteOptions(quoting_style="needed", batch_size=CSV_ROWS)
    return csv.CSVWriter(path.with_suffix(".csv"), schema, write_options=options)


def _groups(rows: Rows, schema: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The cells of each group of rows as Arrow arrays, and the bytes of their pictures; both by column."""
    import pyarrow as pa

    pictures = rows.pictures
    for first in range(rows.start, rows.stop, BLOCK):
        last = min(first + BLOCK, rows.stop)
        held = {rows.index: pa.array(np.arange(first, last, dtype=np.int64))}
        for column in rows.columns:
            if column.name not in pictures:
                kind = schema.field(column.name).type
                as_codes = pa.types.is_dictionary(kind)
                held[column.name] = _filled(rows.cells.arrow(column.name, first, last, as_codes=as_codes), kind)
        seen = {name: rows.cells.cut(name, first, last) for name in pictures}
        for low, high, cells in bytes_of(seen, last - first):
            yield {name: array.slice(low, high - low) for name, array in held.items()}, cells


def _filled(cells: Any, kind: Any) -> Any:
    """Cells as Arrow has them, of this type; a missing number is no longer NaN."""
    import pyarrow as pa

    if pa.types.is_floating(cells.type):
        return pa.chunked_array(
            [pa.array(chunk.to_numpy(zero_copy_only=False), kind, from_pandas=True) for chunk in cells.chunks], kind
        )
    return cells.cast(kind)


def _table(held: Mapping[str, Any], schema: Any, pictures: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    arrays = [
        pa.array(pictures[field.name], field.type) if field.name in pictures else held[field.name] for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _schema(rows: Rows) -> Any:
    import pyarrow as pa

    kinds = {
        ColumnType.NUMERIC: pa.float64(),
        ColumnType.DATETIME: pa.timestamp("us"),
        ColumnType.IMAGE: pa.large_binary(),
    }
    fields = [(rows.index, pa.int64())]
    for column in rows.columns:
        whole = rows.cells.cut(column.name, 0, 1).dtype.kind == "i"
        fields.append((column.name, pa.int64() if whole else kinds.get(column.type, pa.large_string())))
    return pa.schema(fields)


def _keep(cell: bytes | None, folder: Path) -> str | None:
    if cell is None:
        return None
    (folder / "images").mkdir(exist_ok=True)
    path = f"images/{hashlib.sha256(cell).hexdigest()}{ending(cell)}"
    if not (folder / path).exists():
        (folder / path).write_bytes(cell)
    return path


class Kept:
    """A Parquet file of standard columns, read column by column; `index` numbers its rows.

    Raises NotFound when it is not there and TableError when it is damaged.
    """

    def __init__(self, path: Path, index: str) -> None:
        import pyarrow.parquet as pq

        self.path, self.index = there(path), index
        self._file = self._sound(lambda: pq.ParquetFile(path))
        self.names: list[str] = list(self._file.schema_arrow.names)
        self.rows: int = self._file.metadata.num_rows

    def _sound(self, read: Callable[[], T]) -> T:
        import pyarrow as pa

        try:
            return read()
        except (pa.ArrowException, OSError) as fault:
            told = str(fault).splitlines()[0]
            raise TableError(f"{str(self.path)!r} is damaged ({told}); add the table again.") from fault

    def holds_bytes(self, name: str) -> bool:
        """Whether a column holds pictures as bytes."""
        import pyarrow as pa

        kind = self._file.schema_arrow.field(name).type
        return bool(pa.types.is_large_binary(kind) or pa.types.is_binary(kind))

    def size(self, left_out: Container[str]) -> int:
        """Bytes of the cells, columns that are left out apart."""
        groups = [self._file.metadata.row_group(place) for place in range(self._file.metadata.num_row_groups)]
        chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
        return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema not in left_out)

    def column(self, name: str) -> Any:
        """One column as a pandas series."""
        return self._sound(lambda: self._file.read(columns=[name])).column(0).to_pandas()

    def frame(self, names: Sequence[str]) -> Frame:
        """Some columns as a frame, pictures as references to the files beside it."""
        import pandas as pd

        shown = self.pictures([name for name in names if self.holds_bytes(name)])
        held = {name: shown[name] if name in shown else self.column(name) for name in names}
        return pd.DataFrame(held, columns=list(names), index=pd.RangeIndex(self.rows))

    def pictures(self, names: Sequence[str]) -> dict[str, Any]:
        """Columns of pictures by the paths in the CSV beside this file, whose names tell the pictures' content."""
        import pandas as pd
        from pyarrow import csv

        if not names:
            return {}
        kinds = {self.index: "int64", **dict.fromkeys(names, "large_string")}
        options = csv.ConvertOptions(include_columns=list(kinds), column_types=kinds)
        parsing = csv.ParseOptions(newlines_in_values=True)
        paths = csv.read_csv(there(self.path.with_suffix(".csv")), convert_options=options, parse_options=parsing)
        if not np.array_equal(paths[self.index].to_numpy(), self.column(self.index)):
            raise TableError(f"{str(self.path)!r} and the CSV file beside it hold different rows; add the table again.")
        folder = self.path.parent
        return {name: pd.Series(_pictures(paths[name].to_pylist(), folder), dtype=object) for name in names}


def _pictures(paths: Sequence[str | None], folder: Path) -> list[Picture | None]:
    names = [Path(path).stem if path else "" for path in paths]
    return [
        Picture(at=Place(str(folder / path)), name=name if len(name) == DIGITS else "") if path else None
        for path, name in zip(paths, names, strict=True)
    ]


def there(path: Path) -> Path:
    """The path of a table's file; NotFound when there is none."""
    if not path.is_file():
        raise NotFound(f"There is no {path.name} in {str(path.parent)!r}; add the table again.")
    return path


class Said:
    """What the `card.json` in a table's folder tells of it; of a folder without one, nothing."""

    def __init__(self, folder: Path) -> None:
        path = folder / "card.json"
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self._card: Mapping[str, Any] = stored if isinstance(stored, dict) else {}
        self._columns = {said["name"]: said for said in self._card.get("columns", [])}

    def column(self, column: Column, prefix: str = "") -> Column:
        """The column with the reason and the trait that the card tells, by its name with a prefix."""
        said = self._columns.get(f"{prefix}{column.name}", {})
        return replace(column, why=said.get("why", column.why), trait=said.get("trait", column.trait))

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What the checks remarked on."""
        said = self._card.get("remarks") or [{"check": "reading", "text": text} for text in self._card.get("notes", ())]
        return tuple(Remark(**{**remark, "rows": tuple(remark.get("rows", ()))}) for remark in said)

    @property
    def checked(self) -> tuple[str, ...]:
        """The names of the checks that looked."""
        return tuple(self._card.get("checked", ()))
