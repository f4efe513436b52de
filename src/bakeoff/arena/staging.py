"""What a cell is handed, made once for each task and seed: training rows, and the calls with their asked rows.

A linkage entry on a matching task is handed the records and the labelled pairs instead of training rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.answer_forms import AnswerForm, form_of
from bakeoff.arena.cellrun import Call, Records
from bakeoff.arena.inserting import with_inserted
from bakeoff.arena.linked import Sizes
from bakeoff.arena.plans import TEST, CellPlan, Layout, asked_frame, generator, key_for, lay_out
from bakeoff.arena.wall.worker import TARGET
from bakeoff.errors import TaskError
from bakeoff.nouns import (
    Array,
    Brief,
    Column,
    ColumnType,
    Entry,
    Frame,
    Limits,
    Role,
    Sides,
    Table,
    Task,
    Visibility,
    plain,
)
from bakeoff.tables import TableData, write_rows
from bakeoff.tasks import Questioning, Questions, kind

SIDES = ("left", "right")
NOTHING_PLANNED = CellPlan({}, (), "")


@dataclass(frozen=True)
class TaskData:
    """A task's rows on the house's side of the wall.

    `train` and `test` hold every column but the target; `labels` and `truth` are their targets as given; `row_ids` are
    the public ids of the test rows. `public` (test rows,) tells the public ones, None where the test part is whole;
    `sides` are the records behind a matching task's pairs; `sources` (test rows,) are the test rows' numbers in the
    file that they came from, None where nobody knows. `turns` (test rows,) tells in which call each test row is asked,
    None where the order does not matter.
    """

    task: Task
    table: Table
    train: Frame
    labels: Array
    test: Frame
    truth: Array
    row_ids: Array
    public: Array | None = None
    sides: Sides | None = None
    sources: Array | None = None
    turns: Array | None = None

    def columns(self, when: Visibility) -> tuple[Column, ...]:
        """The columns an entry sees in fit, or in predict too."""
        allowed = (Visibility.BOTH,) if when is Visibility.BOTH else (Visibility.BOTH, Visibility.FIT)
        return tuple(
            column
            for column in self.table.columns
            if column.role is not Role.TARGET and self.task.see.get(column.role, Visibility.BOTH) in allowed
        )

    @property
    def asked(self) -> tuple[Column, ...]:
        """The columns of asked rows, and the target's where a question stands in it."""
        seen = self.columns(Visibility.BOTH)
        if questioning(self.task) is None:
            return seen
        return (*seen, Column(self.task.target, ColumnType.TEXT))

    @property
    def brief(self) -> Brief:
        """What judges may know of the rows while they plan, without key and budget."""
        return Brief(self.task, self.table, self.train, self.labels, b"", 0, self.test)

    def record_columns(self, side: str) -> tuple[Column, ...]:
        """The columns of the left or right records that an entry sees: those it sees in both fit and predict in pairs.

        For one table both sides are the same.
        """
        if self.sides is not None and self.sides.right is None:
            side = "left"
        start = f"{side}_"
        return tuple(
            replace(column, name=column.name.removeprefix(start))
            for column in self.columns(Visibility.BOTH)
            if column.name.startswith(start)
        )

    @property
    def sizes(self) -> Sizes | None:
        """How many left and right records there are; None for a task that is no matching."""
        if self.sides is None:
            return None
        return len(self.sides.left), None if self.sides.right is None else len(self.sides.right)


def task_data(task: Task, data: TableData) -> TaskData:
    """Set a table's rows apart as a task asks for."""
    if data.target != task.target:
        raise TaskError(f"The task {task.name} asks for {task.target!r}, but its table's target is {data.target!r}.")
    made = TaskData(
        task,
        data.table,
        data.rows("train"),
        data.labels("train"),
        data.rows("test"),
        data.labels("test"),
        np.flatnonzero(data.parts == "test"),
        data.public,
        data.sides,
        data.sources,
    )
    asker = questioning(task)
    return made if asker is None else _questioned(made, asker.questions(made.truth, bytes.fromhex(task.digest)))


def questioning(task: Task) -> Questioning | None:
    """The task's kind where it makes questions of the test rows, None where they are asked as they stand."""
    found = kind(task.kind)
    return found if isinstance(found, Questioning) else None


def _questioned(data: TaskData, given: Questions) -> TaskData:
    """The same task with questions for its test rows."""
    rows = given.rows
    return replace(
        data,
        test=data.test.iloc[rows].reset_index(drop=True).assign(**{data.task.target: given.asked}),
        truth=given.truth,
        row_ids=np.arange(len(rows)),
        public=None if data.public is None else np.asarray(data.public)[rows],
        sources=None if data.sources is None else data.sources[rows],
        turns=given.turns,
    )


@dataclass(frozen=True)
class Staged:
    """The files of one task and seed, ready to be handed into boxes, and how the asked rows are laid out."""

    data: TaskData
    seed: int
    plan: CellPlan
    layout: Layout
    train: Path
    calls: tuple[Call, ...]
    rows_file: Path

    @property
    def form(self) -> AnswerForm:
        """What answers look like."""
        return form_of(self.data.task)


@dataclass(frozen=True)
class StagedRecords:
    """The same for linkage entries: what they are handed, and how the asked test pairs are laid out."""

    records: Records
    layout: Layout


def stage(data: TaskData, seed: int, plan: CellPlan, secret: bytes, folder: Path) -> Staged:
    """Write the training rows without the withheld ones, and the rows of each call, as Parquet files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = lay_out(plan, len(data.test), key_for(secret, data.task, seed, "layout"), data.turns)
    kept = _kept(data, plan)
    seen = data.train[[column.name for column in data.columns(Visibility.FIT)]]
    train, labels = seen.iloc[kept].reset_index(drop=True), data.labels[kept]
    if plan.inserted:
        rng = generator(key_for(secret, data.task, seed, "inserted"))
        train, labels = with_inserted(train, labels, seen, plan.inserted, rng)
    write_rows(train.assign(**{TARGET: labels}), folder / "train.parquet")
    asked = [column.name for column in data.asked]
    learnt = [name for name in asked if name in data.train.columns]
    calls = _write_calls(layout, plan, data.test[asked], data.train[learnt], folder / "call")
    rows_file = folder / "rows.i64"
    np.asarray(data.row_ids, dtype=np.int64).tofile(rows_file)
    return Staged(data, seed, plan, layout, folder / "train.parquet", calls, rows_file)


def stage_records(data: TaskData, seed: int, plan: CellPlan, secret: bytes, folder: Path) -> StagedRecords:
    """Write the records, the labelled pairs without the withheld ones, and the calls of test pairs, into `folder`.

    No probes are asked, so the layout is one of its own.
    """
    sides = data.sides
    if sides is None or data.sizes is None:
        raise TaskError(f"The task {data.task.name} has no records to link; it is no matching of records.")
    if plan.inserted:
        raise TaskError(f"Rows are inserted into {data.task.name}, and an entry that links records learns from none.")
    folder.mkdir(parents=True, exist_ok=True)
    files = {side: write_records(data, side, folder) for side in SIDES}
    kept = _kept(data, plan)
    write_rows(labelled_pairs(sides.train[kept], data.labels[kept]), folder / "pairs.parquet")
    layout = lay_out(NOTHING_PLANNED, len(data.test), key_for(secret, data.task, seed, "layout of pairs"))
    asked = data.test[[column.name for column in data.columns(Visibility.BOTH)]]
    pairs = asked.assign(left=sides.test[:, 0], right=sides.test[:, 1])
    calls = _write_calls(layout, NOTHING_PLANNED, pairs, pairs.iloc[:0], folder / "pairs")
    left = files["left"]
    if left is None:
        raise TaskError(f"The task {data.task.name} has no left records.")
    return StagedRecords(Records(left, files["right"], folder / "pairs.parquet", calls, data.sizes), layout)


def write_records(data: TaskData, side: str, folder: Path) -> Path | None:
    """Write the left or right records, numbered from 0, with the columns that an entry sees; None when there are none.

    The file is called left.parquet or right.parquet.
    """
    frame = None if data.sides is None else data.sides.left if side == "left" else data.sides.right
    if frame is None:
        return None
    file = folder / f"{side}.parquet"
    write_rows(frame[[column.name for column in data.record_columns(side)]].reset_index(drop=True), file)
    return file


def labelled_pairs(positions: Array, labels: Array) -> Frame:
    """Pairs as a linkage entry learns from them: a frame with `left`, `right` (positions) and `label`."""
    import pandas as pd

    return pd.DataFrame({"left": positions[:, 0], "right": positions[:, 1], "label": labels})


def _kept(data: TaskData, plan: CellPlan) -> Array:
    return np.setdiff1d(np.arange(len(data.labels)), np.asarray(plan.withheld, dtype=int))


def _write_calls(layout: Layout, plan: CellPlan, test: Frame, train: Frame, start: Path) -> tuple[Call, ...]:
    calls = []
    for call in np.unique(layout.call):
        file = start.with_name(f"{start.name}-{call}.parquet")
        write_rows(asked_frame(layout, call, test, train, plan), file)
        rows = layout.rows_of(call)
        calls.append(Call(file, len(rows), float(np.mean(layout.origin[rows] == TEST))))
    return tuple(calls)


def _asked(data: TaskData) -> set[str]:
    return {column.name for column in data.columns(Visibility.BOTH)}


def _records_schema(data: TaskData) -> tuple[Column, ...]:
    """The columns of the records, each once: those of the right that the left lacks come last."""
    columns = {column.name: column for side in reversed(SIDES) for column in data.record_columns(side)}
    first = [column.name for column in data.record_columns("left")]
    return tuple(columns[name] for name in (*first, *(name for name in columns if name not in first)))


def worker_spec(entry: Entry, data: TaskData, seed: int, limits: Limits) -> dict[str, Any]:
    """What the worker is told: where the algorithm comes from, and the schema an entry may ask for."""
    task, form = data.task, form_of(data.task)
    return {
        "form": entry.source.form,
        "what": entry.source.what,
        "parameters": plain(entry.parameters),
        "columns": plain(data.columns(Visibility.FIT)),
        "fit_only": sorted({column.name for column in data.columns(Visibility.FIT)} - _asked(data)),
        "records": None if data.sides is None else plain(_records_schema(data)),
        "ignored": list(task.ignored),
        "task": task.name,
        "kind": task.kind,
        "questions": questioning(task) is not None,
        "target": task.target,
        "metric": task.metric,
        "classes": list(task.classes),
        "answers": form.answers,
        "width": form.width,
        "cap": form.cap,
        "seed": seed,
        "time_budget": limits.seconds,
        "threads": limits.threads,
        "memory_mib": limits.memory_mib,
    }
