"""JSON Lines, and JSON that holds an array of objects, as a stream; lines that are no object are told together."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from bakeoff.errors import TableError
from bakeoff.tables.readers.arrays import array_of, unnested
from bakeoff.tables.readers.encodings import Utf8
from bakeoff.tables.readers.locations import Readable
from bakeoff.tables.readers.spool import Spool
from bakeoff.tables.readers.squad import is_squad, read_squad
from bakeoff.tables.readers.streams import Stream, batch_of
from bakeoff.tables.sentences import SHOWN, listed

BLOCK = 4 << 20
ROW_LIMIT = 16 << 20
ROWS = 10_000
BRACKETS = 256  # in one line


def read_json(file: Readable, name: str) -> Stream:
    """The objects of a JSON file as rows, one column for each field; records within them become columns `a.b`.

    Lists of texts or numbers stay lists; other lists become texts that hold JSON. Raises TableError for a file that
    holds neither one object per line nor one array of objects.
    """
    text = Utf8(file, name)
    head = text.read(1 << 12)
    while head and not head.strip() and (more := text.read(1 << 12)):
        head = more
    first = head.lstrip()[:1]
    if not first:
        raise TableError(f"{name!r} is empty; write or copy it again, or name another file.")
    text.push(head)
    if first == b"{" and is_squad(head):
        return read_squad(text, name)
    objects = _Objects(text, name)
    if first == b"[":
        objects.take_array()
    elif first == b"{":
        objects.take_lines()
    else:
        raise TableError(f"{name!r} holds neither one JSON object per line nor an array of objects.")
    spool = objects.spool
    if not spool.names:
        raise TableError(objects.problems() or f"{name!r} holds no JSON object with a field.")
    return Stream(
        spool.names,
        spool.batches(),
        texts=False,
        problems=objects.problems,
        notes=objects.notes,
        dropped=lambda: objects.dropped,
    )


class _Objects:
    """Puts the objects of a text into a spool and remembers the lines that held none."""

    def __init__(self, text: Utf8, name: str) -> None:
        self.text = text
        self.name = name
        self.spool = Spool()
        self.order: dict[str, None] = {}
        self.texts: dict[str, Any] = {}  # fields known to be texts, which arrow might else take for times
        self.mixed: dict[str, None] = {}
        self.wrong: list[str] = []
        self.dropped: list[int] = []
        self.lines = 0
        self.rows = 0  # objects and what stood in the place of one

    def take_lines(self) -> None:
        rest = b""
        while block := self.text.read(BLOCK):
            block = rest + block
            cut = block.rfind(b"\n") + 1
            rest = block[cut:]
            if len(rest) > ROW_LIMIT:
                self._one_object_over_lines()
                line = self.lines + block.count(b"\n") + 1
                raise TableError(
                    f"{self.name!r} has more than {ROW_LIMIT >> 20} MiB in line {line}; a line holds one row."
                )
            self._take_block(block[:cut])
        self._take_block(rest)
        self._one_object_over_lines()

    def _one_object_over_lines(self) -> None:
        if self.wrong and not self.spool.names:
            raise TableError(
                f"{self.name!r} holds JSON, but not a table: one object per line, or one array of objects "
                f"(line {self.wrong[0]})."
            )

    def _take_block(self, block: bytes) -> None:
        if not block.strip():
            self.lines += block.count(b"\n")
            return
        table = self._parsed(block)
        if table is not None:
            for batch in table.to_batches():
                self.spool.add(batch)
            self.lines += block.count(b"\n")
            self.rows += table.num_rows
            return
        rows = []
        for line in block.split(b"\n"):
            self.lines += 1
            if line.strip():
                row = self._object(line)
                if row is not None:
                    rows.append(row)
                self.rows += 1
        self.lines -= 1  # the piece after the last line end is no line yet
        for start in range(0, len(rows), ROWS):
            self._take_rows(rows[start : start + ROWS])

    def _parsed(self, block: bytes) -> Any:
        """The block by arrow's own parser, None where that would lose or change something."""
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import json as arrow_json

        if not _shallow(block):
            return None
        for _ in range(2):
            options = arrow_json.ParseOptions(explicit_schema=pa.schema(list(self.texts.items())))
            try:
                table = arrow_json.read_json(
                    pa.BufferReader(block),
                    arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
                    options,
                )
            except (pa.ArrowException, ValueError):
                return None
            self.order |= dict.fromkeys(name for name in table.schema.names if name not in self.texts)
            kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
            if any(_holds_records(kind) for kind in kinds.values()):
                return None
            times = [name for name, kind in kinds.items() if pa.types.is_timestamp(kind)]
            lists = [name for name, kind in kinds.items() if _list_of_times(kind)]
            if not times and not lists:
                break
            self.texts |= dict.fromkeys(times, pa.string()) | dict.fromkeys(lists, pa.list_(pa.string()))
        if len(set(table.schema.names)) < table.num_columns:
            return None
        for column in table.columns:
            if pa.types.is_floating(column.type) and (pc.max(pc.abs(column)).as_py() or 0) >= 2**63:
                return None
        return table.select([name for name in self.order if name in table.schema.names])

    def _object(self, line: bytes) -> dict[str, Any] | None:
        try:
            found = json.loads(line)
            if not _shallow(line):
                json.dumps(found)  # what cannot be written as text again is nested too deeply for anything
        except (ValueError, RecursionError) as fault:
            self._wrong(f"{self.lines}: {getattr(fault, 'msg', 'too deep')}")
            return None
        if not isinstance(found, dict):
            self._wrong(f"{self.lines}: {type(found).__name__} where an object should be")
            return None
        return found

    def _wrong(self, said: str) -> None:
        self.dropped.append(self.rows)
        if len(self.wrong) < SHOWN:
            self.wrong.append(said)

    def _take_rows(self, rows: list[dict[str, Any]]) -> None:
        flat = [unnested(row) for row in rows]
        names = list(dict.fromkeys(name for row in flat for name in row))
        arrays = []
        for name in names:
            array, mixed = array_of([row.get(name) for row in flat])
            arrays.append(array)
            if mixed:
                self.mixed[name] = None
        if names:
            self.spool.add(batch_of(arrays, names))

    def take_array(self) -> None:
        rows: list[dict[str, Any]] = []
        letters = 0
        for row, length in _elements(self.text, self.name):
            letters += length
            if isinstance(row, dict):
                rows.append(row)
            else:
                self._wrong(f"{type(row).__name__} where an object should be")
            self.rows += 1
            if len(rows) == ROWS or letters > BLOCK:
                self._take_rows(rows)
                rows, letters = [], 0
        self._take_rows(rows)

    def notes(self) -> list[str]:
        mixed = list(dict.fromkeys([*self.spool.mixed, *self.mixed]))
        said = f"{listed(mixed)} {'hold' if len(mixed) > 1 else 'holds'} values of several kinds, read as texts."
        return self.text.notes() + ([f"In {self.name!r}, {said}"] if mixed else [])

    def problems(self) -> list[str]:
        if not self.wrong:
            return self.text.problems()
        many = len(self.dropped)
        more = f" and {many - len(self.wrong):,} more" if many > len(self.wrong) else ""
        told = "; ".join(self.wrong)
        return [
            f"{self.name!r} has {many:,} {'line' if many == 1 else 'lines'} without a JSON object "
            f"(line {told}{more}); correct or remove them.",
            *self.text.problems(),
        ]


def _elements(text: Utf8, name: str) -> Iterator[tuple[Any, int]]:
    """The elements of one JSON array with the letters they took, each parsed as soon as it is whole."""
    decoder = json.JSONDecoder()
    letters = codecs.getincrementaldecoder("utf-8")("replace")
    held, place, count, ended = "", 0, 0, False
    started = False
    while True:
        while place < len(held) and held[place] in " \t\r\n":
            place += 1
        if place < len(held):
            if not started:
                started, place = True, place + 1
                continue
            if held[place] == "]":
                return
            if held[place] == ",":
                place += 1
                continue
            try:
                found, end = decoder.raw_decode(held, place)
                if isinstance(found, dict) or end < len(held):  # a number at the end may go on
                    yield found, end - place
                    count, place = count + 1, end
                    continue
            except RecursionError as fault:
                raise TableError(f"{name!r} is nested too deeply in element {count + 1}.") from fault
            except ValueError as fault:
                if ended or len(held) - place > ROW_LIMIT:
                    raise TableError(
                        f"{name!r} cannot be read from element {count + 1} of its array on: {fault}; correct it there."
                    ) from fault
        if ended:
            raise TableError(f"{name!r} is cut off after element {count} of its array; copy it again.")
        data = text.read(max(1 << 20, len(held) - place))
        ended = not data
        held, place = held[place:] + letters.decode(data, ended), 0


def _shallow(block: bytes) -> bool:
    """Whether no line opens so many brackets that arrow, which has no limit of its own, could nest without end."""
    letters = np.frombuffer(block, dtype=np.uint8)
    if not len(letters):
        return True
    opening = (letters == ord("[")) | (letters == ord("{"))
    starts = np.concatenate([[0], np.flatnonzero(letters[:-1] == ord("\n")) + 1])
    return bool(np.add.reduceat(opening, starts, dtype=np.int64).max() <= BRACKETS)


def _holds_records(kind: Any) -> bool:
    from pyarrow import types

    if types.is_list(kind):
        inner = kind.value_type
        return bool(types.is_list(inner) or types.is_struct(inner))
    if types.is_struct(kind):
        return any(_holds_records(field.type) or types.is_timestamp(field.type) for field in kind)
    return False


def _list_of_times(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) and types.is_timestamp(kind.value_type))
