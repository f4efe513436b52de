"""Two runners on one store: every cell is run once, whatever clocks do, and a dead one's cells come back."""

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest
from chaos import CELLS, Run, end_left, picture

pytestmark = pytest.mark.timeout(3600)

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
# A process space of its own: from outside nobody sees whether such a run lives, as on another machine.
ELSEWHERE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


@pytest.fixture
def elsewhere():
    """What begins a run that is seen by its beats alone."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root may make a process space; run as root, with util-linux")
    return ELSEWHERE


@pytest.fixture
def clock(tmp_path):
    """Sets the clock of runs that are started with its variables: `clock.set("+2h")`."""
    if FAKETIME is None:
        pytest.skip("libfaketime is needed; install it with: apt install libfaketime")
    return Clock(tmp_path / "clock")


class Clock:
    def __init__(self, file):
        self.file = file
        self.set("+0")
        self.variables = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, shift):
        beside = self.file.with_name("beside")
        beside.write_text(f"{shift}\n")
        beside.replace(self.file)


def test_two_runners_share_the_cells(challenge, undisturbed, tmp_path):
    runs = [Run(challenge, tmp_path / f"tmp{number}") for number in range(2)]
    ended = [run.end() for run in runs]
    assert sum(ran for ran, _, _ in ended) == CELLS
    assert all(ran + elsewhere <= CELLS and troubles == [] for ran, elsewhere, troubles in ended)
    begun = [cell for run in runs for cell in run.began()]
    assert sorted(begun) == sorted(set(begun)), "nothing was run twice"
    assert picture(challenge) == undisturbed
    for number, run in enumerate(runs):
        assert end_left(tmp_path / f"tmp{number}", [run.pid]) == []


def test_a_killed_runners_cells_are_taken_over_at_once(challenge, undisturbed, tmp_path):
    first = Run(challenge, tmp_path / "tmp1", lease=3600)
    first.wait_for("began")
    second = Run(challenge, tmp_path / "tmp2", lease=3600)
    second.wait_for("began")
    first.kill()
    second.end()
    assert any("ended without giving back its cells" in line for line in second.lines)
    assert picture(challenge) == undisturbed


@pytest.mark.parametrize("challenge", ["sqlite"], indirect=True)
def test_who_waits_says_so(challenge, undisturbed, tmp_path):
    """A run that was stopped (SIGSTOP) keeps its cell for as long as its lease lasts, and no longer."""
    first = Run(challenge, tmp_path / "tmp1", lease=8)
    first.wait_for("began", CELLS)
    os.killpg(first.pid, signal.SIGSTOP)
    second = Run(challenge, tmp_path / "tmp2", lease=8)
    assert second.end() == (1, 0, [])
    assert any(line.startswith("said Waiting for 1 cell that another run on this store") for line in second.lines)
    before = picture_with_leases(challenge)
    os.killpg(first.pid, signal.SIGCONT)
    assert first.end() == (CELLS - 1, 1, []), "what it brings late is not written"
    assert picture(challenge) == undisturbed
    assert before == picture_with_leases(challenge)


def picture_with_leases(folder):
    connection = sqlite3.connect(folder / ".bakeoff" / "store.db")
    rows = connection.execute("select id, token, ended_at from results order by id").fetchall()
    connection.close()
    return rows


def test_a_dead_runner_of_another_machine_loses_its_cells_when_its_lease_ends(
    challenge, undisturbed, tmp_path, elsewhere
):
    far = Run(challenge, tmp_path / "tmp1", lease=6, before=elsewhere)
    far.wait_for("began")
    near = Run(challenge, tmp_path / "tmp2", lease=6)
    near.wait_for("began")
    far.kill()
    ran, _, troubles = near.end()
    assert troubles == []
    assert any("ended without giving back its cells" in line for line in near.lines)
    assert ran >= CELLS - 1
    assert picture(challenge) == undisturbed


def test_clocks_that_jump_free_nobodys_cells(challenge, undisturbed, tmp_path, elsewhere, clock):
    """Each sees the other by its beats alone, and one's clock goes forward and back by hours meanwhile."""
    jumping = Run(challenge, tmp_path / "tmp1", before=elsewhere, **clock.variables)
    jumping.wait_for("began")
    steady = Run(challenge, tmp_path / "tmp2")
    jumps = threading.Thread(target=jump, args=(clock, jumping))
    jumps.start()
    ended = [jumping.end(), steady.end()]
    jumps.join()
    assert sum(ran for ran, _, _ in ended) == CELLS
    assert all(troubles == [] for _, _, troubles in ended)
    begun = [*jumping.began(), *steady.began()]
    assert sorted(begun) == sorted(set(begun)), "nothing was run twice"
    assert not any("they are taken over" in line for line in [*jumping.lines, *steady.lines])
    assert picture(challenge) == undisturbed


def jump(clock, run):
    for shift in ("+2h", "-3h", "+400d", "-1h") * 100:
        if run.process.poll() is not None:
            return
        clock.set(shift)
        time.sleep(1)


def test_a_clock_that_was_set_back_holds_no_dead_runners_cells(challenge, undisturbed, tmp_path, elsewhere, clock):
    far = Run(challenge, tmp_path / "tmp1", lease=6, before=elsewhere)
    far.wait_for("began")
    near = Run(challenge, tmp_path / "tmp2", lease=6, **clock.variables)
    near.wait_for("began")
    far.kill()
    clock.set("-30d")
    assert near.end()[2] == []
    assert picture(challenge) == undisturbed


def test_the_clocks_of_runs_really_jump(tmp_path, clock):
    """The partner of the two above: a run whose clock is set sees it."""
    clock.set("-30d")
    asked = [os.sys.executable, "-c", "import time; print(time.time())"]
    told = subprocess.run(asked, env={**os.environ, **clock.variables}, capture_output=True, text=True, check=True)
    assert abs(time.time() - float(told.stdout) - 30 * 86400) < 3600


@pytest.mark.parametrize("challenge", ["sqlite"], indirect=True)
def test_a_slow_disk_holds_nobody_up_for_good(challenge, undisturbed, tmp_path):
    """Another process holds SQLite's write lock for seconds, again and again."""
    over = threading.Event()

    def busy():
        connection = sqlite3.connect(challenge / ".bakeoff" / "store.db", timeout=60, isolation_level=None)
        while not over.is_set():
            connection.execute("begin immediate")
            time.sleep(2)
            connection.execute("commit")
            time.sleep(0.3)
        connection.close()

    writer = threading.Thread(target=busy)
    writer.start()
    runs = [Run(challenge, tmp_path / f"tmp{number}") for number in range(2)]
    try:
        ended = [run.end() for run in runs]
    finally:
        over.set()
        writer.join()
    assert sum(ran for ran, _, _ in ended) == CELLS
    assert all(troubles == [] for _, _, troubles in ended)
    assert picture(challenge) == undisturbed
