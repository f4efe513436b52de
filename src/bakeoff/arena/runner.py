"""The local runner: lanes of one core each, fed with warm spares from the cores that are left to the house."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bakeoff.arena.cellrun import Job, Played, play
from bakeoff.arena.store.leases import Lease, LeaseLost
from bakeoff.arena.wall.confinement import PLAIN, Box, Fittings, best_level, sweep
from bakeoff.arena.wall.spares import Spares
from bakeoff.errors import BakeoffError, ConfinementError, StoreError
from bakeoff.nouns import Cell, Level

# What the system says when a disk, or somebody's share of it, is full.
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Due:
    """A cell that is to be run, what its box is fitted with, and the lease under which it was handed out."""

    cell: Cell
    fittings: Fittings = PLAIN
    lease: Lease | None = None


Prepare = Callable[[Due, tuple[int, ...]], Job]
Finish = Callable[[Due, Played, float], None]


@dataclass(frozen=True)
class Hooks:
    """What a runner calls for each cell: when it has begun, for its job, and once with what came of it."""

    prepare: Prepare
    finish: Finish
    began: Callable[[Cell], None]


class Work(Protocol):
    """Cells to be run, each handed out to one lane of one runner; safe to use from several threads."""

    def __len__(self) -> int:
        """How many are not handed out yet."""

    @property
    def upcoming(self) -> Due | None:
        """The cell that is probably next."""

    def take(self) -> tuple[Due, float] | None:
        """The next cell, and since when nothing was waited for (monotonic); None when all are done."""

    def again(self, due: Due) -> bool:
        """Give a cell back that the house failed to run; False, and nothing is given back, after enough tries."""

    def lost(self, due: Due) -> None:
        """Say that a cell turned out to be another runner's."""

    def drop(self, due: Due) -> None:
        """Give a cell back for good."""

    def stop(self) -> None:
        """Hand out nothing more."""


class Runner(Protocol):
    """Runs cells; each goes through `prepare`, a box, and `finish`, which is called once for each ended cell."""

    level: Level

    def run(self, work: Work, hooks: Hooks) -> list[str]:
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

    def run(self, work: Work, hooks: Hooks) -> list[str]:
        """Run all cells; Ctrl-C ends the running ones and keeps the finished ones."""
        sweep()
        spares = Spares(self.level, ahead=self.cores.count + 1, house_cores=self.cores.house)
        shift = _Shift(work, hooks, spares)
        if (first := work.upcoming) is not None:
            spares.warm(first.fittings)
        lanes = [
            threading.Thread(target=self._lane, args=(cores, shift), daemon=True)
            for cores in self.cores.lanes[: max(1, len(work))]
        ]
        try:
            for lane in lanes:
                lane.start()
            while any(lane.is_alive() for lane in lanes):
                for lane in lanes:
                    lane.join(0.1)
        except KeyboardInterrupt:
            self._halt(work)
            for lane in lanes:
                lane.join(10)
            raise
        finally:
            spares.close()
        if shift.errors:
            raise shift.errors[0]
        return shift.troubles

    def _halt(self, work: Work) -> None:
        self._stop.set()
        work.stop()
        for box in list(self._boxes.values()):
            box.close()

    def _lane(self, cores: tuple[int, ...], shift: _Shift) -> None:
        if self.cores.house:
            # The judges' and the spares' work stays off the cores where cells are timed; 0 is this thread alone.
            os.sched_setaffinity(0, self.cores.house)
        while not self._stop.is_set() and not shift.errors:
            try:
                if (taken := shift.work.take()) is None:
                    return
                self._cell(*taken, cores, shift)
            except BaseException as error:
                if not self._stop.is_set():
                    shift.errors.append(error)
                    shift.work.stop()
                return

    def _cell(self, due: Due, free_since: float, cores: tuple[int, ...], shift: _Shift) -> None:
        """Run one cell; what the house fails at is told or tried again, and is never the entry's outcome."""
        shift.hooks.began(due.cell)
        try:
            self._play(due, free_since, cores, shift)
        except LeaseLost:
            shift.work.lost(due)
        except StoreError:
            raise
        except Exception as error:
            if self._stop.is_set():
                return
            if isinstance(error, OSError) and error.errno in FULL:
                where = error.filename or "temporary files"
                raise StoreError(
                    f"The disk of {where} is full; free some space and run again, what was finished before is kept."
                ) from error
            # One cell that the house cannot run must not cost everybody else theirs.
            if isinstance(error, ConfinementError) and shift.work.again(due):
                return
            shift.work.drop(due)
            shift.troubles.append(_not_run(due, error))

    def _play(self, due: Due, free_since: float, cores: tuple[int, ...], shift: _Shift) -> None:
        job = shift.hooks.prepare(due, cores)
        box = shift.spares.take(due.fittings)
        self._boxes[id(box)] = box
        try:
            if self._stop.is_set():
                return
            if (following := shift.work.upcoming) is not None:
                shift.spares.warm(following.fittings)
            played = play(box, job, free_since)
            answered = time.monotonic()
            if self._stop.is_set():
                return
            # An entry may kill itself, so after some tries it counts; somebody else's kill counts against nobody.
            if not (played.killed and shift.work.again(due)):
                shift.hooks.finish(due, played, answered)
        finally:
            self._boxes.pop(id(box), None)
            box.close()


def _not_run(due: Due, error: Exception) -> str:
    said = str(error) if isinstance(error, BakeoffError) else f"{type(error).__name__}: {error}"
    return f"{due.cell.entry} on {due.cell.task} was not run: {said}"


@dataclass(frozen=True)
class _Shift:
    """One run's lanes at work: what they share, and what went wrong."""

    work: Work
    hooks: Hooks
    spares: Spares
    troubles: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
