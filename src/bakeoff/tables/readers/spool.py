"""Batches whose types are only known at the end: kept in memory or a temporary file, and given again in one schema."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from bakeoff.errors import TableError
from bakeoff.tables.readers.arrays import cast, flattened, merged, settled_type
from bakeoff.tables.readers.streams import Stream, batch_of, first_line, slices
from bakeoff.tables.sentences import listed

IN_MEMORY = 64 << 20  # bytes kept before the temporary file is begun


class Spool:
    """Takes batches of any columns and types, then gives them all back with every column in one type.

    Columns come in the order in which they were first met; a batch that lacks one has missing cells there. A column
    whose batches only texts can hold is named in `mixed`.
    """

    def __init__(self, limit: int = IN_MEMORY) -> None:
        self.types: dict[str, Any] = {}
        self.mixed: dict[str, None] = {}
        self.limit = limit
        self.held: list[Any] = []
        self.bytes = 0
        self.starts: list[int] = []
        self.sink: Any = None
        self.source: Any = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns met so far."""
        return tuple(self.types)

    def add(self, batch: Any) -> None:
        """Keep a batch; its names must differ."""
        import pyarrow as pa

        batch = flattened(batch)
        arrays = [cast(array, settled_type(array.type)) for array in batch.columns]
        for name, array in zip(batch.schema.names, arrays, strict=True):
            kind = merged(self.types.get(name, pa.null()), array.type)
            if kind is None:
                self.mixed[name] = None
            self.types[name] = pa.large_string() if kind is None else kind
        # A batch without columns still has rows, which only its length would tell.
        kept = batch_of([*arrays, pa.nulls(batch.num_rows)], [*batch.schema.names, ""])
        if self.bytes + kept.nbytes <= self.limit:
            self.bytes += kept.nbytes
            self.held.append(kept)
        else:
            self._write(kept)

    def _write(self, batch: Any) -> None:
        import pyarrow as pa

        if self.sink is None:
            handle, path = tempfile.mkstemp(prefix="bakeoff-")
            os.close(handle)
            self.sink, self.source = pa.OSFile(path, "wb"), pa.OSFile(path, "rb")
            os.unlink(path)  # the file lives as long as it is open, whatever becomes of this process
        self.starts.append(self.sink.tell())
        with pa.ipc.new_stream(self.sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_batch(batch)

    def batches(self) -> Iterator[Any]:
        """All batches in one schema, at least one; a batch in memory is let go as it is given."""
        import pyarrow as pa

        kinds = {name: pa.large_string() if pa.types.is_null(kind) else kind for name, kind in self.types.items()}
        if not self.held and not self.starts:
            yield batch_of([pa.array([], kind) for kind in kinds.values()], list(kinds))
        self.held.reverse()
        while self.held:
            yield from slices(_shaped(self.held.pop(), kinds))
        if self.sink is not None:
            self.sink.flush()
        for start in self.starts:
            self.source.seek(start)
            yield from slices(_shaped(pa.ipc.open_stream(self.source).read_next_batch(), kinds))


def replayed(spool: Spool, batches: Iterable[Any], names: Sequence[str]) -> Iterator[Any]:
    """All batches through a spool, their columns under other names: nothing is given before the last one came in."""
    for batch in batches:
        spool.add(batch)
    for batch in spool.batches():
        yield batch_of(batch.columns, names)


def _shaped(batch: Any, kinds: dict[str, Any]) -> Any:
    import pyarrow as pa

    there = dict(zip(batch.schema.names[:-1], batch.columns, strict=False))
    arrays = [
        cast(there[name], kind) if name in there else pa.nulls(batch.num_rows, kind) for name, kind in kinds.items()
    ]
    return batch_of(arrays, list(kinds))


def chained(openers: Sequence[Callable[[], Stream]], name: str, settle: bool = False) -> Stream:
    """Several files of one table end to end, each opened when its turn comes; columns are matched by name.

    `settle` finds types that hold the cells of all files, where each file says only what its own are. Raises TableError
    for a file with other columns, or with cells that do not fit the first file's types.
    """
    first = openers[0]()
    if len(openers) == 1:
        return first
    said: list[Stream] = []
    dropped: list[int] = []
    places = [str(place) for place in range(len(first.names))]

    def batches() -> Iterator[Any]:
        rows = 0
        for number, opener in enumerate(openers, 1):
            stream = opener() if number > 1 else first
            order = _order(first.names, stream.names, number, name)
            before, kept = rows, 0
            for batch in stream.batches:
                kept += batch.num_rows
                yield batch_of([batch.column(place) for place in order], places)
            said.append(stream)
            lost = stream.dropped()
            dropped.extend(before + place for place in lost)
            rows = before + kept + len(lost)

    def fitted() -> Iterator[Any]:
        kinds: Any = None
        for batch in batches():
            kinds = kinds or batch.schema.types
            try:
                arrays = [cast(array, kind) for array, kind in zip(batch.columns, kinds, strict=True)]
            except pa.ArrowException as fault:
                told = f"File {len(said) + 1} of {name!r} holds other types than the first"
                raise TableError(f"{told} ({first_line(fault)}); write them alike.") from fault
            yield batch_of(arrays, first.names)

    import pyarrow as pa

    return replace(
        first,
        batches=replayed(Spool(), batches(), first.names) if settle else fitted(),
        problems=lambda: [problem for stream in said for problem in stream.problems()],
        notes=lambda: list(dict.fromkeys(note for stream in said for note in stream.notes())),
        dropped=lambda: dropped,
    )


def _order(names: tuple[str, ...], others: tuple[str, ...], number: int, name: str) -> list[int]:
    if names == others:
        return list(range(len(names)))
    if sorted(names) != sorted(others) or len(set(names)) < len(names):
        lacks, more = [n for n in names if n not in others], [n for n in others if n not in names]
        told = [f"lacks {listed(lacks)}"] * bool(lacks) + [f"has {listed(more)} more"] * bool(more)
        raise TableError(
            f"File {number} of {name!r} {' and '.join(told) or 'repeats a column'}; write all with the same columns."
        )
    return [others.index(one) for one in names]
