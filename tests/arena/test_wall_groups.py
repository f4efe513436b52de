"""Control groups of both versions: what is read from them, what is written, and what is left alone."""

import os
import sys
import time

import pytest
from boxed import boxed, heard

from bakeoff.arena.wall.groups import HOUSE, UNIFIED, Group, delegate, make_group
from bakeoff.arena.wall.processes import tree
from bakeoff.nouns import Level


@pytest.fixture
def second(tmp_path):
    """A folder with the files that version 2 shows, as the kernel words them."""
    files = {
        "cgroup.procs": "12\n13\n",
        "cgroup.kill": "",
        "cpu.stat": "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n",
        "memory.stat": "anon 1048576\nfile 9999999\nkernel 5\nshmem 2097152\n",
        "memory.max": "max\n",
        "memory.swap.max": "max\n",
        "memory.events": "low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n",
        "pids.max": "256\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_second_version_is_read(second):
    group = Group({UNIFIED: second})
    assert group.holds == ("cgroup v2 memory", "cgroup v2 processes", "cgroup v2 CPU")
    assert group.cpu() == 1.5
    assert group.memory() == 3 << 20, "what is cached of other files is not held"
    assert group.members() == {12, 13}
    assert not group.ran_out_of_memory()
    (second / "memory.events").write_text("max 12\noom 1\noom_kill 1\n")
    assert group.ran_out_of_memory()


def test_the_second_version_is_written(second):
    group = Group({UNIFIED: second})
    group.cap_memory(700)
    assert (second / "memory.max").read_text().strip() == str(700 << 20)
    assert (second / "memory.swap.max").read_text()[:1] == "0"
    group.kill()
    assert (second / "cgroup.kill").read_text() == "1"
    assert not (second / "memory.limit_in_bytes").exists(), "no file is made up"


def test_a_group_without_controllers_says_so(second):
    for name in ("memory.max", "memory.stat", "memory.events", "pids.max"):
        (second / name).unlink()
    group = Group({UNIFIED: second})
    assert group.holds == ("cgroup v2 CPU",)
    assert group.memory() is None
    assert not group.ran_out_of_memory()


def test_where_there_is_no_group_nothing_is_said():
    group = Group({})
    assert (group.holds, group.cpu(), group.memory(), group.members()) == ((), None, None, set())
    group.cap_memory(1)
    group.kill()
    group.remove()


@pytest.fixture
def own(tmp_path):
    """The folder of a group that was delegated to us, with controllers that groups below it do not have yet."""
    (tmp_path / "cgroup.controllers").write_text("cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n")
    return tmp_path


def test_a_group_of_ones_own_gets_controllers_and_the_house_a_leaf(own):
    (own / HOUSE).mkdir()
    delegate(own)
    assert (own / HOUSE / "cgroup.procs").read_text() == str(os.getpid())
    assert (own / "cgroup.subtree_control").read_text() == "+cpu", "each is written by itself, and the last one stands"


def test_a_group_with_others_in_it_is_left_alone(own):
    (own / "cgroup.procs").write_text(f"{os.getpid()}\n1\n")
    delegate(own)
    assert (own / "cgroup.subtree_control").read_text() == ""
    assert not (own / HOUSE).exists()


def test_a_group_that_has_all_controllers_is_left_alone(own):
    (own / "cgroup.subtree_control").write_text("cpu memory pids")
    delegate(own)
    assert not (own / HOUSE).exists()


def test_no_groups_are_made_where_there_are_none(tmp_path):
    assert make_group("bakeoff-box-1-x", tmp_path).folders == {}


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
@pytest.mark.parametrize("level", [Level.BUBBLEWRAP, Level.PROCESS], ids=["bubblewrap", "process"])
def test_a_group_of_this_machine_meters_limits_and_ends_a_box(level, require):
    if level is Level.BUBBLEWRAP:
        require("bubblewrap")
    code = """
end = time.process_time() + 0.5
while time.process_time() < end: pass
say("burned")
while True: time.sleep(1)
"""
    with boxed(level, code) as box:
        if not box.group.folders:
            pytest.skip("no control group can be made here")
        heard(box)
        inside = {process.pid for process in tree(box.process.pid)}
        assert box.group.members() == inside
        if box.group.cpu() is not None:
            assert 0.5 <= box.group.cpu() < 10
        if UNIFIED in box.group.folders and (box.group.folders[UNIFIED] / "cgroup.kill").exists():
            box.group.kill()
            box.process.wait(10)
            deadline = time.monotonic() + 10
            while box.group.members() and time.monotonic() < deadline:
                time.sleep(0.02)
            assert not box.group.members()
    assert not any(folder.exists() for folder in box.group.folders.values())
