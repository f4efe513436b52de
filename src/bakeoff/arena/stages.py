"""The files of a run: made when the first cell of a task, seed and plan needs them, gone after the last."""

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

PREFIX = "bakeoff-stage-"
Rows = Callable[[str, int, str], tuple[TaskData, CellPlan]]
Key = tuple[str, int, str]


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
    """Stages what is due, one (task, seed, plan) for each due cell, in folders of its own within `folder`.

    `rows` gives a task's rows and its plan for such a key. Safe to use from the lanes' threads: two lanes that need the
    same files wait for one another, and one table at a time is read.
    """

    def __init__(self, due: Iterable[Key], rows: Rows, secret: bytes, folder: Path) -> None:
        self._left: Counter[Key] = Counter(due)
        self._homes = {key: folder / f"{key[0]}-{key[1]}-{place}" for place, key in enumerate(self._left)}
        self._rows = rows
        self._secret = secret
        self._locks = {key: threading.Lock() for key in self._left}
        self._reading = threading.Lock()
        self._staged: dict[Key, Staged] = {}
        self._records: dict[Key, StagedRecords] = {}

    def staged(self, key: Key) -> Staged:
        """The training rows and calls of a task, seed and plan."""
        with self._locks[key]:
            return self._stage(key)

    def linkable(self, key: Key) -> Callable[[], Records] | None:
        """What makes the files for a linkage entry when it is called; None for a task without records."""
        if self.staged(key).data.sides is None:
            return None
        return partial(self._handed_in, key)

    def records(self, key: Key) -> StagedRecords:
        """The records, pairs and calls for linkage entries."""
        with self._locks[key]:
            if key not in self._records:
                staged = self._stage(key)
                made = stage_records(staged.data, staged.seed, staged.plan, self._secret, self._homes[key])
                self._records[key] = made
            return self._records[key]

    def ended(self, key: Key) -> None:
        """One of the due cells has ended; after the last one the files are removed."""
        with self._locks[key]:
            self._left[key] -= 1
            if self._left[key] == 0:
                self._staged.pop(key, None)
                self._records.pop(key, None)
                shutil.rmtree(self._homes[key], ignore_errors=True)

    def _handed_in(self, key: Key) -> Records:
        return self.records(key).records

    def _stage(self, key: Key) -> Staged:
        if key not in self._staged:
            with self._reading:
                data, plan = self._rows(*key)
            self._staged[key] = stage(data, key[1], plan, self._secret, self._homes[key])
        return self._staged[key]
