"""One store, two databases: whatever SQLite remembers PostgreSQL remembers too, and comes to by the same ways."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from store_places import DATABASES, MADE, result, together

from bakeoff.arena.store.database import HEAD, Store
from bakeoff.errors import StoreError
from bakeoff.nouns import Entry, Finding, Level, Limits, Measurements, Outcome, Source, digest

# What is written is read back


def test_results_and_findings_come_back_equal(store):
    kept = result(
        reason="because",
        log="line\n\ttab é",
        level=Level.BUBBLEWRAP,
        limits=Limits(seconds=3.5),
        measurements=Measurements(wall=1.25, batch_dependent=False),
        made_with={"python": "3"},
        notes=("a", "b"),
    )
    finding = Finding("quality", "auc", 0.5, 0.4, 0.6, variant="v", group="g", n=7, replicates=np.array([0.1, 1 / 3]))
    empty = Finding("quality", "r2", None, status="insufficient", reason="few rows")
    store.save(kept, {("quality", "1"): [finding, empty], ("cost", "2"): []})
    assert store.results() == {kept.cell.id: kept}
    (version, back), (_, second) = store.findings([kept.cell.id])[kept.cell.id]
    assert version == "1"
    assert list(back.replicates) == [0.1, 1 / 3]
    assert (back.judge, back.metric, back.low, back.variant, back.group, back.n) == ("quality", "auc", 0.4, "v", "g", 7)
    assert (second.value, second.status, second.replicates) == (None, "insufficient", None)
    assert store.judged() == {(kept.cell.id, "quality", "1"), (kept.cell.id, "cost", "2")}


def test_odd_characters_numbers_and_long_words_are_no_loss(store):
    words = "g" * 5000
    odd = Finding("quality", "auc", np.float32(0.5), variant="v\0", group=f"{words}\udcff", n=np.int64(7), reason="\0")
    kept = result(reason="bad \udcff", log="a\0b", notes=("\udc80",))
    store.save(kept, {("a judge of " + words, "1"): [odd]})
    (back,) = store.results().values()
    assert (back.reason, back.log, back.notes) == ("bad \\udcff", "a\\0b", ("\\udc80",))
    ((_, found),) = store.findings([kept.cell.id])[kept.cell.id]
    assert (found.value, found.variant, found.group, found.n, found.reason) == (
        0.5,
        "v\\0",
        f"{words}\\udcff",
        7,
        "\\0",
    )
    low, high = float("-inf"), float("nan")
    store.save(kept, {("quality", "1"): [Finding("quality", "auc", 0.5, low, high)]})
    ((_, found),) = store.findings([kept.cell.id])[kept.cell.id]
    assert found.low == low
    assert found.high is None or np.isnan(found.high)


def test_what_json_cannot_say_comes_back_from_parameters(store):
    given = {"missing": float("nan"), "most": float("inf"), "least": [float("-inf")], "name": "a\0\ud800"}
    store.submit(Entry("a", Source("code", "m"), "1" * 64, parameters=given))
    (entry,) = store.entries()
    assert np.isnan(entry.parameters["missing"])
    assert entry.parameters["most"] == float("inf")
    assert entry.parameters["least"] == [float("-inf")]
    assert entry.parameters["name"] == given["name"]


def test_a_rerun_replaces_the_result_and_its_findings(store):
    store.save(result(), {("quality", "1"): [Finding("quality", "a", 1.0), Finding("quality", "b", 2.0)]})
    before = store.tokens()
    again = result(outcome=Outcome.FAILED)
    store.save(again, {})
    assert store.results() == {again.cell.id: again}
    assert store.findings([again.cell.id]) == {again.cell.id: []}
    assert store.judged() == set()
    assert before.keys() == store.tokens().keys()
    assert before != store.tokens()


def test_a_failed_write_leaves_nothing_behind(store):
    bad = Finding("quality", "a", 1.0, reason=object())
    with pytest.raises(AttributeError):
        store.save(result(), {("quality", "1"): [Finding("quality", "x", 0.0), bad]})
    assert store.results() == {}
    assert store.judged() == set()


def test_findings_are_added_only_to_the_answers_that_were_read(store):
    kept = result(answers="a" * 64)
    store.save(kept, {})
    found = {("quality", "1"): [Finding("quality", "a", 1.0)]}
    assert not store.add_findings(kept.cell.id, found, "b" * 64)
    assert store.judged() == set()
    assert store.add_findings(kept.cell.id, found, "a" * 64)
    assert store.add_findings(kept.cell.id, found)
    assert len(store.findings([kept.cell.id])[kept.cell.id]) == 1


def test_only_the_cells_asked_for_are_read(store):
    kept = [result("e", seed) for seed in range(1103)]
    rows = {one.cell.id: one for one in kept}
    for one in kept[:10]:
        store.save(one, {("quality", "1"): [Finding("quality", "b", 1.0), Finding("quality", "a", one.cell.seed)]})
    asked = [*rows, kept[0].cell.id]
    assert store.results(asked) == {one.cell.id: one for one in kept[:10]}
    found = store.findings(asked)
    assert list(found) == list(rows)
    for seed, cell in enumerate(rows):
        wanted = [("1", "b", 1.0), ("1", "a", seed)] if seed < 10 else []
        assert [(version, one.metric, one.value) for version, one in found[cell]] == wanted
    assert (store.results([]), store.findings([])) == ({}, {})


def test_plans_submissions_and_picks(store):
    first = Entry("a", Source("code", "m"), "1" * 64, team="red", parameters={"k": [1, 2]})
    assert store.submit(first) == 1
    assert store.submit(Entry("b", Source("code", "m"), "2" * 64)) == 2
    assert store.submit(Entry("a", Source("code", "m"), "3" * 64, team="red")) == 3
    assert [(entry.name, entry.digest[0]) for entry in store.entries()] == [("a", "3"), ("b", "2")]
    assert store.newest() == {"red": "a", "": "b"}
    store.pick("red", "t", "a")
    store.pick("red", "t", "b")
    assert store.picks() == {("red", "t"): "b"}
    assert store.plan("k") is None
    store.keep_plan("k", {"withheld": [1]})
    store.keep_plan("k", {"withheld": [1, 2]})
    assert store.plan("k")["body"] == {"withheld": [1, 2]}


# Several at once


def test_many_threads_may_write(store):
    def write(number):
        for seed in range(10):
            store.save(result(f"e{number}", seed), {("quality", "1"): [Finding("quality", "a", 1.0)]})

    assert together(*(lambda number=number: write(number) for number in range(20))) == []
    assert len(store.results()) == 200


def test_the_same_things_written_at_once_are_there_once(store, place):
    other = place.store()
    found = {("quality", str(version)): [Finding("quality", "a", 1.0)] * 20 for version in range(3)}

    def write(mine):
        for _ in range(10):
            mine.save(result(), found)
            mine.add_findings(result().cell.id, found)
            mine.keep_plan("k", {})
            mine.pick("red", "t", "a")

    assert together(*(lambda mine=mine: write(mine) for mine in (store, other) * 3)) == []
    assert len(store.results()) == 1
    assert len(store.findings([result().cell.id])[result().cell.id]) == 60


def test_a_reader_does_not_wait_for_a_writer(store):
    store.save(result(), {})
    with store._begin() as connection:
        connection.exec_driver_sql("delete from results")
        assert len(store.results()) == 1
    assert store.results() == {}


def test_each_thread_has_a_connection_of_its_own(store):
    """More threads than any pool keeps: each in a transaction, all of them at the same time."""
    inside = threading.Barrier(30, timeout=60)

    def read():
        def work(connection):
            seen.append(id(connection.connection.dbapi_connection))
            inside.wait()

        store.access.look(work)

    seen = []
    assert together(*[read] * 30) == []
    assert len(set(seen)) == 30


# From older stores, and not from newer ones


@pytest.mark.parametrize("released", ["0001", "0002"])
def test_a_released_store_is_brought_up_to_date_and_keeps_all(place, released):
    kind = "postgresql" if place.url else "sqlite"
    place.run((MADE / f"{released}.{kind}.sql").read_text())
    assert place.ask("select version_num from alembic_version") == [(released,)]
    troubles = together(*[place.store] * 3)
    assert troubles == []
    assert place.ask("select version_num from alembic_version") == [(HEAD,)]
    store = place.store()
    by_entry = {kept.cell.entry: kept for kept in store.results().values()}
    done, failed = by_entry["mine"], by_entry["yours"]
    assert done.outcome is Outcome.DONE
    assert (done.answers, done.level) == (digest(b"answers"), Level.BUBBLEWRAP)
    assert (done.limits, done.measurements) == (Limits(seconds=3.5), Measurements(wall=1.25, batch_dependent=False))
    assert (done.made_with, done.notes) == ({"python": "3.11"}, ("a é",))
    assert done.claim is None
    assert (failed.outcome, failed.reason) == (Outcome.FAILED, 'it\'s "broken"; really')
    assert failed.log == "line 1\n\tline 2 é"
    (_, auc), (_, r2) = store.findings([done.cell.id])[done.cell.id]
    assert (auc.value, auc.low, auc.high, auc.group, list(auc.replicates)) == (0.75, 0.5, 0.875, "g", [0.1, 1 / 3])
    assert (r2.value, r2.reason) == (None, "few rows")
    assert store.judged() == {(done.cell.id, "quality", "1"), (done.cell.id, "cost", "2")}
    assert [(entry.name, entry.digest[0]) for entry in store.entries()] == [("mine", "3"), ("yours", "2")]
    assert store.entries()[0].parameters == {"k": [3]}
    assert store.picks() == {("red", "little"): "mine"}
    assert store.plan("k" * 64)["body"]["withheld"] == [1, 2]
    assert store.submit(Entry("new", Source("code", "m"), "4" * 64)) == 4
    runner = store.leases.join()
    assert store.leases.claim(runner, {done.cell.id: ""}, "t").lease is not None


def test_the_released_stores_are_all_there():
    migrations = sorted(
        path.name[:4]
        for path in (Path(sys.modules[Store.__module__].__file__).parent / "migrations/versions").glob("0*.py")
    )
    assert migrations[-1] == HEAD
    for released in migrations[:-1]:
        for kind in DATABASES:
            assert (MADE / f"{released}.{kind}.sql").exists()


@pytest.mark.parametrize(("left", "says"), [("9999", r"newer Bakeoff \(store 9999"), ("0000", "cannot be opened")])
def test_a_store_of_another_time_is_refused(place, left, says):
    place.store().close()
    place.run(f"update alembic_version set version_num = '{left}'")
    with pytest.raises(StoreError, match=says):
        place.store()
    assert place.ask("select version_num from alembic_version") == [(left,)]


OPENER = """
import sys, time
from pathlib import Path
from bakeoff.arena.store.database import Store
import alembic.command, sqlalchemy.dialects.sqlite, sqlalchemy.dialects.postgresql
while time.time() < float(sys.argv[1]):
    time.sleep(0.001)
Store(Path(sys.argv[2]), sys.argv[3]).close()
"""


@pytest.mark.parametrize("old", [True, False], ids=["old", "new"])
def test_several_processes_may_open_a_store_at_once(place, old):
    if old:
        place.run((MADE / f"0001.{place.kind}.sql").read_text())
    command = [sys.executable, "-c", OPENER, str(time.time() + 4), str(place.folder), place.url]
    openers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [opener.communicate()[1] for opener in openers] == [""] * 4
    assert place.ask("select version_num from alembic_version") == [(HEAD,)]
    assert len(place.store().results()) == (2 if old else 0)


KILLED = """
import os, signal, sys
from pathlib import Path
import alembic.op
from bakeoff.arena.store.database import Store
alembic.op.add_column = lambda *said, **more: os.kill(os.getpid(), signal.SIGKILL)
Store(Path(sys.argv[1]), sys.argv[2])
"""


def test_a_kill_in_the_middle_of_an_upgrade_leaves_the_store_as_it_was(place):
    place.run((MADE / f"0001.{place.kind}.sql").read_text())
    killed = subprocess.run([sys.executable, "-c", KILLED, str(place.folder), place.url], check=False)
    assert killed.returncode == -9
    assert place.ask("select version_num from alembic_version") == [("0001",)]
    assert len(place.store().results()) == 2
