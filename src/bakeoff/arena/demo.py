"""The demo: a whole challenge from the data that scikit-learn brings and a made product catalogue, or from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.arena.challenge import Challenge
from bakeoff.arena.intake import TableOptions
from bakeoff.errors import BakeoffError, NotFound


def make_demo(folder: str | Path) -> Challenge:
    """A challenge on samples: real tables that scikit-learn brings, and made ones with a known ceiling."""
    from bakeoff.tables.samples import samples

    challenge = _fresh(folder, "Bakeoff demo")
    known = {task.name for task in challenge.tasks()}
    for sample in samples():
        if sample.name not in known:
            challenge.add_table(sample.frame, TableOptions(name=sample.name, settings=sample.settings))
    return challenge


def make_demo_from(data: str | Path, folder: str | Path, *, watcher: Any = None) -> tuple[Challenge, list[str]]:
    """A challenge on every classification folder under `data` that has an about.json, and why others were left out.

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
        if name in known or read_settings(about).kind != "classification":
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
