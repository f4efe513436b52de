"""What sharing a store costs: claiming a cell, beating, and saving its result under the lease, in each database.

Beside them what a cell cost before there were leases, the save alone; a beat is due every 20 s, not for each cell. A
result has 60 findings of 200 replicates, as a cell of three judges has. PostgreSQL is started from the system's
binaries, and waits for its disk. Run: python bench/store.py
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bakeoff.arena.store.database import Store
from bakeoff.nouns import Cell, CellResult, Finding, Outcome

sys.path.append(str(Path(__file__).parents[1] / "tests"))
CELLS = 300


def timed(call, *given) -> float:
    start = time.perf_counter()
    call(*given)
    return 1000 * (time.perf_counter() - start)


def measure(store: Store) -> dict[str, float]:
    """Median milliseconds of each step."""
    rng = np.random.default_rng(0)
    found = {
        (judge, "1"): [Finding(judge, f"m{k}", 0.5, 0.4, 0.6, replicates=rng.normal(size=200)) for k in range(20)]
        for judge in ("quality", "cost", "memorisation")
    }
    results = [CellResult(Cell("e", "e", "t", "t", seed, "p", "1"), Outcome.DONE) for seed in range(2 * CELLS)]
    alone = [timed(store.save, result, found) for result in results[:CELLS]]
    runner = store.leases.join()
    wanted: dict[str, str | None] = {result.cell.id: None for result in results[CELLS:]}
    claims, beats, saves = [], [], []
    for number, result in enumerate(results[CELLS:]):
        some = dict(list(wanted.items())[:50])
        start = time.perf_counter()
        lease = store.leases.claim(runner, some, str(number)).lease
        claims.append(1000 * (time.perf_counter() - start))
        beats.append(timed(store.leases.beat, runner) + timed(store.leases.holders))
        saves.append(timed(store.save, result, found, lease))
        wanted.pop(result.cell.id)
    steps = {"save alone": alone, "claim": claims, "beat": beats, "save under a lease": saves}
    return {name: statistics.median(times) for name, times in steps.items()}


def main() -> None:
    from postgres_server import Server, why_no_postgresql

    shown = Table(title=f"Milliseconds for one cell, median of {CELLS}")
    names = ("save alone", "claim", "beat", "save under a lease")
    for head in ("store", *names, "more than before"):
        shown.add_column(head, justify="right")

    def row(name: str, store: Store) -> None:
        found = measure(store)
        more = found["claim"] + found["save under a lease"] - found["save alone"]
        shown.add_row(name, *(f"{found[step]:.2f}" for step in names), f"{more:.2f}")
        store.close()

    with tempfile.TemporaryDirectory() as folder:
        row("SQLite", Store(Path(folder) / "sqlite"))
        if why := why_no_postgresql():
            print(why)
        else:
            server = Server(fsync="on")
            try:
                server.start()
                row("PostgreSQL", Store(Path(folder), server.url))
            finally:
                server.remove()
    Console().print(shown)


if __name__ == "__main__":
    main()
