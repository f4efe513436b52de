"""Strangers' code: every way to misbehave ends in an outcome with a reason, and nothing gets through the wall."""

import json
import os
import re
import socket
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from boxed import heard

from bakeoff.arena import RunRequest
from bakeoff.arena.cellrun import Call, without_probes
from bakeoff.arena.runner import LocalRunner
from bakeoff.arena.wall.confinement import PREFIX, best_level, kill, open_box, sweep, tree, why_no_bubblewrap
from bakeoff.arena.wall.levels import tried
from bakeoff.arena.wall.processes import MARK
from bakeoff.nouns import Level, Limits, Outcome

LIMITS = Limits(seconds=6, memory_mib=700, log_mib=2, processes=20)
PATIENT = replace(LIMITS, seconds=300)  # for what another limit ends, on however busy a machine
HEAD = "import os, sys, time\nimport numpy as np\n"
GOOD_FIT = "    def fit(self, X, y):\n        self.classes_ = np.unique(y)\n        return self\n"
UNIFORM = "np.full((len(X), 2), 0.5)"


def model(fit="pass", proba=UNIFORM):
    return (
        HEAD
        + "class Model:\n    def fit(self, X, y):\n        self.classes_ = np.unique(y)\n"
        + "".join(f"        {line}\n" for line in fit.splitlines())
        + "        return self\n    def predict_proba(self, X):\n"
        + "".join(f"        {line}\n" for line in proba.splitlines()[:-1])
        + f"        return {proba.splitlines()[-1]}\n"
    )


# Fills the pipe that the parent writes to, while it is being imported, and goes on as if nothing were.
STUFFING = (
    HEAD
    + """
import fcntl, stat
for fd in range(3, 500):
    try:
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            again = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
            while True:
                os.write(again, b" " * 4096)
    except OSError:
        pass
class Model:
    def fit(self, X, y): time.sleep(60)
    def predict(self, X): return X
"""
)

MISBEHAVIOUR = {
    "raises": (model("raise RuntimeError('the \\x1b[31mfuse blew')"), Outcome.FAILED, "RuntimeError: the"),
    "sleeps": (model("time.sleep(60)"), Outcome.TIMED_OUT, "had not answered after 6 s"),
    "spins": (model("while True: pass"), Outcome.TIMED_OUT, "had not answered after 6 s"),
    "forks": (
        model("for i in range(200):\n    if os.fork() == 0:\n        time.sleep(30)\ntime.sleep(30)"),
        Outcome.FAILED,
        "where 20 are allowed",
    ),
    "bombs": (model("while True:\n    os.fork()"), (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.OUT_OF_MEMORY), "."),
    "kills-itself": (
        model("os.kill(os.getpid(), 9)"),
        Outcome.FAILED,
        r"ended without answering \(exit code (137|-9)\)",
    ),
    "broken-words": (model("raise ValueError('caf\\udce9 \\0')"), Outcome.FAILED, "ValueError: caf"),
    "odd-notes": (
        HEAD
        + "class Model:\n    notes = 5\n"
        + GOOD_FIT
        + "    def predict_proba(self, X):\n        return np.full((len(X), 2), 0.5)\n",
        Outcome.DONE,
        "",
    ),
    "hoards-in-nameless-files": (
        model("for i in range(30):\n    os.write(os.memfd_create(str(i)), bytes(10**8))\n    time.sleep(0.05)"),
        Outcome.OUT_OF_MEMORY,
        "700 MiB",
    ),
    "stuffs-the-pipe": (STUFFING, (Outcome.TIMED_OUT, Outcome.FAILED), "."),
    "allocates": (model("self.hoard = [np.ones(10**7) for _ in range(10**6)]"), Outcome.OUT_OF_MEMORY, "700 MiB"),
    "allocates-in-children": (
        model(
            "for i in range(6):\n    if os.fork() == 0:\n        hoard = np.ones(25 * 10**6)\n        time.sleep(20)\n"
            "time.sleep(20)"
        ),
        Outcome.OUT_OF_MEMORY,
        "where 700 MiB are allowed",
    ),
    "prints": (model("while True: print('x' * 10**6)"), Outcome.FAILED, "printed more than 2 MiB"),
    "answers-nan": (model(proba="np.full((len(X), 2), np.nan)"), Outcome.REFUSED, "(?i)nan|not a number|finite"),
    "answers-text": (model(proba="np.full((len(X), 2), 'much')"), Outcome.REFUSED, "(?i)number"),
    "answers-too-few": (model(proba="np.full((len(X) - 1, 2), 0.5)"), Outcome.REFUSED, "rows"),
    "answers-no-probabilities": (model(proba="np.full((len(X), 2), 7.0)"), Outcome.REFUSED, "(?i)sum|probabilit"),
    "exits": (model("os._exit(0)"), Outcome.FAILED, r"ended without answering \(exit code 0\)"),
    "hangs-up": (
        model("os.closerange(3, 500)\ntime.sleep(60)"),
        Outcome.FAILED,
        "it closed its pipe without answering",
    ),
    "exits-in-predict": (model(proba="os._exit(3)\nX"), Outcome.FAILED, r"ended without answering \(exit code 3\)"),
    "sys-exits": (model("sys.exit('enough')"), Outcome.FAILED, "SystemExit: enough"),
    "cannot-be-imported": (
        "import no_such_module\nclass Model:\n    def fit(s, X, y): pass\n    def predict(s, X): pass\n",
        Outcome.FAILED,
        "ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "declines": (
        HEAD + "from bakeoff import Declined\n" + model("raise Declined('only for pictures')")[len(HEAD) :],
        Outcome.DECLINED,
        "^only for pictures$",
    ),
    "unknown-classes": (
        HEAD + "class Model:\n" + GOOD_FIT + "    def predict(self, X):\n        return np.full(len(X), 'maybe')\n",
        Outcome.REFUSED,
        "maybe",
    ),
}


ENDED_BY_TIME = {"sleeps", "spins", "bombs", "stuffs-the-pipe"}


def is_ours(process):
    """Whether a living process is of a box that this process opened; other work on the machine is none of ours."""
    try:
        marked = process.environ().get(MARK, "").startswith(f"{PREFIX}{os.getpid()}-")
        return (marked or process.ppid() == os.getpid()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def test_a_process_of_a_box_is_known_as_ours():
    box = open_box(best_level())
    assert any(is_ours(process) for process in tree(box.process.pid))
    box.close()
    assert not is_ours(psutil.Process())


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("level", [Level.BUBBLEWRAP, Level.PROCESS], ids=["bubblewrap", "process"])
def test_misbehaviour_is_an_outcome_with_a_reason(challenge, hand_in, level, require):
    if level is Level.BUBBLEWRAP:
        require("bubblewrap")
    names = {name: hand_in(name, code).name for name, (code, _, _) in MISBEHAVIOUR.items()}
    matrix, cells, _ = challenge._matrix(RunRequest(entries=(*names, "linear")), None)
    before = {process.pid for process in psutil.process_iter()}
    for limits in (LIMITS, PATIENT):
        mine = {cell: pair for cell, pair in cells.items() if (cell.entry in ENDED_BY_TIME) is (limits is LIMITS)}
        assert matrix.run(mine, limits, LocalRunner(level=level)).troubles == ()
    results = {result.cell.entry: result for result in challenge.store.results().values()}
    wrong = []
    for name, (_, outcome, reason) in MISBEHAVIOUR.items():
        got = results[name]
        allowed = outcome if isinstance(outcome, tuple) else (outcome,)
        if got.outcome not in allowed or not re.search(reason, got.reason):
            wrong.append(
                f"{name}: {got.outcome} ({got.reason!r}) where {outcome} ({reason!r}) is due\n{got.log[-500:]}"
            )
    assert not wrong, "\n".join(wrong)
    assert results["linear"].outcome is Outcome.DONE
    assert all(result.level is level for result in results.values())
    assert "\x1b" not in results["raises"].log
    assert len(results["prints"].log) < 10_000
    time.sleep(0.2)
    left = [p for p in psutil.process_iter() if p.pid not in before and is_ours(p)]
    assert left == [], "processes are left over"


SPY = (
    HEAD
    + """
import glob, socket, json
from pathlib import Path

def tried(thing):
    try:
        return thing()
    except Exception as error:
        return f"refused: {type(error).__name__}"

class Model:
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        root = os.getcwd().split("/cell")[0] or "/cell"
        seen = {
            "truth": tried(lambda: open(TRUTH, "rb").read(4).hex()),
            "secret": tried(lambda: open(SECRET).read(4)),
            "home": tried(lambda: sorted(os.listdir(os.path.expanduser("~root")))[:3]),
            "asked": sorted(p.name for p in Path("/cell").rglob("call-*")),
            "network": tried(lambda: socket.create_connection(("127.0.0.1", PORT), 2).close() or "reached"),
            "write": tried(lambda: Path("/cell/x").write_text("x")),
            "write-root": tried(lambda: Path("/x").write_text("x")),
            "processes": len([p for p in os.listdir("/proc") if p.isdigit()]),
            "columns": sorted(X.columns),
            "variables": sorted(os.environ),
            "uid": os.getuid(),
        }
        raise RuntimeError("SPY " + json.dumps(seen))
    def predict(self, X):
        return X
"""
)


def test_what_a_spy_sees_behind_bubblewrap(challenge, hand_in, require, monkeypatch):
    require("bubblewrap")
    monkeypatch.setenv("SECRET_TOKEN", "do not tell")
    truth = next(challenge.places.truth.glob("*.parquet"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        paths = {
            "TRUTH": str(truth),
            "SECRET": str(challenge.places.private / "secret"),
            "PORT": server.getsockname()[1],
        }
        code = SPY
        for name, value in paths.items():
            code = code.replace(name, repr(value))
        hand_in("spy", code)
        challenge.run(RunRequest(entries=("spy",)))
        (result,) = challenge.store.results().values()
    seen = json.loads(result.reason.split("SPY ")[1])
    assert truth.read_bytes()[:4].hex() == "50415231", "the partner: outside the wall the same file can be read"
    assert seen["truth"] == seen["secret"] == "refused: FileNotFoundError"
    assert str(seen["home"]).startswith("refused") or not set(seen["home"]) & set(os.listdir(os.path.expanduser("~")))
    assert seen["asked"] == []
    assert seen["network"].startswith("refused")
    assert seen["write"].startswith("refused") and seen["write-root"].startswith("refused")
    assert seen["processes"] <= 4
    assert seen["columns"] == ["colour", "note", "size", "weight"]
    assert not {"SECRET_TOKEN", "SSH_AUTH_SOCK"} & set(seen["variables"])
    assert seen["uid"] == 65534


HOARDS = {
    "shm": "/dev/shm/x",
    "tmp": "/tmp/x",
}


@pytest.mark.parametrize("path", HOARDS.values(), ids=HOARDS)
def test_files_in_memory_count_as_memory(challenge, hand_in, require, path):
    require("bubblewrap")
    hand_in(
        "hoards",
        model(
            f"f = open({path!r}, 'wb')\n"
            "for i in range(30):\n    f.write(bytes(10**8))\n    f.flush()\n    time.sleep(0.1)"
        ),
    )
    matrix, cells, _ = challenge._matrix(RunRequest(entries=("hoards",)), None)
    matrix.run(cells, PATIENT, LocalRunner())
    (result,) = challenge.store.results().values()
    assert result.outcome in (Outcome.OUT_OF_MEMORY, Outcome.FAILED), result.reason
    assert "MiB" in result.reason or "No space left" in result.reason


def test_cpu_of_children_that_nobody_waits_for_counts(challenge, hand_in):
    burn = "end = time.process_time() + 1.5\nwhile time.process_time() < end:\n    pass"
    hidden = "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nends = os.pipe()\nif os.fork() == 0:\n"
    hidden += "".join(f"    {line}\n" for line in burn.splitlines()) + "    os._exit(0)\n"
    hidden += "os.close(ends[1])\nos.read(ends[0], 1)"  # until the child has ended
    hand_in("hidden", model(hidden))
    hand_in("honest", model(burn))
    challenge.run(RunRequest(entries=("hidden", "honest")))
    cpu = {result.cell.entry: result.measurements.cpu for result in challenge.store.results().values()}
    assert cpu["honest"] > 1.4
    assert cpu["hidden"] > 1.2


def test_every_process_of_a_box_is_in_its_control_group(require):
    require("bubblewrap")
    box = open_box(best_level())
    assert heard(box)["event"] == "ready"  # while it imports, libraries may start processes that come and go
    inside = {process.pid for process in tree(box.process.pid)}
    groups = [set(map(int, (folder / "cgroup.procs").read_text().split())) for folder in box.group.folders.values()]
    box.close()
    assert len(inside) == 3
    assert all(group == inside for group in groups)
    assert not any(folder.exists() for folder in box.group.folders.values())


def test_learning_in_the_first_call_costs_as_much_as_in_fit():
    calls = [Call(Path("x"), 100, 0.25)] * 4
    assert without_probes([2.0, 0.0, 0.0, 0.0], calls) == 2.0
    assert without_probes([0.5, 0.5, 0.5, 0.5], calls) == pytest.approx(2.0 * 0.25)


def test_an_affinity_that_an_entry_widens_is_narrowed_again(challenge, hand_in):
    widen = "os.sched_setaffinity(0, range(os.cpu_count()))\ntime.sleep(1)\n"
    hand_in("wide", model(widen + "raise RuntimeError(f'CORES {len(os.sched_getaffinity(0))}')"))
    challenge.run(RunRequest(entries=("wide",)))
    (result,) = challenge.store.results().values()
    assert "CORES 1" in result.reason


def test_what_a_killed_run_left_behind_is_swept_away(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, own = tmp_path / "bakeoff-box-999999999-x", tmp_path / f"bakeoff-box-{os.getpid()}-y"
    for folder in (dead, own):
        (folder / "data").mkdir(parents=True)
    sweep()
    assert not dead.exists()
    assert own.exists()


def test_a_box_whose_house_lives_is_not_swept_whatever_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    box = open_box(best_level())
    elsewhere = tmp_path / "bakeoff-box-999999999-z"  # as it looks to a run in a process space of its own
    elsewhere.symlink_to(box.folder)
    sweep()
    assert box.process.poll() is None
    assert (box.folder / "data").exists() and elsewhere.exists()
    box.close()


def test_a_box_leaves_nothing_behind(require):
    box = open_box(best_level())
    assert psutil.pid_exists(box.process.pid)
    kill(box)
    box.close()
    assert not box.folder.exists()
    assert box.process.returncode is not None


def test_without_bubblewrap_the_reason_and_the_mend_are_said(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    tried.cache_clear()
    try:
        assert why_no_bubblewrap() == "bubblewrap is not installed; install it with: apt install bubblewrap"
    finally:
        tried.cache_clear()
