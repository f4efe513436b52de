"""How a text file of rows is written: what parts the cells, what quotes them, and whether decimals have commas."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

MARKS = (",", ";", "\t", "|")
ROWS = 200
COMMA_NUMBER = re.compile(r"\s*[-+]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?\s*")

NUMBER = re.compile(r"\s*[-+]?\d+(?:[.,]\d+)*\s*")


@dataclass(frozen=True)
class Dialect:
    """`quote` and `escape` are one character each; `escape` is empty where a quote is written twice."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""


def detect(sample: str, delimiter: str = "") -> Dialect:
    """The dialect in which the rows of a sample have as many cells as the header has; ties go to
    the one that gives more numbers, then to the comma.

    `delimiter` is given where the file's name tells it. The sample must end with a whole line.
    """
    quotes = ['"']
    if '"' not in sample and sample.count("'") > 1:
        quotes.append("'")
    escapes = ["", "\\"] if '\\"' in sample else [""]
    best, best_fit = Dialect(delimiter or ","), (False, -1.0, 0.0)
    for quote in quotes:
        for escape in escapes:
            for mark in (delimiter,) if delimiter else MARKS:
                dialect = Dialect(mark, quote, escape)
                fit = _fit(sample, dialect)
                if fit > best_fit and (quote == '"' or _wraps(sample, dialect)):
                    best, best_fit = dialect, fit
    return best


def rows_of(sample: str, dialect: Dialect, limit: int = ROWS) -> list[list[str]]:
    """The first rows of a sample, blank lines left out."""
    reader = csv.reader(
        io.StringIO(sample, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
    )
    found: list[list[str]] = []
    try:
        for row in reader:
            if row:
                found.append(row)
            if len(found) == limit:
                break
    except csv.Error:  # a cell beyond the csv module's limit: what came before it says enough
        pass
    return found


def header_of(sample: str, dialect: Dialect) -> tuple[list[str], int]:
    """The names in the first line that is not blank, and the characters up to its end; no names in a blank sample."""
    lines = io.StringIO(sample, newline="")
    skipped = 0
    for line in iter(lines.readline, ""):
        if line.strip():
            break
        skipped += len(line)
    reader = csv.reader(
        _counted := _Lines(sample[skipped:]),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
    )
    try:
        names = next(reader, [])
    except csv.Error:  # a name beyond the csv module's limit goes on to the sample's end
        return [sample[skipped:]], len(sample)
    return names, skipped + _counted.passed


def decimal_commas(sample: str, dialect: Dialect, width: int) -> list[int]:
    """The columns whose cells in the sample are all numbers with decimal commas, such as 3,14 or 1.234,5."""
    if dialect.delimiter == ",":
        return []
    rows = [row for row in rows_of(sample, dialect)[1:] if len(row) == width]
    found = []
    for place in range(width):
        cells = [row[place] for row in rows if row[place].strip()]
        if any("," in cell for cell in cells) and all(COMMA_NUMBER.fullmatch(cell) for cell in cells):
            found.append(place)
    return found


class _Lines:
    """Lines of a text that remember how many characters have been passed."""

    def __init__(self, text: str) -> None:
        self.lines = io.StringIO(text, newline="")
        self.passed = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.lines.readline()
        if not line:
            raise StopIteration
        self.passed += len(line)
        return line


def _fit(sample: str, dialect: Dialect) -> tuple[bool, float, float]:
    """How well a dialect fits: whether it parts the header, the share of rows as wide as it, and of numbers in them."""
    rows = rows_of(sample, dialect)
    if not rows:
        return False, 0.0, 0.0
    widths = Counter(len(row) for row in rows)
    cells = [cell for row in rows[1:] for cell in row]
    numbers = sum(bool(NUMBER.fullmatch(cell)) for cell in cells)
    return len(rows[0]) > 1, widths[len(rows[0])] / len(rows), numbers / max(len(cells), 1)


def _wraps(sample: str, dialect: Dialect) -> bool:
    # An apostrophe quotes only where whole cells are wrapped in it, about one in each row.
    mark, quote = re.escape(dialect.delimiter), re.escape(dialect.quote)
    wrapped = re.findall(rf"(?:^|{mark}){quote}[^\n]*?{quote}(?={mark}|\r?$)", sample, re.MULTILINE)
    return len(wrapped) >= len(rows_of(sample, dialect))
