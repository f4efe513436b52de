"""Who runs which cell: leases, so that several runners share one store and none runs what another has.

No clock is trusted. A runner beats: it counts up a number beside its leases. Whoever wants one of its cells watches
that number on a clock of its own that only runs forward, and takes the cell over when it has watched the number stand
still for as long as the lease lasts. So no machine's clock, wrong or set back or forward, frees a live runner's cell or
holds a dead one's. A runner that died on the same machine is known at once, because its process is gone.
"""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bakeoff.arena.store.schema import tables
from bakeoff.errors import StoreError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from bakeoff.arena.store.access import Access

LEASE_SECONDS = 60.0
BEATS_PER_LEASE = 3
# Cells looked at for one that is free, at a time.
CLAIM_CHUNK = 50


class LeaseLost(StoreError):
    """Another runner has taken the cell over, so this one's result is not written."""


@dataclass(frozen=True)
class Lease:
    """One runner's right to run one cell; `token` is its own, and what the result is saved under."""

    cell: str
    runner: str
    token: str


@dataclass(frozen=True)
class Claimed:
    """What came of a claim: a lease or none, cells that got another result meanwhile, and cells that others hold."""

    lease: Lease | None = None
    done: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Holder:
    """A runner as its row shows it; `beat` is None when the row is gone. `process` says where it runs, for machines."""

    runner: str
    beat: int | None
    seconds: float
    machine: str = ""
    process: str = ""


class Leases:
    """The leases of a store."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def join(self, seconds: float = LEASE_SECONDS) -> str:
        """Make a runner known, whose leases last so long after its last beat; gives its id."""
        runner = uuid4().hex
        self.beat(runner, seconds)
        return runner

    def beat(self, runner: str, seconds: float = LEASE_SECONDS, patience: float | None = None) -> None:
        """Say that a runner lives."""
        table = tables()["runners"]
        statement = self._access.insert(table)
        statement = statement.on_conflict_do_update(index_elements=["id"], set_={"beat": table.c.beat + 1})
        row = {"id": runner, "beat": 1, "seconds": seconds, "machine": platform.node(), "process": this_process()}
        self._access.change(lambda connection: connection.execute(statement, row), patience)

    def leave(self, runner: str, dead: Collection[str] = (), patience: float | None = None) -> None:
        """Give back all that a runner holds, and forget it, and those of the `dead` that hold nothing any more."""
        leases, runners = tables()["leases"], tables()["runners"]

        def work(connection: sa.Connection) -> None:
            connection.execute(leases.delete().where(leases.c.runner == runner))
            holding = leases.select().with_only_columns(leases.c.runner)
            idle = connection.execute(runners.select().where(runners.c.id.not_in(holding)))
            over = [row.id for row in idle if row.id == runner or row.id in dead or gone(row.process)]
            connection.execute(runners.delete().where(runners.c.id.in_(over)))

        self._access.change(work, patience)

    def claim(self, runner: str, wanted: Mapping[str, str | None], token: str, dead: Collection[str] = ()) -> Claimed:
        """Take the first wanted cell that is free, or held by a `dead` runner; at most one.

        `wanted` holds for each cell the token of the result that was there when it was found due, None for none: a cell
        that has another result by now was run elsewhere, and is not run again. `token` is new for each claim.
        """
        cells = list(wanted)

        def work(connection: sa.Connection) -> Claimed:
            done: list[str] = []
            held: dict[str, str] = {}
            for at in range(0, len(cells), CLAIM_CHUNK):
                chunk = cells[at : at + CLAIM_CHUNK]
                holders = _holders(connection, chunk)
                for cell in chunk:
                    lease = Lease(cell, runner, token)
                    if not self._taken(connection, lease, holders.get(cell), dead):
                        held[cell] = holders[cell][0] if cell in holders else ""
                    elif _saved_under(connection, cell) == wanted[cell]:
                        return Claimed(lease, tuple(done), held)
                    else:
                        _drop(connection, lease)
                        done.append(cell)
            return Claimed(None, tuple(done), held)

        return self._access.change(work)

    def _taken(
        self, connection: sa.Connection, lease: Lease, holder: tuple[str, str] | None, dead: Collection[str]
    ) -> bool:
        table = tables()["leases"]
        row = {"cell": lease.cell, "runner": lease.runner, "token": lease.token}
        if holder is None:
            statement = self._access.insert(table).on_conflict_do_nothing().returning(table.c.cell)
            return connection.execute(statement, row).first() is not None
        if holder == (lease.runner, lease.token):  # an earlier try of this very change
            return True
        if holder[0] not in dead:
            return False
        mine = table.update().where(table.c.cell == lease.cell, table.c.token == holder[1])
        return connection.execute(mine, row).rowcount == 1

    def release(self, lease: Lease) -> None:
        """Give a cell back without a result; nothing happens when it was lost already."""
        self._access.change(lambda connection: _drop(connection, lease))

    def held(self) -> dict[str, str]:
        """Which runner holds which cell."""
        query = tables()["leases"].select()
        return self._access.look(lambda connection: {row.cell: row.runner for row in connection.execute(query)})

    def holders(self, patience: float | None = None) -> list[Holder]:
        """The runners that hold cells."""
        leases, runners = tables()["leases"], tables()["runners"]
        ids = leases.select().with_only_columns(leases.c.runner).distinct()
        query = runners.select().where(runners.c.id.in_(ids))

        def work(connection: sa.Connection) -> list[Holder]:
            named = [row.runner for row in connection.execute(ids)]
            rows = {row.id: row for row in connection.execute(query)}
            return [_holder(runner, rows.get(runner)) for runner in named]

        return self._access.look(work, patience)


def release_for(connection: sa.Connection, lease: Lease) -> bool:
    """Give a lease back within the change that saves its result; False when that change was made already.

    Raises LeaseLost when somebody else has the cell.
    """
    if _drop(connection, lease):
        return True
    if _saved_under(connection, lease.cell) == lease.token:
        return False
    raise LeaseLost("Another runner has taken the cell over; its result counts, and this one was not written.")


def _drop(connection: sa.Connection, lease: Lease) -> bool:
    table = tables()["leases"]
    gone = connection.execute(table.delete().where(table.c.cell == lease.cell, table.c.token == lease.token))
    return bool(gone.rowcount == 1)


def _holders(connection: sa.Connection, cells: Iterable[str]) -> dict[str, tuple[str, str]]:
    table = tables()["leases"]
    rows = connection.execute(table.select().where(table.c.cell.in_(list(cells))))
    return {row.cell: (row.runner, row.token) for row in rows}


def _saved_under(connection: sa.Connection, cell: str) -> str | None:
    table = tables()["results"]
    query = table.select().with_only_columns(table.c.token).where(table.c.id == cell)
    found: str | None = connection.execute(query).scalar()
    return found


def _holder(runner: str, row: Any) -> Holder:
    if row is None:
        return Holder(runner, None, LEASE_SECONDS)
    return Holder(runner, row.beat, row.seconds, row.machine, row.process)


# Who lives


@dataclass
class _Seen:
    beat: int | None
    since: float
    last: float


class Watch:
    """Watches other runners' beats on this process's own clock, in seconds that only run forward."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def dead(self, holders: Iterable[Holder], now: float) -> set[str]:
        """Those whose beat stood still for as long as their lease, all looks taken together, and the plainly gone.

        Between two looks that lie far apart nobody watched (this process was stopped, or the store was away, which
        kept the others from beating too), so such a time does not count.
        """
        dead, seen = set(), {}
        for holder in holders:
            before = self._seen.get(holder.runner)
            kept = before is not None and before.beat == holder.beat and now - before.last <= holder.seconds / 2
            since = before.since if kept and before is not None else now
            seen[holder.runner] = _Seen(holder.beat, since, now)
            if now - since > holder.seconds or gone(holder.process):
                dead.add(holder.runner)
        self._seen = seen
        return dead


def this_process() -> str:
    """Which process of which start of which machine this is; empty where the system does not tell."""
    started = _started(os.getpid())
    return f"{_home()}/{os.getpid()}/{started}" if _home() and started else ""


def gone(process: str) -> bool:
    """Whether a process of this machine has ended; False for those of others, of whom nothing is known."""
    home, _, rest = process.rpartition("/")[0].rpartition("/")
    if not process or home != _home():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's, who may also be hidden from this one
        return _started(int(rest)) not in ("", process.rpartition("/")[2])
    return _started(int(rest)) != process.rpartition("/")[2]


@functools.cache
def _home() -> str:
    """This start of this machine, and the process space in which ids have a meaning."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process began, in ticks since the machine's start; empty when it is no more, or waits to be buried."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        state, *fields = text.rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in "ZX" else fields[18]
