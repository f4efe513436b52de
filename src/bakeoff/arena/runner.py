"""The local runner: lanes of one core each, fed with warm spares from the cores that are left to the house."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bakeoff.arena.cellrun import Job, Played, play
from bakeoff.arena.wall.confinement import PLAIN, Box, Fittings, best_level, sweep
from bakeoff.arena.wall.spares import Spares
from bakeoff.errors import BakeoffError, ConfinementError, StoreError
from bakeoff.nouns import Cell, Level


@dataclass(frozen=True)
class Due:
    """A cell that is to be run, and what its box is fitted with."""

    cell: Cell
    fittings: Fittings = PLAIN


Prepare = Callable[[Due, tuple[int, ...]], Job]
Finish = Callable[[Due, Played, float], None]


class Runner(Protocol):
    """Runs cells; each goes through `prepare`, a box, and `finish`, which is called once for each ended cell."""

    level: Level

    def run(self, due: Sequence[Due], prepare: Prepare, finish: Finish, began: Callable[[Cell], None]) -> list[str]:
        """Run all of them and give one sentence for each cell that the house failed to run."""


@dataclass(frozen=True)
class Cores:
    """Which cores time cells, one lane each, and which do everything else."""

    lanes: tuple[tuple[int, ...], ...]
    house: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many cells run at once."""
        return len(self.lanes)


def share_cores(workers: int = 0, threads: int = 1) -> Cores:
    """One core in four, and at least one, is left to spares and judges; the others make lanes of `threads` cores."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(((),) * max(1, workers or (os.cpu_count() or 2) // 2), ())
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        return Cores(((cores[0],),) * max(1, workers), (cores[0],))
    house = max(1, len(cores) // 4)
    timed = cores[house:]
    lanes = [tuple(timed[at : at + threads]) for at in range(0, max(1, len(timed) - threads + 1), threads)]
    return Cores(tuple(lanes[: workers or len(lanes)]), tuple(cores[:house]))


class LocalRunner:
    """Runs cells on this machine, one timed cell for each lane's core."""

    def __init__(self, workers: int = 0, threads: int = 1, level: Level | None = None) -> None:
        self.level = level or best_level()
        self.cores = share_cores(workers, threads)
        self._stop = threading.Event()
        self._boxes: dict[int, Box] = {}

    def run(self, due: Sequence[Due], prepare: Prepare, finish: Finish, began: Callable[[Cell], None]) -> list[str]:
        """Run all cells; Ctrl-C ends the running ones and keeps the finished ones."""
        queue = deque(due)
        sweep()
        spares = Spares(self.level, ahead=self.cores.count + 1, house_cores=self.cores.house)
        troubles: list[str] = []
        errors: list[BaseException] = []
        if queue:
            spares.warm(queue[0].fittings)
        lanes = [
            threading.Thread(
                target=self._lane,
                args=(cores, queue, spares, _Hooks(prepare, finish, began, troubles, errors)),
                daemon=True,
            )
            for cores in self.cores.lanes[: max(1, len(queue))]
        ]
        try:
            for lane in lanes:
                lane.start()
            while any(lane.is_alive() for lane in lanes):
                for lane in lanes:
                    lane.join(0.1)
        except KeyboardInterrupt:
            self._halt(queue)
            for lane in lanes:
                lane.join(10)
            raise
        finally:
            spares.close()
        if errors:
            raise errors[0]
        return troubles

    def _halt(self, queue: deque[Due]) -> None:
        self._stop.set()
        queue.clear()
        for box in list(self._boxes.values()):
            box.close()

    def _lane(self, cores: tuple[int, ...], queue: deque[Due], spares: Spares, hooks: _Hooks) -> None:
        if self.cores.house:
            # The judges' and the spares' work stays off the cores where cells are timed; 0 is this thread alone.
            os.sched_setaffinity(0, self.cores.house)
        while not self._stop.is_set() and not hooks.errors:
            free_since = time.monotonic()
            try:
                due = queue.popleft()
            except IndexError:
                return
            try:
                self._cell(due, cores, queue, spares, hooks, free_since)
            except BaseException as error:
                if not self._stop.is_set():
                    hooks.errors.append(error)
                return

    def _cell(
        self, due: Due, cores: tuple[int, ...], queue: deque[Due], spares: Spares, hooks: _Hooks, free_since: float
    ) -> None:
        hooks.began(due.cell)
        for attempt in (1, 2):
            try:
                job = hooks.prepare(due, cores)
            except StoreError:
                raise
            except Exception as error:
                hooks.troubles.append(_not_run(due, error))
                return
            box = spares.take(due.fittings)
            self._boxes[id(box)] = box
            try:
                if self._stop.is_set():
                    return
                with contextlib.suppress(IndexError):
                    spares.warm(queue[0].fittings)
                played = play(box, job, free_since)
                answered = time.monotonic()
                if not self._stop.is_set():
                    hooks.finish(due, played, answered)
                return
            except StoreError:
                raise
            except Exception as error:
                # One cell that the house cannot run must not cost everybody else theirs.
                if self._stop.is_set():
                    return
                if attempt == 2 or not isinstance(error, ConfinementError):
                    hooks.troubles.append(_not_run(due, error))
                    return
            finally:
                self._boxes.pop(id(box), None)
                box.close()


def _not_run(due: Due, error: Exception) -> str:
    said = str(error) if isinstance(error, BakeoffError) else f"{type(error).__name__}: {error}"
    return f"{due.cell.entry} on {due.cell.task} was not run: {said}"


@dataclass(frozen=True)
class _Hooks:
    prepare: Prepare
    finish: Finish
    began: Callable[[Cell], None]
    troubles: list[str]
    errors: list[BaseException]
