"""Tagging: a tag for every token, such as the BIO tags of entities or parts of speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import LINES, Array, ColumnType, Label, Task
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Metric, Probes, Score
from bakeoff.tasks.labels import missing, missing_problems, objects, some
from bakeoff.tasks.tag_scores import TAG_METRICS, constant_tags, marks_entities, score_tags, tag_counts

MOST_BYTES = 2**18  # of one row's tags as JSON: some 10,000 tokens


class Tagging:
    """The kind of task that asks for a tag for every token of a row.

    In a table the target holds a row's tags joined by one blank. An answer is a list of tags, one for each token.
    Precision, recall and F1 of entities are undefined where the true tags mark none (parts of speech, say).
    """

    name = "tagging"
    answers = LINES
    probes = Probes(
        perturb=(ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.TOKENS),
        reason="letters within a token may change, but not how many tokens there are",
    )
    metrics: Mapping[str, Metric] = TAG_METRICS

    def default_metric(self, labels: Array) -> tuple[str, str]:
        """Entity F1 where tags mark entities (B-, I-), else token accuracy."""
        if marks_entities(set(chain.from_iterable(map(split, labels)))):
            return "entity_f1", "the tags mark entities (B-, I-), and most tokens are outside of any"
        return "token_accuracy", "the tags mark no entities, so that every token counts alike"

    def classes(self, labels: Array) -> tuple[Label, ...]:
        """None: an answer is a list of tags."""
        return ()

    def check(self, task: Task, train_labels: Array, test_labels: Array) -> list[str]:
        """Missing or empty tags, a single tag, no test tag that is in train, entity metrics without entities."""
        parts = {"training": train_labels, "test": test_labels}
        problems = missing_problems(task.target, parts)
        known = {part: np.asarray(labels, dtype=object)[~missing(labels)] for part, labels in parts.items()}
        for part, labels in known.items():
            empty = [row for row, label in enumerate(labels) if "" in str(label).split(" ")]
            if empty:
                problems.append(
                    f"Target {task.target!r} has an empty tag in {len(empty):,} {part} rows (positions {some(empty)}); "
                    "write one tag for each token, joined by one blank."
                )
        train, test = (set(chain.from_iterable(map(split, labels))) for labels in known.values())
        return problems + tag_problems(task, train, test, "entity_f1", "entity_precision", "entity_recall")

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
        """Lists of tags: object (rows,); raises Refused for anything but lists of text that is not empty."""
        return objects(accept_tags(answer, row, task) for row, answer in enumerate(answers))

    def encode(self, labels: Array, task: Task) -> Array:
        """The tags of each row as a list: object (rows,); TaskError where they are missing or empty."""
        if missing(labels).any():
            raise TaskError(f"Target {task.target!r} of {task.name!r} holds missing labels; check the table again.")
        codes = objects(map(split, labels))
        if "" in chain.from_iterable(codes):
            raise TaskError(f"Target {task.target!r} of {task.name!r} holds empty tags; check the table again.")
        return codes

    def learnt(self, labels: Array) -> Array:
        """A list of tags for each row: object (rows,)."""
        return objects(map(split, labels))

    def constants(self, train_codes: Array, task: Task) -> Mapping[str, str]:
        """For each metric the one tag that is best given to every token, by the training tags."""
        return constant_tags(train_codes)

    def score(
        self,
        truth_codes: Array,
        answers: Array,
        task: Task,
        resample: Resample | None = None,
        only: Sequence[str] = (),
    ) -> dict[str, Score]:
        """Every metric of lists of tags (rows,) against the true ones (rows,), or those in `only`.

        Entities are read and counted over all rows as conlleval and seqeval's default mode do (micro average); without
        an answered entity precision is 0. Sentence accuracy is the share of rows whose tags are all right. Raises
        Refused where a row has another number of tags than tokens.
        """
        counts = tag_counts(truth_codes, answers, task)
        entity_metrics = marks_entities(set(chain.from_iterable(truth_codes)))
        return score_tags(
            truth_codes, counts, tuple(only) or tuple(self.metrics), resample, entity_metrics=entity_metrics
        )

    def repeat(self, constant: str, codes: Array) -> Array:
        """The tag for every token of every row: object (rows,)."""
        return objects([constant] * len(tags) for tags in codes)

    def closeness(self, codes: Array, answers: Array, task: Task) -> Array:
        """The share of a row's tokens that are tagged rightly: float64 (rows,); 1 for a row without tokens."""
        counts = tag_counts(codes, answers, task)
        return np.where(counts[:, 4] > 0, counts[:, 3] / np.maximum(counts[:, 4], 1), 1.0)


def split(label: str) -> list[str]:
    """The tags, or tokens, that one cell holds joined by blanks."""
    return label.split(" ") if label else []


def accept_tags(answer: object, row: int, task: Task) -> list[str]:
    """A list of tags that are text and not empty; raises Refused for anything else."""
    if not isinstance(answer, (list, tuple)):
        raise Refused(
            f"Answers to {task.name!r} hold {str(answer)[:40]!r} in row {row}; give a list of tags, one for each token."
        )
    for tag in answer:
        if not isinstance(tag, str) or not tag:
            raise Refused(f"Answers to {task.name!r} hold the tag {str(tag)[:40]!r} in row {row}; tags are text.")
    return list(answer)


def tag_problems(task: Task, train: set[str], test: set[str], *entity_metrics: str) -> list[str]:
    """Why these sets of tags leave nothing to ask, one sentence each."""
    problems = []
    if len(train) == 1:
        problems.append(
            f"Target {task.target!r} of table {task.table!r} has the single tag {min(train)!r} in the training rows; "
            "choose another target or split."
        )
    if train and test and not train & test:
        problems.append(
            f"Target {task.target!r} has no tag in test that is also in train; tests hold {some(sorted(test))}, "
            f"train {some(sorted(train))}: write both alike."
        )
    if task.metric in entity_metrics and test and not marks_entities(test):
        problems.append(
            f"Target {task.target!r} marks no entity in the test rows (tags that begin with B- or I-), where "
            f"{task.metric} is undefined; choose token_accuracy, or another split."
        )
    return problems
