"""Clocks and meters, read from outside the box: CPU and memory of a process tree, and how many processes it has."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakeoff.arena.wall.confinement import Box, tree

if TYPE_CHECKING:
    import psutil

MANY = 3  # more processes than this, a lone worker behind bubblewrap, share pages that must be counted once


@dataclass
class Reading:
    """What a process tree has used so far: CPU seconds, MiB held now, processes alive."""

    cpu: float
    mib: float
    processes: int


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

    def read(self, most: int = 1000) -> Reading:
        """One reading; CPU never falls. With more than `most` processes only their number is told, and at once."""
        import psutil

        members = tree(self.box.process.pid)
        if len(members) > most:
            return Reading(self._most, 0.0, len(members))
        said = resident = 0.0
        for process in members:
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                own = times.user + times.system
                said += own + times.children_user + times.children_system
                self._seen[process.pid, process.create_time()] = own
                resident += process.memory_info().rss
        self._hold(members)
        exact = self.box.group.cpu()
        self._most = max(self._most, max(said, sum(self._seen.values())) if exact is None else exact)
        held = self.box.group.memory()
        if held is None:
            held = _files_in_memory(members) + (
                resident if len(members) <= MANY else min(resident, _shared_once(members))
            )
        return Reading(self._most, held / 2**20, len(members))

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


def _files_in_memory(members: list[psutil.Process]) -> int:
    """Bytes in the box's own temporary folders and in its nameless files, which no process counts as its own."""
    total, seen = 0, set()
    if members:
        for folder in ("tmp", "dev/shm"):
            with contextlib.suppress(OSError):
                place = f"/proc/{members[-1].pid}/root/{folder}"
                # Where the box has no root of its own, /tmp is everybody's.
                if os.stat(place).st_dev != os.stat(f"/{folder}").st_dev:
                    held = os.statvfs(place)
                    total += (held.f_blocks - held.f_bfree) * held.f_frsize
    for process in members:
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{process.pid}/fd"):
                with contextlib.suppress(OSError):
                    path = f"/proc/{process.pid}/fd/{fd}"
                    if os.readlink(path).startswith("/memfd:"):
                        found = os.stat(path)
                        if found.st_ino not in seen:
                            seen.add(found.st_ino)
                            total += found.st_blocks * 512
    return total
