"""Small tables of records with labelled pairs, and a matrix that runs entries on them."""

import numpy as np
import pandas as pd

from bakeoff.arena.entries import read_entry
from bakeoff.arena.matrix import Matrix
from bakeoff.arena.staging import task_data
from bakeoff.arena.store.database import Store
from bakeoff.nouns import Column, ColumnType, Role, Sides
from bakeoff.tables.matching.standardised import joined
from bakeoff.tables.settings import Settings
from bakeoff.tasks.question import make_task

COLUMNS = (
    Column("title", ColumnType.TEXT),
    Column("price", ColumnType.NUMERIC),
    Column("shop", ColumnType.CATEGORICAL, Role.OWNER),
)
WORDS = ("lamp", "chair", "table", "clock", "mirror", "carpet", "shelf", "stool")


def records(things, shop):
    return pd.DataFrame(
        {
            "title": [f"{WORDS[thing % 8]} number {thing} {shop}" for thing in things],
            "price": np.asarray(things) * 1.5,
            "shop": [shop] * len(things),
        }
    )


def little_records(name="wares", one=False, rows=60, seed=0):
    """Records of `rows` things, two thirds of them there twice, as a TableData; test pairs are the last third.

    A match is told by the thing's number in its title. Pairs: each match, and for each two that are none.
    """
    rng = np.random.default_rng(seed)
    things = rng.permutation(rows)
    again = rng.permutation(rows)[: rows * 2 // 3]
    left, right = records(things, "north"), records(again, "south")
    place = np.argsort(things)
    matches = np.stack([place[again], np.arange(len(again))], axis=1)
    others = np.stack([rng.integers(rows, size=2 * len(again)), rng.integers(len(again), size=2 * len(again))], axis=1)
    others = others[things[others[:, 0]] != again[others[:, 1]]]
    if one:
        left, right = pd.concat([left, right], ignore_index=True), None
        matches[:, 1] += rows
        others[:, 1] += rows
    pairs = np.unique(np.concatenate([matches, others]), axis=0)
    pairs = pairs[rng.permutation(len(pairs))]
    known = {tuple(pair) for pair in matches.tolist()}
    label = np.array([int(tuple(pair) in known) for pair in pairs.tolist()])
    learn = len(pairs) * 2 // 3
    parts = np.where(np.arange(len(pairs)) < learn, "train", "test").astype(object)
    sides = Sides(left, right, pairs[:learn], pairs[learn:], COLUMNS, () if one else COLUMNS, complete=True)
    return joined(sides, label, parts, Settings(name=name, target="match"))


def asked(data):
    """The table's rows for its matching task."""
    task = make_task(data.table, data.labels("train"), data.labels("test"), kind="matching", metric="f1")
    return task_data(task, data)


def written(folder, name, code):
    """An entry of the given code."""
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "model.py").write_text(code)
    return read_entry(folder / name)


def matrix(folder, *held):
    """A matrix over a store of its own that knows these rows."""
    rows = {data.task.digest: data for data in held}
    return Matrix(Store(folder / "store"), b"s" * 32, lambda task: rows[task.digest], folder / "environments")
