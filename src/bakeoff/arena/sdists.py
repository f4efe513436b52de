"""Wheels built from a wheelhouse's sdists, inside a box: an sdist's own code runs in building it, and never outside.

The box has no network. What a build needs it takes from the wheelhouse, which it can only read. A wheel comes out as
bytes, and is then treated like any wheel of a stranger's: its metadata are checked, and nothing of it is run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.arena.confined import Confined
from bakeoff.arena.requirements import Wanted, check_wheel, needs
from bakeoff.arena.supplies import Supplies
from bakeoff.arena.unpacking import PIECE
from bakeoff.arena.wall.confinement import Fittings
from bakeoff.arena.wall.conversation import Ended
from bakeoff.arena.wheelhouse import files_of, identity, is_sdist
from bakeoff.errors import BakeoffError, EntryError
from bakeoff.nouns import Limits, Outcome

LARGEST_WHEEL = 512 << 20


def build_wheels(asked: Wanted, needed: list[str], supplied: Supplies, to: Path) -> None:
    """Build into the folder `to` the sdists that what is asked for could need, unless there is a wheel of the same.

    Raises EntryError with the builder's last words.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    house = supplied.wheelhouse
    assert house is not None
    held = files_of(house)
    todo, seen = [*asked.projects, *needed], set[str]()
    while todo:
        if (project := todo.pop()) in seen:
            continue
        seen.add(project)
        files = held.get(project, [])
        wheels = {identity(path.name): path for path in files if not is_sdist(path.name)}
        for path in files:
            if is_sdist(path.name) and identity(path.name) not in wheels:
                wheels[identity(path.name)] = _built(path, house, supplied, to)
        for wheel in wheels.values():
            with contextlib.suppress(EntryError):  # the installer says what is wrong with it, should it come to that
                todo += [canonicalize_name(Requirement(need).name) for need in needs(wheel, wheel.name)]


class _Builder(Confined):
    """The box in which one sdist is built; its wheelhouse is where shared models lie otherwise."""

    def __init__(self, sdist: Path, house: Path, supplied: Supplies) -> None:
        self.sdist = sdist.name
        limits = Limits(seconds=supplied.seconds, memory_mib=4096, processes=256)
        super().__init__(limits, Fittings(models=house))

    def error(self, ended: Ended) -> BakeoffError:
        """Why the sdist could not be built, in one sentence."""
        how = "" if ended.outcome is Outcome.REFUSED else f"its builder {ended.outcome.value}: "
        return EntryError(f"The wheelhouse's {self.sdist} could not be built behind the wall: {how}{ended.reason}")


def _built(sdist: Path, house: Path, supplied: Supplies, to: Path) -> Path:
    """The wheel of an sdist, in the folder `to`."""
    with _Builder(sdist, house, supplied) as box:
        box.hand_in(sdist)
        message: Mapping[str, Any] | None = {"do": "chore", "chore": "build", "file": sdist.name}
        said, data = box.hear(message, "piece", PIECE)
        name = said.get("name")
        if not isinstance(name, str) or identity(name) != identity(sdist.name) or "/" in name or is_sdist(name):
            raise EntryError(f"The wheelhouse's {sdist.name} was built into something else than its wheel.")
        wheel, total = to / name, 0
        with wheel.open("xb") as file:
            while said.get("done") is not True:
                total += file.write(data)
                if total > LARGEST_WHEEL:
                    raise EntryError(f"The wheel of {sdist.name} has more than {LARGEST_WHEEL >> 20} MiB.")
                said, data = box.hear(None, "piece", PIECE)
    check_wheel(wheel, name)
    return wheel
