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


@dataclass(frozen=True)
class Held:
    """Bytes and files."""

    size: int = 0
    files: int = 0


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
