"""Which rows are set apart for the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.errors import TableError
from bakeoff.nouns import Array, Column, ColumnType, Frame, Split

PARTS = ("train", "test")


def assign(frame: Frame, columns: Sequence[Column], target: str, split: Split) -> Array:
    """ "train" or "test" for each row (n,), decided by the split's method and seed.

    `frame` holds standard columns. Raises TableError for a split that the table does not allow. A split "given" is the
    reader's matter and not decided here.
    """
    n = len(frame)
    if n < 2:
        raise TableError(
            "The table has one row; a train and a test part need at least 2." if n else "The table has no rows."
        )
    generator = np.random.default_rng(split.seed)
    wanted = min(max(round(split.test_share * n), 1), n - 1)
    classes = None
    if target and {column.name: column.type for column in columns}[target] is ColumnType.CATEGORICAL:
        classes = _codes(frame[target])
    if split.method == "owner":
        owners = _codes(frame[split.column], own=True)
        if owners.max() == 0:
            raise TableError(f"The owner column {split.column!r} names one owner; a split by owner needs at least 2.")
        test = _by_owner(owners, classes, wanted, generator)
        if not test.any():
            raise TableError(
                f"The owners in {split.column!r} cannot be split into train and test with every class in train; "
                "use another split, or a column with more owners."
            )
    elif split.method == "time":
        test = _by_time(frame[split.column], wanted, split.column)
    elif split.method == "stratified" and classes is not None:
        test = _stratified(classes, wanted, generator)
    else:
        test = np.zeros(n, bool)
        test[generator.permutation(n)[:wanted]] = True
    if not test.any():
        raise TableError(f"No class of {target!r} has a second row to set apart for the test; add rows.")
    return np.where(test, "test", "train").astype(object)


def _codes(series: Any, own: bool = False) -> Array:
    """Whole numbers for the values, -1 for a missing one, or with `own` a number of its own for each missing one."""
    import pandas as pd

    codes = pd.factorize(series)[0].astype(np.int64)
    if own:
        alone = codes < 0
        codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    return codes


def _stratified(classes: Array, wanted: int, generator: np.random.Generator) -> Array:
    """Each class gives its share of the test rows, rounded by largest remainder; one row at least stays in train."""
    counts = np.bincount(classes + 1)
    share = counts * (wanted / len(classes))
    take = np.floor(share).astype(int)
    spare = np.where(counts - take > 1, share - take, -1.0)
    take[np.argsort(-spare, kind="stable")[: wanted - take.sum()]] += 1
    take = np.minimum(take, np.maximum(counts - 1, 0))
    order = generator.permutation(len(classes))
    grouped = order[np.argsort(classes[order], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.arange(len(classes)) - np.repeat(starts, counts)
    test = np.zeros(len(classes), bool)
    test[grouped[place < np.repeat(take, counts)]] = True
    return test


def _by_owner(owners: Array, classes: Array | None, wanted: int, generator: np.random.Generator) -> Array:
    """Whole owners, in random order, while they fit into the wanted number of rows and leave every class in train."""
    rows = np.split(np.argsort(owners, kind="stable"), np.cumsum(np.bincount(owners))[:-1])
    labels = np.zeros(len(owners), np.int64) if classes is None else classes + 1
    left = np.bincount(labels)
    test = np.zeros(len(owners), bool)
    taken = 0
    refused: list[Array] = []
    for owner in generator.permutation(len(rows)):
        theirs = rows[owner]
        taking = np.bincount(labels[theirs], minlength=len(left))
        if ((left == taking) & (taking > 0)).any():
            continue
        if taken + len(theirs) > wanted:
            refused.append(theirs)
            continue
        test[theirs] = True
        left -= taking
        taken += len(theirs)
    # One owner over the mark is better than a test part that falls further short of it.
    best = min(refused, key=len, default=None)
    if best is not None and taken + len(best) - wanted < wanted - taken:
        taking = np.bincount(labels[best], minlength=len(left))
        if not ((left == taking) & (taking > 0)).any():
            test[best] = True
    return test


def _by_time(times: Any, wanted: int, column: str) -> Array:
    """The latest rows; rows of one moment stay together, and a row without a time stays in train."""
    known = times.notna().to_numpy()
    values = times[known].to_numpy()
    moments, counts = np.unique(values, return_counts=True)
    if len(moments) < 2:
        raise TableError(
            f"The time column {column!r} holds fewer than 2 different times, so no rows are the latest."
            " Use another split."
        )
    later = np.cumsum(counts[::-1])[::-1]
    first = int(np.argmin(np.abs(later[1:] - wanted))) + 1
    test = np.zeros(len(times), bool)
    test[known] = values >= moments[first]
    return test
