"""The demo: a whole challenge from the data that scikit-learn brings and a made product catalogue, or from a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bakeoff.arena.challenge import Challenge
from bakeoff.arena.intake import TableOptions
from bakeoff.errors import BakeoffError, NotFound

KINDS = ("classification", "matching", "tagging", "joint", "span", "generation", "language_model")
# Minutes instead of seconds in all.
SLOW = (
    *("autogluon", "catboost", "matcher", "multimodal", "network", "tabpfn"),
    *("causal_lm", "joint_tagger", "seq2seq", "span_reader", "tagger"),
)


def make_demo(folder: str | Path, *, thorough: bool = False) -> Challenge:
    """A challenge on samples: real tables that scikit-learn brings, and made ones, of which two are to be matched.

    Baselines that take minutes are left out unless it is to be `thorough`.
    """
    from bakeoff.tables.made.samples import samples

    challenge = _fresh(folder, "Bakeoff demo", thorough)
    known = {task.name for task in challenge.tasks()}
    for sample in samples():
        if sample.name not in known:
            options = TableOptions(name=sample.name, settings=sample.settings, pairs=sample.pairs)
            challenge.add_table(sample.frame, options)
    return challenge


def make_demo_from(
    data: str | Path, folder: str | Path, *, watcher: Any = None, thorough: bool = False
) -> tuple[Challenge, list[str]]:
    """A challenge on each folder under `data` whose about.json says what is asked; why some were left out.

    Baselines that take minutes are left out unless it is to be `thorough`. Raises NotFound when there is no folder.
    """
    from bakeoff.tables import read_settings

    root = Path(data)
    abouts = sorted(root.glob("*/about.json"))
    if not abouts:
        raise NotFound(f"There are no folders with an about.json in {root}.")
    challenge = _fresh(folder, f"Bakeoff on {root.name}", thorough)
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


def slow_left_out(challenge: Challenge) -> list[str]:
    """The names of the baselines that could take part and do not, since they take minutes."""
    from bakeoff.arena.entries import baselines

    chosen = challenge.rules.baselines
    return [] if isinstance(chosen, bool) else [one.name for one in baselines() if one.name in {*SLOW} - {*chosen}]


def _fresh(folder: str | Path, title: str, thorough: bool) -> Challenge:
    """The challenge in `folder`, made if it is not there, so that a stopped demo goes on where it was."""
    path = Path(folder)
    rules = path / "challenge.toml"
    if not rules.exists():
        Challenge.create(path, title=title).close()
        _choose(rules, _quick())
    if thorough:
        _choose(rules, "true")
    return Challenge.open(path)


def _quick() -> str:
    """The baselines that take seconds, as challenge.toml names them."""
    from bakeoff.arena.entries import baselines

    return json.dumps([one.name for one in baselines() if one.name not in SLOW])


def _choose(rules: Path, chosen: str) -> None:
    text = rules.read_text(encoding="utf-8")
    rules.write_text(re.sub(r"(?m)^baselines = .*$", f"baselines = {chosen}", text, count=1), encoding="utf-8")
