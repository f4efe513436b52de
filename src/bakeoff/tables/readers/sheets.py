"""A sheet of an Excel file as a stream: its header found below titles and blank rows, its cells read one by one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from bakeoff.errors import TableError
from bakeoff.extras import need
from bakeoff.tables.readers.arrays import array_of
from bakeoff.tables.readers.locations import Location, plain_file
from bakeoff.tables.readers.spool import Spool, replayed
from bakeoff.tables.readers.streams import Stream, batch_of, first_line
from bakeoff.tables.sentences import listed, near

ROWS = 10_000
TITLES = 10  # rows above the header that may hold a title
Row = tuple[Any, ...]


def read_sheet(location: Location) -> Stream:
    """The rows of the sheet that the location names (`FILE.xlsx#Sheet`), else of the only or the first one with a note.

    Raises TableError for a file that is no workbook, an unknown sheet and an empty one.
    """
    openpyxl = need("openpyxl", "excel")
    try:
        # Formulas come as the values that were saved with them; nothing in the file is run.
        held = io.BufferedReader(plain_file(location.seekable()))
        book = openpyxl.load_workbook(held, read_only=True, data_only=True, keep_links=False)
    except Exception as fault:  # openpyxl lets through whatever zip, XML and its own checks raise
        raise TableError(
            f"{location.name!r} is not an Excel file that can be read ({first_line(fault)}); "
            "save it again as .xlsx without a password, or as CSV."
        ) from fault
    names = [sheet.title for sheet in book.worksheets]
    if location.part and location.part not in names:
        raise TableError(f"{location.name!r} has no sheet {location.part!r}{near(location.part, names)}.")
    if not names:
        raise TableError(f"{location.name!r} holds no sheet of cells.")
    chosen = location.part or names[0]
    notes = []
    if not location.part and len(names) > 1:
        notes.append(
            f"{location.name!r} has {len(names)} sheets ({listed(names)}); the first was read, "
            f"name another as {location.file}#{names[1]}."
        )
    sheet = book.worksheets[names.index(chosen)]
    sheet.reset_dimensions()  # what a file says of its own size is often wrong
    rows = (tuple(row) for row in sheet.iter_rows(values_only=True))
    others = [title for title in names if title != chosen]
    header, rest, said = _header(rows, location.name, f", or name another sheet ({listed(others)})" * bool(others))
    spool = Spool()
    wider: list[int] = []
    told = _Told(header, wider, spool, location.name)
    batches = replayed(spool, _batches(rest, header, wider, told.mixed), header)
    return Stream(
        tuple(header), batches, texts=False, problems=told.problems, notes=lambda: [*notes, *said, *told.notes()]
    )


class _Told:
    def __init__(self, header: list[str], wider: list[int], spool: Spool, name: str) -> None:
        self.header = header
        self.wider = wider
        self.spool = spool
        self.name = name
        self.mixed: dict[str, None] = {}

    def notes(self) -> list[str]:
        names = [self.header[int(place)] for place in dict.fromkeys([*self.spool.mixed, *self.mixed])]
        if not names:
            return []
        hold = "hold" if len(names) > 1 else "holds"
        return [f"In {self.name!r}, {listed(names)} {hold} numbers, texts or days mixed; all were read as texts."]

    def problems(self) -> list[str]:
        if not self.wider:
            return []
        shown = ", ".join(str(row) for row in self.wider[:5])
        more = f" and {len(self.wider) - 5:,} more" if len(self.wider) > 5 else ""
        return [
            f"{self.name!r} has cells beyond its {len(self.header)} named columns in data row {shown}{more}; "
            "name the column in the header, or clear the cells."
        ]


def _header(rows: Iterator[Row], name: str, other: str = "") -> tuple[list[str], Iterator[Row], list[str]]:
    """The names, the rows below them, and notes: titles of one cell are passed over, a header of two rows is joined."""
    notes: list[str] = []
    filled = (_trimmed(row) for row in rows)
    head = _first(filled, TITLES + 3)
    if not head:
        raise TableError(f"{name!r} holds an empty sheet; its first row must name the columns{other}.")
    width = max(len(row) for row in head)
    skipped = 0
    while (
        width > 1
        and skipped < min(TITLES, len(head) - 1)
        and _count(head[skipped]) == 1
        and _count(head[skipped + 1]) > 1
    ):
        skipped += 1
    if skipped:
        notes.append(f"{skipped} {'row' if skipped == 1 else 'rows'} above the header of {name!r} passed over.")
    top, below = head[skipped], head[skipped + 1 :]
    names = [_name(cell) for cell in top]
    if below and "" in names[1:] and _names_below(top, below):
        under = [_name(cell) for cell in below[0]]
        names, group = [], ""
        for place in range(max(len(top), len(under))):
            group = _name(top[place]) if place < len(top) and top[place] is not None else group
            part = under[place] if place < len(under) else ""
            names.append(f"{group}.{part}" if group and part else group or part)
        below = below[1:]
        notes.append(f"The header of {name!r} has two rows; they were joined as {names[-1]!r}.")
    gaps = [place for place, said in enumerate(names) if not said]
    for place in gaps:
        names[place] = f"column {place + 1}"
    if gaps:
        notes.append(f"{name!r} has no name in its header for {listed([names[place] for place in gaps])}.")

    def rest() -> Iterator[Row]:
        yield from below
        yield from filled

    return names, rest(), notes


def _first(rows: Iterator[Row], count: int) -> list[Row]:
    """The first rows that are not blank."""
    found: list[Row] = []
    for row in rows:
        if row:
            found.append(row)
        if len(found) == count:
            break
    return found


def _names_below(top: Row, below: list[Row]) -> bool:
    """Whether the second row names too: all texts, also where the first has gaps, and other kinds of cells below."""
    second, third = below[0], below[1] if len(below) > 1 else ()
    gaps = [place for place, cell in enumerate(top) if cell is None]
    named = all(place < len(second) and isinstance(second[place], str) for place in gaps)
    texts = all(isinstance(cell, str) for cell in second if cell is not None)
    return named and texts and any(cell is not None and not isinstance(cell, str) for cell in third)


def _batches(rows: Iterator[Row], header: list[str], wider: list[int], mixed: dict[str, None]) -> Iterator[Any]:
    # Names may repeat, so that in the spool each column goes by its place.
    places = [str(place) for place in range(len(header))]
    held: list[Row] = []
    number = 0
    for row in rows:
        if not row:
            continue
        number += 1
        if len(row) > len(header):
            wider.append(number)
        held.append(row[: len(header)] + (None,) * (len(header) - len(row)))
        if len(held) == ROWS:
            yield _batch(held, places, mixed)
            held = []
    yield _batch(held, places, mixed)


def _batch(rows: list[Row], places: list[str], mixed: dict[str, None]) -> Any:
    arrays = []
    for place in places:
        array, several = array_of([row[int(place)] for row in rows])
        arrays.append(array)
        if several:
            mixed[place] = None
    return batch_of(arrays, places)


def _trimmed(row: Row) -> Row:
    """A row without the empty cells at its end."""
    end = len(row)
    while end and (row[end - 1] is None or (isinstance(row[end - 1], str) and not row[end - 1].strip())):
        end -= 1
    return row[:end]


def _count(row: Row) -> int:
    return sum(cell is not None for cell in row)


def _name(cell: Any) -> str:
    return "" if cell is None else " ".join(str(cell).split())
