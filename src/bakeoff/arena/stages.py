"""The files of a run: those of a task and seed are made when its first cell needs them and gone after its last."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bakeoff.arena.cellrun import Records
from bakeoff.arena.plans import CellPlan
from bakeoff.arena.staging import Staged, StagedRecords, TaskData, stage, stage_records
from bakeoff.nouns import Task

PREFIX = "bakeoff-stage-"
Rows = Callable[[Task, int], tuple[TaskData, CellPlan]]


@contextmanager
def stage_folder() -> Iterator[Path]:
    """A folder for one run's files; those of runs that were killed are taken away."""
    place = Path(tempfile.gettempdir())
    for path in place.glob(f"{PREFIX}*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and Path("/proc/self").exists() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(path, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Stages:
    """Stages what is due, one (task, seed) for each due cell, in folders of its own within `folder`.

    `rows` gives a task's rows and its plan for a seed. Safe to use from the lanes' threads: two lanes that need the
    same files wait for one another, and one table at a time is read.
    """

    def __init__(self, due: Iterable[tuple[Task, int]], rows: Rows, secret: bytes, folder: Path) -> None:
        self._left: Counter[tuple[str, int]] = Counter()
        self._tasks: dict[str, Task] = {}
        for task, seed in due:
            self._left[task.name, seed] += 1
            self._tasks[task.name] = task
        self._rows = rows
        self._secret = secret
        self._folder = folder
        self._locks = {key: threading.Lock() for key in self._left}
        self._reading = threading.Lock()
        self._staged: dict[tuple[str, int], Staged] = {}
        self._records: dict[tuple[str, int], StagedRecords] = {}

    def staged(self, task: str, seed: int) -> Staged:
        """The training rows and calls of a task and seed."""
        with self._locks[task, seed]:
            return self._stage(task, seed)

    def linkable(self, task: str, seed: int) -> Callable[[], Records] | None:
        """What makes the files for a linkage entry when it is called; None for a task without records."""
        if self.staged(task, seed).data.sides is None:
            return None
        return partial(self._handed_in, task, seed)

    def records(self, task: str, seed: int) -> StagedRecords:
        """The records, pairs and calls for linkage entries."""
        with self._locks[task, seed]:
            if (task, seed) not in self._records:
                staged = self._stage(task, seed)
                made = stage_records(staged.data, seed, staged.plan, self._secret, self._home(task, seed))
                self._records[task, seed] = made
            return self._records[task, seed]

    def ended(self, task: str, seed: int) -> None:
        """One of the due cells has ended; after the last one the files are removed."""
        with self._locks[task, seed]:
            self._left[task, seed] -= 1
            if self._left[task, seed] == 0:
                self._staged.pop((task, seed), None)
                self._records.pop((task, seed), None)
                shutil.rmtree(self._home(task, seed), ignore_errors=True)

    def _handed_in(self, task: str, seed: int) -> Records:
        return self.records(task, seed).records

    def _stage(self, task: str, seed: int) -> Staged:
        if (task, seed) not in self._staged:
            with self._reading:
                data, plan = self._rows(self._tasks[task], seed)
            self._staged[task, seed] = stage(data, seed, plan, self._secret, self._home(task, seed))
        return self._staged[task, seed]

    def _home(self, task: str, seed: int) -> Path:
        return self._folder / f"{task}-{seed}"
