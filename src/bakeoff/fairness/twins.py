"""Twins of rows: the same row with another protected value, or with every word of an attribute swapped.

A twin is a diagnosis of a model and no causal claim about people: whatever else would differ had somebody been born
another is left as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.fairness.columns import groups_of
from bakeoff.fairness.english import looks_english
from bakeoff.fairness.swaps import Attribute, turned
from bakeoff.nouns import Array, Frame

# A twin of one record of a pair would be another record, and an answer that is written follows every letter.
KINDS = ("classification", "regression", "tagging", "joint")
FEWEST = 20  # twins of one kind, without which nothing is told of it
USES = 3  # twins of one row at most, so that they and the row itself can be asked in calls apart
SCANNED = 5_000  # rows of a table that are searched for words
MOST_GROUPS = 1_000


@dataclass(frozen=True)
class Twin:
    """A row by its position, and what is changed in it; `neutral` swaps words that stand for no group."""

    row: int
    family: str
    changes: Mapping[str, Any]
    neutral: bool = False


class Uses:
    """Hands out rows, those first that have the fewest twins so far, by chance among equals."""

    def __init__(self, rows: int, random: np.random.Generator) -> None:
        self.counts = np.zeros(rows, dtype=np.int64)
        self.random = random

    def take(self, candidates: Array, most: int) -> list[int]:
        """At most so many of these positions, in random order."""
        rows = self.random.permutation(np.asarray(candidates, dtype=np.int64))
        rows = rows[self.counts[rows] < USES]
        taken = rows[np.argsort(self.counts[rows], kind="stable")][: max(0, most)]
        self.counts[taken] += 1
        return [int(row) for row in self.random.permutation(taken)]


def column_problem(column: Any, numeric: bool) -> str:
    """Why rows have no twins by a protected column (a pandas Series), or nothing."""
    groups = {value for value in groups_of(column, numeric).tolist() if value is not None}
    if len(groups) < 2:
        return f"all rows have one value of {column.name!r}" if groups else f"{column.name!r} is missing in every row"
    if len(groups) > MOST_GROUPS:
        return f"{column.name!r} has {len(groups):,} values, and nobody could say what a twin is"
    return ""


def column_twins(column: Any, numeric: bool, most: int, uses: Uses) -> list[Twin]:
    """Rows with the value of a row of another group in place of their own, each other group as likely."""
    if column_problem(column, numeric):
        return []
    groups = groups_of(column, numeric)
    places: dict[Any, list[int]] = {}
    for place, group in enumerate(groups.tolist()):
        if group is not None:
            places.setdefault(group, []).append(place)
    names = list(places)
    found = []
    for row in uses.take(np.flatnonzero([group is not None for group in groups.tolist()]), most):
        others = [name for name in names if name != groups[row]]
        pool = places[others[int(uses.random.integers(len(others)))]]
        value = column.iloc[pool[int(uses.random.integers(len(pool)))]]
        found.append(Twin(row, str(column.name), {str(column.name): value.item() if hasattr(value, "item") else value}))
    return found


def swapped_row(texts: Mapping[str, Any], attribute: Attribute, by: int = 1) -> dict[str, str]:
    """The texts of one row that a swap changes, changed; missing ones stay. `by` is as in `turned`."""
    found = {name: turned(text, attribute, by) for name, text in texts.items() if isinstance(text, str)}
    return {name: other.text for name, other in found.items() if other.changed}


def is_swapped(texts: Mapping[str, Any], changes: Mapping[str, Any], attribute: Attribute) -> bool:
    """Whether these changes of a row's texts swap the attribute's words."""
    return any(swapped_row(texts, attribute, by) == dict(changes) for by in range(1, len(attribute.values)))


def rows_of_texts(frame: Frame, columns: Sequence[str]) -> list[tuple[int, dict[str, Any]]]:
    """At most `SCANNED` rows, evenly over the frame, with their texts by column."""
    spread = np.linspace(0, max(0, len(frame) - 1), min(len(frame), SCANNED)).astype(np.int64)
    held = {name: frame[name].tolist() for name in columns}
    return [(row, {name: values[row] for name, values in held.items()}) for row in np.unique(spread).tolist()]


def foreign(frame: Frame, columns: Sequence[str]) -> bool:
    """Whether the texts of these columns look like another language than English."""
    texts = (text for _, row in rows_of_texts(frame, columns) for text in row.values() if isinstance(text, str))
    return not looks_english(texts)


def holding(frame: Frame, columns: Sequence[str], attribute: Attribute) -> dict[int, dict[str, Any]]:
    """The texts of the rows that hold a word of the attribute, by row."""
    return {row: texts for row, texts in rows_of_texts(frame, columns) if swapped_row(texts, attribute)}


def text_twins(frame: Frame, columns: Sequence[str], attribute: Attribute, most: int, uses: Uses) -> list[Twin]:
    """Rows with every word of the attribute swapped, in all of these text columns at once.

    Of an attribute of more than two values each other value is as likely.
    """
    held = holding(frame, columns, attribute)
    family, others = text_family(attribute.name), len(attribute.values) - 1
    found = []
    for row in uses.take(np.array(list(held), dtype=np.int64), most):
        by = 1 if others == 1 else 1 + int(uses.random.integers(others))
        found.append(Twin(row, family, swapped_row(held[row], attribute, by)))
    return found


def text_family(name: str) -> str:
    """What twins by the words of an attribute of this name are called."""
    return f"text: {name}"
