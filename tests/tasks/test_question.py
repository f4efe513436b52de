import datetime

import numpy as np
import pandas as pd
import pytest

from bakeoff.errors import Refused, TableError, TaskError
from bakeoff.nouns import Column, ColumnType, Role, Split, Table, Task, Visibility
from bakeoff.tasks import infer_kind, kind, kinds, make_task

CLASSES, NUMBERS = kind("classification"), kind("regression")
KINDS = sorted(["classification", "generation", "joint", "language_model", "matching", "regression", "span", "tagging"])


def table(target=ColumnType.NUMERIC, *others):
    columns = (Column("x", ColumnType.NUMERIC), Column("y", target, Role.TARGET), *others)
    return Table("tea", columns, 100, "d1")


def test_kinds_are_found_by_entry_point():
    assert (kinds()["classification"], kinds()["regression"]) == (CLASSES, NUMBERS)
    assert list(kinds()) == KINDS
    known = ", ".join(KINDS)
    with pytest.raises(TaskError, match=f"no kind of task called 'guess'; choose one of: {known}"):
        kind("guess")


def test_a_stranger_adds_a_kind_by_installing_it(tmp_path, monkeypatch):
    (tmp_path / "stranger.py").write_text("class Ranking:\n    name = 'ranking'\n    metrics = {}\n")
    about = tmp_path / "stranger-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[bakeoff.kinds]\nranking = stranger:Ranking\n")
    monkeypatch.syspath_prepend(tmp_path)
    kinds.cache_clear()
    try:
        assert kind("ranking").name == "ranking"
        assert list(kinds()) == sorted([*KINDS, "ranking"])
    finally:
        kinds.cache_clear()


@pytest.mark.parametrize(
    ("type_", "labels", "expected", "why"),
    [
        (ColumnType.CATEGORICAL, ["a", "b"] * 5, "classification", "its values are names"),
        (ColumnType.CATEGORICAL, [1, 2] * 5, "classification", "its values are names"),
        (ColumnType.NUMERIC, ["a", "b"] * 5, "classification", "its values are names"),
        (ColumnType.NUMERIC, [0, 1, 2] * 20, "classification", "it has only 3 distinct whole numbers"),
        (ColumnType.NUMERIC, [0.0, 1.0, np.nan], "classification", "it has only 2 distinct whole numbers"),
        (ColumnType.NUMERIC, [0.5, 1.0] * 20, "regression", "its values are numbers with decimals"),
        (ColumnType.NUMERIC, list(range(31)) * 100, "regression", "it has 31 distinct whole numbers in 3,100 rows"),
        (ColumnType.NUMERIC, list(range(10)) * 4, "regression", "it has 10 distinct whole numbers in 40 rows"),
    ],
)
def test_the_kind_is_worked_out_with_a_reason(type_, labels, expected, why):
    assert infer_kind(table(type_), np.array(labels, dtype=object)) == (expected, why)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('{"label": "a", "tags": ["O"]}', ("joint", "its values are a label with tags")),
        ('{"text": ["a"], "answer_start": [3]}', ("span", "its values are answers and where they start")),
        ('["a", "b"]', ("generation", "its values are lists of references")),
    ],
)
def test_annotations_tell_their_kind_by_their_form(cell, expected):
    assert infer_kind(table(ColumnType.ANNOTATION), np.array([None, cell, cell], dtype=object)) == expected
    for other in ("no JSON", '{"text": "a"}', "3"):
        with pytest.raises(TaskError, match="Target 'y' of table 'tea' holds annotations of no known form; write JSON"):
            infer_kind(table(ColumnType.ANNOTATION), np.array([other], dtype=object))


def test_tokens_are_tags_beside_other_tokens():
    labels = np.array(["O B-x", "O"], dtype=object)
    beside = Column("words", ColumnType.TOKENS)
    expected = ("tagging", "its values are tags beside a column of tokens")
    assert infer_kind(table(ColumnType.TOKENS, beside), labels) == expected
    with pytest.raises(TaskError, match="holds values of type tokens; choose a target of"):
        infer_kind(table(ColumnType.TOKENS), labels)


def test_a_target_of_pictures_is_refused():
    with pytest.raises(TaskError, match="Target 'y' of table 'tea' holds values of type image; choose a target of"):
        infer_kind(table(ColumnType.IMAGE), np.array([b"", b""]))


def test_a_table_needs_one_target():
    bare = Table("tea", (Column("x", ColumnType.NUMERIC),), 9, "d1")
    with pytest.raises(TaskError, match="needs one target column, and table 'tea' has none; name one"):
        make_task(bare, [1], [2])
    two = table(ColumnType.NUMERIC, Column("z", ColumnType.NUMERIC, Role.TARGET))
    with pytest.raises(TaskError, match=r"has 2 \('y', 'z'\)"):
        make_task(two, [1], [2])


def test_a_task_is_made_of_what_is_said_and_what_is_worked_out():
    labels = np.array([2, 10, 1, 2] * 5)
    plain = make_task(table(), labels, labels[:4])
    assert plain == Task("tea", "tea", "d1", "classification", "y", "accuracy", (1, 2, 10), track="classification")
    assert all(type(label) is int for label in plain.classes)
    split = Split("time", "when")
    said = make_task(
        table(),
        labels,
        labels[:4],
        kind="regression",
        metric="mae",
        split=split,
        see={Role.PROTECTED: Visibility.HIDDEN},
        track="prices",
        label="made",
    )
    assert (said.kind, said.metric, said.split, said.track, said.label) == (
        "regression",
        "mae",
        split,
        "prices",
        "made",
    )
    assert said.classes == () and said.see[Role.PROTECTED] is Visibility.HIDDEN
    assert said.see[Role.FEATURE] is Visibility.BOTH
    with pytest.raises(TaskError, match="Classification has no metric called 'rmse'; choose one of: accuracy, "):
        make_task(table(), labels, labels, metric="rmse")


@pytest.mark.parametrize(("rest", "metric"), [(24, "auc"), (25, "accuracy")])
def test_a_large_class_asks_for_auc(rest, metric):
    labels = np.array(["b"] * 75 + ["a"] * rest)
    assert make_task(table(ColumnType.CATEGORICAL), labels, labels).metric == metric
    name, why = CLASSES.default_metric(labels)
    assert name == metric and why == (
        "class 'b' alone has 76% of the training rows"
        if metric == "auc"
        else "the largest class has 75% of the training rows, no more than 75%"
    )


def test_every_problem_of_the_labels_is_told_at_once():
    with pytest.raises(TableError) as caught:
        make_task(table(ColumnType.CATEGORICAL), ["a", None, "a", None], ["b", "c", "a", np.nan])
    assert caught.value.problems == (
        "Target 'y' has no value in 2 of 4 training rows (positions 1, 3); fill these values in or drop the rows.",
        "Target 'y' has no value in 1 of 4 test rows (positions 3); fill these values in or drop the rows.",
        "Target 'y' of table 'tea' has the single class 'a' in the training rows; "
        "classification needs at least two classes, so choose another target or split.",
        "Target 'y' has labels in test that are not in train: 'b', 'c'; "
        "put rows with these labels into train, or drop them from test.",
    )


@pytest.mark.parametrize(
    ("train", "test", "metric", "problem"),
    [
        ([], ["a", "b"], "accuracy", "The training part has no rows"),
        (["a", "b"], [], "accuracy", "The test part has no rows"),
        (list("abcdefghijkl"), ["a"], "accuracy", "a different value in every one of 12 training rows"),
        (["a", "b", "a"], ["a"], "auc", "the single class 'a' in the test rows, where AUC is undefined"),
    ],
)
def test_labels_that_cannot_be_classified(train, test, metric, problem):
    with pytest.raises(TableError, match=problem):
        make_task(table(ColumnType.CATEGORICAL), train, test, metric=metric)


@pytest.mark.parametrize("metric", [None, "accuracy", "auc"])
def test_one_class_alone_is_one_problem_whatever_the_metric(metric):
    with pytest.raises(TableError) as raised:
        make_task(table(ColumnType.CATEGORICAL), ["a", "a"], ["a"], metric=metric)
    assert raised.value.problems == (
        "Target 'y' of table 'tea' has the single class 'a' in all rows; "
        "classification needs at least two classes, so choose another target.",
    )


def test_a_task_is_real_or_made_only_when_somebody_said_so():
    labels = ["a", "b"] * 4
    assert make_task(table(ColumnType.CATEGORICAL), labels, labels).label == ""
    assert make_task(table(ColumnType.CATEGORICAL), labels, labels, label="real").label == "real"


@pytest.mark.parametrize(
    ("train", "test", "metric", "problem"),
    [
        (
            [1.5, "much", "little", 2],
            [1, 2],
            "rmse",
            "not a number in 2 training rows: 'much', 'little'; regression needs",
        ),
        ([1.5, 2.5], [np.inf, 2], "rmse", r"infinite in 1 test rows \(positions 0\)"),
        ([1.5, None], [1, 2], "rmse", r"no value in 1 of 2 training rows \(positions 1\)"),
        ([2.5, 2.5], [1, 2], "rmse", "is 2.5 in every training row"),
        ([2.5, 3.5], [2, 2], "r2", "is 2 in every test row, where R² is undefined"),
    ],
)
def test_labels_that_cannot_be_regressed(train, test, metric, problem):
    with pytest.raises(TableError, match=problem):
        make_task(table(), np.array(train, dtype=object), test, kind="regression", metric=metric)


TASK = Task("tea", "tea", "d", "classification", "y", "accuracy", classes=("a", "b"))
PRICE = Task("price", "tea", "d", "regression", "y", "rmse")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", "b"], ("a", "b")),
        (pd.Series(["b", "a", "b"]), ("a", "b")),
        (pd.Categorical(["b", "a", "b"]), ("a", "b")),
        (np.array([3, 2, 3]), (2, 3)),
        (np.array([3.0, 2.0, 3.0]), (2, 3)),
        (np.array([True, False, True]), (0, 1)),
        (np.array([3, "2", 3], dtype=object), (3, "2")),
    ],
)
def test_labels_become_positions_among_the_classes(labels, classes):
    task = Task("t", "t", "d", "classification", "y", "accuracy", classes=classes)
    assert CLASSES.classes(labels) == classes
    codes = CLASSES.encode(labels, task)
    assert [classes[code] for code in codes] == [classes[codes[0]], classes[codes[1]], classes[codes[0]]]
    assert codes.dtype == np.int64 and codes[0] != codes[1]


def test_labels_of_no_class_are_refused():
    with pytest.raises(TaskError, match="Target 'y' of 'tea' holds labels that are not classes of the task: 'c'"):
        CLASSES.encode(["a", "c"], TASK)
    with pytest.raises(TaskError, match="holds missing labels"):
        CLASSES.encode(["a", None], TASK)
    with pytest.raises(TaskError, match="'price' is not a finite number in every row"):
        NUMBERS.encode([1.0, None], PRICE)
    with pytest.raises(TaskError, match="not a finite number"):
        NUMBERS.encode([1.0, datetime.date(2020, 1, 1)], PRICE)
    assert NUMBERS.encode(pd.Series([1, 2]), PRICE).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([[0.5, np.nan], [1, 0]], r"not all finite numbers: row 0 \(and 0 more\) holds nan or infinity"),
        ([[1, 0], [np.inf, 0], [np.nan, 0]], r"row 1 \(and 1 more\)"),
        ([[1, 0], [1.5, -0.5]], "hold the negative number -0.5 in row 1; give probabilities from 0 to 1"),
        ([[0.5, 0.502], [1, 0]], r"sum to 1.002 in row 0 \(and 0 more rows are further than 0.001 from 1\)"),
        ([[0, 0], [1, 0]], "sum to 0 in row 0"),
        (
            [[1, 0, 0]],
            r"have the shape \(1, 3\); give one row for each asked row and one probability for each of the 2",
        ),
        ([1, 0], r"have the shape \(2,\)"),
    ],
)
def test_answers_that_cannot_be_scored_are_refused(answers, sentence):
    with pytest.raises(Refused, match="Answers to 'tea' .*" + sentence):
        CLASSES.accept(np.array(answers, dtype=float), TASK)


def test_answers_that_can_be_scored_are_taken():
    one_hot = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert (CLASSES.accept(one_hot, TASK) == one_hot).all()
    assert CLASSES.accept(np.empty((0, 2)), TASK).shape == (0, 2)
    rounded = CLASSES.accept(np.array([[0.3334, 0.6671], [0.25, 0.75]]), TASK)
    np.testing.assert_allclose(rounded.sum(axis=1), 1.0, atol=1e-15)
    assert rounded[1].tolist() == [0.25, 0.75]
    assert NUMBERS.accept(np.array([[1], [2]]), PRICE).dtype == np.float64


@pytest.mark.parametrize("answers", [[[np.nan], [1.0]], [[1.0], [-np.inf]]])
def test_numbers_that_cannot_be_scored_are_refused(answers):
    with pytest.raises(Refused, match="Answers to 'price' are not all finite numbers: row "):
        NUMBERS.accept(np.array(answers), PRICE)
    with pytest.raises(Refused, match=r"have the shape \(2, 2\); give one number"):
        NUMBERS.accept(np.ones((2, 2)), PRICE)


def test_no_other_constant_scores_better_on_the_training_rows():
    rng = np.random.default_rng(0)
    truth = rng.choice(3, 200, p=[0.2, 0.5, 0.3])
    task = Task("t", "t", "d", "classification", "y", "accuracy", classes=(0, 1, 2))
    best = CLASSES.constants(truth, task)
    others = [*np.eye(3), *rng.dirichlet(np.ones(3), 50)]
    for name, metric in CLASSES.metrics.items():
        sign = 1 if metric.greater_is_better else -1
        own = CLASSES.score(truth, np.tile(best[name], (200, 1)), task)[name].value
        for other in others:
            assert sign * own >= sign * CLASSES.score(truth, np.tile(other, (200, 1)), task)[name].value - 1e-12
    prices = rng.gamma(1.0, size=200)
    for name, constant in NUMBERS.constants(prices, PRICE).items():
        sign = 1 if NUMBERS.metrics[name].greater_is_better else -1
        own = NUMBERS.score(prices, np.tile(constant, (200, 1)), PRICE)[name].value
        for other in [*rng.choice(prices, 30), prices.mean(), np.median(prices)]:
            assert sign * own >= sign * NUMBERS.score(prices, np.full((200, 1), other), PRICE)[name].value - 1e-12
    assert CLASSES.width(task) == 3 and NUMBERS.width(PRICE) == 1
