"""Kinds of task: the protocol that a kind fulfils, and how kinds are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

from bakeoff.errors import TaskError
from bakeoff.nouns import Array, ColumnType, Label, Task
from bakeoff.stats.bootstrap import Resample

GROUP = "bakeoff.kinds"


@dataclass(frozen=True)
class Metric:
    """One way of scoring.

    `perfect` is the score of a perfect answer. A task whose best constant answer comes within `margin` of perfect has
    nothing left to win (0 for metrics in the target's own unit, where no fixed margin has a meaning). `unit` and
    `decimals` are for display; the unit `target` means the target's own.
    """

    name: str
    title: str
    greater_is_better: bool
    perfect: float
    unit: str = ""
    decimals: int = 3
    margin: float = 0.02


@dataclass(frozen=True, eq=False)
class Score:
    """A metric's value, and its bootstrap replicates float64 (folds,) when they were asked for.

    The value is nan, without replicates, where the metric is undefined on these rows.
    """

    value: float
    replicates: Array | None = None


@dataclass(frozen=True)
class Probes:
    """What judges may do to tasks of a kind: withhold training rows, ask them, and perturb asked columns.

    `perturb` are the types of the columns that may be changed in an asked row without its truth changing; `reason` says
    why something may not be done.
    """

    withhold: bool = True
    ask: bool = True
    perturb: tuple[ColumnType, ...] = (ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.TEXT, ColumnType.IMAGE)
    reason: str = ""


@runtime_checkable
class Kind(Protocol):
    """What one kind of task asks, what an answer to it looks like, and how answers are scored.

    `answers` is their form: numbers are float64 (rows, width), lines are an object array (rows,) of what one JSON line
    holds. Labels come as they stand in the table; codes are what `encode` makes of them.
    """

    name: str
    metrics: Mapping[str, Metric]
    answers: str
    probes: Probes

    def default_metric(self, labels: Array) -> tuple[str, str]:
        """The primary metric for these training labels, and the reason in one sentence."""

    def classes(self, labels: Array) -> tuple[Label, ...]:
        """What can be answered, in the order of the answers' columns; empty when that is not a choice."""

    def check(self, task: Task, train_labels: Array, test_labels: Array) -> list[str]:
        """Every reason why these labels cannot be asked about, one sentence each; empty when they can."""

    def width(self, task: Task) -> int:
        """How many numbers answer one row."""

    def accept(self, answers: Array, task: Task) -> Array:
        """Answers fit to be scored; raises Refused with a sentence when they are not."""

    def encode(self, labels: Array, task: Task) -> Array:
        """Labels as the numbers that `score` compares answers with: (rows,)."""

    def constants(self, train_codes: Array, task: Task) -> Mapping[str, Array]:
        """For each metric the best answer (width,) that is the same for every row, fitted on training codes."""

    def score(
        self,
        truth_codes: Array,
        answers: Array,
        task: Task,
        resample: Resample | None = None,
        only: Sequence[str] = (),
    ) -> dict[str, Score]:
        """Every metric's score of accepted answers, or those of the metrics in `only`."""

    def repeat(self, constant: Any, codes: Array) -> Array:
        """A constant answer given to every row of these codes, in the form of answers."""

    def closeness(self, codes: Array, answers: Array, task: Task) -> Array:
        """How right each accepted answer is, from 0 to 1 where it is perfect, or falling from 0: float64 (rows,)."""


@runtime_checkable
class Written(Kind, Protocol):
    """A kind whose answers are lines of JSON: texts, tags, or both."""

    def cap(self, task: Task) -> int:
        """The most bytes that one answer may take as a line of JSON in UTF-8."""

    def longest(self, labels: Array) -> int:
        """The most characters of one answer that these training labels show; 0 where the cap does not depend on it."""

    def learnt(self, labels: Array) -> Any:
        """Labels as an entry learns from them: an object array (rows,) or a frame."""


@dataclass(frozen=True, eq=False)
class Questions:
    """What is asked of the test rows where they are not asked as they stand.

    `rows` int64 (questions,) are the test rows that questions come from, `asked` (questions,) what stands in the
    target's column of each, `truth` (questions,) their labels, and `turns` int64 (questions,) the call in which each
    may be asked, since a question may give the truth of an earlier one away.
    """

    rows: Array
    asked: Array
    truth: Array
    turns: Array


@runtime_checkable
class Questioning(Kind, Protocol):
    """A kind that makes questions of the test rows, which no file of answers can know beforehand."""

    def questions(self, truth: Array, key: bytes) -> Questions:
        """The questions about test rows with these labels, in order; the same for the same labels and key."""


@cache
def kinds() -> Mapping[str, Kind]:
    """Every installed kind of task by name: one instance of each class in the entry-point group `bakeoff.kinds`."""
    return {point.name: point.load()() for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def kind(name: str) -> Kind:
    """The kind of that name; TaskError, listing those there are, when there is none."""
    known = kinds()
    if name not in known:
        raise TaskError(f"There is no kind of task called {name!r}; choose one of: {', '.join(known)}.")
    return known[name]
