"""An attack as a row: what it tries, what it is given, what shows that it succeeded, and how its cell should end."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.nouns import Level, Outcome

ENTRIES = Path(__file__).parent / "entries"
LEVELS = {"L2": Level.BUBBLEWRAP, "L1": Level.PROCESS}
ANY = tuple(Outcome)


@dataclass
class Told:
    """What came of an attack: all words that got out, how the cell ended, and what was found outside.

    `accepted` says that answers were taken for good, `fell` why the house itself failed (empty when it did not),
    `went_on` that the next entry could run in the same house, and `signs` what the scene saw from outside.
    """

    text: str = ""
    outcome: Outcome | None = None
    reason: str = ""
    accepted: bool = False
    fell: str = ""
    went_on: bool = True
    signs: frozenset[str] = frozenset()
    left: tuple[str, ...] = ()


Goal = Callable[[Any, Told], bool]


@dataclass(frozen=True)
class Attack:
    """One hostile entry; `given` makes its parameters from the scene, `due` are the outcomes that tell the truth.

    `needs` is empty, or what the partner needs of the machine: root, or a kernel's facility. `make` lays something else
    than an entry's code into the folder that is handed in; `way` is another way in than a cell, with the methods
    `behind` and `plainly`.
    """

    name: str
    tries: str
    goal: Goal
    due: tuple[Outcome, ...] = (Outcome.FAILED,)
    reason: str = "."
    entry: str = ""
    given: Callable[[Any], Mapping[str, Any]] = field(default=lambda scene: {})
    needs: str = ""
    make: Callable[[Any, Path], None] | None = None
    way: Any = None

    @property
    def module(self) -> str:
        """The file in `entries` that holds it."""
        return self.entry or self.name


def sign(name: str) -> Goal:
    """Succeeded when the scene saw this sign from outside."""
    return lambda scene, told: name in told.signs


def loot(name: str) -> Goal:
    """Succeeded when the digest of a thing that only a reader can know is among the words that got out."""
    return lambda scene, told: scene.secrets[name] in told.text


def word(text: str) -> Goal:
    """Succeeded when the entry could say this word after it had done what it tried."""
    return lambda scene, told: text in told.text


def heard(scene: Any, told: Told) -> bool:
    """Succeeded when a listener outside heard the attack's token."""
    return "heard" in told.signs


def filled(scene: Any, told: Told) -> bool:
    """Succeeded when what was filled is a file system of the host and no private one."""
    return bool({int(device) for device in re.findall(r"FILLED (\d+)", told.text)} & scene.devices)


def fooled(scene: Any, told: Told) -> bool:
    """Succeeded when the house took what it should not have, or fell over it."""
    return told.accepted or bool(told.fell)


def felled(scene: Any, told: Told) -> bool:
    """Succeeded when the house itself fell, or the next entry could no longer run."""
    return bool(told.fell) or not told.went_on


def flooded(scene: Any, told: Told) -> bool:
    """Succeeded when more of what it printed was kept than a log may hold."""
    return len(told.text) > 8 << 20


def path_for(scene: Any) -> str:
    """A PATH on which bubblewrap can be found, or for the lower level one on which it cannot."""
    if scene.level is not Level.PROCESS:
        return os.environ["PATH"]
    programs = Path(scene.folder) / "programs"
    programs.mkdir(exist_ok=True)
    return str(programs)
