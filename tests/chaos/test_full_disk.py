"""A full disk stops a run with one sentence; nothing that was finished is lost, and the rest is run later."""

import os
import random
import subprocess
import sys

import pytest
from chaos import CELLS, Run, copy, picture

from bakeoff.arena import Challenge
from bakeoff.errors import StoreError

pytestmark = pytest.mark.timeout(3600)

BAKEOFF = (sys.executable, "-c", "from bakeoff.cli import main; main()")


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"only root may mount a small disk: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk, leave):
    """Fill a disk up but for so many bytes."""
    free = os.statvfs(disk)
    size = free.f_bavail * free.f_frsize - leave
    (disk / "filler").write_bytes(b"\1" * max(0, size))


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 9))])
def test_a_full_disk_stops_a_run_and_loses_nothing(made, undisturbed, disk, tmp_path, seed):
    """Between nothing at all and what some cells need is left, so that it fills up at one place or another."""
    folder = copy(made, disk / "challenge")
    fill(disk, leave=random.Random(seed).randrange(0, 160) * 1024)
    command = [*BAKEOFF, "run", "-C", str(folder)]
    stopped = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert stopped.returncode == 6, (stopped.stdout, stopped.stderr)
    (sentence,) = [line for line in stopped.stderr.splitlines() if "full" in line]
    assert "free some space" in sentence or "make room" in sentence
    (disk / "filler").unlink()
    kept = Challenge.open(folder)
    before = kept.store.results()
    kept.close()
    assert len(before) < CELLS
    run = Run(folder, tmp_path / "tmp")
    assert run.end() == (CELLS - len(before), 0, [])
    assert picture(folder) == undisturbed


def test_temporary_files_that_do_not_fit_are_no_entrys_fault(made, undisturbed, disk, tmp_path):
    folder = copy(made, tmp_path / "challenge")
    fill(disk, leave=24 * 1024)
    command = [*BAKEOFF, "run", "-C", str(folder)]
    given = {**os.environ, "TMPDIR": str(disk)}
    stopped = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200, env=given)
    assert stopped.returncode != 0, stopped.stdout
    assert "is full; free some space and run again" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    (disk / "filler").unlink()
    run = Run(folder, tmp_path / "tmp")
    assert run.end() == (CELLS, 0, [])
    assert picture(folder) == undisturbed


def test_a_change_that_does_not_fit_is_all_undone(made, disk, tmp_path):
    folder = copy(made, disk / "challenge")
    challenge = Challenge.open(folder)
    store = challenge.store
    fill(disk, leave=0)
    with pytest.raises(StoreError, match=r"disk .* is full .*free some space and run again"):
        for number in range(100):
            store.keep_plan(str(number), {"withheld": list(range(20000))})
    (disk / "filler").unlink()
    kept = [number for number in range(100) if store.plan(str(number)) is not None]
    assert kept == list(range(len(kept))), "what was taken is whole, and is there"
    store.keep_plan("later", {"withheld": []})
    assert store.plan("later")["body"] == {"withheld": []}
    challenge.close()
