"""What every reader gives: a table as a stream of record batches, with what is to be said about the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.tables.settings import Settings

BATCH_BYTES = 32 << 20  # what a batch may hold, so that a few of them fit anywhere
BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class Stream:
    """A table that is read lazily, once, in bounded memory.

    `names` are the columns as given and may repeat; `batches` are pyarrow.RecordBatch of one schema, their columns in
    the order of `names`, at least one of them even when there are no rows. `texts` says that every cell came as a text,
    so that types are still to be found. `settings` is what the source itself says (an OpenML target, a card's licence),
    None when it says nothing; `folder` is where relative image paths start. `problems` gives a sentence for each fault
    that was found, with its rows and the mend, `notes` what was decided about the source (encoding, sheet), and
    `dropped` the places, from 0 among all rows but blank ones, of the rows that could not be read and are in no batch;
    all three are complete after the last batch.
    """

    names: tuple[str, ...]
    batches: Iterator[Any]
    texts: bool
    settings: Settings | None = None
    folder: Path | None = None
    problems: Callable[[], list[str]] = list
    notes: Callable[[], list[str]] = list
    dropped: Callable[[], Sequence[int]] = tuple


def batch_of(arrays: Sequence[Any], names: Sequence[str]) -> Any:
    """A record batch of arrays (columns,) of one length; names may repeat."""
    import pyarrow as pa

    return pa.RecordBatch.from_arrays(list(arrays), names=list(names))


def slices(batch: Any, limit: int = BATCH_BYTES) -> Iterator[Any]:
    """The batch in pieces of about `limit` bytes at most, each at least one row."""
    pieces = max(1, -(-batch.nbytes // limit))
    rows = max(1, -(-batch.num_rows // pieces))
    for start in range(0, max(batch.num_rows, 1), rows):
        yield batch.slice(start, rows)


def first_line(fault: BaseException) -> str:
    """The first line of an exception's message without its full stop, or its class where there is none."""
    return str(fault).strip().splitlines()[0].rstrip(".") if str(fault).strip() else type(fault).__name__


def frame_of(batches: Sequence[Any], names: Sequence[str]) -> Any:
    """A pandas frame of all batches; columns of one name stay apart."""
    import pandas as pd
    import pyarrow as pa

    table = pa.Table.from_batches([batch.rename_columns([str(i) for i in range(len(names))]) for batch in batches])
    frame = table.to_pandas(ignore_metadata=True) if names else pd.DataFrame(index=range(table.num_rows))
    frame.columns = list(names)
    return frame
