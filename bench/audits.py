"""How near one-run bounds come to the theory, how often they would accuse the honest, and what judging privacy costs.

The first table shows bounds at delta 1e-5 on mechanisms whose epsilon is known: randomised response on each canary's
coin, and a Gaussian mechanism on it. The second shows what the judge of privacy finds for known estimators on a made
table of 3,000 rows, in an ordinary cell and in its deeper audits. The third shows CPU seconds of the judge beside those
of the cells that it reads.
Run: python bench/audits.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.special import expit
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from bakeoff.arena import Challenge, RunRequest, TableOptions
from bakeoff.nouns import Answered, Brief, Cell, CellResult, Column, ColumnType, Finding, Outcome, Plan, Role, Task
from bakeoff.nouns import Table as BakeoffTable
from bakeoff.privacy.audits import Gaussian, Tally, lower_bound, refuted, tally

DELTA = 1e-5
EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
CANARIES = (300, 1_000, 10_000)
RUNS = {300: 200, 1_000: 200, 10_000: 40}
ENTRIES = ("constant", "linear", "neighbours", "forest")

bound_once = lru_cache(maxsize=None)(lower_bound)
mu_once = lru_cache(maxsize=None)(refuted)


def bound_of(counted: Tally, delta: float) -> float:
    share = round(1 - 0.05 / len(counted.tried), 12)
    return max(bound_once(*one, counted.canaries, delta, share) for one in counted.tried)


def gaussian_of(counted: Tally) -> float:
    share = round(1 - 0.05 / len(counted.tried), 12)
    mu = max(mu_once(*one, counted.canaries, Gaussian, share) for one in counted.tried)
    return Gaussian(mu).epsilon(DELTA) if mu else 0.0


def mu_of(epsilon: float) -> float:
    low, high = 0.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if Gaussian(middle).epsilon(DELTA) < epsilon else (low, middle)
    return low


def response(epsilon: float, canaries: int, random: np.random.Generator) -> Tally:
    inside = random.random(canaries) < 0.5
    return tally(np.where(random.random(canaries) < expit(epsilon), inside, ~inside).astype(float), inside)


def noisy(mu: float, canaries: int, random: np.random.Generator) -> Tally:
    inside = random.random(canaries) < 0.5
    return tally(mu * inside + random.normal(size=canaries), inside)


def power() -> Table:
    shown = Table(title="bounds at 95 %, medians over honest runs; in brackets how many of them exceed the theory")
    for column in ("canaries", "epsilon", "ceiling", "randomised response", "Gaussian", "Gaussian, its curve known"):
        shown.add_column(column, justify="right")
    for canaries in CANARIES:
        for epsilon in EPSILONS:
            random, runs, mu = np.random.default_rng(canaries), RUNS[canaries], mu_of(epsilon)
            told = [response(epsilon, canaries, random) for _ in range(runs)]
            gauss = [noisy(mu, canaries, random) for _ in range(runs)]
            cells = [
                figure([bound_of(one, 0.0) for one in told], epsilon),
                figure([bound_of(one, DELTA) for one in gauss], epsilon),
                figure([gaussian_of(one) for one in gauss], epsilon),
            ]
            shown.add_row(f"{canaries:,}", f"{epsilon:g}", f"{told[0].ceiling(DELTA):.2f}", *cells)
    return shown


def figure(bounds: list[float], epsilon: float) -> str:
    beyond = sum(bound > epsilon for bound in bounds)
    return f"{statistics.median(bounds):.2f} ({beyond} of {len(bounds)})"


@dataclass(frozen=True)
class Made:
    """A made table with the task on it: rows (rows, 40), labels of ten classes, 5 % of them at random."""

    data: pd.DataFrame
    labels: np.ndarray
    task: Task
    table: BakeoffTable

    @classmethod
    def of(cls, rows: int = 3_000) -> Made:
        values, codes = make_classification(
            rows, 40, n_informative=15, n_classes=10, n_clusters_per_class=1, flip_y=0.05, random_state=0
        )
        data = pd.DataFrame(values, columns=[f"x{place}" for place in range(40)])
        labels = np.array([f"c{code}" for code in codes], dtype=object)
        columns = (
            *(Column(name, ColumnType.NUMERIC) for name in data),
            Column("y", ColumnType.CATEGORICAL, Role.TARGET),
        )
        task = Task("made", "made", "d" * 64, "classification", "y", "accuracy", tuple(sorted(set(labels))))
        return cls(data, labels, task, BakeoffTable("made", columns, rows, "d" * 64))

    def brief(self) -> Brief:
        return Brief(self.task, self.table, self.data, self.labels, b"k" * 32, 10**9)

    def cell(self, estimator: BaseEstimator, plan: Plan) -> Answered:
        """The estimator fitted on what the plan leaves and adds, and asked what it asks."""
        kept = np.setdiff1d(np.arange(len(self.data)), np.array(plan.withhold, dtype=int))
        added = [self.inserted(plan, place) for place in plan.insert]
        train = np.vstack([self.data.iloc[kept].to_numpy(), *added])
        targets = np.concatenate([self.labels[kept], [plan.offered[place].label for place in plan.insert]])
        model = clone(estimator).fit(train, targets)
        known = self.data.to_numpy()
        asked = [self.inserted(plan, one.row) if one.part == "inserted" else known[one.row] for one in plan.ask]
        probes = np.zeros((len(asked), len(self.task.classes)))
        probes[:, [self.task.classes.index(label) for label in model.classes_]] = model.predict_proba(np.array(asked))
        result = CellResult(Cell("made", "e" * 64, "made", "d" * 64, 0, "", "1"), Outcome.DONE)
        none = np.empty((0, probes.shape[1]))
        return Answered(result, self.task, self.table, self.labels[:0], self.labels, self.data[:0], none, plan, probes)

    def inserted(self, plan: Plan, place: int) -> np.ndarray:
        made = plan.offered[place]
        return (self.data.iloc[made.row] if not made.changes else pd.Series(made.changes)[self.data.columns]).to_numpy()


ESTIMATORS = {
    "logistic regression": LogisticRegression(max_iter=300),
    "random forest": RandomForestClassifier(100, random_state=0),
    "random forest, leaf >= 20": RandomForestClassifier(100, min_samples_leaf=20, random_state=0),
    "5 nearest neighbours": KNeighborsClassifier(5),
    "knows nothing": DummyClassifier(strategy="uniform"),
}


def audited() -> Table:
    from bakeoff.judges import Memorisation, Privacy

    made, judge = Made.of(), Privacy()
    shown = Table(title="epsilon at 95 % and delta 1e-5 (ceiling), 3,000 rows; CPU seconds of judging the audit")
    for column in ("estimator", "300 canaries", "2 halves", "16 halves", "inserted", "AUC, 16 halves", "seconds"):
        shown.add_column(column, justify="right")
    for name, estimator in ESTIMATORS.items():
        ordinary = judge.judge(made.cell(estimator, Memorisation().plan(made.brief())))
        cells = [
            {one: made.cell(estimator, plan) for one, plan in judge.plan_audit(made.brief(), quick).items()}
            for quick in (True, False)
        ]
        start = time.process_time()
        quick, deep = judge.judge_audit(cells[0]), judge.judge_audit(cells[1])
        seconds = time.process_time() - start
        (area,) = (one for one in deep if (one.metric, one.variant) == ("auc", "strongest"))
        bounds = [epsilon_of(ordinary, "canaries"), epsilon_of(quick, "halves")]
        bounds += [epsilon_of(deep, "halves"), epsilon_of(deep, "inserted")]
        shown.add_row(name, *bounds, f"{area.value:.3f} [{area.low:.3f}, {area.high:.3f}]", f"{seconds:.1f}")
    return shown


def epsilon_of(findings: Sequence[Finding], split: str) -> str:
    of = {one.metric: one.value for one in findings if one.split == split and one.metric in ("epsilon", "ceiling")}
    return f"{of['epsilon']:.2f} ({of['ceiling']:.1f})"


def rows(count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(count, 20)), columns=[f"x{i}" for i in range(20)])
    return frame.assign(y=np.where(frame["x0"] + random.normal(size=count) > 0, "yes", "no"))


def timed(done: Callable[[], object], repeats: int = 5) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        done()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def cost(count: int, folder: Path) -> Table:
    from bakeoff.arena import judging
    from bakeoff.judges import Privacy

    challenge = Challenge.create(folder / f"challenge-{count}")
    challenge.add_table(rows(count), TableOptions(name="bench", target="y"))
    challenge.run(RunRequest(entries=ENTRIES))
    kept = []
    original = judging.judge_cell

    def seen(present, result, data, plan, answers):  # type: ignore[no-untyped-def]
        only = [Privacy()]
        seconds = timed(lambda: original(only, result, data, plan, answers))
        kept.append((result.cell.entry, result.measurements.cpu or 0.0, len(plan.plans["memorisation"].ask), seconds))
        return original(present, result, data, plan, answers)

    patched = [module for module in _users(original) if getattr(module, "judge_cell", None) is original]
    for module in patched:
        module.judge_cell = seen  # type: ignore[attr-defined]
    challenge.judge(again=True)
    challenge.close()
    shown = Table(title=f"the judge of privacy on cells of {count:,} rows, CPU seconds")
    for column in ("entry", "cell", "canaries", "judge", "share"):
        shown.add_column(column, justify="right")
    for entry, cell, canaries, seconds in kept:
        shown.add_row(entry, f"{cell:.2f}", str(canaries), f"{seconds:.4f}", f"{seconds / cell:.1%}" if cell else "")
    return shown


def _users(function: object) -> list[object]:
    import sys

    return [module for name, module in list(sys.modules.items()) if name.startswith("bakeoff.arena")]


def main() -> None:
    console = Console()
    console.print(power())
    console.print(audited())
    with tempfile.TemporaryDirectory() as folder:
        for count in (4_000, 20_000):
            console.print(cost(count, Path(folder)))


if __name__ == "__main__":
    main()
