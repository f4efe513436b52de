"""ARFF, the attribute files of Weka and OpenML, as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bakeoff.errors import TableError
from bakeoff.tables.readers.encodings import Utf8
from bakeoff.tables.readers.locations import Readable
from bakeoff.tables.readers.streams import Stream, batch_of
from bakeoff.tables.sentences import SHOWN

ROWS = 10_000
LINE_LIMIT = 8 << 20
NAME = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s{]+)"""
ATTRIBUTE = re.compile(rf"@attribute\s+({NAME})\s*(.*)", re.IGNORECASE | re.DOTALL)
CELL = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,]*?))\s*(?:,|$)""", re.DOTALL)
NUMBERS = ("numeric", "real", "integer")


def read_arff(file: Readable, name: str) -> Stream:
    """The rows of an ARFF file: numeric attributes as float64, all others as texts, `?` as missing.

    Raises TableError for a file without attributes, for sparse rows and for relational attributes.
    """
    lines = _lines(Utf8(file, name), name)
    names: list[str] = []
    numeric: list[bool] = []
    for _, line in lines:
        word = line.split(None, 1)[0].lower()
        if word == "@data":
            break
        if word == "@attribute":
            found = ATTRIBUTE.match(line)
            kind = (found[2].strip() if found else "").lower()
            if found is None or not kind:
                raise TableError(f"{name!r} has an attribute without a name or a type: {line[:80]!r}.")
            if kind.startswith("relational"):
                raise TableError(
                    f"{name!r} has the relational attribute {_bare(found[1])!r}; save its table flat, as CSV."
                )
            names.append(_bare(found[1]))
            numeric.append(kind.split()[0] in NUMBERS)
    if not names:
        raise TableError(f"{name!r} is not an ARFF file: it has no @attribute line before its data.")
    rows = _Rows(lines, name, names, numeric)
    return Stream(tuple(names), rows.batches(), texts=False, problems=rows.problems, dropped=lambda: rows.dropped)


class _Rows:
    def __init__(self, lines: Iterator[tuple[int, str]], name: str, names: list[str], numeric: list[bool]) -> None:
        self.lines = lines
        self.name = name
        self.names = names
        self.numeric = numeric
        self.wrong: list[str] = []
        self.dropped: list[int] = []

    def batches(self) -> Iterator[Any]:
        held: list[list[str | None]] = []
        letters = 0
        for place, (number, line) in enumerate(self.lines):
            if line.startswith("{"):
                raise TableError(
                    f"{self.name!r} holds sparse rows (line {number}); save it dense, or as CSV or Parquet."
                )
            cells = cells_of(line)
            if len(cells) != len(self.names):
                self.dropped.append(place)
                if len(self.wrong) < SHOWN:
                    self.wrong.append(f"line {number} has {len(cells)} cells")
                continue
            held.append(cells)
            letters += len(line)
            if len(held) == ROWS or letters > LINE_LIMIT:
                yield self._batch(held)
                held, letters = [], 0
        yield self._batch(held)

    def _batch(self, rows: list[list[str | None]]) -> Any:
        import pyarrow as pa

        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.names)
        arrays = []
        for name, numeric, cells in zip(self.names, self.numeric, columns, strict=True):
            if not numeric:
                arrays.append(pa.array(cells, pa.large_string()))
                continue
            try:
                arrays.append(pa.array([None if cell is None else float(cell) for cell in cells], pa.float64()))
            except ValueError as fault:
                raise TableError(f"{self.name!r} has a cell that is no number in {name!r}: {fault}.") from fault
        return batch_of(arrays, self.names)

    def problems(self) -> list[str]:
        if not self.wrong:
            return []
        many = len(self.dropped) - len(self.wrong)
        more = f" and {many:,} more" if many else ""
        return [
            f"{self.name!r} has {len(self.names)} attributes, but {', '.join(self.wrong)}{more}; "
            "quote cells that hold a comma, or add the missing ones."
        ]


def cells_of(line: str) -> list[str | None]:
    """The cells of one row; an unquoted `?` is a missing one."""
    if "'" not in line and '"' not in line:
        bare = [cell.strip() for cell in line.split("," if "," in line else "\t" if "\t" in line else ",")]
        return [None if cell == "?" else cell for cell in bare]
    found: list[str | None] = []
    place = 0
    while place <= len(line):
        match = CELL.match(line, place)
        if match is None:  # a quote within a cell: it is part of it
            end = line.find(",", place)
            end = len(line) if end < 0 else end
            found.append(line[place:end].strip())
            place = end + 1
            continue
        quoted = match[1] if match[1] is not None else match[2]
        found.append(_unescaped(quoted) if quoted is not None else None if match[3] == "?" else match[3])
        if match.end() == len(line) and not line[place : match.end()].endswith(","):
            break
        place = match.end()
    return found


def _lines(text: Utf8, name: str) -> Iterator[tuple[int, str]]:
    """Lines that are neither blank nor comments, with their numbers."""
    rest, number = b"", 0
    while True:
        block = text.read(1 << 20)
        pieces = (rest + block).split(b"\n")
        rest = pieces.pop() if block else b""
        if len(rest) > LINE_LIMIT:
            raise TableError(f"{name!r} has a line of more than {LINE_LIMIT >> 20} MiB after line {number}.")
        for piece in pieces:
            number += 1
            line = piece.decode("utf-8", "replace").strip()
            if line and not line.startswith("%"):
                yield number, line
        if not block:
            return


def _bare(name: str) -> str:
    return _unescaped(name[1:-1]) if name[:1] in "'\"" and len(name) > 1 else name


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1]), text)
