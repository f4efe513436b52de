"""Which files of a challenge's folder are the challenge: what a backup holds, and what a restore may write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bakeoff.arena.challenge_files import Places
from bakeoff.errors import StoreError

TOPS = ("challenge.toml", ".gitignore", "tables", "tasks", ".bakeoff")
PRIVATE = ".bakeoff"
# Kept elsewhere in a backup (rows and artefacts), or made anew (environments).
ELSEWHERE = {f"{PRIVATE}/{name}" for name in ("store.db", "artefacts", "environments")}
BESIDE = ("-wal", "-shm", "-journal")
# Folders in which what begins with a dot is being written and not there yet.
WORKED_IN = {"tables", f"{PRIVATE}/truth", f"{PRIVATE}/versions", f"{PRIVATE}/entries"}


@dataclass(frozen=True)
class Held:
    """One file of a challenge: its path from the challenge's folder, size in bytes, and when it was changed."""

    name: str
    size: int
    changed: int


def belongs(name: str) -> bool:
    """Whether a path, from the challenge's folder, is that of a file which a backup holds."""
    path = PurePosixPath(name)
    if path.parts[:1] and path.parts[0] not in TOPS:
        return False
    ways = {str(parent) for parent in (path, *path.parents)}
    databases = {f"{PRIVATE}/store.db{ending}" for ending in BESIDE}
    return not ways & (ELSEWHERE | databases) and not any(_unfinished(PurePosixPath(way)) for way in ways)


def held(places: Places, leave_out: frozenset[Path] = frozenset()) -> Iterator[Held]:
    """The challenge's files in order of name; StoreError for what a backup cannot hold, such as a link."""
    for top in TOPS:
        path = places.root / top
        if path.is_dir():
            yield from _walk(places.root, path.resolve(), top, leave_out)
        elif path.exists():
            yield _file(path, top)


def _walk(root: Path, folder: Path, name: str, leave_out: frozenset[Path]) -> Iterator[Held]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        inside = f"{name}/{entry.name}"
        path = Path(entry.path)
        if not belongs(inside) or path in leave_out:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path, inside, leave_out)
        elif entry.is_file(follow_symlinks=False):
            yield _file(path, inside)
        else:
            what = "a link" if entry.is_symlink() else "not a file"
            raise StoreError(f"{root / inside} is {what}, and a backup holds files only; put the file itself there.")


def _file(path: Path, name: str) -> Held:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StoreError(f"{name!r} has a name that is not UTF-8; rename it, then back up again.") from error
    said = path.stat()
    return Held(name, said.st_size, said.st_mtime_ns)


def _unfinished(path: PurePosixPath) -> bool:
    parent = str(path.parent)
    if path.name.startswith("."):
        return parent in WORKED_IN or str(path.parent.parent) == f"{PRIVATE}/versions"
    if parent == f"{PRIVATE}/entries":
        return ".partial" in path.name
    return parent == PRIVATE and path.name.startswith("secret-")
