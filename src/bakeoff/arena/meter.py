"""Clocks and meters, read from outside the box: CPU and memory of a process tree, and how many processes it has."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakeoff.arena.confinement import Box, tree

if TYPE_CHECKING:
    import psutil


@dataclass
class Reading:
    """What a process tree has used so far: CPU seconds, resident MiB now, processes alive."""

    cpu: float
    mib: float
    processes: int


def read_meter(box: Box) -> Reading:
    """Read the tree of a box; ended children count through the parent that waited for them."""
    import psutil

    cpu = resident = 0.0
    alive = 0
    members = tree(box.process.pid)
    for process in members:
        with contextlib.suppress(psutil.Error), process.oneshot():
            times = process.cpu_times()
            cpu += times.user + times.system + times.children_user + times.children_system
            resident += process.memory_info().rss
            alive += 1
    if alive > 3:
        resident = min(resident, _shared_once(members))
    return Reading(cpu, resident / 2**20, alive)


def _shared_once(members: list[psutil.Process]) -> float:
    """Resident bytes of several processes with shared pages counted once, so that forks are not counted double."""
    import psutil

    total = 0.0
    for process in members:
        with contextlib.suppress(psutil.Error, AttributeError):
            total += process.memory_full_info().pss
    return total or float("inf")


def pin(box: Box, core: int | None) -> None:
    """Put every thread of a box on one core, so that a timed cell has it alone."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return
    for process in tree(box.process.pid):
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process.pid}/task"):
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(int(thread), {core})
