"""Rows on their way into files, in groups that fit in memory, with the bytes of pictures read as they are due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bakeoff.nouns import Frame
from bakeoff.tables.images import Picture

PICTURES = 32 * 2**20  # bytes of pictures that are in memory at a time


def write_rows(frame: Frame, path: str | Path) -> None:
    """Write a frame with its index as Parquet, as an entry will read it: pictures are written as their bytes."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    pictures = [name for name in frame.columns if _holds_pictures(frame[name])]
    if not pictures:
        frame.to_parquet(path)
        return
    nothing = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    table = pa.Table.from_pandas(frame.assign(**dict.fromkeys(pictures, nothing)))
    schema = table.schema
    for name in pictures:
        schema = schema.set(schema.get_field_index(name), pa.field(name, pa.large_binary()))
    with pq.ParquetWriter(path, schema) as writer:
        for start, stop, held in bytes_of({name: frame[name] for name in pictures}, len(frame)):
            group = table.slice(start, stop - start)
            for name, cells in held.items():
                place = schema.get_field_index(name)
                group = group.set_column(place, schema.field(place), pa.array(cells, pa.large_binary()))
            writer.write_table(group.cast(schema))


def bytes_of(
    pictures: Mapping[str, Any], rows: int, limit: int = PICTURES
) -> Iterator[tuple[int, int, dict[str, list[bytes | None]]]]:
    """The bytes of some columns of pictures, in groups of rows of about `limit` bytes: (start, stop, cells by column).

    Without such a column all rows are one group.
    """
    start = size = 0
    columns = {name: list(series) for name, series in pictures.items()}
    held: dict[str, list[bytes | None]] = {name: [] for name in columns}
    for row in range(rows if columns else 0):
        for name, cells in columns.items():
            data = _data(cells[row])
            held[name].append(data)
            size += len(data or b"")
        if size >= limit:
            yield start, row + 1, held
            start, size, held = row + 1, 0, {name: [] for name in columns}
    if start < rows:
        yield start, rows, held


def _data(cell: Any) -> bytes | None:
    if isinstance(cell, (Picture, bytes)):
        return bytes(cell)
    return None


def _holds_pictures(series: Any) -> bool:
    return series.dtype == object and any(isinstance(cell, Picture) for cell in series)
