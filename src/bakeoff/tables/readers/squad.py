"""SQuAD's JSON (Rajpurkar et al. 2016, 2018), questions within paragraphs within articles: each becomes a row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType, Role
from bakeoff.tables.readers.encodings import Utf8
from bakeoff.tables.readers.streams import Stream, batch_of
from bakeoff.tables.sentences import listed
from bakeoff.tables.settings import Settings

SCALAR = rb'(?:"(?:[^"\\]|\\.)*"|[-\d.eE+]+|null|true|false)'
BEGINS = re.compile(rb'\s*\{(?:\s*"(?:[^"\\]|\\.)*"\s*:\s*' + SCALAR + rb'\s*,)*\s*"data"\s*:\s*\[\s*\{')
ROWS = 10_000


def is_squad(head: bytes) -> bool:
    """Whether a text begins with an object whose field `data` is a list of objects."""
    return BEGINS.match(head) is not None


def read_squad(text: Utf8, name: str) -> Stream:
    """The questions of a SQuAD file as rows: id, title, context, question, answers and whether there is none.

    Raises TableError for JSON of another shape, naming the first place that differs.
    """
    try:
        held = json.loads(text.read())
    except ValueError as fault:
        raise TableError(f"{name!r} is no whole JSON: {str(fault).rstrip('.')}; copy it again.") from fault
    found, wrong = [], []
    for article, paragraph, question, place in _questions(held.get("data"), name):
        if row := _row(article, paragraph, question):
            found.append(row)
        else:
            wrong.append(place)
    if not found:
        raise TableError(f"{name!r} holds no question; SQuAD's JSON has data, paragraphs, qas, question and answers.")
    names = ("id", "title", "context", "question", "answers.text", "answers.answer_start")
    told = f"{name!r} has {len(wrong):,} questions without a text, context or answers as SQuAD writes them"
    return Stream(
        names,
        _batches(found, names),
        texts=False,
        settings=Settings(
            kind="span",
            target="answers",
            types={"id": ColumnType.TEXT, "context": ColumnType.TEXT, "question": ColumnType.TEXT},
            roles={"title": Role.OWNER} if any(row["title"] for row in found) else {},
            leave_out=() if any(row["title"] for row in found) else ("title",),
        ),
        problems=lambda: [f"{told} ({listed(wrong, 3)}); correct or remove them."] if wrong else [],
        notes=text.notes,
    )


def _questions(data: Any, name: str) -> Iterator[tuple[Any, Any, Any, str]]:
    """Each question with its article, its paragraph, and its place in the file."""
    if not all(isinstance(article, dict) and isinstance(article.get("paragraphs"), list) for article in data):
        raise TableError(
            f"{name!r} has a field 'data' whose items have no 'paragraphs', so it is not SQuAD's; give one JSON object "
            "per line, or one array of objects."
        )
    for one, article in enumerate(data):
        for two, paragraph in enumerate(article["paragraphs"]):
            asked = paragraph.get("qas") if isinstance(paragraph, dict) else None
            for three, question in enumerate(asked if isinstance(asked, list) else [None]):
                yield article, paragraph, question, f"data[{one}].paragraphs[{two}].qas[{three}]"


def _row(article: Any, paragraph: Any, question: Any) -> dict[str, Any] | None:
    """One question as a row, None where something of it is missing."""
    context = paragraph.get("context") if isinstance(paragraph, dict) else None
    if not isinstance(question, dict) or not isinstance(context, str) or not isinstance(question.get("question"), str):
        return None
    answers = [] if question.get("is_impossible") is True else question.get("answers", [])
    if not isinstance(answers, list):
        return None
    if not all(isinstance(one, dict) and isinstance(one.get("text"), str) for one in answers):
        return None
    starts = [one.get("answer_start") for one in answers]
    if not all(isinstance(start, int) for start in starts):
        return None
    return {
        "id": str(question.get("id", "")),
        "title": str(article.get("title") or ""),
        "context": context,
        "question": question["question"],
        "answers.text": [one["text"] for one in answers],
        "answers.answer_start": starts,
    }


def _batches(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa

    kinds = {
        "answers.text": pa.large_list(pa.large_string()),
        "answers.answer_start": pa.large_list(pa.int64()),
    }
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        arrays = [pa.array([row[name] for row in some], kinds.get(name, pa.large_string())) for name in names]
        yield batch_of(arrays, names)
