"""Each layer of the wall, with the partner that shows what happens without it."""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
from boxed import boxed, heard, told

from bakeoff.arena.wall import landlock
from bakeoff.arena.wall.box import Fittings, sweep
from bakeoff.arena.wall.identity import NUMBERS, running, take_identity
from bakeoff.arena.wall.levels import best_level, gaps, layers, open_box, tried, why_not
from bakeoff.arena.wall.processes import tree
from bakeoff.errors import ConfinementError
from bakeoff.nouns import Level

LEVELS = [Level.BUBBLEWRAP, Level.PROCESS]
ROOT = os.geteuid() == 0
PLAIN = {"user": False, "mounts": False}  # as on a machine where the house is not root
FOREVER = "while True: time.sleep(1)"


@pytest.fixture(params=LEVELS, ids=["bubblewrap", "process"])
def level(request, require):
    if request.param is Level.BUBBLEWRAP:
        require("bubblewrap")
    return request.param


@pytest.fixture
def secret(tmp_path_factory):
    """A file that everybody may read, in a folder that everybody may enter and write to."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        file = Path(folder) / "secret"
        file.write_text("the truth")
        file.chmod(0o666)
        yield file


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


# Levels


def test_what_holds_is_named_and_what_does_not_says_why(level):
    held = layers(level)
    assert {"no new privileges", "no capabilities", "tree watchdog"} <= set(held)
    assert why_not(level) == ""
    assert not set(gaps(level)) & set(held)
    assert all(len(why) > 10 for why in gaps(level).values())
    if level is Level.BUBBLEWRAP:
        assert {"user name space", "network name space", "process name space", "read-only root"} <= set(held)
    else:
        assert "network name space" not in held


def test_prediction_files_need_no_wall():
    assert layers(Level.PREDICTIONS) == ()
    assert why_not(Level.PREDICTIONS) == ""
    assert gaps(Level.PREDICTIONS) == {}


def test_a_way_that_the_system_refuses_is_not_taken_and_the_reason_is_told(monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    tried.cache_clear()
    try:
        assert re.search(r"may not make user namespaces here \(bwrap: setting up uid map.*AppArmor", why_not(LEVELS[0]))
        assert layers(LEVELS[0]) == ()
        with pytest.raises(ConfinementError, match="uid map"):
            open_box(LEVELS[0])
    finally:
        tried.cache_clear()


def test_a_full_machine_is_no_reason_to_take_a_lesser_way(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    tried.cache_clear()
    try:
        with pytest.raises(ConfinementError, match="could not be tried"):
            tried(Level.PROCESS)
    finally:
        tried.cache_clear()
    monkeypatch.undo()
    assert tried(Level.PROCESS).way is not None, "it was not remembered"


def test_a_second_look_costs_nothing():
    layers(best_level())
    began = time.process_time()
    for _ in range(100):
        layers(best_level())
    assert time.process_time() - began < 0.1


def test_a_layer_that_is_left_out_is_not_named(level):
    from bakeoff.arena.wall.box import Opening, Way
    from bakeoff.arena.wall.levels import look

    bare = set(look(Opening(level, Way(groups=False))))
    assert not bare & {"uid drop", "seccomp", "Landlock"}
    assert not any(layer.startswith("cgroup") for layer in bare)
    if level is Level.PROCESS:
        assert "house's files out of reach" not in bare
        assert "network out of reach" not in bare


# Files

READS = """
say({
    "read": attempt(open, PATH),
    "write": attempt(open, PATH, "w"),
    "beside": attempt(open, PATH + "-beside", "w"),
    "list": attempt(os.listdir, os.path.dirname(PATH)),
    "own": attempt(open, os.environ["TMPDIR"] + "/mine", "w"),
    "null": attempt(open, "/dev/null", "w"),
})
"""


def test_the_houses_files_are_out_of_reach(level, secret):
    code = READS.replace("PATH", repr(str(secret)))
    assert tried(Level.PROCESS).way is not None
    free = told(Level.PROCESS, code, landlock=0, user=False, mounts=False)
    assert set(free.values()) == {"done"}, "the partner: without a wall all of it can be done"
    if level is Level.PROCESS and not landlock.version():
        pytest.skip("this kernel has no Landlock")
    held = told(level, code)
    assert held["read"] in ("ENOENT", "EACCES")
    assert held["write"] in ("ENOENT", "EACCES")
    assert held["beside"] in ("ENOENT", "EACCES", "EROFS")
    assert held["list"] in ("ENOENT", "EACCES")
    assert held["own"] == held["null"] == "done"


def test_nothing_is_inherited_and_the_environment_is_clean(level, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "do not tell")
    code = """
fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}"))
say({"fds": fds, "ends": [ASKS, ANSWERS], "variables": dict(os.environ), "host": os.uname().nodename})
"""
    seen = told(level, code)
    assert seen["fds"] == sorted([0, 1, 2, *seen["ends"]])
    assert "SECRET_TOKEN" not in seen["variables"]
    assert seen["variables"]["HOME"] == seen["variables"]["TMPDIR"] != os.environ["HOME"]
    if level is Level.BUBBLEWRAP:
        assert seen["host"] == "cell"


def test_staged_data_are_not_in_the_box_until_they_are_handed_in(level, tmp_path):
    rows = tmp_path / "rows.parquet"
    rows.write_text("rows")
    code = """
place = ("/cell" if os.path.isdir("/cell") else os.path.dirname(os.environ["TMPDIR"])) + "/data"
say(os.listdir(place) if os.access(place, os.R_OK) else "hidden")
os.read(ASKS, 1)
say(open(place + "/rows.parquet").read())
"""
    with boxed(level, code) as box:
        box.stage(rows)
        assert heard(box) == []
        box.hand_in(rows)
        os.write(box.asks, b".")
        assert heard(box) == "rows"


def test_shared_models_can_be_read_and_not_written(level, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    (models / "words.bin").write_text("vectors")
    code = """
place = os.environ["BAKEOFF_MODELS"]
say([place, open(place + "/words.bin").read(), attempt(open, place + "/words.bin", "w"),
     attempt(open, place + "/new", "w")])
"""
    place, read, write, new = told(level, code, Fittings(models=models))
    assert place == ("/models" if level is Level.BUBBLEWRAP else str(models))
    assert read == "vectors"
    assert write in ("EROFS", "EACCES") and new in ("EROFS", "EACCES")
    assert (models / "words.bin").read_text() == "vectors"


def test_a_closed_folder_of_models_is_told_with_the_mend(level, tmp_path):
    if not tried(level).way.user:
        pytest.skip("boxes keep the house's user here, who may read it")
    (tmp_path / "models").mkdir(mode=0o700)
    with pytest.raises(ConfinementError, match=r"cannot read .*models; let it: chmod -R o\+rX"):
        told(level, "", Fittings(models=tmp_path / "models"))


def test_links_among_an_entrys_files_lead_nowhere(level, secret, tmp_path):
    if level is Level.PROCESS and not landlock.version():
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "entry").mkdir(mode=0o700)
    (tmp_path / "entry" / "model.py").write_text("x = 1")
    (tmp_path / "entry" / "model.py").chmod(0o600)
    (tmp_path / "entry" / "link").symlink_to(secret)
    code = """
os.read(ASKS, 1)
place = ("/cell" if os.path.isdir("/cell") else os.path.dirname(os.environ["TMPDIR"])) + "/code"
say([open(place + "/model.py").read(), attempt(open, place + "/link")])
"""
    with boxed(level, code) as box:
        box.bring_code(tmp_path / "entry")
        os.write(box.asks, b".")
        own, link = heard(box)
    assert own == "x = 1"
    assert link in ("ENOENT", "EACCES")


# Users


@pytest.mark.skipif(not ROOT, reason="only root can take another user")
def test_each_box_has_a_user_of_its_own(level):
    code = "say(0)"
    with boxed(level, code) as one, boxed(level, code) as other:
        assert heard(one) == heard(other) == 0
        numbers = [set(psutil.Process(tree(box.process.pid)[-1].pid).uids()) for box in (one, other)]
    assert all(len(number) == 1 and number <= set(NUMBERS) for number in numbers)
    assert numbers[0] != numbers[1]
    with boxed(level, code, user=False, mounts=False) as kept:
        heard(kept)
        assert psutil.Process(tree(kept.process.pid)[-1].pid).uids().real == 0, "the partner"


def test_there_are_no_capabilities_even_where_the_houses_user_is_kept(level):
    code = "say([line.split()[1] for line in open('/proc/self/status') if line.startswith('Cap')])"
    for changes in ({}, PLAIN):
        inherited, permitted, effective, *_ = told(level, code, **changes)
        assert int(inherited, 16) == int(permitted, 16) == int(effective, 16) == 0
    again = "say(subprocess.run(['/bin/grep', 'CapEff', '/proc/self/status'], capture_output=True, text=True).stdout)"
    assert int(told(level, again, **PLAIN).split()[1], 16) == 0, "nor does a program give them back"


@pytest.mark.skipif(not ROOT, reason="only root can take another user")
def test_a_taken_number_is_free_again_when_its_holder_dies():
    code = (
        "from bakeoff.arena.wall.identity import take_identity; import sys\n"
        "print(take_identity().number, flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    taken = int(holder.stdout.readline())
    mine = [take_identity() for _ in range(3)]
    assert taken not in {identity.number for identity in mine}
    assert len({identity.number for identity in mine}) == 3
    holder.kill()
    holder.communicate()
    again = [take_identity() for _ in range(40)]
    assert taken in {identity.number for identity in again}
    for identity in (*mine, *again):
        identity.release()


@pytest.mark.skipif(not ROOT, reason="only root can take another user")
def test_processes_of_a_dead_house_are_ended():
    identity = take_identity()
    stray = subprocess.Popen(["/bin/sleep", "600"], user=identity.number, group=identity.number, extra_groups=[])
    sweep()
    assert stray.poll() is None, "its house still holds the number"
    assert stray.pid in running()[identity.number]
    identity.release()
    sweep()
    assert stray.wait(10) == -9


# Processes

ESCAPES = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sleep", ["sleep", "600"], {})
    os._exit(0)
time.sleep(0.3)
say([int(p) for p in os.listdir("/proc") if p.isdigit() and open(f"/proc/{p}/comm").read() == "sleep\\n"])
"""


def test_processes_that_leave_their_tree_are_seen_and_ended(level):
    bare = {} if level is Level.BUBBLEWRAP else PLAIN
    with boxed(level, ESCAPES, groups=False, **bare) as box:
        heard(box)
        seen = [p for p in tree(box.process.pid) if p.name() == "sleep"]
        assert len(seen) == 1, "it is still below the process that the house started"
        assert not seen[0].environ(), "and nothing in its environment tells where it came from"
    assert not alive(seen[0].pid)


def test_what_an_entry_leaves_behind_ends_with_its_worker(level):
    with boxed(level, ESCAPES + "\nos._exit(7)", groups=False) as box:
        heard(box)
        assert box.process.wait(20) == 7
        seen = [process.info for process in psutil.process_iter(["ppid", "name", "uids"])]  # without those that go
        assert not [one for one in seen if one["ppid"] == 1 and one["name"] == "sleep" and one["uids"].real in NUMBERS]


def test_a_box_outlives_the_thread_that_opened_it_and_not_the_house(level):
    opened = []

    def lane():
        context = boxed(level, "say(1)\n" + FOREVER)
        opened.append((context, context.__enter__()))
        heard(opened[0][1])

    thread = threading.Thread(target=lane)
    thread.start()
    thread.join()
    context, box = opened[0]
    time.sleep(0.3)
    assert box.process.poll() is None
    context.__exit__(None, None, None)
    house = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from boxed import boxed, heard\nfrom bakeoff.nouns import Level\n"
        "context = boxed(Level(sys.argv[2]), 'say(1)\\nwhile True: time.sleep(1)')\n"
        "box = context.__enter__(); heard(box)\n"
        "from bakeoff.arena.wall.processes import tree\n"
        "print(*[p.pid for p in tree(box.process.pid)], flush=True)\ntime.sleep(600)"
    )
    words = [sys.executable, "-c", house, str(Path(__file__).parent), level.value]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) > 1 and all(alive(pid) for pid in pids)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(alive(pid) for pid in pids):
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)
    sweep()


FORKS = """
made = 0
try:
    while made < 600:
        if os.fork() == 0:
            time.sleep(600)
        made += 1
except OSError:
    pass
say(made)
"""


def test_the_number_of_processes_is_limited_without_a_control_group(level):
    if level is Level.PROCESS and not tried(level).way.user:
        pytest.skip("the kernel counts by user, and boxes keep the house's here")
    # At L2 the worker sets the limit, within the box's own user name space.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (256, 256))\n"
    with boxed(level, (limit if level is Level.BUBBLEWRAP else "") + FORKS, groups=False) as box:
        assert 200 < heard(box) < 257
        inside = [p.pid for p in tree(box.process.pid)]
    assert not any(alive(pid) for pid in inside)


def test_the_house_cannot_be_signalled(level):
    code = f"""
say([attempt(os.kill, pid, 0) for pid in ({os.getpid()}, -{os.getpid()}, -1)])
say([attempt(os.kill, 0, 0), attempt(os.kill, os.getpid(), 0)])
"""
    with boxed(level, code) as box:
        others = heard(box)
        assert heard(box) == ["done", "done"], "the partner: it can signal itself"
    assert set(others[:2]) <= {"EPERM", "ESRCH"}
    bare = told(Level.PROCESS, code, user=False, mounts=False, seccomp=False, landlock=0)
    assert bare[0] == "done", "the partner: without a wall the house can be signalled"


# Meters


@pytest.mark.skipif(not ROOT, reason="only root can mount")
def test_a_temporary_folder_is_of_limited_size(level):
    code = """
found = os.statvfs(os.environ["TMPDIR"])
say(found.f_blocks * found.f_frsize)
"""
    assert told(level, code) == 1 << 30
    assert told(Level.PROCESS, code, **PLAIN) != 1 << 30, "the partner: the disk's own size"


@pytest.mark.skipif(not ROOT, reason="only root can hide a folder from others")
def test_a_python_that_only_root_can_reach_is_shown_alone(level, tmp_path):
    closed = tmp_path / "closed"
    (closed / "packages").mkdir(parents=True)
    (closed / "packages" / "thing.py").write_text("x = 5")
    (closed / "secret").write_text("no")
    for path in (closed / "packages", closed / "packages" / "thing.py"):
        path.chmod(0o755)
    closed.chmod(0o700)
    code = f"say([open({str(closed / 'packages' / 'thing.py')!r}).read(), attempt(open, {str(closed / 'secret')!r})])"
    with pytest.raises(AssertionError):
        told(level, code, Fittings(environment=closed / "packages"), mounts=False)
    read, other = told(level, code, Fittings(environment=closed / "packages"))
    assert read == "x = 5"
    assert other in ("ENOENT", "EACCES")
