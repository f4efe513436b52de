"""The due cells of one run, shared with other runs on the same store: each cell is claimed before it is run."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType
from uuid import uuid4

from bakeoff.arena.runner import Due
from bakeoff.arena.store.database import Store
from bakeoff.arena.store.leases import BEATS_PER_LEASE, CLAIM_CHUNK, LEASE_SECONDS, Holder, Watch
from bakeoff.errors import BakeoffError

# How often a cell that the house failed to run is tried in one run.
TRIES = 3
# Between two looks for a cell that others hold, in seconds.
PAUSE = 0.5
SHOWN = 3


@dataclass(frozen=True)
class Told:
    """Whom a run's claims tell: of cells that another run has done, and of what a person should know."""

    elsewhere: Callable[[Due], None]
    message: Callable[[str], None]


class Claims:
    """Hands out due cells, each under a lease of this run's own: `with Claims(...) as work: runner.run(work, ...)`.

    `tokens` says which results were there when the cells were found due, so that what another run does meanwhile is
    seen and not done again. While cells are held by others, `take` waits for them; it takes them over when their
    holder is dead. A lease lasts `seconds` after its holder's last beat.
    """

    def __init__(
        self,
        store: Store,
        todo: Sequence[Due],
        tokens: Mapping[str, str],
        told: Told,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self.store = store
        self.seconds = seconds
        self._told = told
        self._tokens = tokens
        self._pending = {due.cell.id: due for due in todo}
        self._tries: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._watching = threading.Lock()
        self._watch = Watch()
        self._dead: set[str] = set()
        self._buried: set[str] = set()
        self._holders: dict[str, Holder] = {}
        self._said: set[str] = set()
        self._stopped = threading.Event()
        self._left = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True, name="beats")
        self.runner = ""

    def __enter__(self) -> Claims:
        if self._pending:
            self.runner = self.store.leases.join(self.seconds)
            self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        if self.runner:
            self._heart.join(5)
            # Where the store is away, the leases run out by themselves.
            with contextlib.suppress(BakeoffError):
                self.store.leases.leave(self.runner, self._buried, patience=1.0)

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def upcoming(self) -> Due | None:
        """The cell that is probably next; nobody has claimed it yet."""
        return next(iter(self._pending.copy().values()), None)

    def stop(self) -> None:
        """Hand out nothing more."""
        self._stopped.set()

    def take(self) -> tuple[Due, float] | None:
        """The next cell with its lease, and since when nothing was waited for (monotonic); None when all are done."""
        while not self._stopped.is_set():
            since = time.monotonic()
            with self._lock:
                due = self._claim(CLAIM_CHUNK) or self._claim(len(self._pending))
                if due is not None:
                    return due, since
                if not self._pending:
                    return None
            self._look()
            self._say_waiting()
            self._stopped.wait(PAUSE)
        return None

    def _claim(self, most: int) -> Due | None:
        if not self._pending:
            return None
        wanted = {cell: self._tokens.get(cell) for cell in islice(self._pending, most)}
        claimed = self.store.leases.claim(self.runner, wanted, uuid4().hex, self._dead)
        for cell in claimed.done:
            self._told.elsewhere(self._pending.pop(cell))
        if claimed.lease is None:
            return None
        return replace(self._pending.pop(claimed.lease.cell), lease=claimed.lease)

    def again(self, due: Due) -> bool:
        """Give a cell back that the house failed to run, to be tried after the others; not after enough tries."""
        with self._lock:
            self._tries[due.cell.id] += 1
            if self._tries[due.cell.id] >= TRIES:
                return False
            self.drop(due)
            self._pending[due.cell.id] = replace(due, lease=None)
            return True

    def lost(self, due: Due) -> None:
        """Another run has taken the cell over; it is waited for like any that others hold."""
        with self._lock:
            self._pending[due.cell.id] = replace(due, lease=None)

    def drop(self, due: Due) -> None:
        """Give a cell back for good; others may try it."""
        if due.lease is not None:
            self.store.leases.release(due.lease)

    # Others

    def _beat(self) -> None:
        pause = self.seconds / BEATS_PER_LEASE
        wait = pause
        while not self._left.wait(wait):
            wait = pause
            try:
                self.store.leases.beat(self.runner, self.seconds, patience=pause)
                self._look()
            except Exception:
                # Whatever is wrong with the store, the next claim or save says so; until then beats are tried sooner.
                wait = min(1.0, pause)

    def _look(self) -> None:
        with self._watching:
            others = [one for one in self.store.leases.holders() if one.runner != self.runner]
            dead = self._watch.dead(others, time.monotonic())
            self._holders = {one.runner: one for one in others}
            newly = dead - self._dead
            self._dead = dead
            self._buried |= dead
        for runner in newly:
            where = self._holders[runner].machine or "another machine"
            self._told.message(f"A run on {where} ended without giving back its cells; they are taken over.")

    def _say_waiting(self) -> None:
        """Say once of each run that is waited for how many cells are not yet there."""
        live = self._holders.keys() - self._dead
        with self._lock:
            new = live - self._said
            self._said |= live
            count = len(self._pending)
        if new and count:
            machines = sorted({self._holders[runner].machine or "another machine" for runner in live})
            where = ", ".join(machines[:SHOWN]) + (f" and {len(machines) - SHOWN} more" if machines[SHOWN:] else "")
            cells = "1 cell that another run" if count == 1 else f"{count} cells that other runs"
            self._told.message(
                f"Waiting for {cells} on this store (on {where}) {'has' if count == 1 else 'have'} begun."
            )
