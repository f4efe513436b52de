"""Targets of answers within a context: what is said there, and at which character it starts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.nouns import ColumnType
from bakeoff.tables.annotations import (
    SPAN,
    Given,
    Made,
    is_list,
    is_missing,
    missing_column,
    parsed,
    repeating,
    written,
)
from bakeoff.tables.sentences import rows
from bakeoff.tables.types import listed_cell

CONTEXT, QUESTION = "context", "question"
CONTEXTS = (CONTEXT, "passage", "paragraph", "document", "article", "story", "text")
QUESTIONS = (QUESTION, "query", "questions")
ANSWER_TEXTS = ("answers.text", "answers", "answer", "answer_text")
ANSWER_STARTS = ("answers.answer_start", "answer_starts", "answers_start", "answer_start", "start")
OF_ANSWERS = (
    *(*ANSWER_TEXTS, *ANSWER_STARTS, "answers.answer_end", "answer_end", "answer_ends", "end", "is_impossible"),
    *("plausible_answers", "plausible_answers.text", "plausible_answers.answer_start", "detected_answers"),
)
Answers = tuple[list[str], list[int | None]]


def span(given: Given) -> Made:
    """The target of a span task: a row's answers with their starts, beside the columns `context` and `question`."""
    context = given.first(CONTEXTS)
    if not context:
        raise missing_column(given, "contexts", f"call the one that holds the answers {CONTEXT!r}")
    question = given.first(QUESTIONS)
    if not question:
        raise missing_column(given, "questions", f"call it {QUESTION!r}")
    texts = _texts_column(given)
    # A table that was made of answers in records has them as columns `answers.text` and `answers.answer_start`.
    target = given.settings.target if "." not in given.settings.target else given.settings.target.split(".")[0]
    made = Made(target or texts.split(".")[0], SPAN)
    made.renamed = {old: new for old, new in ((context, CONTEXT), (question, QUESTION)) if old != new}
    made.notes += [f"Column {old!r} is called {new!r} here." for old, new in made.renamed.items()]
    contexts = given.texts(context)
    starts = _starts_column(given, texts)
    cells, told = _answers(given, texts, starts)
    answers = _placed(given, made, contexts, cells)
    made.columns[made.target] = [
        None if one is None else written({"text": one[0], "answer_start": one[1]}) for one in answers
    ]
    made.types |= {made.target: ColumnType.ANNOTATION, CONTEXT: ColumnType.TEXT, QUESTION: ColumnType.TEXT}
    made.problems += told
    firsts = [one[0][0] if one is not None and one[0] else None for one in answers]
    known = [
        name for name in dict.fromkeys((texts, starts, *OF_ANSWERS)) if name in given.names and name != made.target
    ]
    made.left_out += [*known, *repeating(given, firsts, (*known, made.target, context, question))]
    return made


def _texts_column(given: Given) -> str:
    """The column of the answers' texts: that with all of them before that with one."""
    target = given.settings.target
    if target in given.names and any(isinstance(parsed(cell), dict) for cell in given.head(target)[:1]):
        return target
    own = [f"{target}.text"] if target else []
    found = given.first((*own, *ANSWER_TEXTS, target))
    if not found:
        raise missing_column(given, "answers", "name it with --target, or call it 'answers'")
    return found


def _starts_column(given: Given, texts: str) -> str:
    """The column that says where the answers start, with lists where those are lists; empty where there is none."""
    known = [name for name in (f"{texts.rpartition('.')[0]}.answer_start", *ANSWER_STARTS) if name in given.names]
    return next((name for name in known if given.holds_lists(name) == given.holds_lists(texts)), "")


def _answers(given: Given, texts: str, starts: str) -> tuple[list[Answers | None], list[str]]:
    """The answers of each row and where they start, None where either is unknown; and what is wrong with them."""
    raw = given.raw
    series = raw.column(texts)
    found: list[Answers | None] = []
    unreadable, uneven = np.zeros(raw.rows, bool), np.zeros(raw.rows, bool)
    places = raw.column(starts) if starts else [None] * raw.rows
    for row, (cell, place) in enumerate(zip(series, places, strict=True)):
        one = _answer(cell, place)
        if one is not None and len(one[0]) != len(one[1]):
            uneven[row] = True
            one = None
        unreadable[row] = one is None and not uneven[row] and not _is_missing(cell)
        found.append(one)
    problems = []
    where = (raw.parts, raw.numbers)
    if uneven.any():
        problems.append(
            f"Column {texts!r} must have a start in {starts!r} for each answer, but {rows(uneven, *where)} "
            f"{'has' if uneven.sum() == 1 else 'have'} more or fewer; write as many starts as answers."
        )
    if unreadable.any():
        told = 'JSON such as {"text": ["308"], "answer_start": [34]}'
        problems.append(
            f"Column {texts!r} cannot be read in {rows(unreadable, *where)}; write a text, a list of texts, or {told}."
        )
    return found, problems


def _answer(cell: Any, place: Any) -> Answers | None:
    """The answers and starts in one row's cells; None where they cannot be read."""
    record = cell if isinstance(cell, dict) else parsed(cell) if isinstance(cell, str) and cell[:1] in "{" else None
    if isinstance(record, dict):
        texts = record.get("text", record.get("texts"))
        starts = record.get("answer_start", record.get("answer_starts"))
        texts, starts = (_as_list(one) for one in (texts, starts))
        if texts is None or starts is None or not all(isinstance(text, str) for text in texts):
            return None
        return [str(text) for text in texts], [_whole(start) for start in starts]
    if _is_missing(cell):
        return None
    if is_list(cell):
        items = listed_cell(cell) if isinstance(cell, str) else list(cell)
        texts = [str(item) for item in items or ()]
        told = _as_list(place)
        return texts, [_whole(start) for start in told] if told is not None else [None] * len(texts)
    return [str(cell)], [_whole(place)]


def _as_list(value: Any) -> list[Any] | None:
    if isinstance(value, str) and (items := listed_cell(value)) is not None:
        return items
    if value is None or isinstance(value, (float, dict)):
        return None
    if isinstance(value, (str, int)) or not hasattr(value, "__len__"):
        return [value]
    return list(value)


def _whole(start: Any) -> int | None:
    try:
        number = float(start)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _is_missing(cell: Any) -> bool:
    return is_missing(cell) or (isinstance(cell, str) and not cell)


def _placed(
    given: Given, made: Made, contexts: Sequence[str | None], answers: Sequence[Answers | None]
) -> list[tuple[list[str], list[int]] | None]:
    """The answers with every start known: where none is given, the first place at which the context says the answer.

    Answers that the context does not say where they start are noted as problems.
    """
    raw = given.raw
    outside, elsewhere, empty, bare = (np.zeros(raw.rows, bool) for _ in range(4))
    looked_up = 0
    placed: list[tuple[list[str], list[int]] | None] = []
    shown: dict[str, str] = {}
    for row, (context, one) in enumerate(zip(contexts, answers, strict=True)):
        bare[row] = context is None
        if one is None or context is None:
            placed.append(None)
            continue
        starts: list[int] = []
        for text, given_start in zip(*one, strict=True):
            empty[row] |= not text.strip()
            start = context.find(text) if given_start is None else given_start
            looked_up += given_start is None
            said = context[max(start, 0) : start + len(text)]
            if start < 0 or start + len(text) > len(context):
                outside[row] = True
            elif said != text:
                elsewhere[row] = True
                shown.setdefault("first", f"{said[:40]!r} where {text[:40]!r} should start")
            starts.append(start)
        placed.append((one[0], starts))
    _note(given, made, {"outside": outside, "elsewhere": elsewhere, "empty": empty, "bare": bare}, shown)
    if looked_up and not outside.any():
        made.notes.append(f"{looked_up:,} answers came without a start, and were found at their first place.")
    return placed


def _note(given: Given, made: Made, wrong: dict[str, Any], shown: dict[str, str]) -> None:
    """A problem for each thing that is wrong with answers, with the rows."""
    said = {
        "outside": "holds answers that are not within their context in {}; give each answer as its context says it, "
        "with the character at which it starts, counted from 0",
        "elsewhere": f"holds answers that start elsewhere in {{}} (the first says {shown.get('first', '')}); count the "
        "characters of the context from 0",
        "empty": "holds empty answers in {}; give an answer, or an empty list where there is none",
    }
    for what, sentence in said.items():
        if wrong[what].any():
            where = rows(wrong[what], given.raw.parts, given.raw.numbers)
            made.problems.append(f"The target {made.target!r} {sentence.format(where)}.")
    if wrong["bare"].any():
        where = rows(wrong["bare"], given.raw.parts, given.raw.numbers)
        made.problems.append(f"Column {CONTEXT!r} has no text in {where}; fill it in or remove these rows.")


def answers_of(cell: str) -> tuple[list[str], list[int]]:
    """The answers in a standard target cell, and the characters at which they start."""
    held = json.loads(cell)
    return held["text"], held["answer_start"]
