"""Imports go down only, and rooms on one floor do not know each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from floors import DOOR, FLOORS, breaches, imports, room_of

PACKAGE = Path(__file__).parents[2] / "src" / "bakeoff"


def test_no_import_goes_up_or_sideways():
    assert breaches(PACKAGE) == []


def test_every_room_has_a_floor_and_the_graph_is_not_empty():
    rooms = {room_of(file, PACKAGE) for file in PACKAGE.rglob("*.py")} - {DOOR}
    assert rooms <= set(FLOORS)
    seen = {(found.room, found.target) for found in imports(PACKAGE)}
    assert {("arena", "tables"), ("tasks", "stats"), ("cli", "arena")} <= seen


@pytest.mark.parametrize(
    ("file", "code", "said"),
    [
        ("stats/breach.py", "from bakeoff.tables import read\n", "stats (floor 1) imports tables (floor 2)"),
        ("tables/breach.py", "def f():\n    import bakeoff.arena.store\n", "tables (floor 2) imports arena (floor 7)"),
        ("judges/breach.py", "from bakeoff import arena\n", "judges (floor 7) imports arena (floor 7)"),
        ("arena/breach.py", "from ..algorithms import linear\n", "arena (floor 7) imports algorithms (floor 7)"),
        ("algorithms/breach.py", "from .. import judges\n", "algorithms (floor 7) imports judges (floor 7)"),
        ("nouns.py", "from bakeoff.stats import interval\n", "nouns (floor 0) imports stats (floor 1)"),
        ("tasks/breach.py", "from bakeoff import compare\n", "tasks comes in through the package's own door"),
        ("cellar/breach.py", "from bakeoff import nouns\n", "cellar has no floor"),
    ],
)
def test_a_planted_breach_is_caught(tmp_path, file, code, said):
    package = tmp_path / "bakeoff"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    planted = package / file
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(code)
    found = breaches(package)
    assert any(said in sentence and sentence.startswith(file) for sentence in found), found


def test_a_breach_under_type_checking_is_caught(tmp_path):
    package = tmp_path / "bakeoff"
    (package / "stats").mkdir(parents=True)
    (package / "arena").mkdir()
    (package / "stats" / "x.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bakeoff.arena import y\n"
    )
    assert breaches(package) == ["stats/x.py:3: stats (floor 1) imports arena (floor 7)"]
