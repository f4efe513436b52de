"""Classification: one of several classes for each row, answered with a probability for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import NUMBERS, Array, Label, Task
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Metric, Probes, Score
from bakeoff.tasks.labels import coded, missing_problems, ordered, some
from bakeoff.tasks.scoring import score_classes

IMBALANCE = 0.75
SLACK = 1e-3  # how far probabilities may be from a sum of 1
EXACT = 1e-9  # sums nearer to 1 than this are left alone, so that equal answers stay equal


class Classification:
    """The kind of task that asks which of two or more classes a row belongs to."""

    name = "classification"
    answers = NUMBERS
    probes = Probes()
    metrics: Mapping[str, Metric] = {
        metric.name: metric
        for metric in (
            Metric("accuracy", "Accuracy", True, 1.0),
            Metric("balanced_accuracy", "Balanced accuracy", True, 1.0),
            Metric("macro_f1", "Macro F1", True, 1.0),
            Metric("log_loss", "Log loss", False, 0.0, unit="nats"),
            Metric("auc", "AUC", True, 1.0),
            Metric("calibration_error", "Calibration error", False, 0.0),
        )
    }

    def default_metric(self, labels: Array) -> tuple[str, str]:
        """Accuracy, or AUC when the largest class has more than 75 % of the rows."""
        codes, found = coded(labels)
        counts = np.bincount(codes[codes >= 0], minlength=1)
        share = counts.max() / max(1, counts.sum())
        if share > IMBALANCE:
            return "auc", f"class {found[counts.argmax()]!r} alone has {share:.0%} of the training rows"
        return "accuracy", f"the largest class has {share:.0%} of the training rows, no more than {IMBALANCE:.0%}"

    def classes(self, labels: Array) -> tuple[Label, ...]:
        """The distinct labels, numbers by size and then text by alphabet, as plain int and str."""
        return ordered(coded(labels)[1])

    def check(self, task: Task, train_labels: Array, test_labels: Array) -> list[str]:
        """Missing targets, a single class, a class for every row, labels in test that are not in train."""
        problems = missing_problems(task.target, {"training": train_labels, "test": test_labels})
        train, test = self.classes(train_labels), self.classes(test_labels)
        if len(train) == 1:
            problems.append(
                f"Target {task.target!r} of table {task.table!r} has the single class {train[0]!r} in "
                f"{'all' if test == train else 'the training'} rows; classification needs at least two classes, "
                f"so choose another target{'' if test == train else ' or split'}."
            )
        if len(train_labels) >= 10 and len(train) == len(train_labels):
            problems.append(
                f"Target {task.target!r} has a different value in every one of {len(train):,} training rows, so "
                "nothing can be learned from it as a class; choose another target, or another kind of task."
            )
        strange = ordered(set(test) - set(train))
        if strange and train:
            problems.append(
                f"Target {task.target!r} has labels in test that are not in train: {some(strange)}; "
                "put rows with these labels into train, or drop them from test."
            )
        if task.metric == "auc" and len(test) == 1 < len(train):
            problems.append(
                f"Target {task.target!r} of table {task.table!r} has the single class {test[0]!r} in the test rows, "
                "where AUC is undefined; choose another metric, or a split with more classes in test."
            )
        return problems

    def width(self, task: Task) -> int:
        """One number for each class."""
        return len(task.classes)

    def accept(self, answers: Array, task: Task) -> Array:
        """Probabilities (rows, classes) that sum to 1 in every row.

        Rows within 0.001 of that sum are divided by it. Raises Refused for another shape, for values that are not
        finite, for negative ones and for other sums.
        """
        answers = np.ascontiguousarray(answers, dtype=np.float64)
        width = self.width(task)
        if answers.ndim != 2 or answers.shape[1] != width:
            raise Refused(
                f"Answers to {task.name!r} have the shape {answers.shape}; "
                f"give one row for each asked row and one probability for each of the {width} classes."
            )
        if not len(answers):
            return answers
        sums = answers.sum(axis=1)
        if not np.isfinite(sums).all():
            wrong = np.flatnonzero(~np.isfinite(sums))
            raise Refused(
                f"Answers to {task.name!r} are not all finite numbers: row {wrong[0]} (and {len(wrong) - 1:,} more) "
                "holds nan or infinity; answer every row with probabilities."
            )
        if answers.min() < 0:
            row = int(np.flatnonzero((answers < 0).any(axis=1))[0])
            raise Refused(
                f"Answers to {task.name!r} hold the negative number {answers[row].min():g} in row {row}; "
                "give probabilities from 0 to 1."
            )
        off = np.abs(sums - 1)
        if off.max() > SLACK:
            wrong = np.flatnonzero(off > SLACK)
            raise Refused(
                f"Answers to {task.name!r} sum to {sums[wrong[0]]:.6g} in row {wrong[0]} (and {len(wrong) - 1:,} more "
                f"rows are further than {SLACK} from 1); give probabilities that sum to 1 in every row."
            )
        inexact = off > EXACT
        if inexact.any():
            answers = np.where(inexact[:, None], answers / sums[:, None], answers)
        return answers

    def encode(self, labels: Array, task: Task) -> Array:
        """The position of each label in the task's classes: int64 (rows,); TaskError for a label that is not there."""
        codes, found = coded(labels)
        position = {label: code for code, label in enumerate(task.classes)}
        strange = [label for label in found if label not in position]
        if strange or (codes < 0).any():
            what = f"labels that are not classes of the task: {some(strange)}" if strange else "missing labels"
            raise TaskError(
                f"Target {task.target!r} of {task.name!r} holds {what}; check the table and its split again."
            )
        return np.array([position[label] for label in found], dtype=np.int64)[codes]

    def constants(self, train_codes: Array, task: Task) -> Mapping[str, Array]:
        """The largest class for metrics of labels, and the classes' shares for metrics of probabilities."""
        counts = np.bincount(train_codes, minlength=self.width(task)).astype(np.float64)
        shares = counts / counts.sum()
        largest = np.zeros(len(counts))
        largest[counts.argmax()] = 1.0
        of_labels = ("accuracy", "balanced_accuracy", "macro_f1")
        return {name: largest if name in of_labels else shares for name in self.metrics}

    def score(
        self,
        truth_codes: Array,
        answers: Array,
        task: Task,
        resample: Resample | None = None,
        only: Sequence[str] = (),
    ) -> dict[str, Score]:
        """Every metric of `answers` (rows, classes) against codes (rows,), or those in `only`.

        Accuracy, balanced accuracy and macro-F1 take the class with the highest probability, the first of equals.
        Balanced accuracy leaves out classes that no test row has; so does AUC (one against the rest, macro). Macro-F1
        leaves out classes that occur neither in truth nor in answers. Log loss counts 1e-7 as the lowest probability.
        """
        return score_classes(truth_codes, answers, tuple(only) or tuple(self.metrics), resample)

    def repeat(self, constant: Array, codes: Array) -> Array:
        """The same probabilities for every row: (rows, classes)."""
        return np.tile(constant, (len(codes), 1))

    def closeness(self, codes: Array, answers: Array, task: Task) -> Array:
        """The probability of the true class: float64 (rows,)."""
        chances: Array = answers[np.arange(len(codes)), codes]
        return chances
