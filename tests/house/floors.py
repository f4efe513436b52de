"""The import graph of the package, read without running it, and the order that it must keep."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

FLOORS = {
    "errors": 0,
    "nouns": 0,
    "extras": 0,
    "stats": 1,
    "tables": 2,
    "tasks": 3,
    "training": 4,
    "privacy": 5,
    "fairness": 5,
    "federated": 6,
    "algorithms": 7,
    "judges": 7,
    "arena": 7,
    "conference": 8,
    "studies": 8,
    "web": 9,
    "cli": 10,
}
GROUND = {"errors", "nouns", "extras"}  # may know each other, as they hold no work
DOOR = "bakeoff"  # the package's own __init__: it leads everywhere and nobody comes in through it


@dataclass(frozen=True)
class Import:
    """One import of a room by a file."""

    file: str
    line: int
    room: str
    target: str


def room_of(file: Path, package: Path) -> str:
    """The room a file lies in; DOOR for the package's own __init__."""
    first = file.relative_to(package).parts[0]
    return DOOR if first == "__init__.py" else first.removesuffix(".py")


def imports(package: Path) -> list[Import]:
    """Every import of the package by itself, wherever it stands: in functions and under TYPE_CHECKING too."""
    found = []
    for file in sorted(package.rglob("*.py")):
        room = room_of(file, package)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for target in _targets(node, file, package):
                found.append(Import(str(file.relative_to(package)), node.lineno, room, target))
    return found


def _targets(node: ast.AST, file: Path, package: Path) -> list[str]:
    if isinstance(node, ast.Import):
        names = [alias.name.split(".") for alias in node.names]
        return [parts[1] for parts in names if parts[0] == package.name and len(parts) > 1]
    if not isinstance(node, ast.ImportFrom):
        return []
    parts = (node.module or "").split(".") if node.module else []
    if node.level:
        here = [package.name, *file.relative_to(package).parent.parts]
        parts = here[: len(here) - node.level + 1] + parts
    if not parts or parts[0] != package.name:
        return []
    if len(parts) > 1:
        return [parts[1]]
    return [alias.name if _is_room(alias.name, package) else DOOR for alias in node.names]


def _is_room(name: str, package: Path) -> bool:
    return (package / name).is_dir() or (package / f"{name}.py").is_file()


def breaches(package: Path) -> list[str]:
    """One sentence for each import that does not go down, and for each room without a floor."""
    said = []
    for found in imports(package):
        where = f"{found.file}:{found.line}"
        if found.room in (DOOR, found.target):
            continue
        if found.target == DOOR:
            said.append(f"{where}: {found.room} comes in through the package's own door")
        elif found.room not in FLOORS or found.target not in FLOORS:
            unknown = found.room if found.room not in FLOORS else found.target
            said.append(f"{where}: {unknown} has no floor")
        elif FLOORS[found.target] >= FLOORS[found.room] and not {found.room, found.target} <= GROUND:
            said.append(
                f"{where}: {found.room} (floor {FLOORS[found.room]}) imports {found.target} "
                f"(floor {FLOORS[found.target]})"
            )
    return said
