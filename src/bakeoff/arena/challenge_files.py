"""The files of a challenge that people read and write: challenge.toml and one TOML file for each task."""

from __future__ import annotations

import difflib
import json
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bakeoff.errors import NotFound, TaskError, UsageError
from bakeoff.nouns import DEFAULT_VISIBILITY, Limits, Role, Split, Task, Visibility

CHALLENGE_PROTOCOL = 1

TEMPLATE = """# A Bakeoff challenge. Tables come in by `bakeoff table add`, entries by `bakeoff submit`.
protocol = 1
title = {title}

# Each cell is run once for every seed; more seeds narrow the intervals.
seeds = 1

# Which of the house's entries take part: true for all, or a list such as ["constant", "linear"].
baselines = true

# Costs on the board are shown as a ratio to this entry.
reference = "linear"

# What one cell may use.
[limits]
seconds = 600
memory_mib = 4096
"""


@dataclass(frozen=True)
class Rules:
    """What challenge.toml says."""

    title: str = "challenge"
    seeds: int = 1
    baselines: bool | tuple[str, ...] = True
    reference: str = "linear"
    limits: Limits = field(default_factory=Limits)
    store: str = ""


@dataclass(frozen=True)
class Places:
    """Where things lie in a challenge's folder; everything that a contestant may not see is under `private`."""

    root: Path

    @property
    def rules(self) -> Path:
        """challenge.toml."""
        return self.root / "challenge.toml"

    @property
    def tables(self) -> Path:
        """One folder for each table, in standard form, without the truth."""
        return self.root / "tables"

    @property
    def tasks(self) -> Path:
        """One TOML file for each task."""
        return self.root / "tasks"

    @property
    def private(self) -> Path:
        """Truth, secret, store and submitted entries; for the organiser alone."""
        return self.root / ".bakeoff"

    @property
    def truth(self) -> Path:
        """The targets of the test rows."""
        return self.private / "truth"

    @property
    def entries(self) -> Path:
        """Submitted entries, each in a folder named by its digest."""
        return self.private / "entries"

    @property
    def environments(self) -> Path:
        """Built environments, each in a folder named by its digest."""
        return self.private / "environments"

    def secret(self) -> bytes:
        """The challenge's secret, made on first use."""
        path = self.private / "secret"
        if not path.exists():
            self.private.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32), encoding="ascii")
        return bytes.fromhex(path.read_text(encoding="ascii").strip())


def find_challenge(start: Path) -> Places:
    """The challenge that `start` lies in; NotFound with the mend when there is none."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / "challenge.toml").is_file():
            return Places(folder)
    raise NotFound(
        f"There is no challenge.toml in {start} or above it; make a challenge with: bakeoff new challenge DIR"
    )


def write_rules(places: Places, title: str) -> None:
    """A new challenge.toml."""
    places.rules.write_text(TEMPLATE.format(title=json.dumps(title, ensure_ascii=False)), encoding="utf-8")


def read_rules(places: Places) -> Rules:
    """challenge.toml as a record; UsageError names the key that is unknown or of the wrong kind."""
    given = _toml(places.rules)
    known = [f.name for f in fields(Rules)]
    for key in given:
        if key not in (*known, "protocol"):
            raise UsageError(f"{places.rules} has an unknown key {key!r}{_near(key, known)}.")
    if given.pop("protocol", CHALLENGE_PROTOCOL) != CHALLENGE_PROTOCOL:
        raise UsageError(f"{places.rules} is of another protocol; this Bakeoff speaks {CHALLENGE_PROTOCOL}.")
    limits = given.pop("limits", {})
    numbers = [f.name for f in fields(Limits)]
    for key, value in limits.items():
        if key not in numbers:
            raise UsageError(f"{places.rules} has an unknown limit {key!r}{_near(key, numbers)}.")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise UsageError(f"{places.rules} gives the limit {key} = {value!r}; it must be a number above 0.")
    seeds = given.get("seeds", 1)
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise UsageError(f"{places.rules} gives seeds = {seeds!r}; it must be a whole number of at least 1.")
    chosen = given.get("baselines", True)
    given["baselines"] = tuple(chosen) if isinstance(chosen, list) else bool(chosen)
    return Rules(**given, limits=Limits(**limits))


def write_task(places: Places, task: Task) -> None:
    """One task as TOML that `read_task` reads back equal."""
    places.tasks.mkdir(parents=True, exist_ok=True)
    pairs: dict[str, Any] = {"protocol": 1}
    pairs |= {f.name: getattr(task, f.name) for f in fields(task) if f.name not in ("split", "see")}
    lines = [f"{key} = {_value(value)}" for key, value in pairs.items()]
    lines += ["", "[split]", *(f"{f.name} = {_value(getattr(task.split, f.name))}" for f in fields(task.split))]
    lines += ["", "# What an entry sees of each role: hidden, fit, or fit and predict.", "[see]"]
    lines += [f"{role.value} = {_value(visibility.value)}" for role, visibility in task.see.items()]
    (places.tasks / f"{task.name}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_task(path: Path) -> Task:
    """A task's file; TaskError names the key that is unknown or has an unknown value."""
    given = _toml(path)
    given.pop("protocol", None)
    known = [f.name for f in fields(Task)]
    for key in given:
        if key not in known:
            raise TaskError(f"{path} has an unknown key {key!r}{_near(key, known)}.")
    try:
        see = {Role(role): Visibility(value) for role, value in given.pop("see", {}).items()}
        split = Split(**given.pop("split", {}))
        classes = tuple(given.pop("classes", ()))
        return Task(**given, classes=classes, split=split, see={**DEFAULT_VISIBILITY, **see})
    except (TypeError, ValueError) as error:
        raise TaskError(f"{path} is not a task: {error}.") from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error


def _near(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {_value(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
