"""Columns of texts that repeat, as codes: each different text is kept once, and each cell is a small number."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.nouns import Array

MOST = 2**15 - 1  # different texts of which int16 can tell each
LOOKED_AT = 0.5  # share of different texts among the first from which a column hardly repeats
HASHED = 1 << 16  # cells


@dataclass(frozen=True)
class Coded:
    """A column of texts: `codes` (n,) int16 are places in `values`, an Arrow array of texts; -1 is a missing cell."""

    codes: Array
    values: Any

    def __len__(self) -> int:
        return len(self.codes)

    def cells(self, start: int, stop: int) -> Any:
        """The cells from `start` to before `stop` as an Arrow array of texts."""
        return self.values.take(as_arrow(self.codes[start:stop]))

    def head(self, many: int) -> Any:
        """The first cells as a pandas series."""
        return self.cells(0, many).to_pandas()

    def different(self) -> Any:
        """The different texts as a pandas series, in the order in which they first come."""
        return self.values.to_pandas()

    def counts(self) -> Array:
        """How often each of the different texts occurs: int64 (values,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    def every(self, step: int, kept: Array) -> Any:
        """Every so many of the cells whose text is among the `kept` ones, bool (values,), as a pandas series."""
        places = np.flatnonzero(np.append(kept, False)[self.codes])[::step]
        return self.values.take(as_arrow(self.codes[places])).to_pandas()

    def mapped(self, texts: Any) -> Coded:
        """The column with these texts (values,), a pandas series, in the place of the different ones, some missing."""
        import pandas as pd
        import pyarrow as pa

        codes, values = pd.factorize(texts)
        held = pa.array(pd.Series(values, dtype=texts.dtype), self.values.type, from_pandas=True)
        held = held.combine_chunks() if isinstance(held, pa.ChunkedArray) else held
        return Coded(np.append(codes, -1).astype(np.int16)[self.codes], held)

    def take(self, places: Array) -> Coded:
        """The cells at these places (m,)."""
        return Coded(self.codes[places], self.values)

    def fingerprint(self) -> str:
        """The same as `cells.fingerprint` of the column's cells."""
        import pyarrow.compute as pc

        hashed = hashlib.sha256(b"cells" + np.packbits(self.codes < 0).tobytes())
        lengths = np.append(pc.binary_length(self.values).to_numpy(zero_copy_only=False), 0).astype("<i8")
        for start in range(0, len(self), HASHED):
            hashed.update(lengths[self.codes[start : start + HASHED]])
        for start in range(0, len(self), HASHED):
            _, offsets, data = self.cells(start, start + HASHED).buffers()
            if data is not None:
                hashed.update(data.slice(0, np.frombuffer(offsets, np.int64)[min(HASHED, len(self) - start)]))
        return hashed.hexdigest()


def as_arrow(codes: Array) -> Any:
    """Codes as an Arrow array, null where they are -1."""
    import pyarrow as pa

    gone = codes < 0
    return pa.array(codes, mask=gone) if gone.any() else pa.array(codes)


class Coding:
    """The codes of texts that come array by array."""

    def __init__(self) -> None:
        self.values: Any = None

    def codes(self, array: Any) -> Any:
        """The codes of an Arrow array of texts as Arrow int16, None when they repeat too little to have some."""
        import pyarrow as pa
        import pyarrow.compute as pc

        held = array.dictionary_encode()
        if self.values is None and len(held.dictionary) > LOOKED_AT * len(array):
            return None
        values = held.dictionary if self.values is None else self.values
        known = pc.index_in(held.dictionary, values)
        if known.null_count:
            values = pa.concat_arrays([values, held.dictionary.filter(pc.is_null(known))])
            known = pc.index_in(held.dictionary, values)
        if len(values) > MOST:
            return None
        self.values = values
        places = np.append(known.to_numpy(zero_copy_only=False).astype(np.int16), np.int16(-1))
        return as_arrow(places[pc.fill_null(held.indices, len(known))])
