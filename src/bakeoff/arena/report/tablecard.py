"""Each table's card as the page shows it; the card is what `tables.card` made, and any part of it may be missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.arena import board_words as words
from bakeoff.arena import card_words
from bakeoff.arena.board import Board, TaskColumn
from bakeoff.arena.card_words import Card
from bakeoff.arena.report.marks import histogram
from bakeoff.nouns import Outcome

# Only a picture inside the page may be shown: a stranger's address would be a request to the outside.
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*")
CLASSES_SHOWN = 12
LEADERS = 3


@dataclass(frozen=True)
class TaskFacts:
    """What is asked of the table, and who answers best; `leaders` are (entry, score) pairs."""

    name: str
    track: str
    question: str
    metric: str
    aside: str
    leaders: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ColumnFacts:
    """One column in words; `plot` is safe markup, `plotted` says what it shows."""

    name: str
    type: str
    role: str
    missing: str
    distinct: str
    plot: str
    plotted: str
    why: str


@dataclass(frozen=True)
class Share:
    """One class: its counts in training and test rows, and its bars in per cent of the largest."""

    name: str
    train: str
    test: str
    train_bar: float
    test_bar: float


@dataclass(frozen=True)
class Holdings:
    """How often what in a target of several values: the commonest of it, and how many more there are."""

    of: str
    shares: tuple[Share, ...]
    left: int


@dataclass(frozen=True)
class SeveralValues:
    """A target of several values: figures of train and test, counts, spreads (title and plots), and marked rows."""

    facts: tuple[tuple[str, str, str], ...]
    holdings: tuple[Holdings, ...]
    spreads: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    marked: tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True)
class ExampleCell:
    """A cell of an example row: a picture's data URI, or text."""

    picture: str = ""
    text: str = ""


@dataclass(frozen=True)
class Told:
    """What a check found: its sentence in pieces, each with whether it must not be broken.

    `informs` where nothing is asked of anybody.
    """

    check: str
    pieces: tuple[tuple[str, bool], ...]
    informs: bool


@dataclass(frozen=True)
class TableView:
    """A table's card in words; `quiet` are the checks that found nothing."""

    name: str
    anchor: str
    label: str
    rows: str
    tasks: tuple[TaskFacts, ...]
    facts: tuple[tuple[str, str], ...]
    columns: tuple[ColumnFacts, ...]
    classes: tuple[Share, ...]
    classes_left: int
    spread: tuple[tuple[str, str], ...]
    spread_range: str
    several: SeveralValues | None
    example_names: tuple[str, ...]
    examples: tuple[tuple[ExampleCell, ...], ...]
    notes: tuple[str, ...]
    remarks: tuple[Told, ...]
    quiet: tuple[str, ...]
    drift: str
    drifts: bool


def table_views(boards: Sequence[Board], cards: Mapping[str, Card]) -> tuple[TableView, ...]:
    """One view for each table that a task of these boards asks about, in the order of the tasks."""
    asked: dict[str, list[tuple[Board, TaskColumn]]] = {}
    for board in boards:
        for column in board.columns:
            asked.setdefault(column.task.table, []).append((board, column))
    return tuple(
        _view(name, f"table-{number}", tasks, cards.get(name) or {})
        for number, (name, tasks) in enumerate(asked.items())
    )  # fmt: skip


def card_view(card: Card) -> TableView:
    """A table's card alone, without a board."""
    return _view(str(card.get("name", "")), "table", (), card)


def _view(name: str, anchor: str, tasks: Sequence[tuple[Board, TaskColumn]], card: Card) -> TableView:
    columns = [column for column in _list(card.get("columns")) if isinstance(column, Mapping)]
    target = _mapping(card.get("target"))
    named = {column.get("name") for column in columns if card_words.is_name(column)}
    images = {column.get("name") for column in columns if column.get("type") == "image"}
    classes = _classes(target)
    examples = [row for row in _list(card.get("examples")) if isinstance(row, Mapping)]
    # Pictures stand first, where a wide table is not cut off.
    names = tuple(sorted(dict.fromkeys(str(key) for row in examples for key in row), key=lambda key: key not in images))
    return TableView(
        name=name,
        anchor=anchor,
        label=tasks[0][1].task.label if tasks else str(_mapping(card.get("about")).get("label", "")),
        rows=_rows(card),
        tasks=tuple(_task(board, column) for board, column in tasks),
        facts=_facts(card),
        columns=tuple(_column(column) for column in columns),
        classes=classes[:CLASSES_SHOWN],
        classes_left=max(0, len(classes) - CLASSES_SHOWN),
        spread=_spread(target),
        spread_range=card_words.span(_list(target.get("edges"))),
        several=_several(card),
        example_names=names,
        examples=tuple(tuple(_example(row.get(key), key in images, key in named) for key in names) for row in examples),
        notes=tuple(column.note for _, column in tasks if column.note),
        **_found(card),
    )


def _found(card: Card) -> dict[str, Any]:
    """What checks and the two-sample test found."""
    found = card_words.remarks(card)
    remarks = tuple(Told(check, card_words.pieces(text), informs) for check, text, informs in found)
    spoken = {told.check for told in remarks}
    drift = _mapping(card.get("drift"))
    quiet = tuple(str(name) for name in _list(card.get("checked")) if name not in spoken)
    return {
        "remarks": remarks,
        "quiet": quiet,
        "drift": str(drift.get("told", "")),
        "drifts": bool(drift.get("differs")),
    }


def _task(board: Board, column: TaskColumn) -> TaskFacts:
    task = column.task
    scores = [
        (entry, square.score)
        for (entry, name), square in board.squares.items()
        if name == task.name and square.outcome is Outcome.DONE and square.score and words.known(square.score.value)
    ]
    scores.sort(key=lambda pair: -pair[1].value)
    classes = f" into {words.counted(len(task.classes), 'class', 'classes')}" if task.classes else ""
    asked = "which records match" if task.kind == "matching" else f"{task.kind} of {task.target}{classes}"
    arrow = "higher is better" if column.greater_is_better else "lower is better"
    return TaskFacts(
        name=task.name,
        track=board.track,
        question=asked,
        metric=f"{column.metric_title}, {arrow}",
        aside="" if column.averaged else f"not averaged: {column.reason}",
        leaders=tuple((entry, words.score(score)) for entry, score in scores[:LEADERS]),
    )


def _rows(card: Card) -> str:
    rows = card.get("rows")
    if not isinstance(rows, Mapping):
        return words.counted(rows, "row") if isinstance(rows, int) else ""
    parts = [f"{number:,} {part}" for part, number in rows.items() if part != "all" and isinstance(number, int)]
    whole = rows.get("all")
    return (f"{whole:,} rows: " if isinstance(whole, int) else "") + ", ".join(parts)


def _facts(card: Card) -> tuple[tuple[str, str], ...]:
    split, about, records = (_mapping(card.get(key)) for key in ("split", "about", "records"))
    column = f" by {split['column']}" if split.get("column") else ""
    seed = f", seed {split['seed']}" if split.get("method") in {"stratified", "random"} and "seed" in split else ""
    facts = [("split", f"{split['method']}{column}{seed}")] if split.get("method") else []
    facts += [
        (str(key), _said(value))
        for key, value in about.items()
        if key != "label" and value not in (None, "", [], {}, ())
    ]
    if records:
        right = records.get("right")
        sides = f"{records.get('left', 0):,}" + (f" and {right:,}" if isinstance(right, int) else "")
        complete = ", every match labelled" if records.get("complete") else ""
        facts.append(("records", f"{sides}{complete}"))
        facts += [("may differ in", _said(records["ignored"]))] if records.get("ignored") else []
    facts += [("digest", str(card["digest"])[:12])] if card.get("digest") else []
    return tuple(facts)


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_said(held)}" for key, held in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _column(column: Card) -> ColumnFacts:
    counts, plotted = card_words.plotted(column)
    missing = column.get("missing")
    distinct = column.get("distinct")
    return ColumnFacts(
        name=str(column.get("name", "")),
        type=card_words.kind_of(column),
        role=str(column.get("role", "")),
        missing=words.percent(missing) if isinstance(missing, (int, float)) else "",
        distinct=f"{distinct:,}" if isinstance(distinct, int) else "",
        plot=histogram(_numbers(counts)),
        plotted=plotted,
        why=str(column.get("why", "")),
    )


def _classes(target: Card) -> tuple[Share, ...]:
    names, counts = _list(target.get("classes")), _mapping(target.get("counts"))
    train, test = _numbers(counts.get("train")), _numbers(counts.get("test"))
    if not names or len(train) != len(names):
        return ()
    return _shares(names, train, test if len(test) == len(names) else [0.0] * len(names))


def _shares(names: Sequence[Any], train: Sequence[float], test: Sequence[float]) -> tuple[Share, ...]:
    most, most_test = max(1.0, *train), max(1.0, *test)
    return tuple(
        Share(
            str(name), f"{held:,.0f}", f"{asked:,.0f}", round(100 * held / most, 1), round(100 * asked / most_test, 1)
        )
        for name, held, asked in zip(names, train, test, strict=True)
    )


def _several(card: Card) -> SeveralValues | None:
    groups, facts = card_words.target_groups(card), card_words.target_facts(card)
    if not groups and not facts:
        return None
    return SeveralValues(
        tuple(facts),
        tuple(
            Holdings(
                group.of,
                _shares(group.names, group.train, group.test)[:CLASSES_SHOWN],
                max(0, len(group.names) - CLASSES_SHOWN) + group.more,
            )
            for group in groups
        ),
        tuple(
            (f"{title}, {ends}", tuple((part, histogram(_numbers(rows), 240, 60)) for part, rows in counts.items()))
            for title, ends, counts in card_words.target_plots(card)
        ),
        tuple(tuple(row) for row in card_words.target_marked(card)),
    )


def _spread(target: Card) -> tuple[tuple[str, str], ...]:
    if not _list(target.get("edges")):
        return ()
    counts = _mapping(target.get("counts"))
    return tuple((str(part), histogram(_numbers(rows), 240, 60)) for part, rows in counts.items())


def _example(value: Any, image: bool, name: bool) -> ExampleCell:
    if image and isinstance(value, str) and PICTURE.fullmatch(value):
        return ExampleCell(picture=value)
    if image and isinstance(value, str) and value.startswith("data:"):
        return ExampleCell(text="a picture that cannot be shown")
    return ExampleCell(text="" if value is None else card_words.quantity(value, 6, name=name))


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in _list(values) if isinstance(value, (int, float))]


def _mapping(value: Any) -> Card:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []
