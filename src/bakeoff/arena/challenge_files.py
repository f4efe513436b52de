"""The files of a challenge that people read and write: challenge.toml and one TOML file for each task."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import secrets
import shlex
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bakeoff.arena.parts import PARTS, WHOLE
from bakeoff.errors import NotFound, StoreError, TaskError, UsageError
from bakeoff.nouns import DEFAULT_VISIBILITY, Level, Limits, Role, Split, Swaps, Task, Visibility
from bakeoff.tables.word_lists import read_swaps, swaps_toml

CHALLENGE_PROTOCOL = 1
SECRET_BYTES = 32
LARGEST_LIMIT = 1e12
LEVELS = tuple(level.value[:2] for level in Level)
ORGANISER = "organiser"
LOGS = ("shown", ORGANISER)

TEMPLATE = """# A Bakeoff challenge. Tables come in by `bakeoff table add`, entries by `bakeoff submit`.
protocol = 1
title = {title}

# Each cell is run once for every seed; more seeds narrow the intervals.
seeds = 1

# Which of the house's entries take part: true for all, or a list such as ["constant", "linear"].
baselines = true

# Costs on the board are shown as a ratio to this entry.
reference = "linear"

# Where a table's test rows are divided (bakeoff table add --public-share), the board shows all of them ("test"), the
# "public" ones while the challenge is on, or the "private" ones when prizes are given.
# shows = "public"

# The least confinement behind which entries' code may run: "L1" (a process with limits) or "L2" (bubblewrap).
# least_level = "L2"

# Who reads what an entry prints and why it failed: everybody who sees the board ("shown"), or the "organiser" alone.
# logs = "organiser"

# What one cell may use.
[limits]
seconds = 600
memory_mib = 4096
"""


@dataclass(frozen=True)
class EnvironmentRules:
    """What challenge.toml says of entries' packages and models; folders are relative to challenge.toml.

    `seconds` and `mib` are what building one environment may take.
    """

    wheelhouse: str = ""
    sdists: bool = False
    models: str = ""
    seconds: float = 1800.0
    mib: int = 10240


@dataclass(frozen=True)
class Rules:
    """What challenge.toml says."""

    title: str = "challenge"
    seeds: int = 1
    baselines: bool | tuple[str, ...] = True
    reference: str = "linear"
    limits: Limits = field(default_factory=Limits)
    store: str = ""
    artefacts: str = ""
    shows: str = WHOLE
    least_level: str = Level.PROCESS.value[:2]
    logs: str = LOGS[0]
    environments: EnvironmentRules = field(default_factory=EnvironmentRules)


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

    @property
    def option(self) -> str:
        """What a suggested command needs to find this challenge from the current folder: ` -C DIR`, or nothing."""
        try:
            here = Path.cwd()
        except OSError:  # the folder was removed
            return f" -C {shlex.quote(str(self.root))}"
        if next((at for at in (here, *here.parents) if (at / "challenge.toml").is_file()), None) == self.root:
            return ""
        near = self.root.is_relative_to(here)
        return f" -C {shlex.quote(str(self.root.relative_to(here) if near else self.root))}"

    def secret(self) -> bytes:
        """The challenge's secret of 32 bytes, made on first use; StoreError when what is kept is no secret."""
        path = self.private / "secret"
        try:
            if not path.exists():
                self.private.mkdir(parents=True, exist_ok=True, mode=0o700)
                _keep_first(path, secrets.token_hex(SECRET_BYTES))
            secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except (OSError, ValueError) as error:
            raise StoreError(f"The challenge's secret at {path} cannot be read: {error}.") from error
        if len(secret) != SECRET_BYTES:
            raise StoreError(
                f"The challenge's secret at {path} has {len(secret)} bytes instead of {SECRET_BYTES}; "
                "bring the file back from a backup, or delete it if nothing was run yet."
            )
        return secret


def _keep_first(path: Path, text: str) -> None:
    """Write a file that only its owner reads; it appears whole, and the first of several writers wins."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
    finally:
        os.unlink(beside)


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
    limits = _limits(places.rules, given.pop("limits", {}))
    seeds = given.get("seeds", 1)
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise UsageError(f"{places.rules} gives seeds = {seeds!r}; it must be a whole number of at least 1.")
    for key in ("title", "reference", "store", "artefacts"):
        if not isinstance(given.get(key, ""), str):
            raise UsageError(f'{places.rules} gives {key} = {given[key]!r}; it must be text, {key} = "...".')
    for key, allowed in (("shows", PARTS), ("least_level", LEVELS), ("logs", LOGS)):
        if given.get(key, allowed[0]) not in allowed:
            listed = ", ".join(f'"{word}"' for word in allowed)
            raise UsageError(f"{places.rules} gives {key} = {given[key]!r}; it must be one of {listed}.")
    environments = _environments(places.rules, given.pop("environments", {}))
    chosen = given.pop("baselines", True)
    named = isinstance(chosen, list) and all(isinstance(name, str) for name in chosen)
    if not named and not isinstance(chosen, bool):
        raise UsageError(
            f"{places.rules} gives baselines = {chosen!r}; "
            'it must be true, false, or a list of names such as ["constant", "linear"].'
        )
    return Rules(**given, baselines=tuple(chosen) if named else chosen, limits=limits, environments=environments)


def _environments(path: Path, given: object) -> EnvironmentRules:
    if not isinstance(given, dict):
        raise UsageError(f"{path} gives environments = {given!r}; it must be a table, [environments].")
    known = [f.name for f in fields(EnvironmentRules)]
    for key, value in given.items():
        if key not in known:
            raise UsageError(f"{path} has an unknown key {key!r} in [environments]{_near(key, known)}.")
        if key == "sdists" and not isinstance(value, bool):
            raise UsageError(f"{path} gives sdists = {value!r}; it must be true or false.")
        if key in ("seconds", "mib"):
            _check_amount(path, f"{key} of [environments]", value, whole=key == "mib")
        elif key != "sdists" and (not isinstance(value, str) or "\0" in value):
            raise UsageError(f'{path} gives {key} = {value!r}; it must name a folder, {key} = "DIR".')
    return EnvironmentRules(**given)


def _limits(path: Path, given: object) -> Limits:
    if not isinstance(given, dict):
        raise UsageError(f"{path} gives limits = {given!r}; it must be a table, [limits].")
    known = [f.name for f in fields(Limits)]
    for key, value in given.items():
        if key not in known:
            raise UsageError(f"{path} has an unknown limit {key!r}{_near(key, known)}.")
        _check_amount(path, f"the limit {key}", value, whole=key != "seconds")
    return Limits(**given)


def _check_amount(path: Path, what: str, value: Any, whole: bool) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < LARGEST_LIMIT:
        raise UsageError(f"{path} gives {what} = {value!r}; it must be a number above 0.")
    if whole and not isinstance(value, int):
        raise UsageError(f"{path} gives {what} = {value!r}; it must be a whole number.")


def write_task(places: Places, task: Task) -> None:
    """One task as TOML that `read_task` reads back equal."""
    places.tasks.mkdir(parents=True, exist_ok=True)
    pairs: dict[str, Any] = {"protocol": 1}
    pairs |= {f.name: getattr(task, f.name) for f in fields(task) if f.name not in ("split", "see", "swaps")}
    lines = [f"{key} = {_value(value)}" for key, value in pairs.items()]
    lines += ["", "[split]", *(f"{f.name} = {_value(getattr(task.split, f.name))}" for f in fields(task.split))]
    lines += ["", "# What an entry sees of each role: hidden, fit, or fit and predict.", "[see]"]
    lines += [f"{role.value} = {_value(visibility.value)}" for role, visibility in task.see.items()]
    lines += swaps_toml(task.swaps)
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
        given |= {name: tuple(given.get(name, ())) for name in ("classes", "ignored")}
        swaps = _swaps(given.pop("swaps", {}))
        return Task(**given, swaps=swaps, split=split, see={**DEFAULT_VISIBILITY, **see})
    except (TypeError, ValueError, AttributeError) as error:
        raise TaskError(f"{path} is not a task: {error}.") from error


def _swaps(said: Mapping[str, Any]) -> Swaps:
    faults: list[str] = []
    found = read_swaps(said, faults)
    if faults:
        raise ValueError(" ".join(faults).removesuffix("."))
    return found


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error


def _near(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {_value(v)}" for k, v in value.items()) + "}"
    # The one character that TOML wants escaped and JSON does not.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
