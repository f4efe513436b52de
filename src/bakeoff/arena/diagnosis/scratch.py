"""Temporary folders that runs which were killed have left behind, and never those of a living process."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from bakeoff.arena.diagnosis.checks import OK, WARNING, Check, Visit, counted, mebibytes, some, weight

ABOUT = "scratch"
DAY = 24 * 3600.0
BOXES = "bakeoff-box-"
KINDS = ("box", "columns", "stage", "compare", "take", "ask", "try", "unpacked", "croissant")
NAMED = re.compile(rf"bakeoff-(?:{'|'.join(KINDS)})-(?:(\d+)-)?\w+")


def scratch_checks(visit: Visit) -> Iterator[Check]:
    """What is left over in the folder for temporary files."""
    folder = Path(tempfile.gettempdir())
    left, living = sort_out(folder)
    size = sum(weight(path) for path in left)
    before = len(left)
    if visit.mend and left:
        left = _taken_away(left)
    beside = f"; {counted(living, 'folder')} in use" if living else ""
    if left:
        found = f"{counted(len(left), 'folder')} in {folder}, {mebibytes(size)}: {some([path.name for path in left])}"
        mend = "they are another user's; look again as that user" if visit.mend else f"{visit.command} takes them away"
        yield Check(ABOUT, "left over", WARNING, found + beside, mend)
    else:
        taken = f"{mebibytes(size)} of ended processes taken away" if before else "nothing"
        yield Check(ABOUT, "left over", OK, f"{taken} in {folder}{beside}")


def sort_out(folder: Path) -> tuple[list[Path], int]:
    """The scratch folders whose process has ended, and how many others there are.

    A name says which process made it. One that does not say is taken for left over when nothing in it was changed for
    a day and no process has anything of it open.
    """
    left, living = [], 0
    unsigned = []
    for path in sorted(folder.glob("bakeoff-*")):
        named = NAMED.fullmatch(path.name)
        if named is None or path.is_symlink() or not path.is_dir():
            continue
        if named[1] is None:
            unsigned.append(path)
        elif _lives(int(named[1])):
            living += 1
        else:
            left.append(path)
    held = open_paths() if unsigned else set()
    for path in unsigned:
        if _changed(path) > time.time() - DAY or any(one.startswith(f"{path}/") for one in held):
            living += 1
        else:
            left.append(path)
    return left, living


def open_paths() -> set[str]:
    """The paths that living processes have open, mapped, or work in, as far as this user may see them."""
    found: set[str] = set()
    if sys.platform != "linux":
        return found
    for process in Path("/proc").glob("[0-9]*"):
        for link in (process / "cwd", *_listed(process / "fd")):
            try:
                found.add(os.readlink(link))
            except OSError:
                continue
        try:
            lines = (process / "maps").read_text(errors="replace").splitlines()
        except OSError:
            continue
        found |= {line[line.index("/") :] for line in lines if "/" in line}
    return found


def _listed(folder: Path) -> Iterable[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _lives(pid: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(pid))


def _changed(path: Path) -> float:
    """When anything below a folder was last changed, in seconds since 1970."""
    newest = path.lstat().st_mtime
    for place, _, names in os.walk(path):
        for name in (".", *names):
            try:
                newest = max(newest, os.lstat(os.path.join(place, name)).st_mtime)
            except OSError:
                continue
    return newest


def _taken_away(left: list[Path]) -> list[Path]:
    """Remove them, and give those that would not go."""
    from bakeoff.arena.wall.confinement import sweep

    if any(path.name.startswith(BOXES) for path in left):
        sweep()  # a box may also have left processes, mounts and control groups
    for path in left:
        if not path.name.startswith(BOXES):
            shutil.rmtree(path, ignore_errors=True)
    return [path for path in left if path.exists()]
