"""Every attack reaches its goal without a wall; behind the wall it does not, or the page says so."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from attack_page import Seen, column, differences, told_cells, told_layers, write
from attacking import LEVELS
from rows import CELLS
from running import boxes_left, run_plainly
from taking import TAKEN
from uploads import UPLOADS

from bakeoff.arena.wall.confinement import layers
from bakeoff.nouns import Outcome

pytestmark = pytest.mark.timeout(1800)
ATTACKS = [*CELLS, *UPLOADS, *TAKEN]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "attacks.md"
WORKS = "works"


def test_the_attacks_are_many_and_each_has_a_name_of_its_own():
    assert len(ATTACKS) >= 25
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_it_works_without_a_wall(attack, plain_scene, works):
    if why := lacking(attack, plain_scene):
        works[attack.name] = "needs root" if attack.needs == "root" else f"needs {attack.needs}"
        pytest.skip(why)
    told = run_plainly(attack, plain_scene)
    works[attack.name] = WORKS if attack.goal(plain_scene, told) else "does not work"
    assert works[attack.name] == WORKS, told


def lacking(attack, scene):
    """Why this machine itself keeps an attack from working, wall or no wall; empty when it does not."""
    if attack.needs == "root" and os.geteuid() != 0:
        return "it works for root alone"
    if attack.needs == "keyring" and not scene.has_keyring:
        return "this system hands no keyring down"
    if attack.needs == "vsock" and not os.path.exists("/dev/vsock"):
        return "this system has no sockets to a hypervisor"
    return ""


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
@pytest.mark.parametrize("level", LEVELS)
def test_behind_the_wall(attack, level, scenes, observed):
    if level not in scenes:
        pytest.skip("bubblewrap cannot be used here")
    told, won = observed[level][attack.name], is_lost(attack, level, scenes, observed)
    assert not told.fell or won, told
    assert told.went_on
    if won and level == "L1":
        pytest.xfail(f"level 1 does not hold it here, and the page says so: {told.reason[:200]}")
    assert not won, told
    # On a busy machine an attack may not come to its end before the limit does, which is the truth as well.
    late = told.outcome is Outcome.TIMED_OUT and "had not answered after 10 s" in told.reason
    assert late or told.outcome in attack.due or attack.way is not None, told
    assert late or told.accepted or re.search(attack.reason, told.reason), told
    assert not told.signs, told


def test_nothing_is_left_of_any_box(scenes, observed):
    beside = {scene.box_file.parents[1].name for scene in scenes.values()}
    assert any(mark in left for mark in beside for left in boxes_left()), "the partner: an open box is seen"
    assert [left for left in boxes_left() if not any(mark in left for mark in beside)] == []


def test_the_page_says_what_was_observed(scenes, observed, works, request):
    seen = {}
    for level in scenes:
        if len(observed[level]) <= len(ATTACKS):
            pytest.skip("not all attacks were chosen")
        held = {attack.name: not is_lost(attack, level, scenes, observed) for attack in ATTACKS}
        seen[column(level, os.geteuid() == 0)] = Seen(layers(LEVELS[level]), held)
    if to := request.config.getoption("--write-attacks", default=None):
        write(Path(to), ATTACKS, works, seen)
        return
    assert differences(PAGE.read_text(encoding="utf-8"), ATTACKS, seen) == []
    told = told_layers(PAGE.read_text(encoding="utf-8"))
    if other := [name for name, one in seen.items() if told.get(name) != one.layers]:
        pytest.skip(f"the page was written where the wall has other layers than here: {', '.join(other)}")


def is_lost(attack, level, scenes, observed):
    """Whether an attack reached its goal at a level."""
    return bool(attack.goal(scenes[level], observed[level][attack.name]))


def test_a_page_that_says_something_else_is_caught():
    text = PAGE.read_text(encoding="utf-8")
    name = next(iter(told_cells(text)))
    wrong = text.replace(f"| `{name}` |", "| `something_else` |")
    assert differences(wrong, ATTACKS, {}) == [f"{name} is missing", "something_else is no attack"]
