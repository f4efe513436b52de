"""Which rows are set apart: shares, classes, owners and times kept as promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bakeoff.errors import TableError
from bakeoff.nouns import Column, ColumnType, Split
from bakeoff.tables.splits import assign


def split_of(split: Split, labels: Any, **columns: Any) -> np.ndarray:
    frame = pd.DataFrame({"y": labels, **columns})
    numeric = frame["y"].dtype.kind == "f"
    known = [Column("y", ColumnType.NUMERIC if numeric else ColumnType.CATEGORICAL)]
    return assign(frame, [*known, *(Column(name, ColumnType.CATEGORICAL) for name in columns)], "y", split) == "test"


@settings(max_examples=150, deadline=None)
@given(
    labels=some.lists(some.sampled_from("abcd"), min_size=8, max_size=150),
    share=some.floats(0.05, 0.6),
    seed=some.integers(0, 3),
)
def test_a_stratified_split_keeps_shares_and_leaves_every_class_in_train(
    labels: list[str], share: float, seed: int
) -> None:
    labels = ["a", "a", *labels]
    test = split_of(Split("stratified", test_share=share, seed=seed), labels)
    held = np.array(labels)
    assert set(held[test]) <= set(held[~test])
    wanted = max(round(share * len(labels)), 1)
    for name in set(labels):
        theirs = (held == name).sum()
        # Largest remainder rounds a class by one at most, and a class of one row stays in train.
        assert abs(test[held == name].sum() - theirs * wanted / len(labels)) < 1 + 1e-9
    assert wanted - len(set(labels)) <= test.sum() <= wanted


def test_a_class_of_one_row_goes_to_train_and_shares_are_exact() -> None:
    labels = ["rare"] + ["a"] * 40 + ["b"] * 80
    test = split_of(Split("stratified"), labels)
    assert not test[0]
    assert (test[1:41].sum(), test[41:].sum()) == (10, 20)


def test_the_seed_decides_and_nothing_else() -> None:
    labels = ["a", "b"] * 50
    one, again = (split_of(Split("stratified", seed=1), labels) for _ in range(2))
    assert (one == again).all()
    assert (one != split_of(Split("stratified", seed=2), labels)).any()


def test_a_quantity_is_split_at_random_with_the_exact_share() -> None:
    test = split_of(Split("random", test_share=0.2), np.linspace(0, 1, 101))
    assert test.sum() == 20


@settings(max_examples=150, deadline=None)
@given(
    owners=some.lists(some.sampled_from([None, *"pqrstuvwxyz"]), min_size=20, max_size=150),
    seed=some.integers(0, 3),
)
def test_no_owner_is_on_both_sides_and_no_class_only_in_test(owners: list[str | None], seed: int) -> None:
    owners = ["p", "q", *owners]
    labels = ["a", "a", *("ab"[i % 2] for i in range(len(owners) - 2))]
    test = split_of(Split("owner", "owner", seed=seed), labels, owner=owners)
    known = np.array([owner or f"nobody {place}" for place, owner in enumerate(owners)])
    assert test.any()
    assert not set(known[test]) & set(known[~test])
    assert set(np.array(labels)[test]) <= set(np.array(labels)[~test])


def test_the_share_is_met_when_owners_are_small() -> None:
    owners = [f"o{i // 3}" for i in range(900)]
    test = split_of(Split("owner", "owner", 0.3), ["a", "b"] * 450, owner=owners)
    assert abs(test.mean() - 0.3) < 0.01


def test_owners_that_cannot_be_split_are_an_error() -> None:
    with pytest.raises(TableError, match="names one owner; a split by owner needs at least 2"):
        split_of(Split("owner", "o"), ["a", "b"] * 5, o=["p"] * 10)
    with pytest.raises(TableError, match="cannot be split into train and test with every class in train"):
        split_of(Split("owner", "o"), ["a"] * 5 + ["b"] * 5, o=["p"] * 5 + ["q"] * 5)


@settings(max_examples=100, deadline=None)
@given(times=some.lists(some.none() | some.integers(0, 9), min_size=10, max_size=80))
def test_the_latest_rows_are_test_and_one_moment_stays_together(times: list[int | None]) -> None:
    moments = pd.Series([0, 9, *times], dtype="float64")
    test = split_of(Split("time", "when"), ["a"] * len(moments), when=moments)
    assert test.any()
    assert moments[test].min() > moments[~test].max()
    assert not test[moments.isna()].any()


def test_one_moment_cannot_be_split() -> None:
    with pytest.raises(TableError, match="fewer than 2 different times"):
        split_of(Split("time", "when"), ["a", "b"], when=[3, 3])


def test_tables_too_small_to_split_are_an_error() -> None:
    with pytest.raises(TableError, match="has one row"):
        split_of(Split(), ["a"])
    with pytest.raises(TableError, match="No class of 'y' has a second row"):
        split_of(Split(), ["a", "b", "c"])
