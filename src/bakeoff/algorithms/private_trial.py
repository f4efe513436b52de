"""One table, one private fit: how good it is on rows set apart, beside the constant and a fit without a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np

from bakeoff.algorithms.adapters import adapt
from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Frame, Role, Schema, Table, Task
from bakeoff.privacy.budget import Budget
from bakeoff.stats.bootstrap import resample
from bakeoff.tasks import kind

ABLE = {
    "multimodal": ("multimodal", "Multimodal", ("classification", "regression")),
    "network": ("network", "Network", ("classification", "regression")),
    "tagger": ("text.tagger", "NeuralTagger", ("tagging",)),
    "joint_tagger": ("text.tagger", "NeuralJointTagger", ("joint",)),
    "span_reader": ("text.span_reader", "NeuralSpanReader", ("span",)),
    "seq2seq": ("text.seq2seq", "NeuralSeq2Seq", ("generation",)),
    "causal_lm": ("text.causal_lm", "NeuralLanguageModel", ("language_model",)),
}
PRIVATE, FREE, CONSTANT = "private", "without a budget", "constant"
MIDDLE = (2.5, 97.5)


@dataclass(frozen=True)
class TrialRows:
    """A task's rows: `train` and `test` hold every column but the target, `labels` and `truth` their targets."""

    task: Task
    table: Table
    train: Frame
    labels: Array
    test: Frame
    truth: Array


@dataclass(frozen=True)
class Wish:
    """What is asked for: a budget, an algorithm (empty: what suits the task), a seed, threads and seconds (0: all).

    With `beside`, the same algorithm is fitted without a budget too.
    """

    budget: Budget
    algorithm: str = ""
    seed: int = 0
    threads: int = 1
    seconds: float = 0.0
    beside: bool = True


@dataclass(frozen=True)
class Figure:
    """A metric's value on the rows set apart, and a 95 % interval by resampling them; None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Fitted:
    """How one way did: its figures by metric, and the seconds of its fit by the wall and by the processor."""

    figures: Mapping[str, Figure]
    wall: float = 0.0
    cpu: float = 0.0


@dataclass(frozen=True)
class Trial:
    """What came of it: the algorithm's name, how each way did, the private model, its ledger and its claim."""

    task: Task
    algorithm: str
    fitted: Mapping[str, Fitted]
    model: Any
    ledger: Any
    claim: Mapping[str, Any]

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {
            "task": {"name": self.task.name, "kind": self.task.kind, "target": self.task.target},
            "metric": self.task.metric,
            "algorithm": self.algorithm,
            "fitted": {
                name: {
                    "metrics": {metric: vars(figure) for metric, figure in one.figures.items()},
                    "wall_seconds": one.wall,
                    "cpu_seconds": one.cpu,
                }
                for name, one in self.fitted.items()
            },
            "claim": dict(self.claim),
            "ledger": self.ledger.as_plain(),
        }


def tried(rows: TrialRows, wish: Wish, watch: Callable[[str], None] = lambda what: None) -> Trial:
    """Fit privately, then without a budget where that is wanted, and answer the rows set apart.

    `watch` is told what begins. UsageError for an algorithm that has no private form, or is for another kind of task,
    and for a delta of one over the number of rows or more.
    """
    name = wish.algorithm or _usual(rows.task)
    made = _made(name, rows.task)
    owners = wish.budget.unit == "owner"
    schema = _schema(rows, wish, owners)
    wish.budget.check(_units(rows, owners))
    found: dict[str, Fitted] = {CONSTANT: Fitted(_constant(rows))}
    watch("fitting privately")
    model = made(privacy=wish.budget)
    found[PRIVATE] = _fitted(model, rows, schema)
    if wish.beside:
        watch("fitting without a budget")
        found[FREE] = _fitted(made(), rows, _schema(rows, wish, False))
    return Trial(rows.task, name, found, model, model.ledger_, model.claim_)


def _usual(task: Task) -> str:
    found = [name for name, (_, _, kinds) in ABLE.items() if task.kind in kinds]
    if not found:
        raise UsageError(f"No algorithm of the house learns privately for tasks of kind {task.kind!r} yet.")
    return found[0]


def _made(name: str, task: Task) -> Any:
    if name not in ABLE:
        raise UsageError(f"The algorithm {name!r} has no private form; those that have are {', '.join(ABLE)}.")
    home, attribute, kinds = ABLE[name]
    if task.kind not in kinds:
        raise UsageError(f"The algorithm {name!r} is for {' and '.join(kinds)}; this task is {task.kind}.")
    return getattr(import_module(f"bakeoff.algorithms.{home}"), attribute)


def _units(rows: TrialRows, owners: bool) -> int:
    names = [column.name for column in rows.table.of_role(Role.OWNER)]
    if owners and not names:
        raise UsageError("No column says whose a row is; name it with --owner COL, or protect records.")
    return int(rows.train[names[0]].nunique()) if owners else len(rows.train)


def _schema(rows: TrialRows, wish: Wish, owners: bool) -> Schema:
    """What the fit is told: identifiers are not shown, owners only in fit and only where they are protected."""
    hidden = {Role.TARGET, Role.ID} | (set() if owners else {Role.OWNER})
    columns = tuple(column for column in rows.table.columns if column.role not in hidden)
    task = rows.task
    schema = Schema(columns, task.kind, task.target, task.metric, task.classes, wish.seed, wish.seconds, wish.threads)
    return replace(schema, fit_only=tuple(column.name for column in columns if column.role is Role.OWNER))


def _fitted(model: Any, rows: TrialRows, schema: Schema) -> Fitted:
    shown = [column.name for column in schema.columns if column.name in rows.train.columns]
    asked = [name for name in shown if name in rows.test.columns and name not in schema.fit_only]
    wall, cpu = time.perf_counter(), time.process_time()
    # The model itself is fitted, not a copy of it, since its ledger is wanted.
    adapted = adapt(model, schema)
    adapted.model = model
    adapted.fit(rows.train[shown], rows.labels)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    columns = asked or list(rows.test.columns)
    return Fitted(_figures(rows, adapted.answers(rows.test[columns])), wall, cpu)


def _figures(rows: TrialRows, answers: Any) -> dict[str, Figure]:
    judge = kind(rows.task.kind)
    return _told(rows, judge.encode(rows.truth, rows.task), judge.accept(answers, rows.task), ())


def _constant(rows: TrialRows) -> dict[str, Figure]:
    """For each metric that of the best answer that is alike for all rows."""
    judge, task = kind(rows.task.kind), rows.task
    truth = judge.encode(rows.truth, task)
    found: dict[str, Figure] = {}
    for metric, constant in judge.constants(judge.encode(rows.labels, task), task).items():
        found |= _told(rows, truth, judge.repeat(constant, truth), (metric,))
    return found


def _told(rows: TrialRows, truth: Array, answers: Any, only: tuple[str, ...]) -> dict[str, Figure]:
    weights = resample(len(rows.truth), "privacy fit")
    scores = kind(rows.task.kind).score(truth, answers, rows.task, weights, only)
    found = {}
    for name, score in scores.items():
        low, high = (None, None) if score.replicates is None else np.nanpercentile(score.replicates, MIDDLE).tolist()
        if np.isfinite(score.value):
            found[name] = Figure(float(score.value), low, high)
    return found
