"""Trying an entry before it is handed in: its code is imported, or its prediction files are read, behind the wall.

A fault found so is told at once and nothing is charged for it. No data are in the box but the row ids of the test.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.answer_forms import form_of
from bakeoff.arena.confined import Confined
from bakeoff.arena.escaping import clean
from bakeoff.arena.predictions import SUFFIXES
from bakeoff.arena.staging import questioning, worker_spec
from bakeoff.arena.wall.confinement import Fittings
from bakeoff.arena.wall.conversation import Ended
from bakeoff.errors import BakeoffError, Declined, EntryError, Refused
from bakeoff.nouns import Entry, Limits, Outcome, Task
from bakeoff.tasks import kind

ROWS = "rows.i64"


@dataclass(frozen=True)
class Asked:
    """A task as far as a trial needs it: `row_ids` (rows,) are those of the test."""

    task: Task
    row_ids: Any


class _Trial(Confined):
    """The box in which an entry is tried."""

    def error(self, ended: Ended) -> BakeoffError:
        """What is wrong with the entry, with the last lines that it printed."""
        if ended.outcome is Outcome.DECLINED:
            return Declined(ended.reason)
        printed = [line for line in self.talk.log_tail(20).splitlines() if line.strip() and "<frozen" not in line]
        # The end of a traceback is the reason itself.
        tail = "".join(f"\n    {line}" for line in printed[-5:] if line.strip() != ended.reason)
        return EntryError(f"{self.called} was not handed in, since it cannot be loaded: {ended.reason}{tail}")


def try_code(entry: Entry, tasks: Sequence[Any], limits: Limits, fittings: Fittings) -> None:
    """Import an entry's code and make its algorithm as a cell would, on a task of each kind until one will have it.

    `tasks` are their data. Raises EntryError for a fault that shows on every kind; to decline is none.
    """
    faults = []
    tasks = [data for data in tasks if not entry.kinds or data.task.kind in entry.kinds]
    for data in {data.task.kind: data for data in reversed(tasks)}.values():
        try:
            with _Trial(limits, fittings, called=entry.name) as box:
                box.load(worker_spec(entry, data, 0, limits), Path(entry.source.folder))
            return
        except Declined:
            return
        except EntryError as fault:
            faults.append(fault)
    if faults:
        raise faults[-1]


def try_predictions(entry: Entry, tasks: Sequence[Asked], limits: Limits) -> tuple[str, ...]:
    """Read an entry's prediction files and give what its team should know of them.

    Raises EntryError with a sentence for each file that would be refused.
    """
    folder = Path(entry.source.folder) / entry.source.what
    names = sorted(path.stem for path in folder.iterdir() if path.suffix in SUFFIXES)
    known = [asked.task.name for asked in tasks]
    remarks = [_stray(name, known) for name in names if name not in known]
    if missing := [name for name in known if name not in names]:
        remarks.append(f"It holds no file for {', '.join(missing)}, and so declines there.")
    here = [asked for asked in tasks if asked.task.name in names]
    with _Trial(limits, called=entry.name) as box:
        box.load({"form": "predictions", "memory_mib": limits.memory_mib, "classes": []}, folder)
        problems = [problem for asked in here if (problem := _problem(box, asked))]
    if problems:
        raise EntryError("\n".join(f"{entry.name} was not handed in: {problem}" for problem in problems))
    return tuple(remarks)


def _stray(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    mend = f"did you mean {near[0]}?" if near else f"tasks here are {', '.join(known) or 'none yet'}."
    return f"Its file for {clean(name, 100)!r} answers no task; {mend}"


def _problem(box: Confined, asked: Asked) -> str:
    """Why a prediction file would be refused; empty when it is accepted."""
    task, rows = asked.task, len(asked.row_ids)
    form = form_of(task)
    with tempfile.TemporaryDirectory(prefix="bakeoff-trial-") as folder:
        np.asarray(asked.row_ids, dtype=np.int64).tofile(Path(folder) / ROWS)
        box.hand_in(Path(folder) / ROWS)
    message: dict[str, Any] = {
        "do": "chore",
        "chore": "predictions",
        "task": task.name,
        "classes": list(task.classes),
        "rows": ROWS,
    }
    message |= {
        "kind": task.kind,
        "questions": questioning(task) is not None,
        "answers": form.answers,
        "width": form.width,
        "cap": form.cap,
    }
    said, data = box.hear(message, "answers", form.most(rows))
    if problem := said.get("problem"):
        return clean(str(problem), 500)
    try:
        kind(task.kind).accept(form.read(data, rows), task)
    except Refused as refused:
        return f"{task.name}: {refused}"
    return ""
