"""Files of labelled pairs: saved whole after each answer, read again, and several people's merged."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import UsageError

NAMES = ("left", "right", "label", "weight", "why", "who", "when")
UNSURE = ("left", "right", "said", "who", "when")
DISPUTED = "disputed"

Ids = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """One answer: ids of both records, the label (None: unsure), its weight, why it was asked, who said so and when."""

    left: str
    right: str
    label: bool | None
    weight: float = 0.0
    why: str = ""
    who: str = ""
    when: str = ""

    @property
    def ids(self) -> Ids:
        """Both ids."""
        return self.left, self.right


class LabelFile:
    """A CSV of labelled pairs (left, right, label, weight, why, who, when), and beside it one of those left unsure.

    Within one table (`within`) a pair is the same either way round.
    """

    def __init__(self, path: Path, *, within: bool) -> None:
        self.path, self.within = Path(path), within
        self.unsure_path = self.path.with_suffix(f".unsure{self.path.suffix or '.csv'}")
        self.rows: dict[Ids, Row] = {}
        self.unsure: dict[Ids, Row] = {}

    def read(self) -> LabelFile:
        """Take what the files hold; UsageError for one that is no file of labels."""
        for row in read_rows(self.path) if self.path.exists() else ():
            self._take(row)
        if self.unsure_path.exists():
            for said in _dictionaries(self.unsure_path, UNSURE[:2]):
                row = Row(said["left"], said["right"], None, why=said.get("said") or "", who=said.get("who") or "")
                self.unsure[self.key(row)] = row
        return self

    def key(self, row: Row) -> Ids:
        """The pair as it is known here."""
        return self.pair(row.left, row.right)

    def pair(self, left: str, right: str) -> Ids:
        """Two ids as one pair."""
        return (right, left) if self.within and right < left else (left, right)

    @property
    def disputed(self) -> list[Ids]:
        """Pairs that people labelled both ways."""
        return [row.ids for row in self.unsure.values() if row.why == DISPUTED]

    def _take(self, row: Row) -> None:
        """A row of another file: a pair labelled both ways is disputed, and no label."""
        key = self.key(row)
        if key in self.unsure and self.unsure[key].why == DISPUTED:
            return
        held = self.rows.get(key)
        if held is not None and held.label != row.label:
            del self.rows[key]
            who = " and ".join(sorted({name for name in (held.who, row.who) if name}))
            self.unsure[key] = Row(held.left, held.right, None, why=DISPUTED, who=who, when=row.when)
        elif held is None or row.weight > held.weight:
            self.rows[key] = row
            self.unsure.pop(key, None)

    def merge(self, paths: Iterable[Path]) -> int:
        """Take other people's files in and save; how many pairs are disputed now."""
        for path in paths:
            for row in read_rows(path):
                self._take(row)
        self.save()
        return len(self.disputed)

    def answer(self, row: Row) -> None:
        """Keep one answer, on disk before this returns."""
        key = self.key(row)
        self.rows.pop(key, None)
        self.unsure.pop(key, None)
        (self.unsure if row.label is None else self.rows)[key] = row
        self.save()

    def forget(self, left: str, right: str) -> None:
        """Take an answer back."""
        key = self.pair(left, right)
        self.rows.pop(key, None)
        self.unsure.pop(key, None)
        self.save()

    def save(self) -> None:
        """Write both files whole and put them in place at once, so that a kill leaves the old or the new ones."""
        labelled = [
            (row.left, row.right, int(bool(row.label)), f"{row.weight:.10g}" if row.weight else "", *_last(row))
            for row in self.rows.values()
        ]
        _write(self.path, NAMES, labelled)
        doubtful = [(row.left, row.right, row.why or "unsure", row.who, row.when) for row in self.unsure.values()]
        if doubtful or self.unsure_path.exists():
            _write(self.unsure_path, UNSURE, doubtful)


def _last(row: Row) -> tuple[str, str, str]:
    return row.why, row.who, row.when


def _write(path: Path, names: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    beside = path.with_name(f".{path.name}.new")
    try:
        with open(beside, "w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as problem:
        raise UsageError(f"The labels cannot be written to {str(path)!r}: {problem.strerror}.") from problem


def _dictionaries(path: Path, needed: Iterable[str]) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            names = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UsageError(f"The labels in {str(path)!r} cannot be read: {problem}.") from problem
    lacking = [name for name in needed if name not in names]
    if lacking and (rows or names):
        raise UsageError(
            f"{str(path)!r} is no file of labels: it lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}; "
            "give one that bakeoff label wrote, or a CSV with left, right and label."
        )
    return rows


def read_rows(path: Path) -> list[Row]:
    """The labelled pairs of one file; UsageError when it is none. Rows whose label says neither are left out."""
    import pandas as pd

    from bakeoff.tables.matching.pairs import parse_labels

    if not Path(path).exists():
        raise UsageError(f"There is no file {str(path)!r} of labels.")
    given = _dictionaries(Path(path), NAMES[:3])
    said = parse_labels(pd.Series([row["label"] for row in given], dtype=object)) if given else ()
    rows = []
    for row, label in zip(given, said, strict=True):
        if label >= 0 and row["left"] and row["right"]:
            last = (row.get("why") or "", row.get("who") or "", row.get("when") or "")
            rows.append(Row(row["left"].strip(), row["right"].strip(), bool(label), _number(row.get("weight")), *last))
    return rows


def _number(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
