"""What a box uses is seen from outside: bytes written, files, shared memory, and the CPU of children that left."""

import os
import time
from pathlib import Path

import pytest
from boxed import boxed, heard

from bakeoff.arena.wall.meter import Meter
from bakeoff.arena.wall.processes import tree
from bakeoff.nouns import Level

LEVELS = [Level.BUBBLEWRAP, Level.PROCESS]
PLAIN = {"user": False, "mounts": False}  # as on a machine where the house is not root


@pytest.fixture(params=LEVELS, ids=["bubblewrap", "process"])
def level(request, require):
    if request.param is Level.BUBBLEWRAP:
        require("bubblewrap")
    return request.param


WRITES = """
for i in range(20):
    with open(os.environ["TMPDIR"] + f"/{i}", "wb") as file:
        file.write(bytes(1 << 20))
if os.fork() == 0:
    with open(os.environ["TMPDIR"] + "/child", "wb") as file:
        file.write(bytes(10 << 20))
    os._exit(0)
os.wait()
say("written")
"""


def test_what_is_written_is_metered_children_included(level):
    with boxed(level, WRITES) as box:
        heard(box)
        assert 30 <= Meter(box).read().written_mib < 31


def test_cpu_of_a_child_that_left_counts_without_a_control_group(level):
    code = """
if os.fork() == 0:
    if os.fork() == 0:
        end = time.process_time() + 1
        while time.process_time() < end: pass
        os.execve("/bin/true", ["true"], {})
    os._exit(0)
os.wait()
say("begun")
"""
    with boxed(level, code, groups=False) as box:
        heard(box)
        meter, deadline = Meter(box), time.monotonic() + 60
        # Read once, after it has gone: nobody saw it alive.
        while len(tree(box.process.pid)) > (3 if level is Level.BUBBLEWRAP else 2) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert time.monotonic() < deadline, "it has not left"
        assert meter.read().cpu >= 1.0


MANY_FILES = """
for i in range(3000):
    os.close(os.open(os.environ["TMPDIR"] + f"/{i}", os.O_CREAT))
say("made")
"""


@pytest.mark.parametrize("plain", [False, True])
def test_many_empty_files_are_counted(level, plain):
    with boxed(level, MANY_FILES, **(PLAIN if plain else {})) as box:
        heard(box)
        assert 3000 <= Meter(box).read().files < 3020


DEEP = """
os.chdir(os.environ["TMPDIR"])
for i in range(3000):
    os.mkdir("deeper")
    os.chdir("deeper")
say("made")
"""


def test_a_folder_without_end_is_counted_as_too_much_and_taken_away():
    with boxed(Level.PROCESS, DEEP, **PLAIN) as box:
        heard(box)
        assert Meter(box).read().files > 50_000
    assert not box.folder.exists()


HOARDS = """
for i in range(20):
    with open(f"/dev/shm/bakeoff-try-{os.getpid()}-{i}", "wb") as file:
        file.write(bytes(1 << 20))
say(os.getpid())
"""


def test_shared_memory_is_counted_and_taken_away_where_a_box_has_none_of_its_own(tmp_path):
    mine = Path("/dev/shm") / f"bakeoff-mine-{os.getpid()}"
    with boxed(Level.PROCESS, HOARDS, **PLAIN) as box:
        try:
            mine.write_bytes(b"x" * 4096)
            with mine.open("rb"):
                pid = heard(box)
                reading = Meter(box).read()
                assert reading.files >= 20 and reading.stored_mib >= 20
                box.close()
                assert mine.exists(), "somebody uses it"
        finally:
            mine.unlink(missing_ok=True)
    assert not list(Path("/dev/shm").glob(f"bakeoff-try-{pid}-*"))
