"""`kill -9` at random moments, fifty in all: the store is in the end what it is when nobody kills anything."""

import random
import time

import pytest
from chaos import CELLS, Run, copy, end_left, picture

from bakeoff.arena import Challenge

pytestmark = pytest.mark.timeout(3600)


def moment(run, rng):
    """Wait for a moment of a run that is drawn anew each time: some event, and then a while."""
    word, count = rng.choice([("start", 1), ("began", 1), ("began", 2), ("ended", 1), ("ended", 2)])
    going_on = run.wait_for(word, count)
    time.sleep(rng.uniform(0, 1.5))
    return going_on and run.process.poll() is None


@pytest.mark.parametrize(("seed", "kills"), [(1, 3), pytest.param(2, 17, marks=pytest.mark.slow)])
def test_a_killed_runner_loses_only_the_cells_then_running(made, undisturbed, tmp_path, seed, kills):
    rng, killed, round_ = random.Random(seed), 0, 0
    while killed < kills:
        folder = copy(made, tmp_path / f"challenge{round_}")
        pids, finished, over = [], 0, False
        while not over:
            run = Run(folder, tmp_path / "tmp")
            pids.append(run.pid)
            if killed < kills and moment(run, rng):
                run.kill()
                killed += 1
                kept = results(folder)
                assert finished <= len(kept) <= CELLS, "what was finished stays"
                finished = len(kept)
            else:
                ran, elsewhere, troubles = run.end()
                assert (ran + finished, elsewhere, troubles) == (CELLS, 0, []), run.lines
                over = True
        assert picture(folder) == undisturbed
        assert end_left(tmp_path / "tmp", pids) == []
        round_ += 1


def results(folder):
    challenge = Challenge.open(folder)
    kept = challenge.store.results()
    challenge.close()
    return kept


@pytest.mark.parametrize(("seed", "kills"), [(3, 2), pytest.param(4, 13, marks=pytest.mark.slow)])
def test_a_killed_worker_counts_against_nobody(made, undisturbed, tmp_path, seed, kills):
    """At most two kills in a run: an entry whose process is killed again and again may well do it itself."""
    rng, killed, round_ = random.Random(seed), 0, 0
    while killed < kills:
        folder = copy(made, tmp_path / f"challenge{round_}")
        run = Run(folder, tmp_path / "tmp")
        for _ in range(min(2, kills - killed)):
            if moment(run, rng):
                killed += run.kill_a_worker(rng)
        ran, elsewhere, troubles = run.end()
        assert (ran, elsewhere, troubles) == (CELLS, 0, []), run.lines
        assert picture(folder) == undisturbed
        assert end_left(tmp_path / "tmp", [run.pid]) == []
        round_ += 1


@pytest.mark.parametrize(("seed", "kills"), [(5, 2), pytest.param(6, 13, marks=pytest.mark.slow)])
def test_a_killed_database_is_waited_for(made, undisturbed, server, tmp_path, seed, kills):
    rng, killed, round_ = random.Random(seed), 0, 0
    while killed < kills:
        address = server.url.replace("postgresql:", "postgresql+psycopg:").replace("/postgres", f"/d{round_}")
        create(server.url, f"d{round_}")
        folder = copy(made, tmp_path / f"challenge{round_}", address)
        run = Run(folder, tmp_path / "tmp")
        for _ in range(min(3, kills - killed)):
            if moment(run, rng):
                server.kill()
                killed += 1
                time.sleep(rng.uniform(0, 2))
                server.start()
        ran, elsewhere, troubles = run.end()
        assert (ran, elsewhere, troubles) == (CELLS, 0, []), run.lines
        assert len(run.began()) == CELLS, "no cell was run again"
        assert picture(folder) == undisturbed
        assert end_left(tmp_path / "tmp", [run.pid]) == []
        round_ += 1


def create(url, name):
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}")


def test_a_restarted_database_is_waited_for(made, undisturbed, server, tmp_path):
    """As an upgrade of PostgreSQL does it: a shutdown in order, and a while until it is back."""
    folder = copy(made, tmp_path / "challenge", server.url.replace("postgresql:", "postgresql+psycopg:"))
    run = Run(folder, tmp_path / "tmp")
    run.wait_for("began", 2)
    server.stop()
    time.sleep(4)
    server.start()
    assert run.end() == (CELLS, 0, [])
    assert picture(folder) == undisturbed
