"""The demo: a whole challenge from the data that scikit-learn brings and a made product catalogue, or from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.arena.challenge import Challenge
from bakeoff.arena.intake import TableOptions
from bakeoff.errors import BakeoffError, NotFound

KINDS = ("classification", "matching")


def make_demo(folder: str | Path) -> Challenge:
    """A challenge on samples: real tables that scikit-learn brings, and made ones, of which two are to be matched."""
    from bakeoff.tables.made.samples import samples

    challenge = _fresh(folder, "Bakeoff demo")
    known = {task.name for task in challenge.tasks()}
    for sample in samples():
        if sample.name not in known:
            options = TableOptions(name=sample.name, settings=sample.settings, pairs=sample.pairs)
            challenge.add_table(sample.frame, options)
    return challenge


def make_demo_from(data: str | Path, folder: str | Path, *, watcher: Any = None) -> tuple[Challenge, list[str]]:
    """A challenge on each folder under `data` whose about.json says classification or matching; why some were left out.

    Raises NotFound when there is none.
    """
    from bakeoff.tables import read_settings

    root = Path(data)
    abouts = sorted(root.glob("*/about.json"))
    if not abouts:
        raise NotFound(f"There are no folders with an about.json in {root}.")
    challenge = _fresh(folder, f"Bakeoff on {root.name}")
    known = {task.name for task in challenge.tasks()}
    left_out = []
    for about in abouts:
        name = about.parent.name
        if name in known or read_settings(about).kind not in KINDS:
            continue
        if watcher is not None:
            watcher.message(f"reading {name}")
        try:
            challenge.add_table(about.parent, TableOptions(name=name, leave_out_given_away=True))
        except BakeoffError as error:
            left_out.append(f"{name} was left out: {error}")
    return challenge, left_out


def _fresh(folder: str | Path, title: str) -> Challenge:
    """The challenge in `folder`, made if it is not there, so that a stopped demo goes on where it was."""
    path = Path(folder)
    return Challenge.open(path) if (path / "challenge.toml").exists() else Challenge.create(path, title=title)
