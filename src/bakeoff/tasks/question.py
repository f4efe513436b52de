"""From a table and its target's labels to a task: what kind, which metric, and whether the labels allow it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypedDict, Unpack

import numpy as np

from bakeoff.errors import TableError, TaskError
from bakeoff.nouns import DEFAULT_VISIBILITY, Array, Column, ColumnType, Role, Split, Swaps, Table, Task, Visibility
from bakeoff.tasks.kinds import Written
from bakeoff.tasks.kinds import kind as kind_named
from bakeoff.tasks.labels import missing, numbers, some

MOST_CLASSES = 30  # more distinct whole numbers than this are a quantity
ROWS_PER_CLASS = 5


class Wish(TypedDict, total=False):
    """What may be said about a task; whatever is not said, or None, is worked out.

    `track` is the kind's name unless given, `label` is real or made when somebody said so, and `see` names only the
    roles that differ from the default visibility; `ignored` is the variant rule of a matching task, and `swaps`
    are the words for twins of texts.
    """

    kind: str | None
    metric: str | None
    split: Split
    see: Mapping[Role, Visibility] | None
    track: str | None
    label: str
    ignored: tuple[str, ...]
    swaps: Swaps


def target_of(table: Table) -> Column:
    """The table's one target column; TaskError when there is none, or more than one."""
    targets = table.of_role(Role.TARGET)
    if len(targets) != 1:
        found = f"has {len(targets)} ({some(column.name for column in targets)})" if targets else "has none"
        raise TaskError(f"A task needs one target column, and table {table.name!r} {found}; name one of its columns.")
    return targets[0]


def infer_kind(table: Table, labels: Array) -> tuple[str, str]:
    """What to ask about these labels, and why: (kind, reason).

    Numbers are a quantity unless they are whole and few: two values, or at most 30 with five rows each on average.
    Tokens beside a column of tokens are tags; annotations tell by their JSON what they are.
    Raises TaskError for targets that no kind of ours can answer (images, dates).
    """
    target = target_of(table)
    if target.type is ColumnType.ANNOTATION:
        return _of_annotations(table, target, labels)
    if target.type is ColumnType.TOKENS and any(
        column.type is ColumnType.TOKENS for column in table.of_role(Role.FEATURE)
    ):
        return "tagging", "its values are tags beside a column of tokens"
    if target.type in (ColumnType.IMAGE, ColumnType.DATETIME, ColumnType.TOKENS):
        raise TaskError(
            f"Target {target.name!r} of table {table.name!r} holds values of type {target.type}; "
            "choose a target of numbers or classes."
        )
    values = numbers(labels)
    if values is None or target.type in (ColumnType.CATEGORICAL, ColumnType.TEXT):
        return "classification", "its values are names"
    values = values[np.isfinite(values)]
    distinct = len(np.unique(values))
    if np.any(values != np.floor(values)):
        return "regression", "its values are numbers with decimals"
    if distinct <= 2 or (distinct <= MOST_CLASSES and len(values) >= ROWS_PER_CLASS * distinct):
        return "classification", f"it has only {distinct} distinct whole numbers"
    return "regression", f"it has {distinct} distinct whole numbers in {len(values):,} rows"


def _of_annotations(table: Table, target: Column, labels: Array) -> tuple[str, str]:
    """The kind whose form the first annotation has; TaskError where none has it."""
    present = np.asarray(labels, dtype=object)[~missing(np.asarray(labels, dtype=object))]
    try:
        held = json.loads(present[0]) if len(present) else None
    except (TypeError, ValueError):
        held = None
    if isinstance(held, dict) and {"label", "tags"} <= set(held):
        return "joint", "its values are a label with tags"
    if isinstance(held, dict) and {"text", "answer_start"} <= set(held):
        return "span", "its values are answers and where they start"
    if isinstance(held, list):
        return "generation", "its values are lists of references"
    raise TaskError(
        f"Target {target.name!r} of table {table.name!r} holds annotations of no known form; write JSON such as "
        '{"label": ..., "tags": [...]}, {"text": [...], "answer_start": [...]} or a list of references.'
    )


def make_task(table: Table, labels_train: Array, labels_test: Array, **wish: Unpack[Wish]) -> Task:
    """The task of the table's name about its target, checked against the labels of both parts.

    Raises TaskError for a question that cannot be asked, and TableError with every problem of the labels at once.
    """
    target = target_of(table)
    both = np.concatenate([np.asarray(labels_train, dtype=object), np.asarray(labels_test, dtype=object)])
    name = wish.get("kind") or infer_kind(table, both)[0]
    asked = kind_named(name)
    known = np.asarray(labels_train)[~missing(labels_train)]
    metric = wish.get("metric") or asked.default_metric(known)[0]
    if metric not in asked.metrics:
        raise TaskError(
            f"{name.capitalize()} has no metric called {metric!r}; choose one of: {', '.join(asked.metrics)}."
        )
    task = Task(
        name=table.name,
        table=table.name,
        table_digest=table.digest,
        kind=name,
        target=target.name,
        metric=metric,
        classes=asked.classes(known),
        split=wish.get("split") or Split(),
        see={**DEFAULT_VISIBILITY, **(wish.get("see") or {})},
        track=wish.get("track") or name,
        label=wish.get("label", ""),
        ignored=wish.get("ignored", ()),
        longest=asked.longest(known) if isinstance(asked, Written) else 0,
        swaps=wish.get("swaps") or Swaps(),
    )
    problems = asked.check(task, labels_train, labels_test)
    if problems:
        raise TableError(problems)
    return task
