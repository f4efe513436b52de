"""How near the bounds of white-box audits come to the theory in whole private fits, and what an audit costs.

Every run is a private fit of a small classifier with gradient canaries, at delta 1e-5, 40 steps at a sampling rate of a
quarter. Shown are the median bound at 95 % over the runs, how many exceed the theory, the share of the theory, and CPU
seconds beside those of the same fit without an audit.
Run: python bench/whitebox.py [RUNS]
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn import functional

from bakeoff.privacy import Budget, Canaries, Ledger, PrivateSettings, PrivateSGD, audit_fit, calibrate
from bakeoff.privacy.clipping import Flat
from bakeoff.training.fitting import fit
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Records

DELTA = 1e-5
ROWS, BATCH, EPOCHS = 400, 100, 10
RECIPE = Recipe(epochs=EPOCHS, batch=BATCH, optimiser="sgd", rate=0.1, clip=0.0, held_out=0.0, decay=0.0, threads=1)
WAYS = (("dirac", "steps"), ("random", "steps"), ("dirac", "final"))
CASES = (*((epsilon, canaries) for epsilon in (1.0, 4.0, 8.0) for canaries in (1_000, 4_000, 20_000)), (4.0, 100_000))


class Net(nn.Module):
    """At least as many weights as there are canaries."""

    mixed = False

    def __init__(self, canaries: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 200), nn.ReLU(), nn.Linear(200, canaries // 200), nn.ReLU())
        self.out = nn.Linear(canaries // 200, 3)

    def losses(self, batch):
        return functional.cross_entropy(self.out(self.body(batch.inputs["x"]["x"])), batch.targets, reduction="none")


def records() -> Records:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(ROWS, 20)).astype(np.float32)
    return Records({"x": {"x": inputs}}, ROWS, random.integers(0, 3, ROWS))


def regime(sigma: float) -> PrivateSGD:
    return PrivateSGD(Ledger(), PrivateSettings(sigma=sigma, records=ROWS, clipping=Flat(1.0)))


def bounds(table: Table, runs: int) -> None:
    held = records()
    for epsilon, canaries in CASES:
        sigma = calibrate(Budget(epsilon, DELTA), BATCH / ROWS, EPOCHS * ROWS // BATCH)
        for kind, sees in WAYS:
            found, costs, checks = [], [], 0
            for _ in range(runs):
                began = time.process_time()
                report = audit_fit(
                    Net(canaries), held, RECIPE, regime(sigma), delta=DELTA, canaries=Canaries(canaries, kind, sees)
                )
                costs.append(time.process_time() - began)
                found.append(report.bound)
                checks += len(report.problems)
            middle = statistics.median(found)
            table.add_row(
                *(f"{epsilon:g}", f"{canaries:,}", kind, sees, f"{middle:.2f}", f"{middle / epsilon:.0%}"),
                *(f"{min(found):.2f} to {max(found):.2f}", str(sum(one > epsilon for one in found)), str(checks)),
                f"{statistics.median(costs):.2f}",
            )


def plain() -> float:
    costs = []
    for _ in range(3):
        began = time.process_time()
        fit(Net(20_000), records(), RECIPE, regime=regime(1.0))
        costs.append(time.process_time() - began)
    return statistics.median(costs)


def main() -> None:
    torch.set_num_threads(1)
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    heads = ("epsilon", "canaries", "kind", "sees", "bound", "share", "range", "above", "checks failed", "CPU s")
    table = Table(*heads, title=f"White-box bounds, {runs} runs each; the fit alone takes {plain():.2f} CPU s")
    bounds(table, runs)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
