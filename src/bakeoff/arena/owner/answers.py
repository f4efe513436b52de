"""What the entries answered on a task's test rows, as kept, and how those answers are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bakeoff.arena.answer_forms import form_of
from bakeoff.arena.audits import audit_of
from bakeoff.arena.board import Estimate
from bakeoff.arena.judging import NO_PROBES, unpack
from bakeoff.arena.matrix import Matrix
from bakeoff.arena.staging import TaskData
from bakeoff.errors import StoreError
from bakeoff.nouns import Array, CellResult, Entry, Level, Outcome, Task
from bakeoff.stats.bootstrap import Resample, resample
from bakeoff.stats.folds import over_seeds
from bakeoff.stats.intervals import interval
from bakeoff.tasks import Metric, Score, kind

if TYPE_CHECKING:
    from bakeoff.arena.challenge import Challenge


@dataclass(frozen=True, eq=False)
class KeptAnswers:
    """A task's rows and the kept answers (rows, width) to its test rows by (entry, seed)."""

    data: TaskData
    entries: tuple[Entry, ...]
    answers: Mapping[tuple[str, int], Array]

    def of_part(self, part: str) -> KeptAnswers:
        """The same for the public or private test rows alone; all of them where the test part is whole."""
        public = self.data.public
        if part == "test" or public is None:
            return self
        rows = np.flatnonzero(public if part == "public" else ~np.asarray(public, dtype=bool))
        sides = self.data.sides
        data = replace(
            self.data,
            test=self.data.test.iloc[rows].reset_index(drop=True),
            truth=self.data.truth[rows],
            row_ids=self.data.row_ids[rows],
            public=None,
            sources=None if self.data.sources is None else self.data.sources[rows],
            sides=None if sides is None else replace(sides, test=sides.test[rows]),
        )
        return KeptAnswers(data, self.entries, {key: answers[rows] for key, answers in self.answers.items()})

    @property
    def task(self) -> Task:
        """The task that was asked."""
        return self.data.task

    @property
    def metric(self) -> Metric:
        """Its primary metric."""
        return kind(self.task.kind).metrics[self.task.metric]

    @cached_property
    def truth(self) -> Array:
        """The test rows' targets as codes or numbers (rows,)."""
        return kind(self.task.kind).encode(self.data.truth, self.task)

    @property
    def is_counted(self) -> bool:
        """Whether the truth is one number a row, so that answers can be averaged and compared row by row."""
        return self.truth.ndim == 1 and self.truth.dtype.kind in "iuf"

    @property
    def seeds(self) -> list[int]:
        """The seeds that any entry has answered with."""
        return sorted({seed for _, seed in self.answers})

    @property
    def weights(self) -> Resample:
        """The bootstrap weights of the test rows, those of the board."""
        return resample(len(self.truth), self.task.digest)

    def score(self, answers: Array) -> Score:
        """The primary metric of answers (rows, width), with its replicates."""
        only = (self.task.metric,)
        return kind(self.task.kind).score(self.truth, answers, self.task, self.weights, only=only)[self.task.metric]

    def utility(self, rows: Array, answers: Array) -> float:
        """The primary metric of answers to some rows, turned so that more is better; nan where it is undefined."""
        name = self.task.metric
        value = kind(self.task.kind).score(self.truth[rows], answers, self.task, only=(name,))[name].value
        return self.oriented(value)

    def oriented(self, value: float) -> float:
        """A figure of the primary metric turned so that more is better."""
        return value if self.metric.greater_is_better else -value

    def mean(self, entry: str) -> Array:
        """An entry's answers (rows, width), averaged over its seeds."""
        mine = [found for (name, _), found in self.answers.items() if name == entry]
        return np.mean(mine, axis=0)

    @cached_property
    def constant(self) -> float:
        """The primary metric of the best constant answer, fitted on the training labels."""
        asked = kind(self.task.kind)
        constant = asked.constants(asked.encode(self.data.labels, self.task), self.task)[self.task.metric]
        answers = asked.repeat(constant, self.truth)
        return asked.score(self.truth, answers, self.task, only=(self.task.metric,))[self.task.metric].value

    @cached_property
    def standing(self) -> dict[str, Paired]:
        """Each entry's primary metric, best first."""
        found = {
            entry.name: paired(
                [self.score(each) for (name, _), each in sorted(self.answers.items()) if name == entry.name],
                self.task.digest,
            )
            for entry in self.entries
        }
        return dict(sorted(found.items(), key=lambda pair: -self.oriented(pair[1].value)))


@dataclass(frozen=True, eq=False)
class Paired:
    """A figure averaged over seeds, with its paired replicates (folds,); no replicates where it is undefined."""

    value: float
    replicates: Array | None

    @property
    def estimate(self) -> Estimate:
        """The figure with the central interval of its replicates."""
        if self.replicates is None or not np.isfinite(self.value):
            return Estimate(float(self.value), reason="undefined on these rows")
        low, high = interval(self.replicates)
        return Estimate(float(self.value), min(low, self.value), max(high, self.value))


def paired(scores: list[Score], key: str) -> Paired:
    """Scores of several seeds as one figure; seeds are drawn anew in every replicate."""
    values = np.array([score.value for score in scores])
    replicates = [score.replicates for score in scores if score.replicates is not None]
    if not scores or len(replicates) < len(scores) or not np.isfinite(values).all():
        return Paired(float(values.mean()) if scores else float("nan"), None)
    folds, points = over_seeds(np.stack(replicates)[None, None], values[None, None], key=key)
    return Paired(float(points[0, 0]), folds[0, 0])


def difference(first: Paired, second: Paired, sign: float = 1.0) -> Paired:
    """The paired difference of two figures, times `sign`."""
    if first.replicates is None or second.replicates is None:
        return Paired(sign * (first.value - second.value), None)
    return Paired(sign * (first.value - second.value), sign * (first.replicates - second.replicates))


def beyond_noise(gain: Paired) -> Estimate:
    """A difference with the interval of its test: normal, by the standard deviation over replicates, as in `versus`."""
    if gain.replicates is None or not np.isfinite(gain.value):
        return Estimate(float(gain.value), reason="undefined on these rows")
    half = 1.959964 * float(np.std(gain.replicates, ddof=1))
    return Estimate(float(gain.value), float(gain.value) - half, float(gain.value) + half)


def kept_answers(challenge: Challenge, task: Task) -> KeptAnswers:
    """Read the answers of the challenge's entries as they are now; what did not get done is not there."""
    matrix = Matrix(challenge.store, challenge.places.secret(), challenge.data, challenge.places.environments)
    data: TaskData = challenge.data(task)
    entries = challenge.entries()
    results: dict[str, CellResult] = challenge.store.results()
    ranked = (one.cell for one in results.values() if audit_of(one) is None)
    seeds = 1 + max((cell.seed for cell in ranked if cell.task_digest == task.digest), default=-1)
    found: dict[tuple[str, int], Array] = {}
    for cell in matrix.cells(entries, [task], seeds):
        result = results.get(cell.id)
        if result is None or result.outcome is not Outcome.DONE:
            continue
        plan = NO_PROBES if result.level is Level.PREDICTIONS else matrix.plan(task, cell.seed)
        try:
            held = challenge.store.artefacts.get(result.answers)
        except StoreError:
            continue  # `run` makes lost answers again
        found[cell.entry, cell.seed] = unpack(held, plan, len(data.truth), form_of(task)).test
    answered = {name for name, _ in found}
    return KeptAnswers(data, tuple(entry for entry in entries if entry.name in answered), found)
