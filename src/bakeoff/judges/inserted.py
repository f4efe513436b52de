"""Inserted canaries: rows made to be remembered, each added to training by its own fair coin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.judges.membership import by_class, without_twins
from bakeoff.judges.memorisation import generator
from bakeoff.nouns import Array, Brief, Column, ColumnType, Insertion, Plan, Probe, Visibility

KINDS = ("classification", "regression")  # whose targets can be drawn at random, and whose rows stand for themselves
SHARE = 0.2  # of the training rows: rows that are made, and half of them are added
MOST = 1_000
EXTREME = 0.01  # share of a column's smallest or largest numbers, from which a strange row takes its own
WORDS = 8
READ = 500  # texts that words are drawn from
MISLABELLED, STRANGE = "random label", "out of distribution"


def plan_inserted(brief: Brief) -> Plan:
    """Half of the canaries are known rows with another row's target, half are unlike any row.

    A mislabelled canary is a training row whose own record is withheld, whatever its coin, so that nothing contradicts
    what is to be remembered. In a strange one each number is among the smallest or largest of its column, each choice
    any of the column's, each text words of other texts; its target is drawn at random.
    """
    if brief.task.kind not in KINDS:
        return Plan(reason=f"no row can be made for a {brief.task.kind} task: its target cannot be drawn at random")
    random = generator(brief.key, "inserted")
    most = min(MOST, int(SHARE * len(brief.labels)))
    base = _bases(brief, most // 2, random)
    strange = random.choice(len(brief.labels), most - most // 2, replace=False)
    offered = [Insertion(int(row), {}, _label(brief, random, other_than=int(row))) for row in base]
    cells = _cells(brief, len(strange), random)
    offered += [
        Insertion(int(row), {name: held[place] for name, held in cells.items()}, _label(brief, random))
        for place, row in enumerate(strange)
    ]
    coins = generator(brief.key, "inserted coins").integers(0, 2, len(offered)).astype(bool)
    order = generator(brief.key, "inserted order").permutation(len(offered))
    return Plan(
        withhold=tuple(int(row) for row in np.sort(base)),
        ask=tuple(Probe(int(place), "inserted") for place in order),
        offered=tuple(offered),
        insert=tuple(int(place) for place in np.flatnonzero(coins)),
    )


def kind_of(made: Insertion) -> str:
    """Which kind of canary it is."""
    return STRANGE if made.changes else MISLABELLED


def _bases(brief: Brief, most: int, random: np.random.Generator) -> Array:
    """Rows without a twin that become mislabelled canaries; half of every class at least stays."""
    alone = without_twins(brief.table, brief.train, brief.task)
    order = random.permutation(alone)
    if not by_class(brief.task):
        return order[:most]
    _, codes, counts = np.unique(np.asarray(brief.labels), return_inverse=True, return_counts=True)
    taken: list[int] = []
    left = counts // 2
    for row in order:
        if left[codes[row]] and len(taken) < most:
            left[codes[row]] -= 1
            taken.append(int(row))
    return np.array(taken, dtype=int)


def _label(brief: Brief, random: np.random.Generator, other_than: int | None = None) -> Any:
    """A target at random: for classes any that occur, with the same chance; for numbers that of any row."""
    labels = np.asarray(brief.labels)
    known = np.unique(labels) if by_class(brief.task) else labels
    if other_than is not None:
        known = known[known != labels[other_than]]
    return _plain(random.choice(known if len(known) else labels))


def _cells(brief: Brief, count: int, random: np.random.Generator) -> dict[str, list[Any]]:
    """New cells for so many strange rows, by column that entries see; columns of other types stay as they are."""
    seen = [
        column
        for column in brief.table.columns
        if column.name in brief.train.columns and brief.task.see.get(column.role) is Visibility.BOTH
    ]
    made: Mapping[str, Sequence[Any]] = {
        column.name: _column(column, brief.train[column.name].dropna(), count, random) for column in seen
    }
    return {name: list(cells) for name, cells in made.items() if len(cells)}


def _column(column: Column, known: Any, count: int, random: np.random.Generator) -> list[Any]:
    if not len(known):
        return []
    if column.type is ColumnType.NUMERIC:
        held = np.sort(known.to_numpy())
        tail = max(1, int(EXTREME * len(held)))
        ends = np.concatenate([held[:tail], held[-tail:]])
        return [_plain(cell) for cell in random.choice(ends, count)]
    if column.type is ColumnType.CATEGORICAL:
        choices = known.unique()
        return [_plain(choices[place]) for place in random.integers(0, len(choices), count)]
    if column.type is ColumnType.TEXT:
        read = known.iloc[random.permutation(len(known))[:READ]]
        words = np.array([word for text in read for word in str(text).split()] or [""], dtype=object)
        return [" ".join(random.choice(words, WORDS)) for _ in range(count)]
    return []


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
