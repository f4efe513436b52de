"""Generation: a text written for each row, such as a translation, a description or an inflected word."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.errors import TaskError
from bakeoff.nouns import LINES, Array, ColumnType, Label, Task
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Metric, Probes, Score
from bakeoff.tasks.labels import missing, missing_problems, objects, some
from bakeoff.tasks.ngram_scores import bleu, bleu_counts, chrf, chrf_counts, rouge_l
from bakeoff.tasks.scoring import GroupSums
from bakeoff.tasks.span import accept_texts, line_bytes, spread_rows

LEAST_MOST = 1_000  # characters that any answer may have
ROOM = 4  # times the longest training reference
SHORT, WORDS, SHARE = 32, 3, 0.95  # what counts as a short text, and how many of the targets must be one
CANDIDATES = 8  # tried as constant answers
CANDIDATE_ROWS, CANDIDATE_CHARACTERS = 300, 50_000  # the training rows they are tried on, and the length of these


class Generation:
    """The kind of task that asks for a written text.

    In a table the target is one text, or JSON text of a list of references, the row's own first. An answer is a text,
    cut after the most characters that the task allows: 1,000, or four times the longest training reference where that
    is more. BLEU needs sacrebleu.
    """

    name = "generation"
    answers = LINES
    probes = Probes(
        perturb=(ColumnType.NUMERIC, ColumnType.CATEGORICAL),
        reason="what is written depends on every letter of the text, so a changed text would change it",
    )
    metrics: Mapping[str, Metric] = {
        metric.name: metric
        for metric in (
            Metric("chrf", "chrF", True, 1.0),
            Metric("bleu", "BLEU", True, 1.0),
            Metric("rouge_l", "ROUGE-L", True, 1.0),
            Metric("exact_match", "Exact match", True, 1.0),
        )
    }

    def default_metric(self, labels: Array) -> tuple[str, str]:
        """Exact match where targets are single short strings, such as inflected words; else chrF.

        That is when 95 % of the rows have one reference of at most three words and 32 characters without blanks; where
        it is letters set apart by blanks, these are one word.
        """
        short = [is_short(parse(label)) for label in labels]
        if short and np.mean(short) >= SHARE:
            return "exact_match", f"{np.mean(short):.0%} of the targets are single short strings, right or wrong"
        return "chrf", "the targets are sentences, of which parts can be right, and chrF needs no rules for words"

    def classes(self, labels: Array) -> tuple[Label, ...]:
        """None: an answer is a text."""
        return ()

    def check(self, task: Task, train_labels: Array, test_labels: Array) -> list[str]:
        """Missing targets, references without any text, a single target in all training rows, and no sacrebleu."""
        parts = {"training": train_labels, "test": test_labels}
        problems = missing_problems(task.target, parts)
        for part, labels in parts.items():
            known = np.asarray(labels, dtype=object)[~missing(labels)]
            empty = [row for row, label in enumerate(known) if not all(map(str.strip, parse(label)))]
            if empty:
                problems.append(
                    f"Target {task.target!r} has empty text in {len(empty):,} {part} rows (positions {some(empty)}); "
                    "write the text that is wanted, or drop the rows."
                )
        train = [parse(label) for label in np.asarray(train_labels, dtype=object)[~missing(train_labels)]]
        if len(train) > 1 and all(true == train[0] for true in train):
            problems.append(
                f"Target {task.target!r} is the same text in every training row; choose a target that changes."
            )
        if importlib.util.find_spec("sacrebleu") is None:
            problems.append(
                f"Texts written for {task.target!r} are scored by the package sacrebleu, which is not installed; "
                "install it with: pip install 'bakeoff[language]'"
            )
        return problems

    def width(self, task: Task) -> int:
        """One line."""
        return 1

    def longest(self, labels: Array) -> int:
        """The characters of the longest training reference."""
        return max((len(text) for label in labels for text in parse(label)), default=0)

    def most_characters(self, task: Task) -> int:
        """The most characters that an answer may have."""
        return max(LEAST_MOST, ROOM * task.longest)

    def cap(self, task: Task) -> int:
        """What the most characters of an answer can take as JSON."""
        return line_bytes(self.most_characters(task))

    def accept(self, answers: Array, task: Task) -> Array:
        """Texts, cut after the most characters: object (rows,); raises Refused for anything but text."""
        return accept_texts(answers, task, self.most_characters(task))

    def encode(self, labels: Array, task: Task) -> Array:
        """The references of each row as a list of texts: object (rows,); TaskError where they are missing."""
        if missing(labels).any():
            raise TaskError(f"Target {task.target!r} of {task.name!r} holds missing labels; check the table again.")
        return objects(map(parse, labels))

    def learnt(self, labels: Array) -> Array:
        """The row's own target as text: object (rows,)."""
        return objects(parse(label)[0] for label in labels)

    def constants(self, train_codes: Array, task: Task) -> Mapping[str, str]:
        """For each metric the best of eight training targets on up to 300 training rows with up to 50,000 characters.

        Tried are the four commonest ones and four of middling length; exact match takes the commonest.
        """
        return ConstantTexts(self, train_codes, task)

    def score(
        self,
        truth_codes: Array,
        answers: Array,
        task: Task,
        resample: Resample | None = None,
        only: Sequence[str] = (),
    ) -> dict[str, Score]:
        """Every metric of texts (rows,) against lists of references (rows,), or those in `only`.

        BLEU and chrF are of all rows together, from 0 to 1 where sacrebleu writes 0 to 100; a replicate is BLEU or chrF
        of its summed counts. ROUGE-L (F measure, best reference) and exact match (blanks around the text do not count)
        are means over rows. Raises MissingExtra for BLEU without sacrebleu.
        """
        groups = GroupSums(len(truth_codes), resample)
        scores = {}
        for name in tuple(only) or tuple(self.metrics):
            if name == "bleu":
                scores[name] = groups.score(bleu, _sums(groups, bleu_counts(truth_codes, answers)))
            elif name == "chrf":
                scores[name] = groups.score(chrf, _sums(groups, chrf_counts(truth_codes, answers)))
            else:
                rows = rouge_l(truth_codes, answers) if name == "rouge_l" else _exact(truth_codes, answers)
                scores[name] = groups.score(np.divide, groups.sums(rows), groups.sizes)
        return scores

    def repeat(self, constant: str, codes: Array) -> Array:
        """The same text for every row: object (rows,)."""
        return objects([constant] * len(codes))

    def closeness(self, codes: Array, answers: Array, task: Task) -> Array:
        """1 where the answer is exactly right, else the chrF of the row: float64 (rows,)."""
        return np.maximum(_exact(codes, answers), chrf(chrf_counts(codes, answers)))


class ConstantTexts(Mapping[str, str]):
    """The best constant text by metric, each looked for when it is asked: trying texts takes longer than scoring."""

    def __init__(self, kind: Generation, codes: Array, task: Task) -> None:
        self._kind, self._task = kind, task
        length = float(np.mean([sum(map(len, true)) for true in codes]))
        rows = min(CANDIDATE_ROWS, int(CANDIDATE_CHARACTERS / (length + 1)) + 1)
        self._codes: Array = codes[spread_rows(len(codes), rows)]
        counts: Counter[str] = Counter(true[0] for true in codes)
        self._commonest = sorted(counts, key=lambda text: (-counts[text], text))[: CANDIDATES // 2]
        by_length = sorted(counts, key=lambda text: (len(text), text))
        middle = max(0, len(by_length) // 2 - CANDIDATES // 4)
        self._candidates = list(dict.fromkeys([*self._commonest, *by_length[middle : middle + CANDIDATES // 2]]))

    def __getitem__(self, name: str) -> str:
        """The best of the candidates by this metric."""
        if name not in self._kind.metrics:
            raise KeyError(name)
        if name == "exact_match":
            return self._commonest[0]
        values = [
            self._kind.score(self._codes, self._kind.repeat(text, self._codes), self._task, only=(name,))[name].value
            for text in self._candidates
        ]
        return self._candidates[int(np.argmax(values))]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kind.metrics)

    def __len__(self) -> int:
        return len(self._kind.metrics)


def parse(label: Any) -> list[str]:
    """The references that one target cell holds: the texts of a JSON list, or the cell as it is."""
    text = str(label)
    if text.startswith('["') and text.endswith('"]'):
        try:
            held = json.loads(text)
        except ValueError:
            return [text]
        if all(isinstance(reference, str) for reference in held):
            return list(held)
    return [text]


def is_short(references: Sequence[str]) -> bool:
    """Whether this is one short string: see `Generation.default_metric`."""
    if len(references) != 1:
        return False
    pieces = references[0].split()
    words = 1 if pieces and max(map(len, pieces)) == 1 else len(pieces)
    return words <= WORDS and sum(map(len, pieces)) <= SHORT


def _exact(truth: Array, answers: Array) -> Array:
    """1 where the answer is one of the references: float64 (rows,)."""
    pairs = zip(truth, answers, strict=True)
    return np.array([answer.strip() in map(str.strip, true) for true, answer in pairs], dtype=np.float64)


def _sums(groups: GroupSums, counts: Array) -> Array:
    """Sums of counts (rows, m) within each group: (groups, m)."""
    return np.stack([groups.sums(counts[:, column]) for column in range(counts.shape[1])], axis=1)
