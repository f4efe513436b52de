"""Runs in processes of their own that may be killed at any moment, and what must be left in the end."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import psutil

from bakeoff.arena import Challenge, TableOptions

# Each event of a run is a line: what, which cell's entry, task and seed.
RUNNING = """
import os, select, sys, time
if "FAKETIME_TIMESTAMP_FILE" in os.environ:
    # libfaketime 0.9 refuses sleeping until a moment, which is how Python sleeps
    time.sleep = lambda seconds: select.select([], [], [], seconds)
from bakeoff.arena import Challenge, RunRequest
from bakeoff.arena.matrix import Silent
from bakeoff.arena.runner import LocalRunner
class Watcher(Silent):
    def start(self, total): print("start", total, flush=True)
    def began(self, cell): print("began", cell.entry, cell.task, cell.seed, flush=True)
    def ended(self, result): print("ended", result.cell.entry, result.cell.task, result.cell.seed, flush=True)
    def message(self, text): print("said", text, flush=True)
challenge = Challenge.open(sys.argv[1])
matrix, cells, limits = challenge._matrix(RunRequest(), Watcher())
matrix.lease_seconds = float(sys.argv[2])
summary = matrix.run(cells, limits, LocalRunner(0, limits.threads))
print("summary", summary.ran, summary.elsewhere, *summary.troubles, sep="|", flush=True)
challenge.close()
"""

ENTRY = """
import time
import numpy as np
class Model:
    def fit(self, X, y):
        end = time.monotonic() + {seconds}
        while time.monotonic() < end:
            time.sleep(0.01)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.means = [X.loc[np.asarray(y) == label, "size"].mean() for label in self.classes_]
    def predict_proba(self, X):
        near = np.stack([-{sharp} * (X["size"] - mean) ** 2 for mean in self.means], axis=1)
        raised = np.exp(near - near.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)
"""
BROKEN = "class Model:\n    def fit(self, X, y): raise ValueError('it never works')\n    def predict(self, X): pass\n"
CELLS = 5
SECONDS = 1200  # a machine may be very busy


def make(folder, frame):
    """A little challenge of five cells: three that work, one that fails, and the constant."""
    challenge = Challenge.create(folder / "challenge", title="chaos")
    rules = challenge.places.rules
    rules.write_text(rules.read_text().replace("baselines = true", 'baselines = ["constant"]'))
    challenge = Challenge.open(folder / "challenge")
    challenge.add_table(frame, TableOptions(name="little", target="y"))
    for number in range(3):
        (folder / f"entry{number}.py").write_text(ENTRY.format(seconds=0.5, sharp=number + 1))
        challenge.submit(folder / f"entry{number}.py")
    (folder / "broken.py").write_text(BROKEN)
    challenge.submit(folder / "broken.py")
    challenge.close()
    return challenge.places.root


def copy(made, folder, store=""):
    """A copy of a challenge that nobody has run, over another store when one is given."""
    shutil.copytree(made, folder, symlinks=True)
    if store:
        rules = folder / "challenge.toml"
        text = rules.read_text()
        rules.write_text(text.replace("seeds = 1\n", f'seeds = 1\nstore = "{store}"\n'))
        before, after = Challenge.open(made), Challenge.open(folder)
        for entry in before.store.entries():
            after.store.submit(entry)
        before.close()
        after.close()
    return folder


class Run:
    """One run in a process of its own, whose temporary files lie in a folder of their own.

    `begun` are all that were started and not yet buried, so that no test leaves one behind.
    """

    begun: ClassVar[list["Run"]] = []

    def __init__(self, folder, temporary, lease=60.0, before=(), **variables):
        temporary.mkdir(exist_ok=True)
        command = [*before, sys.executable, "-c", RUNNING, str(folder), str(lease)]
        given = {**os.environ, "TMPDIR": str(temporary), **variables}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=given, start_new_session=True
        )
        self.begun.append(self)
        self.lines = []
        self.error = ""
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_error)]
        for reader in self._readers:
            reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def _read_error(self):
        self.error = self.process.stderr.read()

    @property
    def pid(self):
        return self.process.pid

    def began(self):
        return [line.removeprefix("began ") for line in list(self.lines) if line.startswith("began ")]

    def wait_for(self, word, count=1):
        """Wait until so many events of that name were told, or the run has ended; whether they were."""
        end = time.monotonic() + SECONDS
        while sum(line.startswith(word) for line in list(self.lines)) < count:
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < end, f"{word} was not told {count} times: {self.lines} {self.error}"
            time.sleep(0.01)
        return True

    def end(self):
        """Wait for its end; what it says in the end, (ran, elsewhere, troubles)."""
        code = self.process.wait(SECONDS)
        self._close()
        assert code == 0, (code, self.lines, self.error)
        _, ran, elsewhere, *troubles = self.lines[-1].split("|")
        return int(ran), int(elsewhere), troubles

    def kill(self):
        """`kill -9` of it alone: what it started must end by itself."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(SECONDS)
        self._close()

    def kill_a_worker(self, rng):
        """`kill -9` of one process among those that it started; False when there is none."""
        workers = psutil.Process(self.pid).children(recursive=True)
        if not workers:
            return False
        try:
            rng.choice(workers).kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def _close(self):
        self.begun.remove(self)
        for reader in self._readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()


def picture(folder):
    """What a store holds, but for times: results, outcomes, answers, findings, plans and submissions."""
    challenge = Challenge.open(folder)
    store = challenge.store
    results = store.results()
    found = store.findings(results)
    entries = store.entries()
    shown = {
        cell: (
            (result.cell, result.outcome, result.reason, result.answers, result.level, result.limits, result.notes),
            digest_of(store, result.answers),
            sorted(
                (version, f.judge, f.metric, f.variant, f.group, f.split, f.n, f.status, *numbers(f))
                for version, f in found[cell]
            ),
        )
        for cell, result in results.items()
    }
    judged = sorted(store.judged())
    rows = store.access.look(
        lambda c: [c.exec_driver_sql(f"select count(*) from {name}").scalar() for name in ("submissions", "plans")]
    )
    left = (store.leases.held(), store.leases.holders())
    challenge.close()
    assert left == ({}, []), "leases are left"
    return shown, judged, rows, [(entry.name, entry.digest) for entry in entries]


def digest_of(store, answers):
    """The kept answers themselves, which are checked while they are read."""
    return store.artefacts.get(answers) if answers else b""


def numbers(finding):
    """A finding's figures as text; those of the cost judge are times, of which only their being there counts."""
    if finding.judge == "cost":
        return (finding.value is not None,)
    replicates = b"" if finding.replicates is None else finding.replicates.tobytes()
    return (repr(finding.value), repr(finding.low), repr(finding.high), replicates.hex())


def leftovers(temporary, pids):
    """What runs that are over have left: folders of boxes and stages, control groups, and processes."""
    names = tuple(f"bakeoff-{what}-{pid}-" for pid in pids for what in ("box", "stage"))
    files = [path for path in Path(temporary).iterdir() if path.name.startswith(names)]
    # What is listed may go meanwhile, other tests' boxes too, which a walk passes over and a glob does not.
    groups = [
        Path(top, name) for top, below, _ in os.walk("/sys/fs/cgroup") for name in below if name.startswith(names)
    ]
    processes = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get("BAKEOFF_BOX", "").startswith(names)
        except psutil.Error:
            continue
        if marked:
            processes.append(process)
    return [*files, *groups, *processes]


def end_left(temporary, pids, seconds=20):
    """Whatever is still left after a while."""
    end = time.monotonic() + seconds
    while (left := leftovers(temporary, pids)) and time.monotonic() < end:
        time.sleep(0.2)
    return left
