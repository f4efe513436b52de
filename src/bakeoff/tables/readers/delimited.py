"""CSV and its kin as a stream: pyarrow parses, every cell stays a text, and rows that do not fit are told together."""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
import weakref
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bakeoff.errors import BakeoffError, TableError
from bakeoff.nouns import Array
from bakeoff.tables.readers.dialects import COMMA_NUMBER, Dialect, decimal_commas, detect, header_of
from bakeoff.tables.readers.encodings import Utf8
from bakeoff.tables.readers.locations import Readable
from bakeoff.tables.readers.streams import Stream, batch_of, first_line
from bakeoff.tables.sentences import SHOWN, listed

ROW_LIMIT = 8 << 20  # bytes of the longest row: a quote that is never closed makes one row of the rest of the file
SAMPLE = 1 << 18
AHEAD = 2  # blocks read before their batches are taken
PATIENCE = 0.1  # seconds
LONGEST = 10.0  # seconds


@dataclass(frozen=True)
class _Written:
    """How a file is written: its `name`, the columns that its `header` names, and those of them with decimal `commas`.

    `start` is the byte, in UTF-8, at which the rows begin.
    """

    name: str
    header: list[str]
    dialect: Dialect
    commas: list[int]
    start: int


def read_delimited(
    file: Readable, name: str, delimiter: str = "", again: Callable[[], Readable] | None = None
) -> Stream:
    """The rows of a CSV file; the dialect is detected, save a delimiter that the file's name tells.

    `again` opens the file once more, which is needed when a row is longer than usual; without it the file is read in
    larger blocks, which takes longer. Raises TableError for an empty file and one whose head is not text.
    """
    text = Utf8(file, name)
    head = text.read(SAMPLE)
    if not head:
        raise TableError(f"{name!r} is empty (0 bytes); write or copy it again, or name another file.")
    if text.zeros:
        raise TableError(f"{name!r} is not a CSV file: line {text.zeros[0]} holds a zero byte.")
    while not head.endswith((b"\n", b"\r")) and len(head) < ROW_LIMIT and (more := text.read(SAMPLE)):
        cut = more.find(b"\n") + 1
        head += more[:cut] if cut else more
        if cut:
            text.push(more[cut:])
            break
    sample = head.decode("utf-8", "replace")
    dialect = detect(sample, delimiter)
    header, length = header_of(sample, dialect)
    if not header:
        raise TableError(f"{name!r} holds only blank lines; its first line must name the columns.")
    if length == len(sample) and "\n" in header[-1].rstrip() and not sample.rstrip().endswith(dialect.quote):
        raise TableError(f"{name!r} opens a quote in its header that may not be closed; close it.")
    commas = decimal_commas(sample, dialect, len(header))
    start = len(sample[:length].encode())
    text.push(head[start:])
    rows = _Rows(text, _Written(name, header, dialect, commas, start), again)
    return Stream(
        tuple(header),
        rows.batches(),
        texts=True,
        problems=rows.problems,
        notes=rows.notes,
        dropped=lambda: rows.dropped,
    )


class _Source:
    """What pyarrow reads from, a few blocks ahead of the batches that have been taken and no more.

    A fault of ours is kept, since it would lose its class on the way through pyarrow.
    """

    def __init__(self, text: Utf8, small: bool) -> None:
        self.text = text
        self.small = small
        self.fault: BaseException | None = None
        self.turn = threading.Condition()
        self.ahead = 0
        self.asking = True
        self.stopped = False
        self.reader: Any = None
        self.lent: list[weakref.ref[Any]] = []  # what pyarrow's threads may still hold

    def open(self, options: Mapping[str, Any]) -> None:
        """Let pyarrow begin to read."""
        import pyarrow as pa
        from pyarrow import csv

        handle = _Handle(self)
        self.lent += [weakref.ref(handle), weakref.ref(options["parse_options"].invalid_row_handler)]
        self.reader = csv.open_csv(pa.PythonFile(handle, mode="r"), **options)

    def read(self, size: int) -> Array:
        with self.turn:
            while self.ahead >= AHEAD and not self.stopped:
                # A block whose rows are all left out gives no batch, so who waits long enough is let through.
                if not self.turn.wait(PATIENCE) and self.asking:
                    self.ahead = 0
            self.ahead += 1
        # What Arrow makes of a small block stays in the processor's cache and is soon used again.
        data = b"" if self.stopped else self.text.some() if self.small else self.text.read(size)
        block = np.frombuffer(data, dtype=np.uint8) if data else np.empty(0, dtype=np.uint8)
        self.lent = [held for held in self.lent if held() is not None]
        self.lent.append(weakref.ref(block))
        return block

    def taken(self) -> Any:
        """The reader's next batch, None after the last."""
        self.asking = True
        batch = next(self.reader, None)
        with self.turn:
            self.asking = False
            self.ahead -= 1
            self.turn.notify()
        return batch

    def stop(self) -> None:
        """Let pyarrow come to the end of its reading: nobody will take a batch any more.

        Python aborts, or never ends, when it ends while a thread of pyarrow's still reads from it or has something of
        it to give back (seen with CPython 3.11 and pyarrow 26), so that is waited for.
        """
        with self.turn:
            self.stopped = True
            self.turn.notify_all()
        with contextlib.suppress(Exception):  # what is wrong has been told, or nobody asks any more
            while self.reader is not None and next(self.reader, None) is not None:
                pass
        self.reader = None
        until = time.monotonic() + LONGEST
        while any(held() is not None for held in self.lent) and time.monotonic() < until:
            time.sleep(0.0005)


class _Handle:
    """The file that pyarrow sees; nothing else holds it, so that it lives as long as pyarrow may use it."""

    closed = False

    def __init__(self, source: _Source) -> None:
        self.source = source

    def read(self, size: int = -1) -> Array:
        try:
            return self.source.read(size)
        except BaseException as fault:
            self.source.fault = fault.with_traceback(None)
            raise

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


class _LongRow(Exception):
    """A row does not fit into a small block."""


class _Rows:
    """The rows below a header, and what was wrong with some of them."""

    def __init__(self, text: Utf8, written: _Written, again: Callable[[], Readable] | None) -> None:
        self.written = written
        self.again = again
        self._begin(text)

    def _begin(self, text: Utf8) -> None:
        self.text = text
        self.ragged: list[Any] = []
        self.dropped = array("q")
        self.raggeds = self.sound = self.blanks = 0
        self.open_quote = 0

    def batches(self) -> Iterator[Any]:
        if self.again is not None:
            try:
                yield from self._batches(small=True)
                return
            except _LongRow:
                given = self.sound
            self._begin(Utf8(self.again(), self.written.name))
            self.text.read(self.written.start)
        else:
            given = 0
        for batch in self._batches(small=False):
            rest = batch.slice(given)
            given -= min(given, batch.num_rows)
            if rest.num_rows or not batch.num_rows:
                yield rest

    def _batches(self, small: bool) -> Iterator[Any]:
        import pyarrow as pa

        header = self.written.header
        rest = self.text.read(1)
        while rest and rest in (b"\r", b"\n"):
            rest = self.text.read(1)
        if not rest:
            yield batch_of([pa.array([], pa.large_string())] * len(header), header)
            return
        self.text.push(rest)
        source = _Source(self.text, small)
        atexit.register(source.stop)
        try:
            source.open(self._options())
            while (batch := source.taken()) is not None:
                self.sound += batch.num_rows
                yield batch_of(self._pointed(batch.columns), header)
        except pa.ArrowException as fault:
            if isinstance(source.fault, BakeoffError):
                raise source.fault from None
            if small and "straddl" in str(fault):
                raise _LongRow from fault
            raise TableError(self._stopped(fault)) from fault
        finally:
            source.stop()
            atexit.unregister(source.stop)

    def _options(self) -> dict[str, Any]:
        import pyarrow as pa
        from pyarrow import csv

        dialect = self.written.dialect
        places = [str(place) for place in range(len(self.written.header))]
        return {
            # One thread keeps the rows numbered, and is as fast as several: the parser is what takes the time.
            "read_options": csv.ReadOptions(use_threads=False, block_size=ROW_LIMIT, column_names=places),
            "parse_options": csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote,
                escape_char=dialect.escape or False,
                double_quote=not dialect.escape,
                newlines_in_values=True,
                # One of its own, whose end tells that pyarrow has let go of it.
                invalid_row_handler=partial(self._keep),
            ),
            "convert_options": csv.ConvertOptions(
                check_utf8=False,
                strings_can_be_null=False,
                column_types=dict.fromkeys(places, pa.large_string()),
            ),
        }

    def _keep(self, row: Any) -> str:
        said = row.text or ""
        if not said.strip():
            # A line of spaces is as blank as an empty one, which pyarrow does not count.
            self.blanks += 1
            return "skip"
        number = row.number - self.blanks
        self.raggeds += 1
        self.dropped.append(number - 1)
        if len(self.ragged) < SHOWN:
            self.ragged.append((number, row.actual_columns))
            if not self.open_quote and said.lstrip().startswith(self.written.dialect.quote) and "\n" in said:
                self.open_quote = number
        return "skip"

    def _pointed(self, columns: list[Any]) -> list[Any]:
        """Numbers with decimal commas written with points, so that they are found to be numbers."""
        import pyarrow.compute as pc

        arrays = list(columns)
        for place in self.written.commas:
            cells = arrays[place]
            plain = pc.replace_substring(pc.replace_substring(cells, ".", ""), ",", ".")
            matched = pc.match_substring_regex(cells, f"^(?:{COMMA_NUMBER.pattern})$")
            arrays[place] = pc.if_else(matched, plain, cells)
        return arrays

    def _stopped(self, fault: Exception) -> str:
        told = first_line(fault)
        if "straddl" in told:
            return (
                f"{self.written.name!r} has a row of more than {ROW_LIMIT >> 20} MiB after data row "
                f"{self.sound + self.raggeds:,}; a quote that is opened there may not be closed."
            )
        return f"{self.written.name!r} cannot be read as CSV after data row {self.sound + self.raggeds:,}: {told}."

    def notes(self) -> list[str]:
        found = self.text.notes()
        if self.written.commas:
            names = listed([self.written.header[place] for place in self.written.commas])
            found.append(f"Numbers with decimal commas in {names} were read with points (3,14 as 3.14).")
        return found

    def problems(self) -> list[str]:
        return ([self._told()] if self.raggeds else []) + self.text.problems()

    def _told(self) -> str:
        shown = [f"data row {number} has {cells}" for number, cells in self.ragged]
        more = f" and {self.raggeds - len(shown):,} more differ" if self.raggeds > len(shown) else ""
        mend = f"put quotes round cells that hold a {self.written.dialect.delimiter!r}, or add the missing cells"
        if self.open_quote:
            mend = f"a quote opened in data row {self.open_quote} may not be closed"
        written = self.written
        return (
            f"{written.name!r} is ragged: the header has {len(written.header)} columns, but {', '.join(shown)}{more} "
            f"({self.sound:,} {'row is' if self.sound == 1 else 'rows are'} sound); {mend}."
        )
