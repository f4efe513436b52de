"""The columns of a table by name: in memory while they are small, in a scratch folder on disk beyond.

A column on disk is read anew whenever it is asked for, so that a table of any size is worked on column by column.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bakeoff.nouns import Array, Frame
from bakeoff.tables.images import Picture, Place

SPILL = 256 * 2**20  # bytes of cells up to which a source stays in memory
AT_A_TIME = 2  # columns of a large table that are worked on at a time
HEAVY = 96 * 2**20  # bytes of a column from which it is worked on alone, as it takes several times as much memory
BLOCK = 2**17  # rows of a column that are written to the scratch folder, or into one row group, at a time


class Scratch:
    """A folder on disk that is removed when nothing refers to it any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bakeoff-columns-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._made = count()

    def file(self) -> Path:
        """A path in the folder that nothing has been written to."""
        return self.folder / str(next(self._made))


@dataclass(frozen=True)
class _Spilled:
    """A column in an Arrow IPC file; `bounds` (batches + 1,) are the rows at which its record batches begin."""

    path: Path
    bounds: Array

    def chunks(self, start: int, stop: int) -> list[Any]:
        import pyarrow as pa

        first, last = np.searchsorted(self.bounds, [start, stop - 1], side="right") - 1
        cut = []
        with pa.memory_map(str(self.path)) as file:
            reader = pa.ipc.open_file(file)
            for place in range(first, last + 1 if stop > start else first):
                begin = int(self.bounds[place])
                low, high = max(start - begin, 0), min(stop, int(self.bounds[place + 1])) - begin
                cut.append(reader.get_batch(place).column(0).slice(low, high - low))
        return cut

    def read(self, start: int, stop: int) -> Any:
        import pyarrow as pa

        chunks = self.chunks(start, stop)
        if not chunks:
            with pa.OSFile(str(self.path)) as file:
                return pa.chunked_array([], type=pa.ipc.open_file(file).schema.field(0).type)
        return pa.chunked_array(chunks)


class Columns:
    """Columns of one length by name, each given out as a pandas series with a range index.

    `large` says that columns made from these belong on disk; what is put into a large set goes there, but for images,
    which are no more than references.
    """

    def __init__(self, rows: int, large: bool = False) -> None:
        self.rows = rows
        self.large = large
        self._scratch = Scratch() if large else None
        self._held: dict[str, Any] = {}
        self._frame: Frame | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(self._held)

    def __contains__(self, name: object) -> bool:
        return name in self._held

    def put(self, name: str, series: Any) -> None:
        """Add a column, or replace the one of that name."""
        self._frame = None
        held = series.reset_index(drop=True)
        chunks = _as_chunks(held) if self._scratch is not None else None
        self._held[name] = held if chunks is None else self._spilled(name, chunks)

    def weight(self, name: str) -> int:
        """Bytes of a column on disk, 0 for one in memory."""
        held = self._held[name]
        return held.path.stat().st_size if isinstance(held, _Spilled) else 0

    def column(self, name: str) -> Any:
        """One column as a pandas series; KeyError when there is none."""
        return self.cut(name, 0, self.rows)

    def cut(self, name: str, start: int, stop: int) -> Any:
        """The rows from `start` to before `stop` of one column as a pandas series with an index from 0."""
        held = self._held[name]
        if hasattr(held, "iloc"):
            return held if (start, stop) == (0, self.rows) else held.iloc[start:stop].reset_index(drop=True)
        chunked = held.read(start, stop) if isinstance(held, _Spilled) else held.slice(start, stop - start)
        series = chunked.to_pandas()
        series.name = name
        return series

    def frame(self) -> Frame:
        """All columns side by side, made once."""
        if self._frame is None:
            self._frame = self.piece(0, self.rows)
        return self._frame

    def piece(self, start: int, stop: int, names: Sequence[str] | None = None) -> Frame:
        """The rows from `start` to before `stop` of some or all columns as a frame."""
        import pandas as pd

        asked = self.names if names is None else names
        held = {name: self.cut(name, start, stop) for name in asked}
        return pd.DataFrame(held, columns=list(asked), index=pd.RangeIndex(stop - start))

    def _spilled(self, name: str, chunks: Iterable[Any]) -> _Spilled:
        if self._scratch is None:
            raise RuntimeError(f"the column {name!r} was to be written to a scratch folder that was never made")
        writer = _Writer(self._scratch.file())
        for chunk in chunks:
            writer.append(chunk)
        return writer.close()

    @classmethod
    def of(cls, frame: Frame, threshold: int = SPILL) -> Columns:
        """The columns of a frame that a caller gave; they stay in memory, and are large above `threshold` bytes."""
        made = cls(len(frame), int(frame.memory_usage(index=False).sum()) > threshold)
        for place, name in enumerate(frame.columns):
            made._held.setdefault(str(name), frame.iloc[:, place].reset_index(drop=True))
        return made

    @classmethod
    def gathered(cls, names: Sequence[str], batches: Iterable[Any], threshold: int = SPILL) -> Columns:
        """The columns of a stream of record batches, on disk as soon as more than `threshold` bytes have come.

        Of a name that comes twice, the first column is kept.
        """
        import pyarrow as pa

        kept: list[Any] = []
        size = 0
        batches = iter(batches)
        for batch in batches:
            kept.append(batch)
            size += batch.nbytes
            if size > threshold:
                return cls._poured(_Spill(names), chain(_emptied(kept), batches))
        made = cls(sum(batch.num_rows for batch in kept))
        for place, name in enumerate(names):
            chunks = [batch.column(place) for batch in kept]
            made._held.setdefault(name, pa.chunked_array(chunks) if chunks else pa.chunked_array([], pa.large_string()))
        return made

    @classmethod
    def _poured(cls, spill: _Spill, batches: Iterable[Any]) -> Columns:
        """The columns of all batches on disk; one batch is written while the next is read."""
        rows = 0
        with ThreadPoolExecutor(1) as pool:
            writing: Future[None] | None = None
            for batch in batches:
                rows += batch.num_rows
                if writing is not None:
                    writing.result()
                writing = pool.submit(spill.append, batch)
            if writing is not None:
                writing.result()
        made = cls(0)
        made.rows, made.large = rows, True
        made._scratch, made._held = spill.scratch, spill.close()
        return made

    def arrange(self, names: Sequence[str]) -> None:
        """Put the columns into this order."""
        self._frame = None
        self._held = {name: self._held[name] for name in names}


def _emptied(batches: list[Any]) -> Iterator[Any]:
    while batches:
        yield batches.pop(0)


class _Writer:
    """One column on its way to disk, batch by batch; the file is open only while a batch is written to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bounds = [0]
        self._file: Any = None
        self._sink: Any = None

    def append(self, array: Any) -> None:
        import pyarrow as pa

        batch = pa.record_batch([array], names=["cells"])
        if self._file is None:
            self._sink = pa.OSFile(str(self.path), "wb")
            self._file = pa.ipc.new_file(self._sink, batch.schema)
        self._file.write_batch(batch)
        self._bounds.append(self._bounds[-1] + batch.num_rows)

    def close(self) -> _Spilled:
        self._file.close()
        self._sink.close()
        return _Spilled(self.path, np.array(self._bounds, dtype=np.int64))


class _Blob:
    """A column of pictures on its way to disk: their bytes end to end in one file, and a reference to each."""

    def __init__(self, path: Path, scratch: Scratch) -> None:
        self.path = path
        self._keep = scratch
        self._file: BinaryIO = path.open("wb")
        self._cells: list[Any] = []

    def append(self, array: Any) -> None:
        names = [None] * len(array)
        if _is_struct(array.type):
            names = array.field("path").to_pylist() if array.type.get_field_index("path") >= 0 else names
            array = array.flatten()[array.type.get_field_index("bytes")]
        for cell, name in zip(array, names, strict=True):
            if not cell.is_valid:
                self._cells.append(name or None)
                continue
            data = cell.as_buffer()
            self._cells.append(Picture(at=Place(str(self.path), self._file.tell(), data.size, self._keep)))
            self._file.write(data)

    def close(self) -> Any:
        import pandas as pd

        self._file.close()
        cells = np.empty(len(self._cells), dtype=object)
        cells[:] = self._cells
        return pd.Series(cells)


class _Spill:
    """The columns of a stream on their way to disk."""

    def __init__(self, names: Sequence[str]) -> None:
        self.scratch = Scratch()
        self._names = names
        self._writers: dict[str, tuple[int, _Writer | _Blob]] = {}

    def append(self, batch: Any) -> None:
        for place, name in enumerate(self._names):
            if name not in self._writers:
                path = self.scratch.file()
                pictures = _holds_bytes(batch.schema.field(place).type)
                self._writers[name] = (place, _Blob(path, self.scratch) if pictures else _Writer(path))
            if self._writers[name][0] == place:
                self._writers[name][1].append(batch.column(place))

    def close(self) -> dict[str, Any]:
        return {name: writer.close() for name, (_, writer) in self._writers.items()}


def _is_struct(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(kind)) and kind.get_field_index("bytes") >= 0


def _holds_bytes(kind: Any) -> bool:
    import pyarrow as pa

    if _is_struct(kind):
        kind = kind.field(kind.get_field_index("bytes")).type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _as_chunks(series: Any) -> list[Any] | None:
    """A series as Arrow arrays of at most BLOCK rows, None for one that Arrow does not give back as it was."""
    import pyarrow as pa

    if series.dtype.kind not in "iufMb" and str(series.dtype) not in ("str", "object"):
        return None
    if series.dtype == object and not series.map(lambda cell: cell is None or isinstance(cell, str)).all():
        return None
    array = pa.array(series, from_pandas=series.dtype.kind != "f")
    whole = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    return [whole.slice(start, BLOCK).combine_chunks() for start in range(0, len(whole), BLOCK)] or None
