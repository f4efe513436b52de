"""The machine: Python, cores, memory, room on the disks, /proc, the clock, and which parts of Bakeoff are installed."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bakeoff.arena.diagnosis.checks import OK, WARNING, WRONG, Check, Visit, mebibytes
from bakeoff.errors import MissingExtra
from bakeoff.extras import load_lightgbm

ABOUT = "machine"
ROOM, LEAST_ROOM = 2 << 30, 256 << 20
FILES_LEFT = 20_000
DAY = 24 * 3600.0
# Where a container's limit stands, by version of control groups.
MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine_checks(visit: Visit) -> Iterator[Check]:
    """Everything about the machine."""
    import bakeoff

    system = f"{platform.system()} {platform.machine()}"
    yield Check(ABOUT, "python", OK, f"{platform.python_version()} on {system}, Bakeoff {bakeoff.__version__}")
    yield _cores()
    yield _memory(visit)
    yield _disk("temporary files", Path(tempfile.gettempdir()), "set TMPDIR to a folder on a larger disk, or make room")
    if visit.places is not None:
        yield _disk("challenge", visit.places.root, "make room there, or move the challenge to a larger disk")
    if sys.platform == "linux":
        yield _processes()
    yield clock(time.time(), Path(bakeoff.__file__).stat().st_mtime)
    yield _boosting()
    yield _parts()


def _cores() -> Check:
    from bakeoff.arena.runner import share_cores

    cores = share_cores()
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = f"{count}: {cores.count} timed cell{'s' * (cores.count != 1)} at once, the rest for the house"
    if count == 1:
        mend = "costs on the board will be noisy; run on two cores or more"
        return Check(ABOUT, "cores", WARNING, "1, which timed cells share with the house", mend)
    return Check(ABOUT, "cores", OK, found)


def _memory(visit: Visit) -> Check:
    import psutil

    from bakeoff.arena.runner import share_cores

    whole, free = psutil.virtual_memory().total, psutil.virtual_memory().available
    for path in MEMORY_LIMITS:
        try:
            limit = int(Path(path).read_text())
        except (OSError, ValueError):
            continue
        whole, free = min(whole, limit), min(free, limit)
    lanes = share_cores().count
    wanted = lanes * visit.rules.limits.memory_mib << 20
    found = f"{mebibytes(free)} of {mebibytes(whole)} free"
    if free < wanted:
        fewer = ", run fewer cells at once (--workers)" if lanes > 1 else ""
        mend = f"cells may use {mebibytes(wanted)} at once; close other programs{fewer}, or lower memory_mib"
        return Check(ABOUT, "memory", WARNING, found, mend)
    return Check(ABOUT, "memory", OK, found)


def _disk(name: str, folder: Path, mend: str) -> Check:
    try:
        free, said = shutil.disk_usage(folder).free, os.statvfs(folder)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        return Check(ABOUT, name, WRONG, f"{folder} cannot be written: {error.strerror or error}", mend)
    found = f"{mebibytes(free)} free at {folder}"
    if said.f_files and said.f_favail < FILES_LEFT:
        return Check(ABOUT, name, WARNING, f"{found}, but room for {said.f_favail:,} more files only", mend)
    return Check(
        ABOUT,
        name,
        OK if free >= ROOM else WARNING if free >= LEAST_ROOM else WRONG,
        found,
        "" if free >= ROOM else mend,
    )


def _processes() -> Check:
    """Whether the watchdog can see what entries start."""
    import psutil

    try:
        seen = psutil.Process(os.getppid() or 1).create_time() and Path("/proc/meminfo").read_text()
    except (OSError, psutil.Error):
        seen = ""
    if seen:
        return Check(ABOUT, "/proc", OK, "other processes can be seen")
    mend = (
        "the watchdog cannot meter what entries start; mount /proc without hidepid, or add this user to its gid= group"
    )
    return Check(ABOUT, "/proc", WARNING, "other processes are hidden", mend)


def clock(now: float, installed: float) -> Check:
    """Whether the clock can be right: it cannot stand before the day on which Bakeoff was installed."""
    said = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    if now < installed - DAY:
        day = datetime.datetime.fromtimestamp(installed, datetime.UTC).date()
        mend = "set the clock; dates of results, submissions and expiries come from it"
        return Check(ABOUT, "clock", WRONG, f"{said}, but Bakeoff was installed on {day}", mend)
    return Check(ABOUT, "clock", OK, said)


def _boosting() -> Check:
    """Whether LightGBM, on which drift and several baselines rest, finds the system's OpenMP library."""
    try:
        found = load_lightgbm().__version__
    except MissingExtra as missing:
        return Check(ABOUT, "LightGBM", WRONG, *str(missing).split("; ", 1))
    return Check(ABOUT, "LightGBM", OK, found)


def _parts() -> Check:
    """Which extras of the installed distribution are there; all of them are optional."""
    from importlib.metadata import PackageNotFoundError, metadata, requires, version
    from re import match, search

    wanted: dict[str, list[str]] = {
        extra: [] for extra in metadata("bakeoff").get_all("Provides-Extra") or () if extra not in ("all", "dev")
    }
    for line in requires("bakeoff") or ():
        named, package = search(r"extra == ['\"]([\w-]+)['\"]", line), match(r"[\w.-]+", line)
        if named and package and named[1] in wanted:
            wanted[named[1]].append(package[0])
    here, away = [], []
    for extra, names in wanted.items():
        try:
            for name in names:
                version(name)
            here.append(extra)
        except PackageNotFoundError:
            away.append(extra)
    found = f"{', '.join(here) or 'none'}; not installed, and optional: {', '.join(away) or 'none'}"
    return Check(ABOUT, "extras", OK, found, "pip install 'bakeoff[NAME]' brings one" if away else "")
