"""The columns of a table by name: in memory while they are small, in a scratch folder on disk beyond.

A column on disk is read anew whenever it is asked for, so that a table of any size is worked on column by column.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from threading import Condition
from typing import Any, TypeVar

from bakeoff.nouns import Array, Frame
from bakeoff.tables.coded import Coded, as_arrow
from bakeoff.tables.memory import roomy
from bakeoff.tables.scratch import Scratch, Spill, Spilled, Trial, Writer

T = TypeVar("T")
SPILL = 256 * 2**20  # bytes of cells up to which a source stays in memory
AT_A_TIME = 4  # columns of a large table that are worked on at a time
ALLOWED = 320 * 2**20  # bytes of such columns on disk; each takes several times as much memory
WRITERS = 2  # threads that bring such batches to disk, a column at a time
GROUP = 8 * 2**20  # bytes of record batches that are brought to disk together
BLOCK = 2**17  # rows of a column that are written to the scratch folder, or into one row group, at a time


class _Turns:
    """Gives out names to several workers, the heaviest first, while the weights in work add up to no more than `most`.

    A name that is heavier than that is worked on alone. A worker takes what fits beside the others' names, so that none
    waits while there is something light to do.
    """

    def __init__(self, weights: Mapping[str, int], most: int) -> None:
        self._left = sorted(weights, key=weights.__getitem__, reverse=True)
        self._weights = weights
        self._most = most
        self._used = 0
        self._free = Condition()

    @contextmanager
    def turn(self) -> Iterator[str | None]:
        """The name whose turn it is, None when all have had theirs."""
        with self._free:
            self._free.wait_for(lambda: not self._left or self._fitting() is not None)
            name = self._fitting()
            if name is None:
                weight = 0
            else:
                self._left.remove(name)
                weight = self._weights[name]
            self._used += weight
        try:
            yield name
        finally:
            with self._free:
                self._used -= weight
                self._free.notify_all()

    def _fitting(self) -> str | None:
        fit = (name for name in self._left if not self._used or self._used + self._weights[name] <= self._most)
        return next(fit, None)

    def stop(self) -> None:
        """Give out no further name."""
        with self._free:
            self._left.clear()
            self._free.notify_all()


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
        """Add a column, or replace the one of that name: a pandas series, or one of codes.

        A large table also takes an iterator of Arrow arrays of one type, at least one, each written as it comes.
        """
        self._frame = None
        if isinstance(series, Iterator):
            if self._scratch is None:
                raise ValueError("Only the columns of a large table lie on disk.")
            self._held[name] = _written(self._scratch, series)
            return
        if isinstance(series, Coded):
            self._held[name] = _written(self._scratch, series) if self._scratch else series.head(len(series))
            return
        held = series.reset_index(drop=True)
        chunks = None if self._scratch is None else _as_chunks(held)
        former = self._held.get(name)
        self._held[name] = held if chunks is None or self._scratch is None else _written(self._scratch, chunks)
        if isinstance(former, Spilled):
            former.remove()

    def coded(self, name: str) -> Coded | None:
        """A column of texts that repeat as it lies on disk, None for any other."""
        held = self._held[name]
        return held.coded() if isinstance(held, Spilled) else None

    def each(self, names: Sequence[str], work: Callable[[str], T]) -> Iterator[T]:
        """What `work` gives for each name, in order; for a large table several are worked on at a time.

        Arrow works outside Python's lock, so that two columns take little longer than one.
        """
        if not self.large:
            yield from map(work, names)
            return
        turns = _Turns(_weights(self._held, names), ALLOWED)
        done: dict[str, T] = {}

        def work_off() -> None:
            while True:
                with turns.turn() as name:
                    if name is None:
                        return
                    try:
                        done[name] = work(name)
                    except BaseException:
                        turns.stop()
                        raise

        many = min(AT_A_TIME, cores())
        with ThreadPoolExecutor(many) as pool:
            for worker in [pool.submit(work_off) for _ in range(many)]:
                worker.result()
        yield from (done[name] for name in names)

    def column(self, name: str) -> Any:
        """One column as a pandas series; KeyError when there is none."""
        return self.cut(name, 0, self.rows)

    def cut(self, name: str, start: int, stop: int) -> Any:
        """The rows from `start` to before `stop` of one column as a pandas series with an index from 0."""
        held = self._held[name]
        if hasattr(held, "iloc"):
            return held if (start, stop) == (0, self.rows) else held.iloc[start:stop].reset_index(drop=True)
        chunked = held.read(start, stop) if isinstance(held, Spilled) else held.slice(start, stop - start)
        series = chunked.to_pandas()
        series.name = name
        return series

    def at(self, name: str, places: Array) -> Any:
        """The rows at these places (m,) of one column as a pandas series with an index from 0."""
        held = self._held[name]
        if not isinstance(held, Spilled):
            return self.column(name).iloc[places].reset_index(drop=True)
        series = held.at(places).to_pandas()
        series.name = name
        return series

    def different(self, name: str) -> Any:
        """The texts that may occur in a column that is kept as codes, as a pandas series; None for any other."""
        held = self._held.get(name)
        return held.values.to_pandas() if isinstance(held, Spilled) and held.values is not None else None

    def arrow(self, name: str, start: int, stop: int, *, as_codes: bool = False) -> Any:
        """The rows from `start` to before `stop` of one column as a pyarrow ChunkedArray, from disk without a copy.

        A missing number may be NaN there. With `as_codes` a column that is kept as codes comes as an Arrow dictionary.
        """
        import pyarrow as pa

        held = self._held[name]
        if isinstance(held, Spilled):
            return held.packed(start, stop) if as_codes else held.read(start, stop)
        if not hasattr(held, "iloc"):
            return held.slice(start, stop - start)
        array = pa.array(held.iloc[start:stop], from_pandas=True)
        return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])

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

    def with_columns(self, more: Mapping[str, Any], renamed: Mapping[str, str]) -> Columns:
        """These columns, some under other names, with more of them or others in their place; these stay as they are."""
        made = Columns(self.rows)
        made.large, made._scratch = self.large, self._scratch
        made._held = {renamed.get(name, name): held for name, held in self._held.items()}
        for name, series in more.items():
            chunks = None if made._scratch is None else _as_chunks(series)
            made._held[name] = series if chunks is None or made._scratch is None else _written(made._scratch, chunks)
        return made

    @classmethod
    def of(cls, frame: Frame, threshold: int = SPILL) -> Columns:
        """The columns of a frame that a caller gave; they stay in memory, and are large above `threshold` bytes."""
        made = cls(len(frame), int(frame.memory_usage(index=False).sum()) > threshold)
        for place, name in enumerate(frame.columns):
            made._held.setdefault(str(name), frame.iloc[:, place].reset_index(drop=True))
        return made

    @classmethod
    def gathered(
        cls, names: Sequence[str], batches: Iterable[Any], threshold: int = SPILL, trial: Trial | None = None
    ) -> Columns:
        """The columns of a stream of record batches, on disk as soon as more than `threshold` bytes have come.

        Of a name that comes twice, the first column is kept. On disk, columns of texts may be tried as numbers.
        """
        import pyarrow as pa

        kept: list[Any] = []
        size = 0
        batches = iter(batches)
        for batch in batches:
            kept.append(batch)
            size += batch.nbytes
            if size > threshold:
                return cls._poured(Spill(names, trial), chain(_Emptied(kept), batches))
        made = cls(sum(batch.num_rows for batch in kept))
        for place, name in enumerate(names):
            chunks = [batch.column(place) for batch in kept]
            made._held.setdefault(name, pa.chunked_array(chunks) if chunks else pa.chunked_array([], pa.large_string()))
        return made

    @classmethod
    def _poured(cls, spill: Spill, batches: Iterable[Any]) -> Columns:
        """The columns of all batches on disk; some batches are written while the next are read."""
        rows, many = 0, min(WRITERS, cores())
        with roomy(True), ThreadPoolExecutor(many) as pool:
            writing: list[Future[None]] = []
            for group in _grouped(batches):
                rows += sum(batch.num_rows for batch in group)
                for one in writing:
                    one.result()
                # Whoever is done with a column takes the next.
                left = _Emptied(spill.names)
                writing = [pool.submit(spill.append, group, left) for _ in range(many)]
            for one in writing:
                one.result()
        made = cls(0)
        made.rows, made.large = rows, True
        made._scratch, made._held = spill.scratch, spill.close()
        return made

    def arrange(self, names: Sequence[str]) -> None:
        """Put the columns into this order."""
        self._frame = None
        self._held = {name: self._held[name] for name in names}


def _weights(held: Mapping[str, Any], names: Iterable[str]) -> dict[str, int]:
    """Bytes of each column on disk, 0 for one in memory."""
    return {name: held[name].size if isinstance(held[name], Spilled) else 0 for name in names}


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Emptied(Iterator[T]):
    """Things that are gone once given out, to one thread each."""

    def __init__(self, things: Iterable[T]) -> None:
        self._left = deque(things)

    def __next__(self) -> T:
        try:
            return self._left.popleft()
        except IndexError:
            raise StopIteration from None


def _grouped(batches: Iterable[Any]) -> Iterator[list[Any]]:
    """The batches in lists of about GROUP bytes at least, the last one apart."""
    group: list[Any] = []
    size = 0
    for batch in batches:
        group.append(batch)
        size += batch.nbytes
        if size >= GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _written(scratch: Scratch, chunks: Iterable[Any] | Coded) -> Spilled:
    writer = Writer(scratch.file())
    if isinstance(chunks, Coded):
        for start in range(0, max(len(chunks), 1), BLOCK):
            writer.append(as_arrow(chunks.codes[start : start + BLOCK]))
        return writer.close(values=chunks.values)
    for chunk in chunks:
        writer.append(chunk)
    return writer.close()


def _as_chunks(series: Any) -> list[Any] | None:
    """A series as Arrow arrays of at most BLOCK rows, None for one that Arrow does not give back as it was."""
    import pyarrow as pa

    if series.dtype.kind not in "iufMb" and str(series.dtype) not in ("str", "object"):
        return None
    if series.dtype == object and not series.map(lambda cell: cell is None or isinstance(cell, str)).all():
        return None
    array = pa.array(series, from_pandas=series.dtype.kind != "f")
    whole = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    pieces = [whole.slice(start, BLOCK) for start in range(0, len(whole), BLOCK)]
    # Arrow copies what it combines, even where there is nothing to combine.
    return [piece.chunk(0) if piece.num_chunks == 1 else piece.combine_chunks() for piece in pieces] or None
