"""Small challenges on real tables, made once for each test that wants one."""

import pytest
from little import little_frame
from postgres_server import database
from store_places import DATABASES, Place

from bakeoff.arena import Challenge, TableOptions


@pytest.fixture
def challenge(tmp_path):
    """A challenge with one little table and the baselines constant and linear."""
    made = Challenge.create(tmp_path / "challenge", title="little")
    text = made.places.rules.read_text()
    made.places.rules.write_text(text.replace("baselines = true", 'baselines = ["constant", "linear"]'))
    made = Challenge.open(made.places.root)
    made.add_table(little_frame(), TableOptions(name="little", target="y"))
    yield made
    made.close()


@pytest.fixture
def hand_in(challenge, tmp_path):
    """Hands in a Python file with the given text, as an entry of the given name."""

    def submit(name, code, **more):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "model.py").write_text(code)
        for file, text in more.items():
            (folder / file.replace("_", ".", 1)).write_text(text)
        return challenge.submit(folder).entry

    return submit


@pytest.fixture(params=DATABASES)
def place(request, tmp_path):
    """An empty place for a store, in each of the databases."""
    if request.param == "sqlite":
        made = Place(tmp_path / "store", "")
        yield made
        made.close()
        return
    with database(request.getfixturevalue("postgres")) as url:
        made = Place(tmp_path / "store", url)
        yield made
        made.close()


@pytest.fixture
def store(place):
    """An empty store, in each of the databases."""
    return place.store()
