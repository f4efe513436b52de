"""Clocks and meters, read from outside the box: CPU and memory of a process tree, and how many processes it has."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakeoff.arena.wall.box import MOST_FILES, Box
from bakeoff.arena.wall.processes import tree
from bakeoff.arena.wall.rooms import Held, nameless_files, rooms_in_memory, walked

if TYPE_CHECKING:
    import psutil

MIB = 2**20
WALK_EVERY = 0.5
MANY = 3  # more processes than this, a lone worker behind bubblewrap, share pages that must be counted once


@dataclass
class Reading:
    """What a process tree has used so far: CPU seconds, MiB held now, processes alive, MiB written.

    `files` is how many files its temporary folders hold, `stored_mib` how many MiB where that is not memory.
    """

    cpu: float
    mib: float
    processes: int
    written_mib: float = 0.0
    files: int = 0
    stored_mib: float = 0.0


@dataclass
class Meter:
    """Reads one box again and again, and keeps it on its cores.

    CPU comes from the control group where there is one. Else it is what the tree's processes say of themselves and of
    children they waited for, or what all processes ever seen have used, whichever is more: a child that nobody waits
    for would vanish from the first.
    """

    box: Box
    cores: tuple[int, ...] = ()
    _seen: dict[tuple[int, float], float] = field(default_factory=dict)
    _most: float = 0.0
    _written: float = 0.0
    _room: Held = field(default_factory=Held)
    _walked: float = 0.0

    def read(self, most: int = 1000) -> Reading:
        """One reading; CPU and what is written never fall. With more than `most` processes only their number is told,
        and at once."""
        import psutil

        members = tree(self.box.process.pid)
        if len(members) > most:
            return Reading(self._most, 0.0, len(members), self._written)
        said = resident = written = 0.0
        for process in members:
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                own = times.user + times.system
                said += own + times.children_user + times.children_system
                self._seen[process.pid, process.create_time()] = own
                resident += process.memory_info().rss
                written += _written(process)
        self._hold(members)
        exact = self.box.group.cpu()
        self._most = max(self._most, max(said, sum(self._seen.values())) if exact is None else exact)
        self._written = max(self._written, written / MIB)
        in_memory = rooms_in_memory(self.box, members)
        held = self.box.group.memory()
        if held is None:
            held = in_memory.size + nameless_files(members)
            held += resident if len(members) <= MANY else min(resident, _shared_once(members))
        on_disk = self._on_disk()
        files = in_memory.files + on_disk.files
        return Reading(self._most, held / MIB, len(members), self._written, files, on_disk.size / MIB)

    def _on_disk(self) -> Held:
        """What the temporary folder holds where it lies on the house's disk, looked up now and then."""
        room, now = self.box.room, time.monotonic()
        if room is not None and self.box.shared is not None and now - self._walked > WALK_EVERY:
            own, shared = walked(room, MOST_FILES), self.box.shared.held()
            self._room, self._walked = Held(own.size + shared.size, own.files + shared.files), now
        return self._room

    def pin(self, cores: tuple[int, ...]) -> None:
        """Put every thread of the box on these cores, and keep it there."""
        self.cores = cores
        self._hold(tree(self.box.process.pid))

    def _hold(self, members: list[psutil.Process]) -> None:
        if not self.cores or not hasattr(os, "sched_setaffinity"):
            return
        for process in members:
            with contextlib.suppress(OSError):
                for thread in os.listdir(f"/proc/{process.pid}/task"):
                    with contextlib.suppress(OSError):
                        if os.sched_getaffinity(int(thread)) != set(self.cores):
                            os.sched_setaffinity(int(thread), self.cores)


def _shared_once(members: list[psutil.Process]) -> float:
    """Resident bytes of several processes with shared pages counted once, so that forks are not counted double."""
    total = 0.0
    for process in members:
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as file:
            total += sum(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
    return total or float("inf")


def _written(process: psutil.Process) -> int:
    """Bytes that a process, and the children it waited for, gave to write calls; 0 where the system does not say."""
    import psutil

    with contextlib.suppress(psutil.Error, AttributeError, OSError, NotImplementedError):
        return int(process.io_counters().write_chars)
    return 0
