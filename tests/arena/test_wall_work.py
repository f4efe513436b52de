"""What entries need to compute still works behind the wall: processes, threads, shared memory, temporary files."""

import importlib.util
import os

import pytest
from boxed import told

from bakeoff.nouns import Level

SKLEARN = """
import warnings
warnings.simplefilter("error")
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from joblib import Parallel, delayed
def main():
    X = np.random.default_rng(0).normal(size=(200, 3))
    forest = RandomForestClassifier(20, n_jobs=2).fit(X, X[:, 0] > 0)
    pids = Parallel(n_jobs=2, backend="loky")(delayed(os.getpid)() for _ in range(8))
    say([float(forest.score(X, X[:, 0] > 0)), len(set(pids) - {os.getpid()})])
main()
"""
MULTIPROCESSING = """
import multiprocessing
from multiprocessing import shared_memory
def main():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        squares = pool.map(abs, [-1, -2, -3])
    shared = shared_memory.SharedMemory(create=True, size=1000)
    shared.buf[0] = 7
    again = shared_memory.SharedMemory(shared.name)
    seen = again.buf[0]
    again.close(); shared.close(); shared.unlink()
    say([squares, seen])
main()
"""
TORCH = """
import torch
torch.set_num_threads(2)
from torch.utils.data import DataLoader, TensorDataset
def main():
    a = torch.ones(300, 300)
    rows = TensorDataset(torch.arange(64.0))
    total = sum(float(batch.sum()) for (batch,) in DataLoader(rows, batch_size=8))
    say([float((a @ a)[0, 0]), torch.get_num_threads(), total])
main()
"""
FILES = """
import pathlib, shutil, sqlite3, tempfile
with tempfile.TemporaryDirectory() as folder:
    one = pathlib.Path(folder) / "one"
    one.write_text("x")
    shutil.copy(one, one.with_name("two"))
    one.rename(one.with_name("three"))
    (one.parent / "deep" / "er").mkdir(parents=True)
    os.symlink("two", one.with_name("link"))
    base = sqlite3.connect(one.with_name("base"))
    base.execute("create table t (x)")
    base.commit(); base.close()
    names = sorted(os.listdir(folder))
    ran = subprocess.run(["/bin/sh", "-c", "echo hello"], capture_output=True, text=True).stdout
say([names, ran, os.path.exists(folder)])
"""


@pytest.fixture(params=["bubblewrap", "process", "process, the house's user"])
def way(request, require):
    if request.param == "bubblewrap":
        require("bubblewrap")
        return Level.BUBBLEWRAP, {}
    return Level.PROCESS, {"user": False, "mounts": False} if "," in request.param else {}


def test_scikit_learn_runs_on_two_processes(way):
    level, changes = way
    score, others = told(level, SKLEARN, packages=True, **changes)
    assert score > 0.9
    assert 1 <= others <= 2


def test_pools_and_shared_memory(way):
    level, changes = way
    before = set(os.listdir("/dev/shm"))
    assert told(level, MULTIPROCESSING, packages=True, **changes) == [[1, 2, 3], 7]
    assert {name for name in set(os.listdir("/dev/shm")) - before if name.startswith(("psm_", "sem."))} == set()


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_torch_computes_on_two_threads(way):
    level, changes = way
    assert told(level, TORCH, packages=True, **changes) == [300.0, 2, 2016.0]


def test_temporary_files_copies_links_and_programs(way):
    level, changes = way
    names, ran, there = told(level, FILES, **changes)
    assert names == ["base", "deep", "link", "three", "two"]
    assert ran == "hello\n"
    assert not there
