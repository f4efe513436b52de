"""The house's own time around a cell: from free worker to data handed in, and from answers to findings stored.

Two rows: cells that last long enough for a spare to warm up meanwhile (the usual case), and empty cells one after the
other, where the next spare is still importing. Run: python bench/cells.py
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from bakeoff.arena import Challenge, RunRequest, TableOptions

ENTRY = """
import time
import numpy as np
class Model:
    def fit(self, X, y):
        end = time.process_time() + {seconds}
        while time.process_time() < end:
            pass
        self.classes_ = np.unique(y)
    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)
"""


def table(rows: int = 5000, columns: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, columns)), columns=[f"x{i}" for i in range(columns)])
    return frame.assign(y=np.where(frame["x0"] + rng.normal(size=rows) > 0, "yes", "no"))


def overhead(seconds: float, cells: int, folder: Path) -> dict[str, float]:
    challenge = Challenge.create(folder / f"challenge-{seconds}")
    challenge.add_table(table(), TableOptions(name="bench", target="y"))
    (folder / "busy.py").write_text(ENTRY.format(seconds=seconds))
    challenge.submit(folder / "busy.py")
    summary = challenge.run(RunRequest(entries=("busy",), seeds=cells))
    results = list(challenge.store.results().values())
    # The first cell finds no spare; it is shown with the others' largest, not in the median.
    before = [b for b, _ in summary.overhead[1:]]
    after = [a for _, a in summary.overhead[1:]]
    both = [b + a for b, a in summary.overhead[1:]]
    challenge.close()
    return {
        "cells": len(both),
        "before": statistics.median(before),
        "after": statistics.median(after),
        "both": statistics.median(both),
        "largest": max(both),
        "warm": statistics.median(r.measurements.warm_cpu or 0.0 for r in results),
        "load": statistics.median(r.measurements.load_cpu or 0.0 for r in results),
    }


def main() -> None:
    shown = Table(title="House time around a cell (seconds; goal: both together at most 1.0 with a warm spare)")
    for head in ("cell", "cells", "before", "after", "both", "largest", "spare's imports, CPU", "entry's imports, CPU"):
        shown.add_column(head, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for name, seconds in (("fits for 4 s", 4.0), ("empty", 0.0)):
            found = overhead(seconds, 9, Path(folder))
            figures = [f"{found[key]:.2f}" for key in ("before", "after", "both", "largest", "warm", "load")]
            shown.add_row(name, str(found["cells"]), *figures)
    Console().print(shown)


if __name__ == "__main__":
    main()
