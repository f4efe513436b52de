"""Which studies there are: the entry points `bakeoff.studies`, ours as anyone else's."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import entry_points

from bakeoff.errors import NotFound
from bakeoff.studies.study import Study

GROUP = "bakeoff.studies"


def studies() -> list[Study]:
    """Every study that is installed, by name."""
    found: list[Study] = [point.load()() for point in entry_points(group=GROUP)]
    return sorted(found, key=lambda study: study.name)


def find(name: str) -> Study:
    """The study of that name; NotFound names those there are."""
    found = {one.name: one for one in studies()}
    if name not in found:
        near = get_close_matches(name, list(found), 1)
        close = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(found) or 'none'}."
        raise NotFound(f"There is no study called {name!r}{close}")
    return found[name]
