"""Single rows as an owner sees them: every cell, the label, what entries answered, and small pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bakeoff.arena.owner.answers import KeptAnswers
from bakeoff.nouns import Array

LONG = 300  # characters of a cell's text
PIXELS = 96


@dataclass(frozen=True)
class Example:
    """A test row: its public `row_id`, its label as given, its cells as text, and its pictures as data URIs by column.

    `answers` holds what each shown entry answered, in words. `source_row` is the row's number in the file that the
    table came from, counted from 1 after the header, None where nobody knows.
    """

    row_id: int
    label: str
    cells: Mapping[str, str]
    answers: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    source_row: int | None = None

    @property
    def place(self) -> str:
        """Where the row is found: `378`, or `378 (12 in its file)`."""
        return str(self.row_id) + (f" ({self.source_row} in its file)" if self.source_row is not None else "")


def example(kept: KeptAnswers, row: int, entries: Sequence[str] = (), pictures: bool = True) -> Example:
    """The test row at this position, with what `entries` answered on average over their seeds."""
    data = kept.data
    held: dict[str, Any] = {name: data.test[name].iloc[row] for name in data.test.columns}
    drawn = {name: _picture(cell) for name, cell in held.items() if _is_picture(cell)}
    return Example(
        row_id=int(data.row_ids[row]),
        label=label_word(data.truth[row]),
        cells={name: "picture" if name in drawn else cell_word(cell) for name, cell in held.items()},
        answers={name: answer_word(kept, kept.mean(name)[row]) for name in entries},
        pictures={name: uri for name, uri in drawn.items() if uri} if pictures else {},
        source_row=None if data.sources is None else int(data.sources[row]),
    )


def label_word(label: Any) -> str:
    """A label in words: a class as it is, a number with six digits."""
    return f"{float(label):.6g}" if isinstance(label, (float, np.floating)) else str(label)


def answer_word(kept: KeptAnswers, answer: Array) -> str:
    """One answer (width,) in words: the likeliest class with its probability, or the number."""
    if not kept.task.classes:
        return f"{float(answer[0]):.6g}"
    best = int(np.argmax(answer))
    return f"{kept.task.classes[best]} {float(answer[best]):.2f}"


def cell_word(cell: Any) -> str:
    """A cell in words, long texts cut; empty where it is missing."""
    import pandas as pd

    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return ""
    if isinstance(cell, (float, np.floating)):
        return f"{float(cell):,.6g}"
    said = str(cell)
    return said if len(said) <= LONG else f"{said[: LONG - 1]}…"


def _is_picture(cell: Any) -> bool:
    return isinstance(cell, bytes) or callable(getattr(cell, "read", None))


def _picture(cell: Any) -> str:
    from bakeoff.tables import thumbnail

    try:
        return str(thumbnail(cell if isinstance(cell, bytes) else cell.read(), PIXELS))
    except (OSError, ValueError):
        return ""
