"""The words of a diagnosis: one check, and what it may know of the visit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bakeoff.arena.challenge_files import Places, Rules
from bakeoff.arena.store.bundle import Watch

OK, WARNING, WRONG = "ok", "warning", "wrong"
MEND = "bakeoff doctor --mend"
SHOWN = 3


@dataclass(frozen=True)
class Check:
    """One thing looked at: what it is `about` (machine, wall, ...), its name, its state, what was found, the mend."""

    about: str
    name: str
    state: str
    found: str
    mend: str = ""


@dataclass(frozen=True)
class Visit:
    """What was asked of a diagnosis; without a challenge the rules are the usual ones."""

    places: Places | None
    rules: Rules
    mend: bool
    quick: bool
    watch: Watch

    @property
    def command(self) -> str:
        """The command that mends what can be mended here."""
        return MEND + (self.places.option if self.places is not None else "")


def some(names: list[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def counted(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def mebibytes(number: float) -> str:
    """Bytes in the unit that disks are spoken of."""
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{number / 2**20:,.1f} MiB"


def weight(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what vanishes meanwhile weighs nothing."""
    import os

    if path.is_file() or path.is_symlink():
        return path.lstat().st_size
    total = 0
    for place, _, names in os.walk(path, onerror=lambda error: None):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total
