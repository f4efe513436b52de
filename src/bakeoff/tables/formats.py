"""One data file into a pandas frame: CSV, TSV or Parquet, from its bytes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from bakeoff.errors import TableError, UsageError
from bakeoff.nouns import Frame
from bakeoff.tables.sentences import SHOWN

SUFFIXES = (".parquet", ".csv", ".tsv")  # where a folder holds the same table twice, the first is read
BLOCK = 1 << 30


def parse(data: bytes, name: str) -> Frame:
    """The frame in a file's bytes; cells of CSV and TSV come as texts, with an empty cell for an empty one.

    Raises TableError, naming the file, for what cannot be read, and UsageError for another format.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{name!r} is not a format Bakeoff reads; save it as CSV (.csv, .tsv) or Parquet (.parquet).")
    if not data:
        raise TableError(f"{name!r} is empty (0 bytes); write or copy it again, or name another file.")
    return _parquet(data, name) if suffix == ".parquet" else _csv(data, name, "\t" if suffix == ".tsv" else "")


def _parquet(data: bytes, name: str) -> Frame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as fault:
        if data[:4] != b"PAR1":
            raise TableError(f"{name!r} is not a Parquet file; if it is CSV, name it .csv.") from fault
        if data[-4:] != b"PAR1":
            raise TableError(
                f"{name!r} is cut off: its {len(data):,} bytes lack the end of a Parquet file; copy it again."
            ) from fault
        raise TableError(f"{name!r} is a damaged Parquet file ({_first_line(fault)}); write it again.") from fault
    if len(set(table.column_names)) < len(table.column_names):
        columns = [column.to_pandas() for column in table.columns]
        return _side_by_side(columns, table.column_names)
    return table.to_pandas(ignore_metadata=True)


def _csv(data: bytes, name: str, delimiter: str) -> Frame:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    text = _decoded(data, name)
    header, delimiter = _header(text, delimiter)
    if not header:
        raise TableError(f"{name!r} holds only blank lines; its first line must name the columns.")
    ragged: list[Any] = []

    def keep(row: Any) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=min(max(len(data), 1 << 16), BLOCK)),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep
            ),
            convert_options=arrow_csv.ConvertOptions(
                strings_can_be_null=False, column_types={column: pa.large_string() for column in header}
            ),
        )
    except pa.ArrowException as fault:
        raise TableError(f"{name!r} cannot be read as CSV: {_first_line(fault)}.") from fault
    if ragged:
        raise TableError(_ragged(name, ragged, table.num_rows, delimiter))
    columns = [column.to_pandas() for column in table.columns]
    return _side_by_side(columns, table.column_names)


def _decoded(data: bytes, name: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TableError(f"{name!r} is in UTF-16; save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data[: fault.start].count(b"\n") + 1
        raise TableError(
            f"{name!r} is not UTF-8: line {line} holds the byte 0x{data[fault.start]:02x}; save it as UTF-8."
        ) from fault
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise TableError(f"{name!r} is not a CSV file: line {line} holds a zero byte.")
    return text


def _header(text: str, delimiter: str) -> tuple[list[str], str]:
    # A quoted name may span lines, so the csv module reads the header from the first few.
    lines = [line for line in text[: 1 << 20].splitlines(keepends=True) if line.strip()][:20]
    if not lines:
        return [], ","
    if not delimiter:
        first = lines[0]
        delimiter = "," if "," in first else max(",;\t|", key=first.count)
    return next(csv.reader(lines, delimiter=delimiter)), delimiter


def _ragged(name: str, bad: list[Any], good: int, delimiter: str) -> str:
    expected = bad[0].expected_columns
    shown = [f"data row {row.number - 1} has {row.actual_columns}" for row in bad[:SHOWN]]
    more = f" and {len(bad) - SHOWN} more differ" if len(bad) > SHOWN else ""
    quote = next((row for row in bad if (row.text or "").lstrip().startswith('"') and "\n" in (row.text or "")), None)
    mend = f"put quotes round cells that hold a {delimiter!r}, or add the missing cells"
    if quote is not None:
        mend = f"a quote opened in data row {quote.number - 1} may not be closed"
    return (
        f"{name!r} is ragged: the header has {expected} columns, but {', '.join(shown)}{more} "
        f"({good:,} {'row is' if good == 1 else 'rows are'} sound); {mend}."
    )


def _side_by_side(columns: list[Any], names: list[str]) -> Frame:
    import pandas as pd

    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame()
    frame.columns = list(names)
    return frame


def _first_line(fault: BaseException) -> str:
    return str(fault).strip().splitlines()[0].rstrip(".") if str(fault).strip() else type(fault).__name__
