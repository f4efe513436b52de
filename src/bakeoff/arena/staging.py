"""What a cell is handed, made once for each task and seed: training rows, and the calls with their asked rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.cellrun import Call
from bakeoff.arena.plans import TEST, CellPlan, Layout, asked_frame, key_for, lay_out
from bakeoff.arena.worker import TARGET
from bakeoff.errors import TaskError
from bakeoff.nouns import Array, Column, Entry, Frame, Limits, Role, Table, Task, Visibility, plain
from bakeoff.tables import TableData


@dataclass(frozen=True)
class TaskData:
    """A task's rows on the house's side of the wall.

    `train` and `test` hold every column but the target; `labels` and `truth` are their targets as given; `row_ids` are
    the public ids of the test rows.
    """

    task: Task
    table: Table
    train: Frame
    labels: Array
    test: Frame
    truth: Array
    row_ids: Array

    def columns(self, when: Visibility) -> tuple[Column, ...]:
        """The columns an entry sees in fit, or in predict too."""
        allowed = (Visibility.BOTH,) if when is Visibility.BOTH else (Visibility.BOTH, Visibility.FIT)
        return tuple(
            column
            for column in self.table.columns
            if column.role is not Role.TARGET and self.task.see.get(column.role, Visibility.BOTH) in allowed
        )


def task_data(task: Task, data: TableData) -> TaskData:
    """Set a table's rows apart as a task asks for."""
    if data.target != task.target:
        raise TaskError(f"The task {task.name} asks for {task.target!r}, but its table's target is {data.target!r}.")
    return TaskData(
        task,
        data.table,
        data.rows("train"),
        data.labels("train"),
        data.rows("test"),
        data.labels("test"),
        np.flatnonzero(data.parts == "test"),
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
    def width(self) -> int:
        """Columns of answers for each row."""
        return max(1, len(self.data.task.classes))

    @property
    def asked(self) -> Array:
        """Positions in the layout in the order in which answers come back."""
        return np.concatenate([self.layout.rows_of(call) for call in np.unique(self.layout.call)])


def stage(data: TaskData, seed: int, plan: CellPlan, secret: bytes, folder: Path) -> Staged:
    """Write the training rows without the withheld ones, and the rows of each call, as Parquet files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = lay_out(plan, len(data.test), key_for(secret, data.task, seed, "layout"))
    kept = np.setdiff1d(np.arange(len(data.labels)), np.asarray(plan.withheld, dtype=int))
    seen = [column.name for column in data.columns(Visibility.FIT)]
    train = data.train[seen].iloc[kept].reset_index(drop=True).assign(**{TARGET: data.labels[kept]})
    train.to_parquet(folder / "train.parquet")
    asked = [column.name for column in data.columns(Visibility.BOTH)]
    calls = []
    for call in np.unique(layout.call):
        file = folder / f"call-{call}.parquet"
        asked_frame(layout, call, data.test[asked], data.train[asked], plan).to_parquet(file)
        rows = layout.rows_of(call)
        calls.append(Call(file, len(rows), float(np.mean(layout.origin[rows] == TEST))))
    rows_file = folder / "rows.i64"
    np.asarray(data.row_ids, dtype=np.int64).tofile(rows_file)
    return Staged(data, seed, plan, layout, folder / "train.parquet", tuple(calls), rows_file)


def _asked(data: TaskData) -> set[str]:
    return {column.name for column in data.columns(Visibility.BOTH)}


def worker_spec(entry: Entry, data: TaskData, seed: int, limits: Limits) -> dict[str, Any]:
    """What the worker is told: where the algorithm comes from, and the schema an entry may ask for."""
    task = data.task
    return {
        "form": entry.source.form,
        "what": entry.source.what,
        "parameters": plain(entry.parameters),
        "columns": plain(data.columns(Visibility.FIT)),
        "fit_only": sorted({column.name for column in data.columns(Visibility.FIT)} - _asked(data)),
        "task": task.name,
        "kind": task.kind,
        "target": task.target,
        "metric": task.metric,
        "classes": list(task.classes),
        "seed": seed,
        "time_budget": limits.seconds,
        "threads": limits.threads,
        "memory_mib": limits.memory_mib,
    }
