"""Joint: a label for the sentence and a tag for every token, such as intent and slots."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import LINES, Array, ColumnType, Frame, Label, Task
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Metric, Probes, Score
from bakeoff.tasks.labels import missing, missing_problems, objects, some
from bakeoff.tasks.scoring import GroupSums
from bakeoff.tasks.tag_scores import constant_tags, marks_entities, score_tags, tag_counts
from bakeoff.tasks.tagging import MOST_BYTES, accept_tags, tag_problems


class Joint:
    """The kind of task that asks for a sentence's label (its intent) and a tag for each token (its slots) at once.

    In a table the target is JSON text: `{"label": "PlayMusic", "tags": ["O", "B-artist"]}`. An answer is a pair of a
    label and a list of tags, a code the same.
    """

    name = "joint"
    answers = LINES
    probes = Probes(
        perturb=(ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.TOKENS),
        reason="letters within a token may change, but not how many tokens there are",
    )
    metrics: Mapping[str, Metric] = {
        metric.name: metric
        for metric in (
            Metric("sentence_accuracy", "Sentence accuracy", True, 1.0),
            Metric("label_accuracy", "Label accuracy", True, 1.0),
            Metric("slot_f1", "Slot F1", True, 1.0),
            Metric("token_accuracy", "Token accuracy", True, 1.0),
        )
    }

    def default_metric(self, labels: Array) -> tuple[str, str]:
        """The share of sentences of which label and tags are all right."""
        return "sentence_accuracy", "a sentence is of use when its label and all its tags are right"

    def classes(self, labels: Array) -> tuple[Label, ...]:
        """None: an answer is a label with a list of tags."""
        return ()

    def check(self, task: Task, train_labels: Array, test_labels: Array) -> list[str]:
        """Missing targets, targets that are no label with tags, nothing to learn, no label in both parts."""
        parts = {"training": train_labels, "test": test_labels}
        problems = missing_problems(task.target, parts)
        read: dict[str, list[tuple[str, list[str]]]] = {}
        for part, labels in parts.items():
            known = np.asarray(labels, dtype=object)[~missing(labels)]
            parsed = [parse(label) for label in known]
            wrong = [row for row, pair in enumerate(parsed) if pair is None]
            if wrong:
                problems.append(
                    f"Target {task.target!r} holds no label with tags in {len(wrong):,} {part} rows (positions "
                    f'{some(wrong)}); write JSON such as {{"label": "PlayMusic", "tags": ["O", "B-artist"]}}.'
                )
            read[part] = [pair for pair in parsed if pair is not None]
        train, test = ({label for label, _ in pairs} for pairs in read.values())
        learnt, asked = (set(chain.from_iterable(tags for _, tags in pairs)) for pairs in read.values())
        if len(train) == 1 and len(learnt) <= 1:
            problems.append(
                f"Target {task.target!r} has a single label and a single tag in the training rows, so there is nothing "
                "to learn; choose another target or split."
            )
        if train and test and not train & test:
            problems.append(
                f"Target {task.target!r} has no label in test that is also in train: {some(sorted(test))}; "
                "choose another split."
            )
        return problems + [problem for problem in tag_problems(task, learnt, asked, "slot_f1") if len(learnt) > 1]

    def width(self, task: Task) -> int:
        """One line."""
        return 1

    def longest(self, labels: Array) -> int:
        """0: the cap is the same for every task."""
        return 0

    def cap(self, task: Task) -> int:
        """256 KiB."""
        return MOST_BYTES

    def accept(self, answers: Array, task: Task) -> Array:
        """Pairs (label, list of tags): object (rows,); raises Refused for anything else."""
        return objects(_accepted(answer, row, task) for row, answer in enumerate(answers))

    def encode(self, labels: Array, task: Task) -> Array:
        """Pairs (label, list of tags): object (rows,); TaskError where a target is missing or cannot be read."""
        pairs = [parse(label) for label in labels]
        if None in pairs:
            raise TaskError(
                f"Target {task.target!r} of {task.name!r} holds no label with tags in row {pairs.index(None)}; "
                "check the table again."
            )
        return objects(pairs)

    def learnt(self, labels: Array) -> Frame:
        """A frame with the columns `label` (text) and `tags` (lists)."""
        import pandas as pd

        pairs = [parse(label) or ("", []) for label in labels]
        return pd.DataFrame(
            {"label": objects(label for label, _ in pairs), "tags": objects(tags for _, tags in pairs)},
            index=pd.RangeIndex(len(pairs)),
        )

    def constants(self, train_codes: Array, task: Task) -> Mapping[str, tuple[str, str]]:
        """For each metric the label and the tag for every token that are best on the training rows."""
        labels = Counter(label for label, _ in train_codes)
        commonest = min(labels, key=lambda label: (-labels[label], label))
        tags = constant_tags(objects(tags for _, tags in train_codes))
        both = Counter((label, tags[0]) for label, tags in train_codes if len(set(tags)) == 1)
        pair = min(both, key=lambda pair: (-both[pair], pair)) if both else (commonest, tags["token_accuracy"])
        return {
            "sentence_accuracy": pair,
            "label_accuracy": (commonest, tags["token_accuracy"]),
            "slot_f1": (commonest, tags["entity_f1"]),
            "token_accuracy": (commonest, tags["token_accuracy"]),
        }

    def score(
        self,
        truth_codes: Array,
        answers: Array,
        task: Task,
        resample: Resample | None = None,
        only: Sequence[str] = (),
    ) -> dict[str, Score]:
        """Every metric of pairs (rows,) against the true ones (rows,), or those in `only`.

        Slot F1 is the entity F1 of the tags, as in tagging; it is undefined where the true tags mark no entity. Raises
        Refused where a row has another number of tags than tokens.
        """
        wanted = tuple(only) or tuple(self.metrics)
        counts, right = _counts(truth_codes, answers, task)
        groups = GroupSums(len(truth_codes), resample)
        marked = marks_entities(set(chain.from_iterable(tags for _, tags in truth_codes)))
        tags = score_tags(truth_codes, counts, ("entity_f1", "token_accuracy"), resample, entity_metrics=marked)
        scores = {"slot_f1": tags["entity_f1"], "token_accuracy": tags["token_accuracy"]}
        for name, rows in (("label_accuracy", right), ("sentence_accuracy", right * counts[:, 5])):
            scores[name] = groups.score(np.divide, groups.sums(rows), groups.sizes)
        return {name: scores[name] for name in wanted}

    def repeat(self, constant: tuple[str, str], codes: Array) -> Array:
        """The label for every row and the tag for every token: object (rows,)."""
        label, tag = constant
        return objects((label, [tag] * len(tags)) for _, tags in codes)

    def closeness(self, codes: Array, answers: Array, task: Task) -> Array:
        """1 where label and tags are all right, else 0: float64 (rows,)."""
        counts, right = _counts(codes, answers, task)
        whole: Array = right * counts[:, 5]
        return whole


def parse(label: Any) -> tuple[str, list[str]] | None:
    """The label and the tags that one target cell holds as JSON; None when it holds something else."""
    try:
        held = json.loads(label)
        name, tags = held["label"], held["tags"]
    except (TypeError, ValueError, KeyError):
        return None
    if not isinstance(name, str) or not isinstance(tags, list):
        return None
    return (name, tags) if all(isinstance(tag, str) and tag for tag in tags) else None


def _accepted(answer: Any, row: int, task: Task) -> tuple[str, list[str]]:
    if not isinstance(answer, (list, tuple)) or len(answer) != 2 or not isinstance(answer[0], str):
        raise Refused(
            f"Answers to {task.name!r} hold {str(answer)[:40]!r} in row {row}; give a pair: "
            "the label, and a list of tags."
        )
    return answer[0], accept_tags(answer[1], row, task)


def _counts(truth: Array, answers: Array, task: Task) -> tuple[Array, Array]:
    """The counts of tags (rows, 6), and 1 where the label is right: float64 (rows,)."""
    counts = tag_counts(objects(tags for _, tags in truth), objects(tags for _, tags in answers), task)
    right = np.array([true[0] == given[0] for true, given in zip(truth, answers, strict=True)], dtype=np.float64)
    return counts, right
