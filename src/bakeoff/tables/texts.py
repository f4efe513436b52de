"""Targets that are texts: one that is written from another, with or without more references, and plain text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bakeoff.nouns import ColumnType
from bakeoff.tables.annotations import (
    GENERATION,
    LANGUAGE_MODEL,
    Given,
    Made,
    is_list,
    items_of,
    missing_column,
    repeating,
    written,
)
from bakeoff.tables.sentences import rows
from bakeoff.tables.types import listed_cell

REFERENCES = ("references", "refs", "reference", "targets")
SOURCES = ("source", "src", "input", "inputs", "prompt", "document", "article", "text", "question", "sentence")


def generation(given: Given) -> Made:
    """The target of a generation task: the text to be written, or a list of all that count as right, its own first."""
    target = given.settings.target or given.first(("target", *REFERENCES))
    if target not in given.names:
        raise missing_column(given, "texts to be written", "name it with --target")
    made = Made(target, GENERATION)
    more = [name for name in REFERENCES if name in given.names and name != target and given.holds_lists(name)]
    own = _own(given, target)
    lists = [_references(given, name) for name in more]
    every = [_different([text for one in row for text in one]) for row in zip(own, *lists, strict=True)]
    made.problems += _empty(given, (target, *more), every)
    several = any(len(texts) > 1 for texts in every)
    made.columns[target] = [None if not texts else written(texts) if several else texts[0] for texts in every]
    made.types[target] = ColumnType.ANNOTATION if several else ColumnType.TEXT
    firsts = [texts[0] if texts else None for texts in every]
    made.left_out += [*more, *repeating(given, firsts, (target, *more, *SOURCES))]
    source = given.first([name for name in SOURCES if name not in (target, *made.left_out)])
    if source and source not in given.settings.types and given.holds_texts(source):
        made.types[source] = ColumnType.TEXT
    return made


def _own(given: Given, target: str) -> list[list[str]]:
    """The texts in the target's own cells, one each, or several where it holds lists."""
    if given.holds_lists(target):
        return _references(given, target)
    return [[] if text is None else [text] for text in given.texts(target)]


def _references(given: Given, name: str) -> list[list[str]]:
    """The texts in each cell of a column of lists."""
    found = []
    for cell in given.raw.column(name):
        items = listed_cell(cell) if isinstance(cell, str) else None
        told = items if items is not None else items_of(cell) if is_list(cell) else None
        found.append([str(item) for item in told] if told is not None else [cell] if isinstance(cell, str) else [])
    return found


def _different(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _empty(given: Given, names: Sequence[str], every: Sequence[Sequence[str]]) -> list[str]:
    """A sentence for the rows with a reference that says nothing."""
    wrong = np.array([any(not text.strip() for text in texts) for texts in every], dtype=bool)
    if not wrong.any():
        return []
    where = rows(wrong, given.raw.parts, given.raw.numbers)
    told = " or ".join(repr(name) for name in names)
    return [f"Column {told} holds an empty text in {where}; write what should be said there, or remove it."]


def language_model(given: Given) -> Made:
    """The target of a language model: the texts as they are."""
    target = given.settings.target or given.first(("text", "content"))
    if target not in given.names:
        raise missing_column(given, "texts", "name it with --target")
    made = Made(target, LANGUAGE_MODEL)
    texts = given.texts(target)
    made.columns[target] = texts
    made.types[target] = ColumnType.TEXT
    made.left_out += list(repeating(given, texts, (target,)))
    return made
