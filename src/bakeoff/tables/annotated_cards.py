"""What a data card says of a target of several values: figures of each part, what occurs how often, lengths, examples.

A text is counted in words apart by blanks, and in characters (Unicode code points).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.nouns import ColumnType
from bakeoff.tables.annotations import GENERATION, JOINT, LANGUAGE_MODEL, SPAN, TAGGING, labels_of, parsed, tags_of
from bakeoff.tables.checks.tag_schemes import entities, is_bio
from bakeoff.tables.spans import answers_of
from bakeoff.tables.standard import TableData

MOST = 200_000  # rows of a part that are looked at; they stand in random order, so the first are a sample
TOP = 40  # tags, types or characters that are counted by name
AROUND = 60  # characters shown on either side of an answer
SHOWN = 3  # rows whose tags or answers are shown
LONG = 40  # tokens of such a row
BINS = 12
Figures = Mapping[str, float | int | None]
Piece = list[str]  # a text, and what it is marked as


def annotated(data: TableData) -> dict[str, Any]:
    """The part of a card about a target of several values, as what JSON can hold.

    `facts`: a name and a figure of train and test each, None where there is none. `groups`: of what, names and counts
    by part. `plots`: title, edges and counts by part. `marked`: for some training rows their pieces of text, each with
    the tag, or "answer", that it has. Of a part of more than 200,000 rows the first are looked at.
    """
    describe: dict[str, Callable[[TableData], dict[str, Any]]] = {
        TAGGING: _tagged,
        JOINT: _tagged,
        SPAN: _answered,
        GENERATION: _generated,
        LANGUAGE_MODEL: _modelled,
    }
    return {"facts": [], "groups": [], "plots": [], "marked": [], **describe[kind_of(data)](data)}


def kind_of(data: TableData) -> str:
    """The kind of task that a target of several values was made for; its form tells where nobody said."""
    if data.settings.kind in (TAGGING, JOINT, SPAN, GENERATION, LANGUAGE_MODEL):
        return data.settings.kind
    target = data.table.column(data.target)
    held = parsed(data.cells.cut(data.target, 0, 1).iloc[0]) if target.type is ColumnType.ANNOTATION else None
    if isinstance(held, dict):
        return JOINT if "tags" in held else SPAN
    return TAGGING if target.type is ColumnType.TOKENS else GENERATION


def readable(kind: str, cell: str) -> str:
    """A target cell as a person reads it."""
    if kind == JOINT:
        held = parsed(cell)
        return f"{held['label']}: {' '.join(held['tags'])}"
    if kind == SPAN:
        return " | ".join(dict.fromkeys(answers_of(cell)[0])) or "no answer"
    held = parsed(cell) if kind == GENERATION and cell.startswith("[") else None
    if isinstance(held, list) and held:
        return str(held[0]) + (f" (and {len(held) - 1} more)" if len(held) > 1 else "")
    return cell.replace("\u00a0", " ")


def _both(data: TableData, name: str) -> dict[str, list[str]]:
    """The present cells of a column by part, the first ones of a large part."""
    spans = {part: data.span(part) for part in ("train", "test")}
    return {
        part: [
            cell if isinstance(cell, str) else ""
            for cell in data.cells.cut(name, start, min(stop, start + MOST)).astype(object)
        ]
        for part, (start, stop) in spans.items()
    }


def _fact(name: str, of: Callable[[str], float | int | None]) -> list[Any]:
    held = [of(part) for part in ("train", "test")]
    return [name, *(None if value is None or value != value else _rounded(value) for value in held)]  # noqa: PLR0124


def _rounded(value: float | int) -> float | int:
    return int(value) if float(value).is_integer() else float(f"{value:.4g}")


def _mean(values: Iterable[float]) -> float | None:
    held = list(values)
    return float(np.mean(held)) if held else None


def _group(of: str, counted: Mapping[str, Counter[str]]) -> dict[str, Any]:
    names = [name for name, _ in counted["train"].most_common()]
    names += [name for name, _ in counted["test"].most_common() if name not in counted["train"]]
    counts = {part: [int(counts[name]) for name in names[:TOP]] for part, counts in counted.items()}
    return {"of": of, "names": names[:TOP], "counts": counts, "more": max(0, len(names) - TOP)}


def _plot(title: str, values: Mapping[str, Sequence[float]], ends: tuple[float, float] | None = None) -> dict[str, Any]:
    """Counts of both parts in bins of one width; the ends take what lies beyond the 99th percentile."""
    both = np.concatenate([np.asarray(held, dtype=np.float64) for held in values.values()])
    low, high = ends or (float(both.min(initial=np.inf)), float(np.quantile(both, 0.99)) if len(both) else 1.0)
    if not low < high:
        low, high = low - 0.5, low + 0.5
    whole = ends is None and high - low < BINS
    edges = np.arange(np.floor(low), np.ceil(high) + 2) if whole else np.linspace(low, high, BINS + 1)
    counts = {
        part: [int(count) for count in np.histogram(np.clip(np.asarray(held, float), edges[0], edges[-1]), edges)[0]]
        for part, held in values.items()
    }
    shown = edges[:-1] if whole else edges
    return {"title": title, "edges": [_rounded(float(edge)) for edge in shown[[0, -1]]], "counts": counts}


def _tagged(data: TableData) -> dict[str, Any]:
    kind = kind_of(data)
    cells = _both(data, data.target)
    tags = {part: [tags_of(kind, cell) for cell in held] for part, held in cells.items()}
    counts = {part: Counter(tag for row in rows for tag in row) for part, rows in tags.items()}
    bio = is_bio(counts["train"])
    total = {part: max(1, sum(counted.values())) for part, counted in counts.items()}
    found = {part: [entities(row) for row in rows] if bio else [] for part, rows in tags.items()}
    facts = [
        _fact("tokens", lambda part: sum(counts[part].values())),
        _fact("tokens per row, mean", lambda part: _mean(map(len, tags[part]))),
        _fact("different tags", lambda part: len(counts[part])),
    ]
    groups = []
    if kind == JOINT:
        import pandas as pd

        labels = {part: Counter(labels_of(pd.Series(held))) for part, held in cells.items()}
        groups.append(_group("label", labels))
    if bio:
        facts += [
            _fact("share of tokens tagged O", lambda part: counts[part]["O"] / total[part]),
            _fact("entities", lambda part: sum(map(len, found[part]))),
            _fact("rows without an entity", lambda part: _mean(not row for row in found[part])),
        ]
        groups.append(
            _group(
                "entity type", {part: Counter(one[0] for row in rows for one in row) for part, rows in found.items()}
            )
        )
    else:
        groups.append(_group("tag", counts))
    tokens = _token_column(data)
    marked = [_marked(*pair, bio) for pair in zip(_first(data, tokens), tags["train"][:SHOWN], strict=False)]
    lengths = {part: [float(len(row)) for row in rows] for part, rows in tags.items()}
    return {
        "facts": facts,
        "groups": groups,
        "plots": [_plot("tokens per row", lengths)],
        "marked": marked if tokens else [],
    }


def _token_column(data: TableData) -> str:
    names = [column.name for column in data.table.columns if column.type is ColumnType.TOKENS]
    return next((name for name in names if name != data.target), "")


def _first(data: TableData, name: str) -> list[str]:
    return [str(cell) for cell in data.cells.cut(name, 0, min(SHOWN, data.span("train")[1]))] if name else []


def _marked(tokens: str, tags: Sequence[str], bio: bool) -> list[Piece]:
    """Tokens with what they are tagged as, those of one entity together."""
    words = [word.replace("\u00a0", " ") for word in tokens.split(" ")][:LONG]
    if not bio:
        return [list(pair) for pair in zip(words, tags, strict=False)]
    pieces: list[Piece] = []
    place = 0
    for name, start, stop in [*entities(tags[: len(words)]), ("", len(words), len(words))]:
        pieces += [[" ".join(words[place:start]), ""]] if start > place else []
        pieces += [[" ".join(words[start:stop]), name]] if stop > start else []
        place = stop
    return pieces


def _answered(data: TableData) -> dict[str, Any]:
    held = {part: [answers_of(cell) for cell in cells] for part, cells in _both(data, data.target).items()}
    contexts, questions = _both(data, "context"), _both(data, "question")
    firsts = {part: [one[0][0] for one in rows if one[0]] for part, rows in held.items()}
    places = {
        part: [
            one[1][0] / max(1, len(context))
            for one, context in zip(rows, contexts[part], strict=True)
            if one[1] and context
        ]
        for part, rows in held.items()
    }
    starts = {part: Counter(_word(question) for question in cells) for part, cells in questions.items()}
    facts = [
        _fact("words per answer, mean", lambda part: _mean(len(text.split()) for text in firsts[part])),
        _fact("rows with several answers", lambda part: _mean(len(set(one[0])) > 1 for one in held[part])),
        _fact("rows without an answer", lambda part: _mean(not one[0] for one in held[part])),
        _fact("words per question, mean", lambda part: _mean(len(text.split()) for text in questions[part])),
        _fact("words per context, mean", lambda part: _mean(len(text.split()) for text in contexts[part])),
        _fact("different contexts", lambda part: len(set(contexts[part]))),
    ]
    words = {part: [float(len(text.split())) for text in texts] for part, texts in firsts.items()}
    plots = [_plot("words per answer", words), _plot("start of the answer, as a share of its context", places, (0, 1))]
    rows = zip(contexts["train"][:SHOWN], questions["train"], held["train"], strict=False)
    marked = [_in_context(context, question, *one) for context, question, one in rows]
    return {"facts": facts, "groups": [_group("first word of the question", starts)], "plots": plots, "marked": marked}


def _word(question: str) -> str:
    found = re.match(r"\W*(\w+)", question)
    return found[1].lower() if found else ""


def _in_context(context: str, question: str, texts: Sequence[str], starts: Sequence[int]) -> list[Piece]:
    asked: list[Piece] = [[question, "question"]]
    if not texts:
        return [*asked, [context[: 2 * AROUND] + ("…" if len(context) > 2 * AROUND else ""), ""]]
    start, stop = starts[0], starts[0] + len(texts[0])
    before, after = context[max(0, start - AROUND) : start], context[stop : stop + AROUND]
    before = ("…" if start > AROUND else "") + before
    after += "…" if stop + AROUND < len(context) else ""
    parts = ((before.strip(), ""), (texts[0], "answer"), (after.strip(), ""))
    return [*asked, *([piece, mark] for piece, mark in parts if piece)]


def _generated(data: TableData) -> dict[str, Any]:
    several = data.table.column(data.target).type is ColumnType.ANNOTATION
    cells = _both(data, data.target)
    references = {part: [list(parsed(cell)) if several else [cell] for cell in held] for part, held in cells.items()}
    own = {part: [texts[0] for texts in rows] for part, rows in references.items()}
    facts = [
        _fact("references per row, mean", lambda part: _mean(map(len, references[part]))),
        _fact("words per text, mean", lambda part: _mean(len(text.split()) for text in own[part])),
        _fact("longest text, characters", lambda part: max(map(len, own[part]), default=0)),
    ]
    source = _source_column(data)
    if source:
        given = _both(data, source)
        facts += [
            _fact(f"words of {source!r}, mean", lambda part: _mean(len(text.split()) for text in given[part])),
            _fact(f"rows that copy {source!r}", lambda part: _mean(map(_same, given[part], own[part]))),
        ]
    plots = [
        _plot("words per text", {part: [float(len(text.split())) for text in texts] for part, texts in own.items()})
    ]
    if several:
        plots.append(
            _plot("references per row", {part: [float(len(r)) for r in rows] for part, rows in references.items()})
        )
    return {"facts": facts, "plots": plots}


def _same(source: str, text: str) -> bool:
    return source.split() == text.split()


def _source_column(data: TableData) -> str:
    names = [column.name for column in data.table.columns if column.type is ColumnType.TEXT]
    return next((name for name in ("source", *names) if name in names and name != data.target), "")


def _modelled(data: TableData) -> dict[str, Any]:
    texts = _both(data, data.target)
    letters = {part: Counter(letter for text in held for letter in text) for part, held in texts.items()}
    unseen = {
        part: sum(count for letter, count in letters[part].items() if letter not in letters["train"]) for part in texts
    }
    facts = [
        _fact("texts", lambda part: len(texts[part])),
        _fact("characters", lambda part: sum(letters[part].values())),
        _fact("words", lambda part: sum(len(text.split()) for text in texts[part])),
        _fact("different words", lambda part: len({word for text in texts[part] for word in text.split()})),
        _fact("different characters", lambda part: len(letters[part])),
        _fact("share of characters that train lacks", lambda part: unseen[part] / max(1, sum(letters[part].values()))),
    ]
    shown = {part: Counter({_named(letter): count for letter, count in held.items()}) for part, held in letters.items()}
    lengths = {part: [float(len(text)) for text in held] for part, held in texts.items()}
    return {"facts": facts, "groups": [_group("character", shown)], "plots": [_plot("characters per text", lengths)]}


def _named(letter: str) -> str:
    return {" ": "space", "\n": "line end", "\t": "tab"}.get(letter, letter)
