"""What answers look like as bytes: raw float64, or one capped line of JSON for each row.

The same bytes cross the wall and are kept. The parent reads numbers as they lie and lines one by one as JSON, each
within its cap; whether they are answers is for the kind of task to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import Refused
from bakeoff.nouns import LINES, NUMBERS, Array, Task

# Of the lines of one call: what JSON makes of them may take thirty times as much memory on the house's side.
MOST_BYTES = 32 << 20


@dataclass(frozen=True)
class AnswerForm:
    """The form of a task's answers: `width` numbers a row, or a line of at most `cap` bytes."""

    answers: str = NUMBERS
    width: int = 1
    cap: int = 0

    @property
    def is_written(self) -> bool:
        """Whether answers are lines of JSON."""
        return self.answers == LINES

    def most(self, rows: int) -> int:
        """The most bytes that answers to so many rows may take."""
        return min(rows * (self.cap + 1), MOST_BYTES) if self.is_written else rows * self.width * 8

    def read(self, data: bytes, rows: int) -> Array:
        """Answers from bytes: float64 (rows, width), or an object array (rows,); Refused when they are none."""
        if self.is_written:
            return read_lines(data, rows, self.cap)
        due = rows * self.width * 8
        if len(data) != due:
            raise Refused(f"{due} bytes of answers were asked for, {len(data)} came.")
        return np.frombuffer(data, dtype="<f8").reshape(rows, self.width)

    def pack(self, answers: Array) -> bytes:
        """Answers as bytes."""
        return write_lines(answers) if self.is_written else np.ascontiguousarray(answers, dtype="<f8").tobytes()

    def none(self) -> Array:
        """Answers to no rows."""
        return np.empty(0, dtype=object) if self.is_written else np.empty((0, self.width))


def form_of(task: Task) -> AnswerForm:
    """The form of answers to a task."""
    # Not at the top of the file: a box needs no kinds to write answers down.
    from bakeoff.tasks import Written, kind

    asked = kind(task.kind)
    if asked.answers == LINES and isinstance(asked, Written):
        return AnswerForm(LINES, 1, asked.cap(task))
    return AnswerForm(NUMBERS, max(1, asked.width(task)))


def form_from(told: Mapping[str, Any]) -> AnswerForm:
    """The form that `worker_spec` tells of, or that of a predictor saved before there were lines."""
    if told.get("answers", NUMBERS) == LINES:
        return AnswerForm(LINES, 1, int(told["cap"]))
    return AnswerForm(NUMBERS, int(told.get("width", max(1, len(told["classes"])))))


def write_lines(answers: Iterable[Any]) -> bytes:
    """Each answer as one line of JSON in UTF-8; ValueError or TypeError for what JSON cannot hold."""
    texts = (json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":")) for answer in answers)
    return b"".join(text.encode("utf-8", "backslashreplace") + b"\n" for text in texts)


def read_lines(data: bytes, rows: int, cap: int) -> Array:
    """So many lines of JSON as an object array (rows,); Refused with a sentence for anything else."""
    lines = data.split(b"\n")
    if lines.pop() or len(lines) != rows:
        raise Refused(f"{rows} lines of answers were asked for, and {len(lines)} whole ones came.")
    found = np.empty(rows, dtype=object)
    for place, line in enumerate(lines):
        if len(line) > cap:
            raise Refused(f"Answer {place} takes {len(line):,} bytes where {cap:,} are allowed; give a shorter one.")
        try:
            found[place] = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Refused(f"Answer {place} is no line of JSON.") from error
    return found
