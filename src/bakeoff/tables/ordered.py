"""A standard column's rows put in order block by block, and its fingerprint made meanwhile.

What is made of one block is written before the next is made, so that it stays in the processor's cache and no second
copy of the column is ever in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from bakeoff.nouns import Array
from bakeoff.tables.cells import HASHED, LOOKED_AT, kind_of_numbers, number_bytes
from bakeoff.tables.coded import MOST, Coded


class Ordered:
    """The rows of a series of numbers, dates or texts at some places (m,); its `fingerprint` once all are through."""

    def __init__(self, series: Any, places: Array, block: int) -> None:
        self._series, self._places, self._block = series, places, block
        self._hashed = hashlib.sha256()

    def fingerprint(self) -> str:
        """The same as `cells.fingerprint` of the rows in this order."""
        return self._hashed.hexdigest()

    def arrays(self) -> Iterator[Any]:
        """The rows as Arrow arrays of at most `block`; at least one, which may be empty."""
        return self._numbers() if isinstance(self._series.dtype, np.dtype) else self._texts()

    def _cuts(self) -> Iterator[Array]:
        for start in range(0, max(len(self._places), 1), self._block):
            yield self._places[start : start + self._block]

    def _numbers(self) -> Iterator[Any]:
        import pyarrow as pa

        kind, numbers = kind_of_numbers(self._series)
        self._hashed.update(kind)
        for places in self._cuts():
            cells = numbers.take(places)
            for start in range(0, len(cells), HASHED):
                self._hashed.update(number_bytes(cells[start : start + HASHED]))
            yield pa.array(cells, from_pandas=cells.dtype.kind != "f")

    def _texts(self) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = as_texts(self._series)
        absent = cells.is_null().to_numpy(zero_copy_only=False) if cells.null_count else np.zeros(len(cells), bool)
        self._hashed.update(b"cells" + np.packbits(absent.take(self._places)).tobytes())
        lengths = pc.fill_null(pc.binary_length(cells), 0).to_numpy(zero_copy_only=False).astype("<i8", copy=False)
        for places in self._cuts():
            self._hashed.update(lengths.take(places))
        for places in self._cuts():
            taken = cells.take(pa.array(places))
            filled = pc.fill_null(taken, "") if taken.null_count else taken
            _, offsets, data = filled.buffers()
            if data is not None:
                self._hashed.update(data.slice(0, np.frombuffer(offsets, np.int64)[len(filled)]))
            yield taken


def as_texts(series: Any) -> Any:
    """A series of pandas `str` as one Arrow array of texts."""
    import pyarrow as pa

    cells = pa.array(series, pa.large_string(), from_pandas=True)
    if not isinstance(cells, pa.ChunkedArray):
        return cells
    # Arrow copies what it combines, even where there is nothing to combine.
    return cells.chunk(0) if cells.num_chunks == 1 and not cells.chunk(0).offset else cells.combine_chunks()


def repeating(series: Any) -> Coded | None:
    """A series of pandas `str` that repeats its texts as codes, None for one that hardly does."""
    if series.iloc[:LOOKED_AT].nunique() >= LOOKED_AT / 2:
        return None
    held = as_texts(series).dictionary_encode()
    if len(held.dictionary) > MOST:
        return None
    codes = held.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Coded(codes.astype(np.int16), held.dictionary)
