"""Kinds of task: the protocol that a kind fulfils, and how kinds are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from bakeoff.errors import TaskError
from bakeoff.nouns import Array, Label, Task
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


@runtime_checkable
class Kind(Protocol):
    """What one kind of task asks, what an answer to it looks like, and how answers are scored.

    Answers are float64 (rows, width). Labels come as they stand in the table; codes are what `encode` makes of them.
    """

    name: str
    metrics: Mapping[str, Metric]

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
