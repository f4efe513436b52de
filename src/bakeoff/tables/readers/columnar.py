"""Parquet and Arrow files as a stream, a row group or a record batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bakeoff.errors import TableError
from bakeoff.tables.readers.features import class_names, plainly
from bakeoff.tables.readers.locations import Location
from bakeoff.tables.readers.streams import BATCH_BYTES, BATCH_ROWS, Stream, first_line, slices


def read_parquet(location: Location) -> Stream:
    """The rows of a Parquet file, row group by row group.

    Classes that `datasets` wrote as numbers come by name, and records as one column `a.b` for each field. Raises
    TableError for a file that is cut or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        source = location.seekable()
        if not source.size():
            raise TableError(f"{location.name!r} is empty (0 bytes); write or copy it again, or name another file.")
        file = pq.ParquetFile(source, pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as fault:
        raise TableError(_parquet_fault(location, fault)) from fault
    return _stream(file.schema_arrow, _row_groups(file, location))


def _stream(schema: Any, batches: Iterator[Any]) -> Stream:
    empty = schema.empty_table().to_batches() or [_empty(schema)]
    classes = class_names(schema.metadata)
    names = next(plainly(iter(empty), classes)).schema.names
    return Stream(tuple(names), plainly(_at_least_one(batches, schema), classes), texts=False)


def _empty(schema: Any) -> Any:
    import pyarrow as pa

    # A dictionary has no array of its type without being given one.
    arrays = [pa.nulls(0, kind) for kind in schema.types]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _at_least_one(batches: Iterator[Any], schema: Any) -> Iterator[Any]:
    first = next(batches, None)
    yield _empty(schema) if first is None else first
    yield from batches


def _row_groups(file: Any, location: Location) -> Iterator[Any]:
    import pyarrow as pa

    meta = file.metadata
    try:
        for group in range(meta.num_row_groups):
            rows = max(meta.row_group(group).num_rows, 1)
            each = max(meta.row_group(group).total_byte_size // rows, 1)
            at_once = max(1, min(BATCH_ROWS, BATCH_BYTES // each))
            for batch in file.iter_batches(batch_size=at_once, row_groups=[group], use_threads=False):
                yield from slices(batch)
    except (pa.ArrowException, OSError) as fault:
        raise TableError(_parquet_fault(location, fault)) from fault


def _parquet_fault(location: Location, fault: Exception) -> str:
    file = location.seekable()
    head = file.read(4)
    if head != b"PAR1":
        return f"{location.name!r} is not a Parquet file; if it is CSV, name it .csv."
    size = file.size()
    file.seek(max(size - 4, 0))
    if file.read(4) != b"PAR1":
        return f"{location.name!r} is cut off: its {size:,} bytes lack the end of a Parquet file; copy it again."
    return f"{location.name!r} is a damaged Parquet file ({first_line(fault)}); write it again."


def read_arrow(location: Location) -> Stream:
    """The rows of an Arrow IPC file or stream, or a Feather file, record batch by record batch.

    Raises TableError for a file that is none of them, is cut, or does not hold what it says.
    """
    import pyarrow as pa

    try:
        local = location.folder is not None
        source = pa.memory_map(str(location.source)) if local and location.endings[1] == "" else location.seekable()
        head = source.read(6)
        source.seek(0)
        if not head:
            raise TableError(f"{location.name!r} is empty (0 bytes); write or copy it again, or name another file.")
        if head[:4] == b"FEA1":
            raise TableError(
                f"{location.name!r} is Feather of the first version; save it again as Feather 2 or Parquet."
            )
        reader = pa.ipc.open_file(source) if head == b"ARROW1" else pa.ipc.open_stream(source)
    except (pa.ArrowException, OSError, FileNotFoundError) as fault:
        if location.folder is not None and not isinstance(fault, pa.ArrowException):
            location.open()  # says what is wrong with the path
        raise TableError(_arrow_fault(location, fault)) from fault
    return _stream(reader.schema, _messages(reader, location))


def _messages(reader: Any, location: Location) -> Iterator[Any]:
    import pyarrow as pa

    place = 0
    try:
        while True:
            if hasattr(reader, "num_record_batches"):
                if place == reader.num_record_batches:
                    return
                batch = reader.get_batch(place)
            else:
                batch = next(reader, None)
                if batch is None:
                    return
            place += 1
            # Offsets in a file of a stranger may lead anywhere.
            batch.validate(full=True)
            yield from slices(batch)
    except (pa.ArrowException, OSError) as fault:
        raise TableError(_arrow_fault(location, fault)) from fault


def _arrow_fault(location: Location, fault: Exception) -> str:
    return f"{location.name!r} is not an Arrow file, or is cut or damaged ({first_line(fault)}); write it again."
