"""A folder of packages for closed networks: what of it an environment could be made of, and what it lacks."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from bakeoff.arena.requirements import needs
from bakeoff.errors import EntryError

SDISTS = (".tar.gz", ".zip")
LACKS = re.compile(r"No matching distribution found for ([^\s;]+)")


def candidates(wheelhouse: Path, projects: Iterable[str]) -> list[tuple[str, str]]:
    """The files (name, SHA-256) that packages of these names and all they need could be taken from, by name.

    Versions and markers are not looked at, so that this is the same wherever it is asked.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    by_project = files_of(wheelhouse)
    todo, seen = list(projects), set[str]()
    found: list[tuple[str, str]] = []
    while todo:
        if (project := todo.pop()) in seen:
            continue
        seen.add(project)
        for path in by_project.get(project, ()):
            found.append((path.name, _hash(path)))
            if path.suffix == ".whl":
                todo += [canonicalize_name(Requirement(need).name) for need in _needs(path)]
    return sorted(found)


def files_of(wheelhouse: Path) -> dict[str, list[Path]]:
    """The wheels and sdists of a folder by the normalised names of their projects."""
    found: dict[str, list[Path]] = {}
    for path in sorted(wheelhouse.iterdir()):
        if project := identity(path.name)[0]:
            found.setdefault(project, []).append(path)
    return found


def is_sdist(name: str) -> bool:
    """Whether a file is called like an sdist."""
    return name.endswith(SDISTS)


def lacking(wheelhouse: Path, said: str, entry: str) -> str:
    """What a wheelhouse lacks by pip's own words, with how to fill it; empty when that is not what pip said."""
    found = LACKS.search(said)
    if not found:
        return ""
    return (
        f"The wheelhouse {wheelhouse} lacks {found[1]}, which {entry}/requirements.txt needs; "
        f"fill it where there is a network: pip download --only-binary=:all: {found[1]!r} -d {wheelhouse}"
    )


def identity(name: str) -> tuple[str, str]:
    """The normalised name and the version of a wheel or sdist that is called so; empty for another file."""
    from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

    try:
        if name.endswith(".whl"):
            project, version = parse_wheel_filename(name)[:2]
        elif is_sdist(name):
            project, version = parse_sdist_filename(name)
        else:
            return "", ""
    except (InvalidWheelFilename, InvalidSdistFilename):
        return "", ""
    return str(project), str(version)


def _needs(path: Path) -> tuple[str, ...]:
    state = path.stat()
    return _needs_of(path, state.st_size, state.st_mtime_ns)


def _hash(path: Path) -> str:
    state = path.stat()
    return _hash_of(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _needs_of(path: Path, _size: int, _changed: int) -> tuple[str, ...]:
    try:
        return tuple(needs(path, path.name))
    except EntryError:
        return ()  # pip says what is wrong with it, should it come to that


@functools.lru_cache(maxsize=4096)
def _hash_of(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
