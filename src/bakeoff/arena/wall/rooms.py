"""What a box has put into its temporary folders and its nameless files, seen from outside."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

    from bakeoff.arena.wall.box import Box

BLOCK = 512
SHARED_MEMORY = "/dev/shm"


@dataclass(frozen=True)
class Held:
    """Bytes and files."""

    size: int = 0
    files: int = 0


@dataclass(frozen=True)
class SharedMemory:
    """The machine's shared memory where a box has none of its own: what `user` has put there since, `before` apart.

    Whoever else works as that user is counted along, so it is looked at only where there is no other way.
    """

    user: int
    before: frozenset[str]

    def held(self) -> Held:
        """What is there now that was not there before."""
        found = self._new()
        return Held(sum(size for _, size in found), len(found))

    def clear(self) -> None:
        """Take away what is new and used by no process any more."""
        if found := self._new():
            used = _used_files()
            for path, _ in found:
                if path not in used:
                    with contextlib.suppress(OSError):
                        os.unlink(path)

    def _new(self) -> list[tuple[str, int]]:
        found = []
        with contextlib.suppress(OSError), os.scandir(SHARED_MEMORY) as paths:
            for path in paths:
                with contextlib.suppress(OSError):
                    status = path.stat(follow_symlinks=False)
                    if path.name not in self.before and status.st_uid == self.user and path.is_file():
                        found.append((path.path, status.st_blocks * BLOCK))
        return found


def shared_memory(user: int) -> SharedMemory:
    """The machine's shared memory as it is now."""
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir(SHARED_MEMORY)
    return SharedMemory(user, frozenset(names))


def _used_files() -> set[str]:
    """Files of shared memory that some process has open or mapped."""
    used = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{name}/fd"):
                with contextlib.suppress(OSError):
                    used.add(os.readlink(f"/proc/{name}/fd/{fd}"))
        with contextlib.suppress(OSError), open(f"/proc/{name}/maps", encoding="utf-8", errors="replace") as file:
            used |= {line.split(maxsplit=5)[-1].rstrip("\n") for line in file if SHARED_MEMORY in line}
    return used


def rooms_in_memory(box: Box, members: list[psutil.Process]) -> Held:
    """What lies in the box's own temporary folders that are memory; one that is everybody's is not looked at."""
    size = files = 0
    own = "tmp" if box.room is None else str(box.room).lstrip("/")
    if members:
        for folder in (own, "dev/shm"):
            with contextlib.suppress(OSError):
                place = f"/proc/{members[-1].pid}/root/{folder}"
                if os.stat(place).st_dev != os.stat(f"/{folder}").st_dev:
                    held = os.statvfs(place)
                    size += (held.f_blocks - held.f_bfree) * held.f_frsize
                    files += held.f_files - held.f_ffree
    return Held(size, files)


def nameless_files(members: list[psutil.Process]) -> int:
    """Bytes in files of memory that have no name anywhere, which no process counts as its own."""
    total, seen = 0, set()
    for process in members:
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{process.pid}/fd"):
                with contextlib.suppress(OSError):
                    path = f"/proc/{process.pid}/fd/{fd}"
                    if os.readlink(path).startswith("/memfd:"):
                        found = os.stat(path)
                        if found.st_ino not in seen:
                            seen.add(found.st_ino)
                            total += found.st_blocks * BLOCK
    return total


def walked(folder: Path, most: int) -> Held:
    """What a folder on a disk holds, counted up to `most` files; a path too long to be followed counts as too many."""
    size = files = 0
    waiting = [str(folder)]
    while waiting and files <= most:
        try:
            with os.scandir(waiting.pop()) as found:
                for path in found:
                    files += 1
                    with contextlib.suppress(FileNotFoundError):
                        size += path.stat(follow_symlinks=False).st_blocks * BLOCK
                        if path.is_dir(follow_symlinks=False):
                            waiting.append(path.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return Held(size, most + 1)
    return Held(size, files)


def remove_folder(folder: Path) -> None:
    """Take a folder away, however deep an entry has made it."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", str(folder)], check=False, capture_output=True)
