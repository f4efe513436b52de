"""Active labelling: records and a file of labels on one side, the pairs worth a person's look on the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from bakeoff.algorithms.matching.estimates import Estimates
from bakeoff.algorithms.matching.label_file import LabelFile, Row
from bakeoff.algorithms.matching.proposals import Pool, Proposal, Proposer
from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Column, Frame, Role, Schema, Sides

EACH = 5  # answers after which the model learns again


@dataclass(frozen=True, eq=False)
class Sources:
    """The records to be compared: typed frames, the key of each record (texts), and what to call the sides.

    `right` and its keys are None within one table; `note` is what a person should know of how records are named.
    """

    left: Frame
    right: Frame | None
    keys: tuple[Array, Array | None]
    schema: Schema
    note: str = ""

    @property
    def within(self) -> bool:
        """Whether duplicates of one table are sought."""
        return self.right is None


def read_sources(left: Any, right: Any = None, *, id: str = "", ignore: Sequence[str] = ()) -> Sources:
    """Read one table or two, each anything that `bakeoff.tables` reads, and find what names their records.

    That is the column `id`, else one named so or another whose values never repeat, as `bakeoff table add` finds it;
    else records are counted from 0, and the note says so. UsageError when `id` is not there or repeats, NotFound or
    TableError for what cannot be read.
    """
    from bakeoff.tables.reading import read

    raws = [read(source).sound() for source in ((left,) if right is None else (left, right))]
    named = [_identified(raw.frame, id, side) for raw, side in zip(raws, ("left", "right"), strict=False)]
    frames, columns = [], []
    for raw, (name, _, _) in zip(raws, named, strict=True):
        frame, typed = _typed(raw, name)
        frames.append(frame)
        columns.append(typed)
    shared = {column.name: column for typed in reversed(columns) for column in typed}
    unknown = [name for name in ignore if name not in shared]
    if unknown:
        raise UsageError(f"There is no column {unknown[0]!r} to ignore; the records have {', '.join(shared)}.")
    schema = Schema(tuple(shared.values()), "matching", "label", "f1", (0, 1), 0, 0.0, ignored=tuple(ignore))
    notes = dict.fromkeys(note for _, _, note in named if note)
    other = frames[1] if len(frames) > 1 else None
    for name, frame in zip((left, right), frames, strict=False):
        if not len(frame):
            raise UsageError(f"{str(name)!r} has no records; give a table that has some.")
    return Sources(frames[0], other, (named[0][1], named[1][1] if other is not None else None), schema, " ".join(notes))


def sources_of(sides: Sides, ignore: Sequence[str] = ()) -> Sources:
    """The records of a table in a challenge, whose ids were dropped: they are counted from 0."""
    counts = [
        np.array([str(row) for row in range(len(table))], dtype=object)
        for table in (sides.left, sides.right)
        if table is not None
    ]
    columns = {column.name: column for column in (*sides.right_columns, *sides.left_columns)}
    schema = Schema(tuple(columns.values()), "matching", "label", "f1", (0, 1), 0, 0.0, ignored=tuple(ignore))
    note = "The challenge keeps no ids; records are counted from 0 as an entry meets them."
    return Sources(sides.left, sides.right, (counts[0], counts[1] if len(counts) > 1 else None), schema, note)


def _identified(frame: Frame, declared: str, side: str) -> tuple[str, Array, str]:
    """The column that names a side's records (empty: none), the keys, and a note."""
    from bakeoff.tables.matching.pairs import id_column, keys, record_problems

    name, problems = id_column(frame, declared, side, None)
    if problems:
        raise UsageError(problems[0])
    held = keys(frame[name]) if name else None
    if held is not None and (wrong := record_problems(held, name, side)):
        raise UsageError(wrong[0])
    if held is None:
        for other in map(str, frame.columns):
            cells = frame[other]
            if cells.dtype.kind == "f" or cells.map(lambda cell: isinstance(cell, (list, bytes, dict))).any():
                continue
            found = keys(cells)
            if len(found) and not record_problems(found, other, side):
                return other, found, f"The {side} records are told apart by their column {other!r}."
        counted = np.array([str(row) for row in range(len(frame))], dtype=object)
        return "", counted, f"The {side} records have no id: rows are counted from 0. Add a column id before table add."
    return name, held, ""


def _typed(raw: Any, name: str) -> tuple[Frame, list[Column]]:
    """The records without ids, each column as its type says."""
    import pandas as pd

    from bakeoff.tables.cells import convert
    from bakeoff.tables.types import infer_types

    given = [column for column in infer_types(raw.frame, raw.settings, raw.folder) if column.role is not Role.ID]
    # What names the records may be all there is to compare them by, such as a title that never repeats.
    typed = [column for column in given if column.name != name] or [column for column in given if column.name == name]
    held = {
        column.name: convert(
            raw.column(column.name),
            column.type,
            raw.folder,
            raw.settings.missing,
            raw.settings.dates.get(column.name, ""),
        ).series
        for column in typed
    }
    return pd.DataFrame(held, columns=[column.name for column in typed]), typed


class Labelling:
    """Proposes pairs, keeps each answer at once, and says how good a model of the labels is by now."""

    def __init__(self, sources: Sources, file: LabelFile, who: str = "") -> None:
        self.sources, self.file = sources, file
        self.who = who or os.environ.get("USER", "") or "somebody"
        self._places = [
            {key: place for place, key in enumerate(keys.tolist())} for keys in sources.keys if keys is not None
        ]
        self._asked: list[Proposal] = []
        self._given = 0
        self._since = EACH
        self.found: Estimates | None = None
        self._check_known()

    @classmethod
    def open(cls, sources: Sources, path: Path, *, who: str = "", merge: Sequence[Path] = ()) -> Labelling:
        """With what the file holds already, and other people's files merged into it."""
        file = LabelFile(path, within=sources.within).read()
        if merge:
            file.merge(merge)
        return cls(sources, file, who)

    def _check_known(self) -> None:
        for row in self.file.rows.values():
            for place, key in enumerate(row.ids):
                if key not in self._places[min(place, len(self._places) - 1)]:
                    raise UsageError(
                        f"{str(self.file.path)!r} names the {('left', 'right')[place]} record {key!r}, which is not "
                        "in the table; name another file with --pairs, or the table that it was made for."
                    )

    @cached_property
    def proposer(self) -> Proposer:
        """Made when the first pair is asked for, since the candidates have to be found."""
        pool = Pool(self.sources.left, self.sources.right, self.sources.schema)
        return Proposer(pool, crc32(self.who.encode()))

    def positions(self, ids: tuple[str, str]) -> tuple[int, int]:
        """The records of a pair of ids."""
        left, right = self._places[0][ids[0]], self._places[-1][ids[1]]
        return (right, left) if self.sources.within and right < left else (left, right)

    def ids(self, proposal: Proposal) -> tuple[str, str]:
        """The ids of a pair."""
        own = self.sources.keys[0]
        other = own if self.sources.keys[1] is None else self.sources.keys[1]
        return str(own[proposal.left]), str(other[proposal.right])

    @property
    def labels(self) -> dict[tuple[int, int], bool]:
        """All labels by positions."""
        return {self.positions(row.ids): bool(row.label) for row in self.file.rows.values()}

    def propose(self, count: int = 1) -> list[Proposal]:
        """The next pairs: disputed ones first. An empty list when every pair worth a look is labelled.

        The model learns again after every EACH answers.
        """
        disputed = [Proposal(*self.positions(ids), "disputed") for ids in self.file.disputed]
        if len(disputed) >= count:
            return disputed[:count]
        labels = self.labels
        if self._since >= EACH:
            self._since = 0
            if self.proposer.learn(labels):
                weights = {self.positions(row.ids): row.weight for row in self.file.rows.values()}
                self.found = self.proposer.estimate(labels, weights)
        seen = set(labels) | {self.positions(row.ids) for row in self.file.unsure.values()}
        return disputed + self.proposer.propose(count - len(disputed), seen, len(seen))

    def answer(self, proposal: Proposal, label: bool | None) -> None:
        """Keep an answer, None for unsure; on disk before this returns."""
        left, right = self.ids(proposal)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        weight = proposal.weight if label is not None else 0.0
        self.file.answer(Row(left, right, label, weight, proposal.why if label is not None else "", self.who, when))
        self._asked.append(proposal)
        self._since += 1

    def back(self) -> Proposal | None:
        """Take the last answer of this run back; the pair that it was about, None when there is none."""
        if not self._asked:
            return None
        last = self._asked.pop()
        self.file.forget(*self.ids(last))
        self._since -= 1
        return last

    def enough(self) -> str:
        """Why the labels say enough, or an empty sentence."""
        return self.proposer.enough(self.found) if "proposer" in vars(self) else ""

    def cells(self, proposal: Proposal) -> list[tuple[str, Any, Any]]:
        """The columns of a pair with the cells of both records, None where a side lacks the column."""
        left = self.sources.left
        right = left if self.sources.right is None else self.sources.right
        names = list(dict.fromkeys([*map(str, left.columns), *map(str, right.columns)]))
        one, other = left.iloc[proposal.left], right.iloc[proposal.right]
        return [(name, one.get(name), other.get(name)) for name in names]
