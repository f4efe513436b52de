"""A little challenge that nobody has run, and what its store holds when nothing goes wrong."""

import sys
from pathlib import Path

import pytest
from chaos import CELLS, Run, copy, end_left, make, picture
from postgres_server import Server, database

sys.path.append(str(Path(__file__).parents[1] / "arena"))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A challenge that nobody has run."""
    from little import little_frame

    return make(tmp_path_factory.mktemp("made"), little_frame(80))


@pytest.fixture(scope="session")
def undisturbed(made, tmp_path_factory):
    """What the store holds after one run in which nothing went wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run = Run(copy(made, folder / "challenge"), folder / "tmp")
    assert run.end() == (CELLS, 0, [])
    assert end_left(folder / "tmp", [run.pid]) == []
    seen = picture(folder / "challenge")
    assert sorted(str(shown[0][1]) for shown in seen[0].values()) == ["done"] * 4 + ["failed"]
    return seen


@pytest.fixture(autouse=True)
def _no_run_is_left():
    """A test that fails leaves no run behind, not even a stopped one."""
    yield
    for run in list(Run.begun):
        run.kill()


@pytest.fixture(params=["sqlite", "postgresql"])
def challenge(request, made, tmp_path):
    """A copy of the challenge over a store of either kind."""
    if request.param == "sqlite":
        yield copy(made, tmp_path / "challenge")
        return
    with database(request.getfixturevalue("postgres")) as url:
        yield copy(made, tmp_path / "challenge", url)


@pytest.fixture
def server(require):
    """A PostgreSQL server of one's own, to be killed."""
    require("postgresql")
    made = Server()
    try:
        made.start()
        yield made
    finally:
        made.remove()
