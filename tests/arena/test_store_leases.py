"""Leases: no cell is run by two, a dead runner's cells come back, and no clock is trusted with either."""

import os
import subprocess
import sys
import threading
import time

import psutil
import pytest
from postgres_server import Server
from store_places import result, together

from bakeoff.arena.store.leases import Holder, LeaseLost, Watch, gone, this_process
from bakeoff.errors import StoreError
from bakeoff.nouns import CellResult, Finding, Outcome

FOUND = {("quality", "1"): [Finding("quality", "a", 1.0)]}


def claim(store, runner, *cells, token="", dead=(), seen=None):
    return store.leases.claim(runner, {cell: (seen or {}).get(cell) for cell in cells}, token or f"t-{runner}", dead)


def test_a_cell_is_claimed_by_one_runner(store):
    one, two = store.leases.join(), store.leases.join()
    first = claim(store, one, "a", "b")
    assert (first.lease.cell, first.done, first.held) == ("a", (), {})
    second = claim(store, two, "a", "b")
    assert (second.lease.cell, second.held) == ("b", {"a": one})
    third = claim(store, two, "a", "b", token="other")
    assert (third.lease, third.held) == (None, {"a": one, "b": two})
    assert store.leases.held() == {"a": one, "b": two}
    store.leases.release(first.lease)
    assert claim(store, two, "a", token="other").lease.cell == "a"
    store.leases.leave(two)
    assert store.leases.held() == {}


def test_the_same_claim_made_twice_is_one(store):
    """As when the answer to its commit was lost."""
    runner = store.leases.join()
    assert claim(store, runner, "a", "b") == claim(store, runner, "a", "b")
    assert store.leases.held() == {"a": runner}


def test_many_runners_take_every_cell_once(place):
    stores = [place.store() for _ in range(4)]
    cells = [f"c{number}" for number in range(60)]
    taken = []

    def work(store):
        runner = store.leases.join()
        number = 0
        while (claimed := claim(store, runner, *cells, token=f"{runner}{number}")).lease is not None:
            taken.append(claimed.lease.cell)
            number += 1

    assert together(*(lambda store=store: work(store) for store in stores)) == []
    assert sorted(taken) == sorted(cells)


def test_saving_gives_the_lease_back(store):
    runner, kept = store.leases.join(), result()
    lease = claim(store, runner, kept.cell.id).lease
    store.save(kept, FOUND, lease)
    assert store.leases.held() == {}
    assert store.tokens() == {kept.cell.id: lease.token}


def test_a_cell_that_was_run_meanwhile_is_not_run_again(store):
    runner, kept = store.leases.join(), result()
    store.save(kept, {})
    claimed = claim(store, runner, kept.cell.id, "b")
    assert (claimed.lease.cell, claimed.done) == ("b", (kept.cell.id,))
    seen = store.tokens()
    assert claim(store, runner, kept.cell.id, token="x", seen=seen).lease is not None, "a rerun of what was seen"


def test_who_lost_the_lease_writes_no_second_result(store):
    one, two, cell = store.leases.join(), store.leases.join(), result().cell
    lost = claim(store, one, cell.id).lease
    assert claim(store, two, cell.id).lease is None
    taken = claim(store, two, cell.id, dead={one}).lease
    mine, late = CellResult(cell, Outcome.DONE, log="first"), CellResult(cell, Outcome.FAILED, log="second")
    with pytest.raises(LeaseLost):
        store.save(late, FOUND, lost)
    assert (store.results(), store.judged()) == ({}, set())
    store.save(mine, FOUND, taken)
    with pytest.raises(LeaseLost):
        store.save(late, {}, lost)
    assert store.results() == {cell.id: mine}
    assert len(store.findings([cell.id])[cell.id]) == 1
    store.leases.release(lost)
    store.save(mine, FOUND, taken), "the same save made twice is one"
    assert len(store.findings([cell.id])[cell.id]) == 1


def test_a_save_that_fails_keeps_the_lease(store):
    runner, kept = store.leases.join(), result()
    lease = claim(store, runner, kept.cell.id).lease
    with pytest.raises(AttributeError):
        store.save(kept, {("quality", "1"): [Finding("quality", "a", 1.0, reason=object())]}, lease)
    assert (store.results(), store.leases.held()) == ({}, {kept.cell.id: runner})
    store.save(kept, FOUND, lease)


def test_beats_count_up_and_a_forgotten_runner_comes_back(store):
    runner = store.leases.join(30)
    claim(store, runner, "a")
    (holder,) = store.leases.holders()
    assert (holder.runner, holder.beat, holder.seconds, holder.process) == (runner, 1, 30, this_process())
    store.leases.beat(runner, 30)
    assert store.leases.holders()[0].beat == 2
    with store._begin() as connection:
        connection.exec_driver_sql("delete from runners")
    assert store.leases.holders()[0].beat is None
    store.leases.beat(runner, 30)
    assert store.leases.holders()[0].beat == 1


# Who is dead


def test_a_runner_is_dead_when_its_beat_stood_still_for_its_lease():
    watch = Watch()
    ill, well = (lambda beat: Holder("ill", beat, 60)), (lambda beat: Holder("well", beat, 60))
    for look in range(4):
        assert watch.dead([ill(7), well(look)], 1000.0 + 20 * look) == set()
    assert watch.dead([ill(7), well(5)], 1080.0) == {"ill"}
    assert watch.dead([ill(8), well(6)], 1085.0) == set(), "it beats again"
    assert watch.dead([Holder("ill", None, 60)], 1090.0) == set()


def test_time_in_which_nobody_looked_does_not_count():
    """A runner that was stopped, or a store that was away, must not make everybody else look dead."""
    watch, holder = Watch(), Holder("other", 7, 60)
    assert watch.dead([holder], 0.0) == set()
    assert watch.dead([holder], 5000.0) == set()
    for look in range(1, 3):
        assert watch.dead([holder], 5000.0 + 25 * look) == set()
    assert watch.dead([holder], 5075.0) == {"other"}


def test_the_end_of_a_process_of_this_machine_is_known_at_once():
    child = subprocess.Popen(
        [sys.executable, "-c", "from bakeoff.arena.store.leases import *; print(this_process(), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process = child.stdout.readline().strip()
    assert process
    assert not gone(process)
    assert not gone(this_process())
    holder = Holder("child", 7, 60, process=process)
    assert Watch().dead([holder], 0.0) == set()
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert gone(process), "also while it waits to be buried"
    child.communicate()
    assert gone(process)
    assert Watch().dead([holder], 0.0) == {"child"}
    home, pid, started = process.rsplit("/", 2)
    assert not gone(f"another{home}/{pid}/{started}"), "of other machines nothing is known"
    assert not gone("")
    assert gone(f"{home}/{os.getpid()}/{started}"), "the same number, another process"


# A database that goes away


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_lost_connection_is_made_again(place):
    server = Server()
    try:
        server.start()
        place.url = server.url.replace("postgresql:", "postgresql+psycopg:")
        store, hasty = place.store(), place.store(patience=0.5)
        store.save(result(), {})
        for away, more in ((server.stop, 1), (server.kill, 2)):
            away()
            with pytest.raises(StoreError, match=r"does not answer .*start its database and run again"):
                hasty.results()
            with pytest.raises(StoreError, match="does not answer"):
                hasty.save(result("other"), {})
            later = threading.Timer(1.0, server.start)
            later.start()
            store.save(result(seed=more), FOUND)
            later.join()
            assert len(store.results()) == len(hasty.results()) == more + 1
        cut = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        runner = store.leases.join()
        tries = []

        def work(connection):
            tries.append(1)
            connection.exec_driver_sql("delete from results")
            if len(tries) == 1:
                place.ask(cut)
            return connection.exec_driver_sql("select count(*) from results").scalar()

        assert store.access.change(work) == 0
        assert len(tries) == 2, "the whole change was made again"
        assert claim(store, runner, "a").lease is not None
        place.close()
    finally:
        server.remove()


def test_a_lock_that_others_hold_is_waited_for(place, store):
    """A busy writer holds the store for a while: nobody's change is lost, and readers go on."""
    held = threading.Event()

    def busy():
        with store._begin() as connection:
            connection.exec_driver_sql("delete from results")
            connection.exec_driver_sql("insert into picks values ('red', 't', 'slow')")
            held.set()
            time.sleep(3)

    def quick():
        held.wait(30)
        assert other.picks() == {}
        other.pick("red", "t", "quick")

    other = place.store()
    assert together(busy, quick) == []
    assert store.picks() == {("red", "t"): "quick"}
