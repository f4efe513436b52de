"""Regression: one number for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import NUMBERS, Array, Label, Task
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Metric, Probes, Score
from bakeoff.tasks.labels import missing_problems, numbers, some
from bakeoff.tasks.scoring import score_numbers


class Regression:
    """The kind of task that asks for a number."""

    name = "regression"
    answers = NUMBERS
    probes = Probes()
    metrics: Mapping[str, Metric] = {
        metric.name: metric
        for metric in (
            Metric("rmse", "RMSE", False, 0.0, unit="target", margin=0.0),
            Metric("mae", "Mean absolute error", False, 0.0, unit="target", margin=0.0),
            Metric("r2", "R²", True, 1.0),
        )
    }

    def default_metric(self, labels: Array) -> tuple[str, str]:
        """The root of the mean squared error."""
        return "rmse", "it is in the target's own unit and is least at the mean"

    def classes(self, labels: Array) -> tuple[Label, ...]:
        """None: a number is not one of a list."""
        return ()

    def check(self, task: Task, train_labels: Array, test_labels: Array) -> list[str]:
        """Missing targets, targets that are not finite numbers, and a target that never changes."""
        parts = {"training": train_labels, "test": test_labels}
        problems = missing_problems(task.target, parts)
        for part, labels in parts.items():
            values = numbers(labels)
            if values is None:
                strange = [
                    label
                    for label in np.asarray(labels, dtype=object)
                    if numbers(np.array([label], dtype=object)) is None
                ]
                problems.append(
                    f"Target {task.target!r} is not a number in {len(strange):,} {part} rows: {some(strange)}; "
                    "regression needs numbers, so mend them or choose classification."
                )
            elif np.isinf(values).any():
                problems.append(
                    f"Target {task.target!r} is infinite in {np.isinf(values).sum():,} {part} rows "
                    f"(positions {some(np.flatnonzero(np.isinf(values)))}); give finite numbers or drop the rows."
                )
        train, test = (numbers(labels) for labels in parts.values())
        if train is not None and len(train) and np.ptp(train) == 0:
            problems.append(
                f"Target {task.target!r} is {train[0]:g} in every training row; choose a target that changes."
            )
        if task.metric == "r2" and test is not None and len(test) and np.ptp(test) == 0:
            problems.append(
                f"Target {task.target!r} is {test[0]:g} in every test row, where R² is undefined; "
                "choose another metric or split."
            )
        return problems

    def width(self, task: Task) -> int:
        """One number."""
        return 1

    def accept(self, answers: Array, task: Task) -> Array:
        """Finite numbers (rows, 1); raises Refused for another shape and for nan or infinity."""
        answers = np.ascontiguousarray(answers, dtype=np.float64)
        if answers.ndim != 2 or answers.shape[1] != 1:
            raise Refused(
                f"Answers to {task.name!r} have the shape {answers.shape}; give one number for each asked row."
            )
        wrong = np.flatnonzero(~np.isfinite(answers[:, 0]))
        if len(wrong):
            raise Refused(
                f"Answers to {task.name!r} are not all finite numbers: row {wrong[0]} (and {len(wrong) - 1:,} more) "
                "holds nan or infinity; answer every row with a number."
            )
        return answers

    def encode(self, labels: Array, task: Task) -> Array:
        """The labels as float64 (rows,); TaskError when one is missing or not a number."""
        values = numbers(labels)
        if values is None or not np.isfinite(values).all():
            raise TaskError(
                f"Target {task.target!r} of {task.name!r} is not a finite number in every row; check the table again."
            )
        return values

    def constants(self, train_codes: Array, task: Task) -> Mapping[str, Array]:
        """The mean for squared errors, the median for absolute ones."""
        mean, median = np.array([np.mean(train_codes)]), np.array([np.median(train_codes)])
        return {"rmse": mean, "mae": median, "r2": mean}

    def score(
        self,
        truth_codes: Array,
        answers: Array,
        task: Task,
        resample: Resample | None = None,
        only: Sequence[str] = (),
    ) -> dict[str, Score]:
        """Every metric of `answers` (rows, 1) or (rows,) against numbers (rows,), or those in `only`."""
        return score_numbers(truth_codes, np.reshape(answers, -1), tuple(only) or tuple(self.metrics), resample)

    def repeat(self, constant: Array, codes: Array) -> Array:
        """The same number for every row: (rows, 1)."""
        return np.tile(constant, (len(codes), 1))

    def closeness(self, codes: Array, answers: Array, task: Task) -> Array:
        """The negative absolute error in the target's own unit, 0 where it is right: float64 (rows,)."""
        return -np.abs(np.reshape(answers, -1) - codes)
