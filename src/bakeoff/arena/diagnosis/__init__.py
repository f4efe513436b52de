"""What is wrong with a machine, its wall, a challenge and its store; nothing here changes anything unless told to mend.

Each thing looked at gives one `Check`: a state, what was found, and the mend.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bakeoff.arena.challenge_files import Places, Rules, find_challenge, read_rules
from bakeoff.arena.diagnosis.checks import OK, WARNING, WRONG, Check, Visit
from bakeoff.arena.store.bundle import Watch, unwatched
from bakeoff.errors import BakeoffError, NotFound

__all__ = ["OK", "WARNING", "WRONG", "Check", "examine"]


def examine(folder: Path, *, mend: bool = False, quick: bool = False, watch: Watch = unwatched) -> Iterator[Check]:
    """Look at the machine and the wall, and at the challenge that `folder` lies in where there is one.

    With `mend`, what processes that are gone have left is taken away, and permissions are set right. `quick` leaves out
    what takes as long as reading the whole store.
    """
    from bakeoff.arena.diagnosis.folder import folder_checks
    from bakeoff.arena.diagnosis.machine import machine_checks
    from bakeoff.arena.diagnosis.scratch import scratch_checks
    from bakeoff.arena.diagnosis.store import store_checks
    from bakeoff.arena.diagnosis.wall import wall_checks

    places, rules, trouble = _challenge(folder)
    visit = Visit(places, rules, mend, quick, watch)
    yield from machine_checks(visit)
    yield from wall_checks(visit)
    yield from _guarded("scratch", scratch_checks(visit))
    if trouble is not None:
        yield trouble
    if places is not None:
        yield from _guarded("challenge", folder_checks(visit, places))
    if places is not None and trouble is None:
        yield from _guarded("store", store_checks(visit, places))


def _guarded(about: str, checks: Iterator[Check]) -> Iterator[Check]:
    """What a disk or a missing permission keeps from being looked at is a finding too."""
    try:
        yield from checks
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        found = f"the rest could not be looked at: {where}{error.strerror or error}"
        yield Check(about, "reading", WRONG, found, "mend that, or look as the challenge's owner")


def _challenge(folder: Path) -> tuple[Places | None, Rules, Check | None]:
    try:
        places = find_challenge(folder)
    except NotFound:
        said = f"there is no challenge in {folder.absolute()} or above it, so only the machine was looked at"
        return None, Rules(), Check("challenge", "challenge", OK, said)
    try:
        return places, read_rules(places), None
    except (BakeoffError, OSError) as error:
        return (
            places,
            Rules(),
            Check("challenge", "challenge.toml", WRONG, str(error), "mend that line, then look again"),
        )
