"""Quality: every metric of the task's kind on the test rows, and the primary one on the common scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from bakeoff.nouns import Answered, Array, Brief, Finding, Plan, digest
from bakeoff.stats.bootstrap import Resample, resample
from bakeoff.stats.intervals import interval, wilson
from bakeoff.tasks import Kind, Metric, Score, kind, normalise

SHARES = {
    *("accuracy", "balanced_accuracy", "macro_f1", "exact_match"),
    *("token_accuracy", "label_accuracy", "sentence_accuracy"),
}


class Quality:
    """How good the answers to the test rows are.

    One finding for each metric; one more with variant `normalised` for the task's primary metric, where 0 is the best
    constant answer fitted on the training labels and 1 is perfect. Bootstrap weights depend on the task alone, so
    replicates of two cells are paired. Answers whose score is no finite number are at the common scale's floor.

    Where the test part is divided, all of it comes once more for the public and for the private rows, with the split
    `public` and `private`: scored on these rows alone, constants too, with bootstrap weights of their own.
    """

    name = "quality"
    version = "3"

    def plan(self, brief: Brief) -> Plan:
        """Nothing: the test rows are asked anyway."""
        return Plan()

    def judge(self, answered: Answered) -> Sequence[Finding]:
        """Findings on the test rows, whole and by part; Refused when the answers cannot be scored."""
        task = answered.task
        asked = kind(task.kind)
        truth = asked.encode(answered.truth, task)
        answers = asked.accept(answered.answers, task)
        found = list(self._scored(answered, truth, answers, resample(len(truth), task.digest)))
        for split, rows in test_parts(answered.public):
            weights = resample(int(rows.sum()), digest([task.digest, split]))
            part = self._scored(answered, truth[rows], answers[rows], weights)
            found += [replace(finding, split=split) for finding in part]
        return found

    def _scored(self, answered: Answered, truth: Array, answers: Array, weights: Resample) -> Sequence[Finding]:
        """Findings on some of the test rows; `truth` are their codes."""
        task = answered.task
        asked = kind(task.kind)
        # Numbers near the largest float overflow when squared; normalise deals with what comes of it.
        with np.errstate(over="ignore", invalid="ignore"):
            scores = asked.score(truth, answers, task, weights)
        findings = [
            self._finding(asked.metrics[name], score, len(truth), primary=name == task.metric)
            for name, score in scores.items()
        ]
        constant = constant_score(asked, answered, truth, weights)
        return [*findings, self._normalised(asked.metrics[task.metric], scores[task.metric], constant, len(truth))]

    def _finding(self, metric: Metric, score: Score, n: int, *, primary: bool) -> Finding:
        if not math.isfinite(score.value):
            wrong = "undefined on these test rows" if math.isnan(score.value) else "beyond any number"
            reason = f"{metric.title} is {wrong}"
            return Finding(self.name, metric.name, None, n=n, status="insufficient", reason=reason)
        low, high, reason = all_right(metric, score, n) or spread(score.replicates)
        replicates = score.replicates if primary else None
        return Finding(self.name, metric.name, score.value, low, high, n=n, reason=reason, replicates=replicates)

    def _normalised(self, metric: Metric, score: Score, constant: Score, n: int) -> Finding:
        scaled = normalise(score, constant, metric)
        low, high, reason = spread(scaled.replicates)
        certain = all_right(metric, score, n)
        if certain is not None and constant.value < metric.perfect:
            low, high = max(-1.0, (certain[0] - constant.value) / (metric.perfect - constant.value)), 1.0
            reason = certain[2]
        return Finding(
            self.name,
            metric.name,
            scaled.value if math.isfinite(scaled.value) else None,
            low,
            high,
            variant="normalised",
            n=n,
            status="ok" if scaled.averaged else "insufficient",
            reason=scaled.reason or reason,
            replicates=scaled.replicates,
        )


def test_parts(public: Array | None) -> Iterator[tuple[str, Array]]:
    """The names and rows of the parts of a test that is divided; a part without rows is none."""
    if public is not None:
        public = np.asarray(public, dtype=bool)
        yield from ((name, rows) for name, rows in (("public", public), ("private", ~public)) if rows.any())


def constant_score(asked: Kind, answered: Answered, truth: Array, weights: Resample) -> Score:
    """The primary metric of the best constant answer, fitted on all training labels."""
    task = answered.task
    constant = asked.constants(asked.encode(answered.labels, task), task)[task.metric]
    return asked.score(truth, asked.repeat(constant, truth), task, weights, only=(task.metric,))[task.metric]


def all_right(metric: Metric, score: Score, n: int) -> tuple[float, float, str] | None:
    """Wilson's interval where every row is answered rightly, since a bootstrap of right answers has no width."""
    if metric.name not in SHARES or score.value != metric.perfect:
        return None
    return wilson(n, n)[0], 1.0, "every row is right; Wilson's interval"


def spread(replicates: Array | None) -> tuple[float | None, float | None, str]:
    """The interval of bootstrap replicates, or the reason why there is none."""
    if replicates is None:
        return None, None, "no bootstrap replicates"
    low, high = interval(replicates)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None, None, "undefined in every bootstrap replicate"
    return low, high, ""
