"""Span: the part of a text that answers a question (extractive question answering)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import LINES, Array, ColumnType, Label, Task
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Metric, Probes, Score
from bakeoff.tasks.labels import missing, missing_problems, objects, some
from bakeoff.tasks.scoring import GroupSums
from bakeoff.tasks.span_scores import agreement, plain_words

MOST_CHARACTERS = 10_000
CANDIDATES, CANDIDATE_ROWS = 20, 2_000  # tried as constant answers, and the training rows they are tried on


class Span:
    """The kind of task that asks for the part of a text that answers a question.

    In a table the target is JSON text as SQuAD has it: `{"text": ["308"], "answer_start": [34]}`, with all answers
    that count as right. An answer is a text; it is scored as text, wherever it stands.
    """

    name = "span"
    answers = LINES
    probes = Probes(
        perturb=(ColumnType.NUMERIC, ColumnType.CATEGORICAL),
        reason="the answer is a part of the text, so a changed text would change it",
    )
    metrics: Mapping[str, Metric] = {
        metric.name: metric
        for metric in (
            Metric("token_f1", "Token F1 (SQuAD)", True, 1.0),
            Metric("exact_match", "Exact match (SQuAD)", True, 1.0),
        )
    }

    def default_metric(self, labels: Array) -> tuple[str, str]:
        """Token F1."""
        return "token_f1", "an answer with a word too many or too few is partly right"

    def classes(self, labels: Array) -> tuple[Label, ...]:
        """None: an answer is a text."""
        return ()

    def check(self, task: Task, train_labels: Array, test_labels: Array) -> list[str]:
        """Missing targets, targets that are no answers with their places, and parts in which nothing has an answer."""
        parts = {"training": train_labels, "test": test_labels}
        problems = missing_problems(task.target, parts)
        for part, labels in parts.items():
            known = np.asarray(labels, dtype=object)[~missing(labels)]
            parsed = [parse(label) for label in known]
            wrong = [row for row, answers in enumerate(parsed) if answers is None]
            if wrong:
                problems.append(
                    f"Target {task.target!r} holds no answers with their places in {len(wrong):,} {part} rows "
                    f'(positions {some(wrong)}); write JSON such as {{"text": ["308"], "answer_start": [34]}}.'
                )
            elif parsed and not any(answers["text"] for answers in parsed if answers):
                problems.append(
                    f"Target {task.target!r} has no answer in any of {len(parsed):,} {part} rows; give some that have."
                )
        return problems

    def width(self, task: Task) -> int:
        """One line."""
        return 1

    def longest(self, labels: Array) -> int:
        """0: the cap is the same for every task."""
        return 0

    def cap(self, task: Task) -> int:
        """What 10,000 characters can take as JSON."""
        return line_bytes(MOST_CHARACTERS)

    def accept(self, answers: Array, task: Task) -> Array:
        """Texts: object (rows,), the first 10,000 characters of each; raises Refused for anything but text."""
        return accept_texts(answers, task, MOST_CHARACTERS)

    def encode(self, labels: Array, task: Task) -> Array:
        """The right answers of each row as lists of words as they are compared: object (rows,) of lists of lists.

        Raises TaskError where a target is missing or cannot be read.
        """
        parsed = [parse(label) for label in labels]
        if None in parsed:
            raise TaskError(
                f"Target {task.target!r} of {task.name!r} holds no answers with their places in row "
                f"{parsed.index(None)}; check the table again."
            )
        return objects([plain_words(text) for text in answers["text"]] for answers in parsed if answers is not None)

    def learnt(self, labels: Array) -> Array:
        """`{"text": [...], "answer_start": [...]}` for each row: object (rows,)."""
        return objects(parse(label) or {"text": [], "answer_start": []} for label in labels)

    def constants(self, train_codes: Array, task: Task) -> Mapping[str, str]:
        """For each metric the best of the 20 commonest training answers and of none at all, on up to 2,000 rows."""
        counts = Counter(" ".join(words) for answers in train_codes for words in answers)
        candidates = ["", *sorted(counts, key=lambda text: (-counts[text], text))[:CANDIDATES]]
        rows = spread_rows(len(train_codes), CANDIDATE_ROWS)
        means = np.array(
            [np.mean([agreement(train_codes[row], text.split()) for row in rows], axis=0) for text in candidates]
        )
        exact, f1 = means.argmax(axis=0)
        return {"token_f1": candidates[f1], "exact_match": candidates[exact]}

    def score(
        self,
        truth_codes: Array,
        answers: Array,
        task: Task,
        resample: Resample | None = None,
        only: Sequence[str] = (),
    ) -> dict[str, Score]:
        """Every metric of texts (rows,) against the right answers (rows,), or those in `only`.

        Both are means over rows of the agreement with the best right answer, by the rules of SQuAD v1.1. A row without
        any right answer wants an empty one.
        """
        groups = GroupSums(len(truth_codes), resample)
        found = _agreements(truth_codes, answers)
        place = {"exact_match": 0, "token_f1": 1}
        return {
            name: groups.score(np.divide, groups.sums(found[:, place[name]]), groups.sizes)
            for name in tuple(only) or tuple(self.metrics)
        }

    def repeat(self, constant: str, codes: Array) -> Array:
        """The same text for every row: object (rows,)."""
        return objects([constant] * len(codes))

    def closeness(self, codes: Array, answers: Array, task: Task) -> Array:
        """The token F1 of each row: float64 (rows,)."""
        f1: Array = _agreements(codes, answers)[:, 1]
        return f1


def parse(label: Any) -> dict[str, list[Any]] | None:
    """The right answers that one target cell holds as JSON, and where they begin; None when it holds something else."""
    try:
        held = json.loads(label)
        texts, starts = held["text"], held["answer_start"]
    except (TypeError, ValueError, KeyError):
        return None
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        return None
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(start, int) for start in starts):
        return None
    return {"text": texts, "answer_start": starts}


def accept_texts(answers: Array, task: Task, most: int) -> Array:
    """Answers that are text, cut after `most` characters: object (rows,); raises Refused for anything else."""
    for row, answer in enumerate(answers):
        if not isinstance(answer, str):
            raise Refused(f"Answers to {task.name!r} hold {str(answer)[:40]!r} in row {row}; give a text.")
    return objects(answer[:most] for answer in answers)


def line_bytes(characters: int) -> int:
    """The most bytes that so many characters take as a line of JSON in UTF-8 (a control character takes six)."""
    return 6 * characters + 2


def spread_rows(rows: int, most: int) -> Array:
    """Positions of at most `most` of `rows` rows, evenly spread: int64."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)) if rows else np.zeros(0, np.int64)


def _agreements(truth: Array, answers: Array) -> Array:
    pairs = [agreement(true, plain_words(given)) for true, given in zip(truth, answers, strict=True)]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)
