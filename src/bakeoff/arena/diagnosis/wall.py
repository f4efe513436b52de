"""The wall: which levels of confinement this machine can have, what really holds at each, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from bakeoff.arena.diagnosis.checks import OK, WARNING, WRONG, Check, Visit
from bakeoff.nouns import Level

ABOUT = "wall"


def wall_checks(visit: Visit) -> Iterator[Check]:
    """Each level, tried; the gaps of the best one."""
    from bakeoff.arena.wall.confinement import best_level, gaps, layers, why_not

    best, least = best_level(), visit.rules.least_level
    for level in Level:
        short, why = level.value[:2], why_not(level)
        asked = short == least and visit.places is not None
        if why:
            found = "cannot be had here"
            if short <= least and visit.places is not None:
                found += f", and the challenge wants {least}, so no entry's code runs"
                yield Check(ABOUT, level.value, WRONG, found, why)
            else:
                yield Check(ABOUT, level.value, WARNING, found, why)
            continue
        holds = ", ".join(layers(level)) or "nothing runs; the files are read in a box"
        chosen = "entries run here: " if level is best else "the least that the challenge wants: " if asked else ""
        yield Check(ABOUT, level.value, OK, f"{chosen}{holds}")
    for layer, why in gaps(best).items():
        yield Check(ABOUT, layer, WARNING, f"not there at {best.value[:2]}", why)
