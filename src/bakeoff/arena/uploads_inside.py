"""Reading an upload inside a box: the reader of `bakeoff.tables` meets the file, and plain columns go out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bakeoff.arena.columns_out import PAYLOAD, fields_mapped, mixed, pixels, taken_apart
from bakeoff.errors import BakeoffError, Refused, TableError
from bakeoff.nouns import plain

ROWS = 8192  # of a piece, fewer where they are large
PARTS = ("train", "valid", "test", "public", "private")


def send_table(worker: Any, message: Mapping[str, Any]) -> None:
    """Read the table that was handed in, and send it out piece by piece, or what is wrong with it."""
    import pickle

    from bakeoff.tables import read

    place = worker.folder / message["place"]
    called = message["called"]
    settings = pickle.loads((worker.folder / "data" / message["settings"]).read_bytes())  # the parent's own
    try:
        raw = read(place, settings, name=message["name"] or None)
    except BakeoffError as error:
        problems = error.problems if isinstance(error, TableError) else [str(error)]
        told = {"problems": [problem.replace(str(place), called) for problem in problems][:1000]}
        worker.say("table", json.dumps(told).encode(), kind=type(error).__name__)
        return
    about = {
        "rows": raw.rows,
        "columns": list(raw.cells.names),
        "names": list(raw.names),
        "partial": list(raw.partial),
        "problems": [problem.replace(str(place), called) for problem in raw.problems],
        "notes": [note.replace(str(place), called) for note in raw.notes],
        "settings": plain(raw.settings),
        "folder": None
        if raw.folder is None
        else os.path.relpath(raw.folder, place if place.is_dir() else place.parent),
        "parts": raw.parts is not None,
        "numbers": raw.numbers is not None,
    }
    worker.say("table", json.dumps(about).encode())
    for start in range(0, raw.rows, ROWS):
        for piece in _pieces(raw, start, min(raw.rows, start + ROWS)):
            for said, data in piece:
                worker.say("column", data, **said)
    worker.say("column", done=True)


def send_picture(worker: Any, message: Mapping[str, Any]) -> None:
    """Send the pixels of one picture of an upload, nothing for what is none."""
    worker.say("picture", pixels(Path(worker.folder / message["place"]).read_bytes()))


def _pieces(raw: Any, start: int, stop: int) -> Iterator[list[tuple[dict[str, Any], bytes]]]:
    """The rows from `start` to before `stop` of every column, in as many pieces as they need."""
    import pyarrow as pa

    piece = [_column(raw.cells, name, start, stop) for name in raw.cells.names]
    if raw.parts is not None:
        piece.append(taken_apart(pa.array([PARTS.index(part) for part in raw.parts[start:stop]], pa.int64())))
    if raw.numbers is not None:
        piece.append(taken_apart(pa.array(raw.numbers[start:stop], pa.int64())))
    if all(len(data) <= PAYLOAD for _, data in piece):
        yield [({**said, "start": start, "stop": stop}, data) for said, data in piece]
    elif stop - start == 1:
        raise Refused(f"row {start + 1} holds a cell of more than {PAYLOAD >> 20} MiB, which cannot cross the wall.")
    else:
        middle = (start + stop) // 2
        yield from _pieces(raw, start, middle)
        yield from _pieces(raw, middle, stop)


def _column(cells: Any, name: str, start: int, stop: int) -> tuple[dict[str, Any], bytes]:
    import pyarrow as pa

    held = cells._held[name]
    if hasattr(held, "iloc"):
        series = held.iloc[start:stop]
        array = _lists(series) if series.dtype == object else pa.array(series, from_pandas=series.dtype.kind != "f")
        if array is None:
            return {"form": "mixed"}, mixed(series.tolist())
        chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    else:
        chunked = held.slice(start, stop - start) if isinstance(held, pa.ChunkedArray) else held.read(start, stop)
        chunks = chunked.chunks
    kind = chunks[0].type if chunks else held.type
    whole = pa.concat_arrays(chunks) if len(chunks) > 1 else chunks[0] if chunks else pa.array([], kind)
    said, data = taken_apart(_in_pixels(whole))
    return ({**said, "form": "category"} if pa.types.is_dictionary(kind) else said), data


def _lists(series: Any) -> Any:
    """Cells that are all lists of one kind as an array of lists, None for any others."""
    import pyarrow as pa

    from bakeoff.tables.readers.arrays import cast, settled_type

    cells = list(series.array)
    if not any(isinstance(cell, list) or type(cell).__name__ == "ndarray" for cell in cells):
        return None
    try:
        array = pa.array(cells, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):
        return None
    return cast(array, settled_type(array.type)) if pa.types.is_list(array.type) else None


def _in_pixels(array: Any) -> Any:
    """The array with every picture as its pixels."""
    import pyarrow as pa
    from pyarrow import types

    kind = array.type
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        cells = [None if cell is None else pixels(cell) for cell in array.to_pylist()]
        return pa.array(cells, pa.large_binary())
    return fields_mapped(array, _in_pixels) if types.is_struct(array.type) else array
