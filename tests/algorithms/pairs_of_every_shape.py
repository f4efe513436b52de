"""Small tables of records with labelled pairs, of every shape a matching baseline may meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from tables_of_every_shape import WORDS, png

from bakeoff.algorithms.records import pairs_of
from bakeoff.nouns import Array, Column, ColumnType, Frame, Schema

NUMERIC, CATEGORICAL, TEXT = ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.TEXT
IMAGE, DATETIME, TOKENS = ColumnType.IMAGE, ColumnType.DATETIME, ColumnType.TOKENS
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, eq=False)
class Matching:
    """Records (`right` None for one table), pairs of the training and the test part, and what is true of them."""

    left: Frame
    right: Frame | None
    train: Array
    labels: Array
    test: Array
    truth: Array
    types: dict[str, ColumnType]
    ignored: tuple[str, ...] = ()
    learnable: bool = True

    def schema(self, sides: bool = True) -> Schema:
        prefixes = ("left_", "right_") if sides else ("",)
        columns = tuple(Column(f"{prefix}{name}", type_) for prefix in prefixes for name, type_ in self.types.items())
        return Schema(columns, "matching", "label", "f1", (0, 1), 3, 60.0, ignored=self.ignored)

    def asked(self, positions: Array) -> Frame:
        return pairs_of(self.left, self.right, positions)

    def pairs(self) -> Frame:
        return pd.DataFrame(self.train, columns=["left", "right"]).assign(label=self.labels)


def word(rng: np.random.Generator) -> str:
    return "".join(rng.choice(list(LETTERS), size=rng.integers(4, 9)))


def cell(kind: ColumnType, thing: int) -> object:
    """What a record says of a thing; the same for every record of it."""
    rng = np.random.default_rng(thing * 7 + len(kind.value))
    if kind is NUMERIC:
        return float(rng.normal(0, 1000))
    if kind is CATEGORICAL:
        return f"{word(rng)} {rng.integers(100)}"
    if kind is IMAGE:
        return png(int(rng.integers(4)), rng)
    if kind is DATETIME:
        return pd.Timestamp("2020-01-01") + pd.Timedelta(days=int(rng.integers(0, 4000)))
    return f"{word(rng)} {word(rng)} {rng.choice(WORDS)} {word(rng)[:2].upper()}-{rng.integers(1000, 9999)}"


def worded(kind: ColumnType, said: object, rng: np.random.Generator) -> object:
    """The same said by somebody else."""
    if kind is TEXT:
        parts = str(said).split()
        rng.shuffle(parts)
        return " ".join([*parts, str(rng.choice(WORDS))])
    return said


def made(kinds: dict[str, ColumnType], things: int = 60, one: bool = False, pairs: int = 160) -> Matching:
    """Two tables (or one) that hold each thing once a side, worded apart; a third of the labelled pairs match."""
    rng = np.random.default_rng(things + len(kinds))
    rows = [{name: cell(kind, thing) for name, kind in kinds.items()} for thing in range(things)]
    left = pd.DataFrame(rows)
    right = pd.DataFrame([{name: worded(kind, row[name], rng) for name, kind in kinds.items()} for row in rows])
    place = rng.permutation(things)  # the right record of a thing
    right = right.iloc[np.argsort(place)].reset_index(drop=True)
    matches = np.column_stack([np.arange(things), place])[: pairs // 3]
    others = rng.integers(0, things, size=(pairs - len(matches), 2))
    others = others[place[others[:, 0]] != others[:, 1]]
    both, label = np.vstack([matches, others]), np.r_[np.ones(len(matches), int), np.zeros(len(others), int)]
    if one:
        left, right, both = pd.concat([left, right], ignore_index=True), None, both + np.array([0, things])
    order = rng.permutation(len(both))
    both, label = both[order], label[order]
    cut = len(both) * 3 // 4
    return Matching(left, right, both[:cut], label[:cut], both[cut:], label[cut:], dict(kinds))


def with_gaps() -> Matching:
    shape = made({"title": TEXT, "brand": CATEGORICAL, "price": NUMERIC, "since": DATETIME})
    rng = np.random.default_rng(1)
    tables = [shape.left.copy(), shape.right.copy()]
    for table in tables:
        for name in table.columns:
            table.loc[rng.random(len(table)) < 0.2, name] = None
    return replace(shape, left=tables[0], right=tables[1])


def one_sided() -> Matching:
    shape = made({"title": TEXT, "blurb": TEXT, "price": NUMERIC})
    return replace(shape, left=shape.left.drop(columns="blurb"), right=shape.right.drop(columns="price"))


def sides_that_share_no_column() -> Matching:
    shape = made({"title": TEXT})
    return replace(shape, right=shape.right.rename(columns={"title": "name"}), types={"title": TEXT, "name": TEXT})


def of_two_types() -> Matching:
    shape = made({"title": TEXT, "price": NUMERIC})
    right = shape.right.assign(price=[f"{price:.2f} EUR" for price in shape.right["price"]])
    return replace(shape, right=right, types={"title": TEXT})  # what the schema names decides what is compared


def all_empty() -> Matching:
    shape = made({"title": TEXT, "price": NUMERIC})
    blank = [table.assign(title="", price=np.nan) for table in (shape.left, shape.right)]
    return replace(shape, left=blank[0], right=blank[1], learnable=False)


def few_pairs() -> Matching:
    shape = made({"title": TEXT, "price": NUMERIC})
    return replace(shape, train=shape.train[:30], labels=shape.labels[:30], learnable=False)


def one_match() -> Matching:
    shape = made({"title": TEXT, "brand": CATEGORICAL})
    kept = np.r_[np.flatnonzero(shape.labels == 1)[:1], np.flatnonzero(shape.labels == 0)[:20]]
    return replace(shape, train=shape.train[kept], labels=shape.labels[kept], learnable=False)


def no_match() -> Matching:
    shape = made({"title": TEXT, "brand": CATEGORICAL})
    kept = shape.labels == 0
    return replace(shape, train=shape.train[kept], labels=shape.labels[kept], learnable=False)


def with_lists() -> Matching:
    shape = made({"tags": TOKENS})
    tables = [table.assign(tags=[text.split() for text in table["tags"]]) for table in (shape.left, shape.right)]
    return replace(shape, left=tables[0], right=tables[1])


def with_ignored() -> Matching:
    """The title says the colour too, and matches differ in it."""
    shape = made({"title": TEXT, "brand": CATEGORICAL, "colour": CATEGORICAL})
    rng = np.random.default_rng(2)
    tables = []
    for table in (shape.left, shape.right):
        colour = rng.choice(["red", "green", "blue"], size=len(table))
        title = [f"{text} {said}" for text, said in zip(table["title"], colour, strict=True)]
        tables.append(table.assign(colour=colour, title=title))
    return replace(shape, left=tables[0], right=tables[1], ignored=("colour",))


EVERY = {"title": TEXT, "brand": CATEGORICAL, "price": NUMERIC, "since": DATETIME, "tags": TOKENS, "picture": IMAGE}
PAIRED: dict[str, Callable[[], Matching]] = {
    "every type": lambda: made(EVERY),
    "every type, one table": lambda: made(EVERY, one=True),
    "text only": lambda: made({"title": TEXT}),
    "text only, one table": lambda: made({"title": TEXT}, one=True),
    "numbers only": lambda: made({"price": NUMERIC, "weight_g": NUMERIC}),
    "dates only": lambda: made({"since": DATETIME}),
    "one category": lambda: made({"brand": CATEGORICAL}),
    "pictures only": lambda: replace(made({"picture": IMAGE}), learnable=False),
    "gaps": with_gaps,
    "lists of tokens": with_lists,
    "columns of one side": one_sided,
    "no shared column": sides_that_share_no_column,
    "a column of two types": of_two_types,
    "nothing but empty texts": all_empty,
    "few pairs": few_pairs,
    "one match": one_match,
    "no match": no_match,
    "ignored column": with_ignored,
}
