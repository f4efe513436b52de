"""The folders that a box is shown: those of the interpreter, and which of them only the house may enter."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

ENTER = 0o001
READ_AND_ENTER = 0o005
READ = 0o004


def python_folders() -> list[str]:
    """The folders an interpreter needs: its own, its virtual environment's, and the one that holds this package."""
    import bakeoff

    package = Path(bakeoff.__file__).resolve().parent
    wanted = [Path(sys.base_prefix)]
    if sys.prefix != sys.base_prefix:
        # Not the whole of it: a virtual environment made in a project's own folder would bring the project along.
        inside = (Path(sys.prefix) / name for name in ("bin", "lib", "lib64", "pyvenv.cfg"))
        wanted += [path for path in inside if path.exists()]
    if not package.is_relative_to(Path(sys.prefix).resolve()):
        wanted.append(package)
    interpreter = Path(sys.executable).resolve()
    if not any(interpreter.is_relative_to(folder) for folder in wanted):
        wanted.append(interpreter.parent)
    folders = [str(path.absolute()) for path in wanted]
    return [folder for folder in dict.fromkeys(folders) if not folder.startswith("/usr/") and folder != "/usr"]


def package_home() -> str:
    """The folder that the house's package lies in, whose names the interpreter looks through to find it."""
    import bakeoff

    return str(Path(bakeoff.__file__).resolve().parents[1])


def hidden(paths: Iterable[str | Path]) -> dict[str, list[str]]:
    """The outermost folders on the way to `paths` that others may not enter, each with the paths below it."""
    found: dict[str, list[str]] = {}
    for path in dict.fromkeys(os.path.realpath(path) for path in paths):
        for folder in reversed(Path(path).parents):
            if not os.stat(folder).st_mode & ENTER:
                found.setdefault(str(folder), []).append(path)
                break
    return found


def is_open(path: Path) -> bool:
    """Whether others may read it, if they get there."""
    found = path.stat()
    needed = READ_AND_ENTER if path.is_dir() else READ
    return found.st_mode & needed == needed


def let_in(folder: Path) -> None:
    """Let everybody who gets there read a copied folder, whatever modes it came with."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if name in folders or os.stat(path).st_mode & 0o100 else 0o644)
