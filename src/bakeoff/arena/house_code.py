"""The code that an entry stands on without holding it: a baseline's own, and what an entry imports of a baseline's.

Nothing of an entry is ever imported here.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import re
import threading
import warnings
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, version
from pathlib import Path

from bakeoff.nouns import digest

LEARNING = ("training", "privacy", "fairness", "federated")
MOST_READ = 1 << 20  # of one file that is parsed here: a parsed file takes up to some hundred times its size
PARSING_TRIES = 20
_PARSING = threading.Lock()


def parsed(file: Path) -> ast.Module:
    """The file's code as a tree, one file at a time; SyntaxError or ValueError where it is none."""
    code = file.read_bytes()
    with _PARSING, warnings.catch_warnings():
        # What Python thinks of an entry's style is the entry's affair.
        warnings.simplefilter("ignore")
        for _ in range(PARSING_TRIES):
            # CPython counts the depth of all trees being built in one number. Where the garbage collector runs in the
            # middle of a tree, and a finalizer or another thread builds one of its own (tracebacks are printed with
            # one), the first fails with SystemError; it is whole the next time.
            with contextlib.suppress(SystemError):
                return ast.parse(code, filename=file.name)
        return ast.parse(code, filename=file.name)


def hash_of(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def baseline_code(module: str, hashed: dict[Path, str]) -> str:
    """The digest of all the code beside a baseline's module, and of the rooms that it learns by; empty without code.

    `hashed` keeps the digests of folders from one baseline to the next.
    """
    spec = importlib.util.find_spec(module)
    if not spec or not spec.origin:
        return ""
    file = Path(spec.origin)
    # A module outside any package lies among strangers, so its own file alone is its code.
    home = _home(file, spec.parent) if spec.parent else file
    rooms = [room for room in _learnt_by(file, home) if room != home] if spec.parent else []
    return _joined((home, *rooms), hashed)


def borrowed(files: Iterable[Path], points: Sequence[EntryPoint]) -> list[list[str]]:
    """What an entry's Python files name of the packages that bring baselines: package, version and digest of code.

    The code is that of the package's first two levels, such as `bakeoff.algorithms`, and of all rooms beside it that
    hold how to learn. Where nothing of it is named the list is empty. Files are searched and never parsed, so that
    their size and depth do no harm; a name in a comment counts too.
    """
    homes = {".".join(point.module.split(".")[:2]): point for point in points}
    tops = sorted({home.partition(".")[0] for home in homes})
    pattern = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, tops))})(?!\w)(?:\.\w+)*".encode())
    named: set[str] = set()
    for file in files if tops else ():
        if file.suffix == ".py":
            named |= {found.group().decode() for found in pattern.finditer(file.read_bytes())}
    found = []
    for home, point in sorted(homes.items()):
        spec = importlib.util.find_spec(home) if any(_meets(name, home) for name in named) else None
        if spec and spec.origin:
            file = Path(spec.origin)
            folder = file.parent if spec.submodule_search_locations else file
            rooms = [folder.parent / room for room in LEARNING] if "." in home else []
            code = _joined((folder, *(room for room in rooms if room.is_dir())), {})
            found.append([home, version(point.dist.name) if point.dist else "", code])
    return found


def _meets(name: str, home: str) -> bool:
    """Whether a name is of a baseline's home, of a room beside it that holds how to learn, or above them all."""
    top = home.partition(".")[0]
    homes = (home, *(f"{top}.{room}" for room in LEARNING))
    return name == top or any(name == one or name.startswith(f"{one}.") for one in homes)


def _joined(folders: Sequence[Path], hashed: dict[Path, str]) -> str:
    for folder in folders:
        if folder not in hashed:
            modules = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]
            inside = folder if folder.is_dir() else folder.parent
            hashed[folder] = digest([[str(path.relative_to(inside)), hash_of(path)] for path in modules])
    return hashed[folders[0]] if len(folders) == 1 else digest([hashed[folder] for folder in folders])


def _home(file: Path, package: str) -> Path:
    """The folder of the package's first two levels: `bakeoff.algorithms` for a module however deep in it."""
    return [file.parent, *file.parent.parents][max(0, package.count(".") - 1)]


def _learnt_by(file: Path, home: Path) -> list[Path]:
    """The folders beside `home` that the module imports, or its package inside `home`, and that hold how to learn."""
    named: set[str] = set()
    for module in [file] if file.parent == home else file.parent.rglob("*.py"):
        with contextlib.suppress(SyntaxError, ValueError):  # it says so itself when it is run
            named |= {node.module or "" for node in ast.walk(parsed(module)) if isinstance(node, ast.ImportFrom)}
    found = [home.parent / room for room in LEARNING if any(room in name.split(".")[1:] for name in named)]
    return [folder for folder in found if folder.is_dir()]
