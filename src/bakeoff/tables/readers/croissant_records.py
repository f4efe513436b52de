"""Reads one record set with `mlcroissant` into an Arrow file: a program of its own, started by `croissant_import`."""

from __future__ import annotations

import io
import itertools
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bakeoff.tables.readers.streams import first_line

ROWS = 5_000


def main() -> None:
    """`python -m ... METADATA RECORD_SET FIELDS OUT`; FIELDS is JSON: a list of [name, type]."""
    path, name, fields, out = sys.argv[1:]
    try:
        write_records(Path(path), name, json.loads(fields), Path(out))
    except Exception as fault:  # the library raises whatever its readers raise
        cause = fault.__cause__ or fault
        sys.exit(first_line(cause))


def write_records(path: Path, name: str, fields: Sequence[tuple[str, str]], out: Path) -> None:
    """Write the fields of a record set as an Arrow IPC file, batch by batch."""
    import mlcroissant
    import pyarrow as pa

    schema = pa.schema([(field, _arrow(kind)) for field, kind in fields])
    rows = iter(mlcroissant.Dataset(str(path)).records(record_set=name))
    with pa.OSFile(str(out), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        while chunk := list(itertools.islice(rows, ROWS)):
            columns = [[_cell(row.get(f"{name}/{field}", row.get(field))) for row in chunk] for field, _ in fields]
            arrays = [pa.array(cells, kind) for cells, kind in zip(columns, schema.types, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _arrow(kind: str) -> Any:
    import pyarrow as pa

    kinds = {"Integer": pa.int64(), "Float": pa.float64(), "Boolean": pa.bool_(), "ImageObject": pa.large_binary()}
    kinds |= {"Date": pa.timestamp("us"), "DateTime": pa.timestamp("us")}
    return kinds.get(kind, pa.large_string())


def _cell(value: Any) -> Any:
    """A record's value as Arrow takes it: texts come as bytes, pictures as Pillow images, a gap as NaN."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if hasattr(value, "save") and hasattr(value, "size"):
        held = io.BytesIO()
        value.save(held, format="PNG")
        return held.getvalue()
    gap = value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ == "NaTType"
    return None if gap else value


if __name__ == "__main__":
    main()
