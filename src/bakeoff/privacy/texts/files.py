"""Files of texts: CSV, TSV, JSON lines or plain lines, of which some columns are rewritten and the rest stays."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bakeoff.errors import NotFound, UsageError

SEPARATORS = {".csv": ",", ".tsv": "\t"}
LINES = (".txt",)
JSON_LINES = (".jsonl", ".ndjson")
KNOWN = (*SEPARATORS, *JSON_LINES, *LINES)
LINE = "text"  # what the one column of plain lines is called


@dataclass(frozen=True)
class TextFile:
    """Rows of a file as they were read: `names` of columns, and a mapping by name for each row; `suffix` its form."""

    names: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    suffix: str

    def texts(self, column: str) -> list[str]:
        """A column's texts; what is missing is an empty one. UsageError where a cell is no text."""
        self.check([column])
        found = [row.get(column) for row in self.rows]
        for number, value in enumerate(found, 1):
            if value is not None and not isinstance(value, str):
                raise UsageError(
                    f"Row {number} of column {column!r} holds {value!r}, which is no text; name a column of texts."
                )
        return [value or "" for value in found]

    def check(self, columns: Sequence[str]) -> None:
        """UsageError where a column is not there."""
        for column in columns:
            if column not in self.names:
                raise UsageError(f"There is no column {column!r}; there are {', '.join(self.names)}.")

    def with_texts(self, column: str, texts: Sequence[str]) -> TextFile:
        """The same with other texts in a column; a cell that was missing stays so."""
        rows = [
            row if row.get(column) in (None, "") else {**row, column: text}
            for row, text in zip(self.rows, texts, strict=True)
        ]
        return replace(self, rows=tuple(rows))

    def write(self, path: Path) -> None:
        """Write it in its own form, whole or not at all."""
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        beside.write_text(self._said(), encoding="utf-8", newline="")
        os.replace(beside, path)

    def _said(self) -> str:
        if self.suffix in LINES:
            return "".join(f"{_one_line(row[LINE])}\n" for row in self.rows)
        if self.suffix in JSON_LINES:
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
        out = io.StringIO()
        writer = csv.DictWriter(out, self.names, delimiter=SEPARATORS[self.suffix], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()


def read_texts(path: Path) -> TextFile:
    """A file in UTF-8; NotFound where there is none, UsageError for another form or one that cannot be read."""
    suffix = path.suffix.lower()
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}; name a file of texts.")
    check_suffix(path)
    try:
        said = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UsageError(
            f"{str(path)!r} is no UTF-8 (byte {problem.start:,}); write it as UTF-8, for instance with iconv."
        ) from None
    if suffix in LINES:
        # Not splitlines: a form feed or another script's end of line would make two texts of one.
        lines = said.removesuffix("\n").split("\n") if said else []
        return TextFile((LINE,), tuple({LINE: line} for line in lines), suffix)
    return _json_lines(path, said) if suffix in JSON_LINES else _table(path, said)


def check_suffix(path: Path) -> None:
    """UsageError where a file's name says no form that is known."""
    if path.suffix.lower() not in KNOWN:
        raise UsageError(f"{str(path)!r} does not say what form it has; let it end in {', '.join(KNOWN)}.")


def _json_lines(path: Path, said: str) -> TextFile:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(said.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as problem:
            raise UsageError(f"Line {number} of {str(path)!r} is no JSON: {problem}.") from None
        if not isinstance(row, dict):
            raise UsageError(f"Line {number} of {str(path)!r} is no object; each line is one, such as {{...}}.")
        _check_characters(path, number, line, row)
        rows.append(row)
    return TextFile(tuple(dict.fromkeys(name for row in rows for name in row)), tuple(rows), path.suffix.lower())


def _check_characters(path: Path, number: int, line: str, row: Mapping[str, Any]) -> None:
    """UsageError where an escape is half of a character (a lone surrogate), which UTF-8 cannot hold."""
    if "\\u" not in line:
        return
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"Line {number} of {str(path)!r} holds half of a character (\\ud800 to \\udfff by itself); take it out."
        ) from None


def _table(path: Path, said: str) -> TextFile:
    suffix = path.suffix.lower()
    # A cell may be as long as the file; the reader's own limit, 131,072 characters, is less than a long text.
    limit = csv.field_size_limit(max(len(said), 1))
    try:
        lines = [line for line in csv.reader(io.StringIO(said, newline=""), delimiter=SEPARATORS[suffix]) if line]
    finally:
        csv.field_size_limit(limit)
    if not lines:
        raise UsageError(f"{str(path)!r} is empty; its first line names the columns.")
    names, *cells = lines
    if len(set(names)) < len(names):
        raise UsageError(f"{str(path)!r} names a column twice; give each a name of its own.")
    for number, row in enumerate(cells, 1):
        if len(row) != len(names):
            raise UsageError(f"Row {number} of {str(path)!r} has {len(row)} cells for {len(names)} columns.")
    return TextFile(tuple(names), tuple(dict(zip(names, row, strict=True)) for row in cells), suffix)


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))
