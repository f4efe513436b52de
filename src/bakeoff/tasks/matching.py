"""Matching: whether two records are of one thing, asked of labelled pairs and answered with a probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.nouns import NUMBERS, Array, Label, Task
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.classification import Classification
from bakeoff.tasks.kinds import Metric, Probes, Score
from bakeoff.tasks.labels import missing_problems, numbers, some
from bakeoff.tasks.pair_scores import score_pairs

CLASSES: tuple[Label, ...] = (0, 1)


class Matching:
    """The kind of task that asks of pairs of records which of them match: 1 for a match, 0 for none."""

    name = "matching"
    answers = NUMBERS
    probes = Probes(reason="withholding a pair does not withhold its records")
    metrics: Mapping[str, Metric] = {
        metric.name: metric
        for metric in (
            Metric("f1", "F1 of matches", True, 1.0),
            Metric("precision", "Precision of matches", True, 1.0),
            Metric("recall", "Recall of matches", True, 1.0),
            Metric("average_precision", "Average precision", True, 1.0),
            Metric("best_f1", "F1 at the best threshold for these pairs (optimistic)", True, 1.0),
            Metric("log_loss", "Log loss", False, 0.0, unit="nats"),
        )
    }

    def default_metric(self, labels: Array) -> tuple[str, str]:
        """The F1 of matches at the entry's own threshold."""
        return "f1", "matches are few, and both finding them and being right about them count"

    def classes(self, labels: Array) -> tuple[Label, ...]:
        """No match, and match."""
        return CLASSES

    def check(self, task: Task, train_labels: Array, test_labels: Array) -> list[str]:
        """Missing labels, labels other than 0 and 1, and a part without matches or without non-matches."""
        parts = {"training": train_labels, "test": test_labels}
        problems = missing_problems(task.target, parts)
        for part, labels in parts.items():
            values = numbers(labels)
            strange = values is None or not np.isin(values[~np.isnan(values)], CLASSES).all()
            if strange:
                held = sorted({str(label) for label in labels} - {"0", "1"})
                problems.append(
                    f"Label {task.target!r} of table {task.table!r} holds {some(held)} in the {part} pairs; "
                    "write 1 for a match and 0 for none."
                )
            elif values is not None and len(values) and len(set(values[~np.isnan(values)])) == 1:
                what = "no matches" if values[0] == 0 else "matches alone"
                problems.append(
                    f"The {part} pairs of table {task.table!r} have {what}; label pairs of either kind, "
                    "or choose another split."
                )
        return problems

    def width(self, task: Task) -> int:
        """One number for no match and one for a match."""
        return 2

    def accept(self, answers: Array, task: Task) -> Array:
        """Probabilities (pairs, 2) that sum to 1; raises Refused as classification does."""
        return Classification().accept(answers, task)

    def encode(self, labels: Array, task: Task) -> Array:
        """1 for a match and 0 for none: int64 (pairs,); TaskError for any other label."""
        return Classification().encode(labels, task)

    def constants(self, train_codes: Array, task: Task) -> Mapping[str, Array]:
        """That every pair matches, for metrics at a threshold; the share of matches, for those of probabilities.

        The first has a recall of 1, which is perfect, so that a task by recall has nothing to win and is not averaged.
        """
        share = float(np.mean(train_codes))
        shares, all_match = np.array([1 - share, share]), np.array([0.0, 1.0])
        return {name: all_match if name in ("f1", "precision", "recall") else shares for name in self.metrics}

    def score(
        self,
        truth_codes: Array,
        answers: Array,
        task: Task,
        resample: Resample | None = None,
        only: Sequence[str] = (),
    ) -> dict[str, Score]:
        """Every metric of `answers` (pairs, 2) against 0 and 1 (pairs,), or those in `only`; see `score_pairs`."""
        return score_pairs(truth_codes, answers, tuple(only) or tuple(self.metrics), resample)

    def repeat(self, constant: Array, codes: Array) -> Array:
        """The same chances for every pair: (pairs, 2)."""
        return np.tile(constant, (len(codes), 1))

    def closeness(self, codes: Array, answers: Array, task: Task) -> Array:
        """The probability of the truth: float64 (pairs,)."""
        return Classification().closeness(codes, answers, task)
