"""Which test rows are public: shares, classes, owners and times kept as promised, and whether they are enough."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bakeoff.errors import TableError
from bakeoff.nouns import Split, Task
from bakeoff.tables import Settings, load, read, standardise, write
from bakeoff.tables.splits import given_parts, precision, precision_remarks, public_rows

CLASSES = some.lists(some.sampled_from("abcd"), min_size=2, max_size=120)
SHARES = some.floats(0.05, 0.95)


def rows(labels: Any, share: float = 0.3, seed: int = 0, **by: Any) -> np.ndarray:
    labels = np.array(labels, dtype=float if isinstance(labels[0], float) else object)
    owners, times = by.get("owners"), by.get("times")
    split = Split("owner" if owners is not None else "time", "who", seed=seed, public_share=share)
    return public_rows(labels, owners, times, split)


def made(frame: pd.DataFrame, split: Split, **said: Any) -> Any:
    return standardise(read(frame, Settings(name="t", **said)), target="y", split=split)


# Which rows


@settings(max_examples=200, deadline=None)
@given(labels=CLASSES, share=SHARES, seed=some.integers(0, 3))
def test_every_class_gives_its_share_and_none_is_private_alone(labels: list[str], share: float, seed: int) -> None:
    public, held = rows(labels, share, seed), np.array(labels)
    assert (public == rows(labels, share, seed)).all()
    wanted = min(max(round(share * len(labels)), 1), len(labels) - 1)
    names, counts = np.unique(held, return_counts=True)
    assert 0 < public.sum() <= wanted
    if wanted >= len(names):
        assert set(held[~public]) <= set(held[public])
    if (ideal := counts * wanted / len(held)).min() >= 1 and (counts - ideal).min() >= 1:
        assert public.sum() == wanted
        taken = np.array([public[held == name].sum() for name in names])
        assert (np.abs(taken - ideal) < 1 + 1e-9).all()
    for name, count in zip(names, counts, strict=True):
        assert count == 1 or not public[held == name].all(), "a class of several rows keeps one back"


def test_rare_classes_are_public_where_they_fit() -> None:
    labels = ["a"] * 91 + list("bcdefghij")
    public = rows(labels)
    assert public.sum() == 30
    assert public[91:].all()
    # The partner: five rows cannot hold ten classes.
    assert rows(labels, 0.05).sum() == 5


def test_the_seed_and_the_labels_decide() -> None:
    labels = ["a", "b"] * 60
    assert (rows(labels) != rows(labels, seed=1)).any()
    assert (rows(labels) != rows(["a"] * 3 + labels[3:])).any(), "who lacks the truth cannot tell the public rows"


def test_a_quantity_is_divided_at_random_with_the_exact_share() -> None:
    values = np.linspace(0.0, 1.0, 101).tolist()
    public = rows(values, 0.2)
    assert public.sum() == 20
    assert 0.3 < np.mean(np.array(values)[public]) < 0.7


@settings(max_examples=150, deadline=None)
@given(
    owners=some.lists(some.sampled_from([None, *"pqrstuvw"]), min_size=1, max_size=100),
    share=SHARES,
    seed=some.integers(0, 3),
)
def test_no_owner_is_divided(owners: list[str | None], share: float, seed: int) -> None:
    owners = ["p", "q", *owners]
    labels = ["a", "a", *("ab"[i % 2] for i in range(len(owners) - 2))]
    public = rows(labels, share, seed, owners=pd.Series(owners))
    known = np.array([owner or f"nobody {place}" for place, owner in enumerate(owners)])
    assert public.any()
    assert not public.all()
    assert not set(known[public]) & set(known[~public])


def test_small_owners_meet_the_share_and_keep_every_class_public() -> None:
    owners = pd.Series([f"o{i // 3}" for i in range(300)])
    labels = ["rare" if i < 6 else "ab"[i % 2] for i in range(300)]
    public = rows(labels, 0.4, owners=owners)
    assert abs(public.mean() - 0.4) < 0.02
    assert set(np.array(labels)[~public]) <= set(np.array(labels)[public])


@settings(max_examples=100, deadline=None)
@given(times=some.lists(some.integers(0, 9), min_size=1, max_size=60), share=SHARES)
def test_the_private_rows_are_later_than_the_public_ones(times: list[int], share: float) -> None:
    moments = pd.Series([0, 9, *times], dtype="float64")
    public = rows(["a"] * len(moments), share, times=moments)
    assert public.any()
    assert moments[~public].min() > moments[public].max()


def test_test_rows_that_cannot_be_divided_are_an_error() -> None:
    with pytest.raises(TableError, match=r"one row, which cannot be divided.* leave the public share out"):
        rows(["a"])
    with pytest.raises(TableError, match="one owner in 'who', who cannot be divided"):
        rows(["a", "b"], owners=pd.Series(["x", "x"]))
    with pytest.raises(TableError, match="of one time in 'who', so none are the later ones"):
        rows(["a", "b"], times=pd.Series([1.0, 1.0]))


@pytest.mark.parametrize(
    ("named", "test", "public"),
    [
        (["train", "public", "private"], [0, 1, 1], [0, 1, 0]),
        (["train", "public", "test"], [0, 1, 1], [0, 1, 0]),
        (["train", "test", "private"], [0, 1, 1], [0, 1, 0]),
        (["valid", "test", "test"], [0, 1, 1], None),
        (["train", "public", "public"], [0, 1, 1], None),
        (["train", "valid", "private"], [0, 0, 1], None),
    ],
)
def test_parts_that_are_given(named: list[str], test: list[int], public: list[int] | None) -> None:
    parts, found = given_parts(np.array(named, dtype=object))
    assert (parts == "test").tolist() == list(map(bool, test))
    assert found is None if public is None else found.tolist() == list(map(bool, public))


# In a table


def frame(n: int = 400) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": generator.normal(size=n),
            "who": generator.choice([f"w{i}" for i in range(40)], n),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.permutation(n), "h"),
            "y": generator.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
        }
    )


@pytest.mark.parametrize(
    "split",
    [
        Split("stratified", test_share=0.5, public_share=0.4),
        Split("owner", "who", 0.5, public_share=0.4),
        Split("time", "when", 0.5, public_share=0.4),
    ],
    ids=lambda split: split.method,
)
def test_a_table_keeps_its_public_rows_with_the_truth_and_nowhere_else(split: Split, tmp_path) -> None:
    data = made(frame(), split)
    assert "precision" in data.checked
    assert abs(data.public.mean() - 0.4) < 0.05
    asked = data.rows("test")
    if split.method == "owner":
        assert not set(asked["who"][data.public]) & set(asked["who"][~data.public])
    if split.method == "time":
        assert asked["when"][~data.public].min() > asked["when"][data.public].max()
    write(data, tmp_path / "t", tmp_path / "truth")
    again = load(tmp_path / "t", tmp_path / "truth")
    assert (again.public == data.public).all()
    assert again.table.digest == data.table.digest
    assert again.split == data.split
    assert "public" not in pq.read_schema(tmp_path / "t" / "test.parquet").names


def test_parts_that_a_column_or_files_name_are_taken_as_they_are(tmp_path) -> None:
    named = frame().assign(part=np.resize(["train", "train", "public", "private", "private"], 400))
    column = made(named, Split("given", "part"))
    assert (column.split.method, round(column.split.public_share, 3)) == ("given", 0.333)
    assert column.public.sum() == 80
    kept = set(named.loc[named["part"] == "public", "x"])
    assert set(column.rows("test")["x"][column.public]) == kept
    for part in ("train", "public", "private"):
        named[named["part"] == part].drop(columns="part").to_csv(tmp_path / f"{part}.csv", index=False)
    files = standardise(read(tmp_path), target="y")
    assert set(files.rows("test")["x"][files.public]) == kept
    assert files.split.public_share == column.split.public_share


def test_other_public_rows_make_another_table(tmp_path) -> None:
    whole, one = made(frame(), Split()), made(frame(), Split(public_share=0.3))
    digests = {whole.table.digest, one.table.digest, made(frame(), Split(public_share=0.4)).table.digest}
    assert len(digests) == 3
    named = frame().assign(part=np.resize(["train", "train", "public", "private"], 400))
    swapped = named.assign(part=named["part"].replace({"public": "private", "private": "public"}))
    here, there = (made(each, Split("given", "part")) for each in (named, swapped))
    assert here.table.digest != there.table.digest
    write(here, tmp_path / "t", tmp_path / "truth")
    assert load(tmp_path / "t", tmp_path / "truth").table.digest == here.table.digest


def test_a_table_and_a_task_without_public_rows_keep_their_digests() -> None:
    """The digests that they had before test rows could be divided, when a split had four fields."""
    plain = pd.DataFrame({"x": [i / 4 for i in range(40)], "w": ["a b c", "d"] * 20, "y": ["no", "yes"] * 20})
    assert standardise(read(plain, Settings(name="t")), target="y").table.digest == (
        "31bbde76a8fbdfaab414b9935529d37b213a8071dae2a8847a388890f7de9af4"
    )
    task = Task("t", "t", "d" * 64, "classification", "y", "accuracy", ("a", "b"), Split("stratified", "", 0.25, 3))
    assert task.digest == "a49c3bf210daea54e18fc6f8bada532acea5d28d5858785e1e2078a9d528b2f2"
    divided = dataclasses.replace(task, split=dataclasses.replace(task.split, public_share=0.3))
    assert divided.digest != task.digest


# Whether they are enough


def test_the_half_width_of_a_share_is_the_normal_interval_at_one_half() -> None:
    assert precision(np.array(["a"] * 80, dtype=object)) == pytest.approx(1.96 * math.sqrt(0.25 / 80), rel=1e-4)
    assert precision(np.zeros(385, int)) < 0.05 < precision(np.zeros(384, int))
    assert precision(np.zeros(0, int)) == math.inf


@pytest.mark.parametrize(
    ("counts", "metric"),
    [((60, 40), "accuracy"), ((90, 10), "balanced_accuracy"), ((50, 30, 20), "balanced_accuracy")],
)
def test_the_half_width_is_that_of_answers_which_are_right_by_a_coin(counts: tuple[int, ...], metric: str) -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    right = [generator.random((20_000, n)) < 0.5 for n in counts]
    score = np.hstack(right).mean(axis=1) if metric == "accuracy" else np.mean([r.mean(axis=1) for r in right], axis=0)
    low, high = np.quantile(score, [0.025, 0.975])
    assert (high - low) / 2 == pytest.approx(precision(labels, metric), abs=0.012)


def test_metrics_of_one_class_look_at_the_rarer_side() -> None:
    labels = np.array(["no"] * 72 + ["yes"] * 8, dtype=object)
    assert precision(labels, "auc") == precision(labels, "f1") == pytest.approx(1.959964 * math.sqrt(0.25 / 8))
    assert precision(labels[:70], "auc") == math.inf


def test_rows_of_one_owner_count_as_one() -> None:
    labels = np.zeros(60, int)
    alone = pd.Series([f"w{i}" for i in range(60)])
    assert precision(labels, owners=alone) == precision(labels)
    assert precision(labels, owners=pd.Series(np.repeat(["a", "b", "c"], 20))) == pytest.approx(precision(labels[:3]))
    uneven = pd.Series(["a"] * 50 + ["b"] * 10)
    assert precision(labels, owners=uneven) == pytest.approx(1.959964 * math.sqrt(0.25 * (50**2 + 10**2)) / 60)


def test_a_quantitys_error_is_told_in_per_cent_of_itself() -> None:
    errors = np.random.default_rng(0).normal(size=(4000, 200))
    rmse = np.sqrt((errors**2).mean(axis=1))
    low, high = np.quantile(rmse, [0.025, 0.975])
    assert (high - low) / 2 == pytest.approx(precision(np.zeros(200)), abs=0.004)


def told(split: Split, n: int = 400, **said: Any) -> list[str]:
    remarks = precision_remarks(made(frame(n), split, **said))
    assert {remark.check for remark in remarks} <= {"precision"}
    return [remark.text for remark in remarks]


def test_a_public_part_too_small_for_the_wanted_precision_is_remarked_on() -> None:
    (public, private) = told(Split(test_share=0.4, public_share=0.5), metric="accuracy")
    assert public == (
        "The public test part has 80 rows, so that accuracy can be told to within 0.11; 385 rows are needed for 0.05: "
        "ask for a larger --test-share, or bring more rows."
    )
    assert private.startswith("The private test part has 80 rows")
    # The partner: enough rows, or a humbler wish.
    assert told(Split(test_share=0.5, public_share=0.5), 2000, metric="accuracy") == []
    assert told(Split(test_share=0.4, public_share=0.5), metric="accuracy", precision=0.12) == []


@pytest.mark.parametrize(
    ("split", "n", "said", "words"),
    [
        (Split(test_share=0.5, public_share=0.2), 2000, {"metric": "accuracy"}, "ask for a larger --public-share or"),
        (Split("owner", "who", 0.5, public_share=0.5), 2000, {"metric": "accuracy"}, "rows of 10 owners, so that acc"),
        (
            Split(test_share=0.5, public_share=0.5),
            400,
            {"metric": "auc"},
            "of the rarest class, so that AUC can be told",
        ),
        (Split(test_share=0.5, public_share=0.5), 400, {"metric": "macro_f1"}, "so that macro-F1 can be told"),
    ],
)
def test_a_remark_names_what_it_looked_at(split: Split, n: int, said: dict[str, str], words: str) -> None:
    assert any(words in text for text in told(split, n, **said))


def test_a_quantitys_remark_speaks_of_its_error() -> None:
    data = made(frame().assign(y=lambda held: held["x"] * 2.5), Split("random", test_share=0.4, public_share=0.5))
    assert precision_remarks(data)[0].text.startswith(
        "The public test part has 80 rows, so that the error can be told to within 15 % of itself; 769 rows are needed "
        "for 5 %: "
    )


def test_a_whole_test_part_is_remarked_on_when_it_is_very_small_or_a_precision_was_asked_for() -> None:
    assert told(Split(), metric="accuracy") == []
    (text,) = told(Split(test_share=0.05), metric="accuracy")
    assert text.startswith("The test part has 20 rows, so that accuracy can be told to within 0.22;")
    assert told(Split(), metric="accuracy", precision=0.06)[0].startswith("The test part has 100 rows")
