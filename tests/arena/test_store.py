"""The store: what is written is read back, whole, by any thread, and survives a kill."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy

from bakeoff.arena.store.artefacts import Artefacts
from bakeoff.arena.store.database import HEAD, Store
from bakeoff.errors import MissingExtra, StoreError
from bakeoff.nouns import Cell, CellResult, Finding, Outcome


def result(entry="e", seed=0, outcome=Outcome.DONE, **more):
    return CellResult(Cell(entry, entry * 3, "t", "tt", seed, "p", "1"), outcome, **more)


def test_a_newer_store_is_refused_and_a_file_that_is_no_store_too(tmp_path):
    Store(tmp_path / "a").close()
    with sqlite3.connect(tmp_path / "a" / "store.db") as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == (HEAD,)
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match=r"newer Bakeoff \(store 9999"):
        Store(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "store.db").write_bytes(b"not a database at all, but long enough to be read" * 40)
    with pytest.raises(StoreError, match=r"cannot be opened: .*not a database"):
        Store(tmp_path / "b")


OPENER = """
import sys, time
from pathlib import Path
from bakeoff.arena.store.database import Store
import alembic.command, sqlalchemy.dialects.sqlite
while time.time() < float(sys.argv[1]):
    time.sleep(0.001)
for folder in sys.argv[2:]:
    Store(Path(folder)).close()
"""


def test_several_processes_may_open_a_new_store_at_once(tmp_path):
    folders = [str(tmp_path / str(number)) for number in range(8)]
    command = [sys.executable, "-c", OPENER, str(time.time() + 3), *folders]
    openers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [opener.communicate()[1] for opener in openers] == [""] * 4
    for folder in folders:
        with sqlite3.connect(f"{folder}/store.db") as connection:
            assert connection.execute("select version_num from alembic_version").fetchall() == [(HEAD,)]
        connection.close()


def test_several_threads_may_open_new_stores_at_once(tmp_path):
    troubles = []

    def enter(number):
        try:
            Store(tmp_path / str(number % 3)).close()
        except Exception as error:
            troubles.append(error)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []


KILLED = """
import os, signal, sys
from pathlib import Path
import alembic.op
from bakeoff.arena.store.database import Store
alembic.op.create_index = lambda *said, **more: os.kill(os.getpid(), signal.SIGKILL)
Store(Path(sys.argv[1]))
"""


def test_a_kill_in_the_middle_of_making_the_store_leaves_it_as_it_was(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with sqlite3.connect(tmp_path / "store.db") as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == []
    connection.close()
    store = Store(tmp_path)
    store.save(result(), {})
    assert len(store.results()) == 1
    store.close()


def test_only_the_cells_asked_for_are_read(tmp_path):
    store = Store(tmp_path)
    kept = [result("e", seed) for seed in range(1203)]
    for one in kept:
        store.save(one, {("quality", "1"): [Finding("quality", "b", 1.0), Finding("quality", "a", one.cell.seed)]})
    asked = [one.cell.id for one in kept[:1100]]
    assert store.results([*asked, asked[0], "unknown"]) == {one.cell.id: one for one in kept[:1100]}
    found = store.findings([*asked, asked[0], "unknown"])
    assert found.pop("unknown") == []
    assert list(found) == asked
    for seed, cell in enumerate(asked):
        assert [(version, one.metric, one.value) for version, one in found[cell]] == [("1", "b", 1.0), ("1", "a", seed)]
    assert (store.results([]), store.findings([])) == ({}, {})
    sent = []
    sqlalchemy.event.listen(store._engine, "before_cursor_execute", lambda *said: sent.append(said[3]))
    store.results(asked[:1])
    store.findings(asked[:1])
    assert [len(given) for given in sent if given] == [1, 1]
    store.close()


def test_postgresql_without_its_driver_is_one_sentence(tmp_path):
    try:
        import psycopg  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtra, match=r"pip install 'bakeoff\[postgres\]'"):
            Store(tmp_path, "postgresql+psycopg://nobody@127.0.0.1:1/none")
    else:
        with pytest.raises(StoreError, match="cannot be opened"):
            Store(tmp_path, "postgresql+psycopg://nobody@127.0.0.1:1/none")


WRITER = """
import sys
from pathlib import Path
from bakeoff.arena.store.database import Store
from bakeoff.nouns import *
store = Store(Path(sys.argv[1]))
for seed in range(100000):
    kept = CellResult(Cell("e", "e", "t", "t", seed, "p", "1"), Outcome.DONE, answers=store.artefacts.put(b"%d" % seed))
    store.save(kept, {("quality", "1"): [Finding("quality", str(i), 1.0) for i in range(20)]})
    print(seed, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_had_finished(tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    for line in writer.stdout:
        if int(line) == 5:
            break
    time.sleep(0.03)
    os.kill(writer.pid, signal.SIGKILL)
    said = [5, *(int(line) for line in writer.stdout.read().split())]
    writer.wait()
    writer.stdout.close()
    store = Store(tmp_path)
    kept = store.results()
    assert len(kept) >= max(said) + 1
    found = store.findings(kept)
    assert all(len(findings) == 20 for findings in found.values())
    for one in kept.values():
        assert store.artefacts.get(one.answers) == b"%d" % one.cell.seed
    store.close()


def test_artefacts_notice_that_they_were_changed(tmp_path):
    artefacts = Artefacts(tmp_path)
    name = artefacts.put(b"answers")
    assert artefacts.put(b"answers") == name
    assert artefacts.get(name) == b"answers"
    artefacts.path(name).write_bytes(b"better answers")
    with pytest.raises(StoreError, match="were changed"):
        artefacts.get(name)
    with pytest.raises(StoreError, match="are missing"):
        artefacts.get("0" * 64)
