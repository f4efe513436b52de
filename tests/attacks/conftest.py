"""The attacks are run once for each level, in one run of the house, and every test reads what came of them."""

from __future__ import annotations

import os
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from attacking import LEVELS


def pytest_addoption(parser):
    parser.addoption("--write-attacks", metavar="PAGE", help="write the table of attacks into this page")


@pytest.fixture(scope="session")
def house_token():
    """A token in the environment of the house, as a platform's credentials would be."""
    from outside import join_keyring

    os.environ["HOUSE_TOKEN"] = secrets.token_hex(16)
    join_keyring()
    yield os.environ["HOUSE_TOKEN"]
    del os.environ["HOUSE_TOKEN"]


@pytest.fixture(scope="session")
def plain_scene(house_token):
    """Where the partners run: no wall."""
    from scene import Scene

    yield from _set(Scene("plain", None))


@pytest.fixture(scope="session")
def scenes(house_token):
    """A scene for each level that this machine has."""
    from scene import Scene

    from bakeoff.arena.wall.confinement import why_no_bubblewrap

    there = {name: level for name, level in LEVELS.items() if name == "L1" or not why_no_bubblewrap()}
    made = {name: Scene(name, level) for name, level in there.items()}
    before = {scene.signal: signal.signal(scene.signal, scene.on_signal) for scene in made.values()}
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)
    for scene in made.values():
        scene.close()


@pytest.fixture(scope="session")
def works():
    """What came of each partner, for the page."""
    return {}


def _set(scene):
    before = signal.signal(scene.signal, scene.on_signal)
    yield scene
    signal.signal(scene.signal, before)
    scene.close()


@pytest.fixture(scope="session")
def observed(scenes, request):
    """What came of each chosen attack at each level, by level and attack."""
    from running import run_behind_the_wall

    chosen = {
        item.callspec.params["attack"] for item in request.session.items if item.originalname == "test_behind_the_wall"
    }
    cells = sorted((attack for attack in chosen if attack.way is None), key=lambda attack: attack.name)

    def at(name):
        told = run_behind_the_wall(cells, LEVELS[name], scenes[name])
        for way in {type(attack.way) for attack in chosen - set(cells)}:
            told |= way.behind([attack for attack in chosen if type(attack.way) is way], scenes[name])
        return name, told

    with ThreadPoolExecutor(len(scenes)) as pool:
        return dict(pool.map(at, scenes))
