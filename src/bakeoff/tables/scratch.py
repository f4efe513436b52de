"""Columns on disk while a table is worked on: written batch by batch, read back in any cut.

A column is one file of Arrow record batches end to end; where each begins is kept in memory, and no file stays open, so
that a table may have any number of rows and of columns.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.nouns import Array
from bakeoff.tables.coded import Coded, Coding
from bakeoff.tables.images import Picture, Place
from bakeoff.tables.numerals import LOOKED_AT, may_be_numbers, parsed

ALIGNED = 64  # bytes; Arrow reads buffers in place that begin at a multiple of it


class Scratch:
    """A folder on disk that is removed when nothing refers to it any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"bakeoff-columns-{os.getpid()}-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._made = count()

    def file(self) -> Path:
        """A path in the folder that nothing has been written to."""
        return self.folder / str(next(self._made))


@dataclass(frozen=True)
class Spilled:
    """A column in a file of record batches.

    `places` (batches, 2) are the bytes from and to which they lie, `bounds` (batches + 1,) the rows at which they
    begin; `schema` is theirs. `form` is "whole" for whole numbers written as float64, "category" for decoded
    categories, else empty. `values` are the texts of a column that is written as codes, None for any other.
    """

    path: Path
    places: Array
    bounds: Array
    schema: Any
    form: str = ""
    values: Any = None

    @property
    def size(self) -> int:
        """Bytes that the cells take, about."""
        if self.values is None:
            return int(self.places[-1, 1])
        return int(self.bounds[-1]) * (int(self.values.nbytes) // max(len(self.values), 1) + 1)

    def read(self, start: int, stop: int) -> Any:
        """The rows from `start` to before `stop` as a pyarrow ChunkedArray."""
        return self._spelt(self._read(start, stop))

    def packed(self, start: int, stop: int) -> Any:
        """As `read`, but codes come as one Arrow dictionary of their texts, in the order in which they come."""
        import pandas as pd
        import pyarrow as pa

        if self.values is None:
            return self.read(start, stop)
        codes = self._codes(start, stop)
        gone = codes < 0
        found = pd.unique(codes[~gone])
        places = np.zeros(len(self.values) + 1, np.int16)
        places[found] = np.arange(len(found))
        held = pa.array(places[codes], mask=gone) if gone.any() else pa.array(places[codes])
        array = pa.DictionaryArray.from_arrays(held, self.values.take(pa.array(found)))
        return pa.chunked_array([array])

    def _spelt(self, read: Any) -> Any:
        """Cells as they lie in the file, a ChunkedArray, in the column's own type."""
        import pyarrow as pa

        if self.values is not None:
            return pa.chunked_array([self.values.take(chunk) for chunk in read.chunks], self.values.type)
        if self.form == "whole":
            return read.cast(pa.int64())
        return read.dictionary_encode() if self.form == "category" else read

    def at(self, places: Array) -> Any:
        """The rows at these places (m,), in any order, as a pyarrow ChunkedArray; no others are read."""
        import pyarrow as pa

        order = np.argsort(places, kind="stable")
        ordered = np.asarray(places)[order]
        cuts: Array = np.searchsorted(ordered, self.bounds)
        chunks = []
        for batch in np.flatnonzero(np.diff(cuts)):
            start, stop = (int(bound) for bound in self.bounds[batch : batch + 2])
            within = ordered[cuts[batch] : cuts[batch + 1]] - start
            chunks.append(self._read(start, stop).chunk(0).take(pa.array(within)))
        if not chunks:
            return self.read(0, 0)
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return self._spelt(pa.chunked_array([pa.concat_arrays(chunks).take(pa.array(back))]))

    def coded(self) -> Coded | None:
        """The column as codes, None for one that is not written so."""
        if self.values is None:
            return None
        return Coded(self._codes(0, int(self.bounds[-1])), self.values)

    def _codes(self, start: int, stop: int) -> Array:
        """Codes (stop - start,) as they lie in the file, -1 for a missing cell."""
        chunks = self._read(start, stop).chunks
        codes = [chunk.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in chunks]
        return np.concatenate([np.zeros(0, np.int16), *codes])

    def _read(self, start: int, stop: int) -> Any:
        import pyarrow as pa

        kind = self.schema.field(0).type
        chunks = []
        if stop > start:
            first, last = np.searchsorted(self.bounds, [start, stop - 1], side="right") - 1
            with pa.memory_map(str(self.path)) as file:
                for place in range(first, last + 1):
                    begin, end = map(int, self.places[place])
                    file.seek(begin)
                    data = file.read_buffer(end - begin)
                    begin = int(self.bounds[place])
                    low, high = max(start - begin, 0), min(stop, int(self.bounds[place + 1])) - begin
                    chunks.append(pa.ipc.read_record_batch(data, self.schema).column(0).slice(low, high - low))
        return pa.chunked_array(chunks, kind)

    def remove(self) -> None:
        """Take the file away; what was read from it stays."""
        self.path.unlink(missing_ok=True)


class Writer:
    """One column on its way to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: list[tuple[int, int]] = []
        self._bounds = [0]
        self._schema: Any = None
        self._form = ""

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return self._bounds[-1]

    def append(self, array: Any) -> None:
        """Write the next cells, a pyarrow Array; all have one type."""
        import pyarrow as pa

        if pa.types.is_dictionary(array.type):
            # Each batch brings a dictionary of its own.
            array, self._form = array.dictionary_decode(), "category"
        batch = pa.record_batch([array], names=["cells"])
        self._schema = batch.schema
        # The buffers go to the file as they are; what a batch is serialised to would be a copy of them.
        with pa.OSFile(str(self.path), "ab") as file:
            with pa.ipc.new_stream(file, batch.schema) as stream:
                stream.write_batch(batch)
                end = file.tell()
            file.write(bytes(-file.tell() % ALIGNED))
        self._places.append((end - pa.ipc.get_record_batch_size(batch), end))
        self._bounds.append(self._bounds[-1] + batch.num_rows)

    def close(self, form: str = "", values: Any = None) -> Spilled:
        """The column as it was written."""
        places = np.array(self._places, dtype=np.int64).reshape(-1, 2)
        bounds = np.array(self._bounds, dtype=np.int64)
        return Spilled(self.path, places, bounds, self._schema, form or self._form, values)


class _Blob:
    """A column of pictures on its way to disk: their bytes end to end in one file, and a reference to each."""

    def __init__(self, path: Path, scratch: Scratch) -> None:
        self.path = path
        self._keep = scratch
        self._end = 0
        self._cells: list[Any] = []

    def append(self, array: Any) -> None:
        names = [None] * len(array)
        if _is_struct(array.type):
            names = array.field("path").to_pylist() if array.type.get_field_index("path") >= 0 else names
            array = array.flatten()[array.type.get_field_index("bytes")]
        with self.path.open("ab") as file:
            for cell, name in zip(array, names, strict=True):
                if not cell.is_valid:
                    self._cells.append(name or None)
                    continue
                data = cell.as_buffer()
                self._cells.append(Picture(at=Place(str(self.path), self._end, data.size, self._keep)))
                self._end += file.write(data)

    def close(self) -> Any:
        import pandas as pd

        cells = np.empty(len(self._cells), dtype=object)
        cells[:] = self._cells
        return pd.Series(cells)


@dataclass(frozen=True)
class Trial:
    """Which columns of texts are tried as numbers while they come, so that their texts need not be kept.

    `missing` are the words for no value; `again` gives the batches once more, for columns that turn out to be texts
    after all.
    """

    names: frozenset[str]
    missing: tuple[str, ...]
    again: Callable[[], Iterable[Any]]


class _Tried:
    """A column of numbers on its way to disk, as float64."""

    def __init__(self, path: Path, missing: tuple[str, ...]) -> None:
        self._writer = Writer(path)
        self._missing = missing
        self._whole = True

    @property
    def rows(self) -> int:
        return self._writer.rows

    def append(self, array: Any) -> bool:
        """Write the cells as numbers; False, with nothing written, when they are not all numbers."""
        import pyarrow as pa

        if not self.rows and not may_be_numbers(array.slice(0, LOOKED_AT).to_pandas(), self._missing):
            return False
        numbers = parsed(array, self._missing)
        if numbers is None:
            return False
        self._whole = self._whole and (numbers.dtype.kind == "i" or not len(numbers))
        self._writer.append(pa.array(numbers.astype(np.float64)))
        return True

    def close(self) -> Spilled:
        return self._writer.close("whole" if self._whole else "")


class _Repeated:
    """A column of texts on its way to disk as codes, while they repeat."""

    def __init__(self, path: Path) -> None:
        self._writer = Writer(path)
        self._coding = Coding()

    def append(self, array: Any) -> bool:
        """Write the cells as codes; False, with nothing written, when there are too many different texts."""
        codes = self._coding.codes(array)
        if codes is not None:
            self._writer.append(codes)
        return codes is not None

    def spelt(self, path: Path) -> Writer:
        """What writes the column as texts from now on; what was written as codes is in it."""
        writer = Writer(path)
        if self._writer.rows:
            written = self.close()
            for start, stop in pairwise(written.bounds.tolist()):
                writer.append(written.read(start, stop).chunk(0))
            written.remove()
        return writer

    def close(self) -> Spilled:
        return self._writer.close(values=self._coding.values)


class Spill:
    """The columns of a stream on their way to disk."""

    def __init__(self, names: Sequence[str], trial: Trial | None = None) -> None:
        self.scratch = Scratch()
        # Of a name that comes twice, the first column is kept.
        self._places = {name: place for place, name in reversed(list(enumerate(names)))}
        self._trial = trial
        self._writers: dict[str, Writer | _Blob | _Tried | _Repeated] = {}
        self._late: list[str] = []

    def append(self, batches: Sequence[Any], names: Iterable[str] | None = None) -> None:
        """Write record batches of one schema; with `names`, these columns of them."""
        for name in self.names if names is None else names:
            place = self._places[name]
            for array in _end_to_end([batch.column(place) for batch in batches]):
                if name not in self._late:
                    self._put(name, array)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(self._places)

    def _put(self, name: str, array: Any) -> None:
        writer = self._writers.get(name) or self._writer(name, array.type)
        if not isinstance(writer, (_Tried, _Repeated)):
            writer.append(array)
        elif not writer.append(array):
            if isinstance(writer, _Tried):
                self._settle(name, writer.rows, array)
            else:
                self._writers[name] = spelt = writer.spelt(self.scratch.file())
                spelt.append(array)

    def _writer(self, name: str, kind: Any) -> Writer | _Blob | _Tried | _Repeated:
        path = self.scratch.file()
        if self._trial is not None and name in self._trial.names:
            made: Writer | _Blob | _Tried | _Repeated = _Tried(path, self._trial.missing)
        elif _holds_texts(kind):
            made = _Repeated(path)
        else:
            made = _Blob(path, self.scratch) if _holds_bytes(kind) else Writer(path)
        self._writers[name] = made
        return made

    def _settle(self, name: str, rows: int, array: Any) -> None:
        """Keep a column as texts from now on, or have it read once more where numbers came before."""
        if rows:
            self._late.append(name)
            return
        self._writers[name] = _Repeated(self.scratch.file())
        self._put(name, array)

    def close(self) -> dict[str, Any]:
        """All columns by name, in order: `Spilled`, or a pandas series of pictures."""
        if self._late and self._trial is not None:
            writers = {name: Writer(self.scratch.file()) for name in self._late}
            for batch in self._trial.again():
                for name, writer in writers.items():
                    writer.append(batch.column(self._places[name]))
            self._writers |= writers
        return {name: self._writers[name].close() for name in sorted(self._places, key=self._places.__getitem__)}


def _end_to_end(arrays: Sequence[Any]) -> Sequence[Any]:
    """Arrays of texts as one, so that a column has few pieces on disk; others as they are."""
    import pyarrow as pa

    return [pa.concat_arrays(arrays)] if len(arrays) > 1 and pa.types.is_large_string(arrays[0].type) else arrays


def _holds_texts(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_large_string(kind))


def _is_struct(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(kind)) and kind.get_field_index("bytes") >= 0


def _holds_bytes(kind: Any) -> bool:
    import pyarrow as pa

    if _is_struct(kind):
        kind = kind.field(kind.get_field_index("bytes")).type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
