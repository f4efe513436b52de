"""Whatever a contestant hands in is fitted as it is, wrapped, declined or refused, and says so."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from tables_of_every_shape import SHAPES, made

from bakeoff.algorithms import adapt
from bakeoff.algorithms.adapters import NOTES
from bakeoff.errors import Declined, EntryError, Refused
from bakeoff.nouns import ColumnType, Schema

NUMBERS = (ColumnType.NUMERIC, ColumnType.NUMERIC)
MIXED = (ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.TEXT)


def fitted(algorithm, shape, **parameters):
    return adapt(algorithm, shape.schema, parameters).fit(shape.train, shape.labels)


def accuracy(answers, shape):
    return np.mean(np.array(shape.schema.classes)[answers.argmax(axis=1)] == shape.truth)


def test_an_estimator_that_takes_the_frame_is_left_unchanged():
    shape = made(NUMBERS)
    mine = LogisticRegression()
    adapted = fitted(mine, shape)
    own = LogisticRegression().fit(shape.train, shape.labels)
    assert np.array_equal(adapted.answers(shape.test), own.predict_proba(shape.test))
    assert adapted.notes == []
    assert not hasattr(mine, "classes_"), "the caller's own object was fitted"


def test_an_estimator_for_numbers_alone_is_wrapped_and_says_so():
    shape = made(MIXED)
    adapted = fitted(LogisticRegression(), shape)
    assert adapted.notes == ["wrapped by skrub's tabular_pipeline"]
    assert accuracy(adapted.answers(shape.test), shape) > 0.9


def test_wrapping_leaves_images_out_and_says_so():
    shape = SHAPES["every type"]()
    adapted = fitted(RandomForestClassifier(n_estimators=10), shape)
    assert adapted.notes == ["wrapped by skrub's tabular_pipeline", "image columns left out"]
    assert accuracy(adapted.answers(shape.test), shape) > 0.8


def test_numbers_with_gaps_are_wrapped_when_the_estimator_takes_none():
    shape = SHAPES["gaps"]()
    numbers = shape.train[["numeric 0"]]
    schema = Schema(shape.schema.columns[:1], "classification", "target", "accuracy", shape.schema.classes, 1, 9.0)
    plain = adapt(LogisticRegression(), schema).fit(numbers, shape.labels)
    tree = adapt(DecisionTreeClassifier(), schema).fit(numbers, shape.labels)
    assert "wrapped by skrub's tabular_pipeline" in plain.notes
    assert tree.notes == []
    assert np.isfinite(plain.answers(shape.test[["numeric 0"]])).all()


def test_images_alone_are_declined_by_an_estimator_for_numbers():
    shape = SHAPES["images only"]()
    with pytest.raises(Declined, match="LogisticRegression takes numbers, and this table holds images alone"):
        fitted(LogisticRegression(), shape)


def test_wrapped_estimators_are_repeatable_though_skrub_draws_at_random():
    shape = made((ColumnType.TEXT,), classes=8, rows=300)
    first, second = (fitted(RandomForestClassifier(n_estimators=5), shape).answers(shape.test) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_pipeline_of_the_contestant_works_unchanged():
    shape = made(MIXED[:2])
    mine = make_pipeline(
        ColumnTransformer([("n", StandardScaler(), ["numeric 0"]), ("c", OneHotEncoder(), ["categorical 1"])]),
        LogisticRegression(),
    )
    adapted = fitted(mine, shape)
    assert adapted.notes == []
    assert np.array_equal(adapted.answers(shape.test), mine.fit(shape.train, shape.labels).predict_proba(shape.test))


def test_when_wrapping_does_not_help_the_first_problem_stands():
    shape = made(MIXED)
    broken = make_pipeline(ColumnTransformer([("n", StandardScaler(), ["no such"])]), LogisticRegression())
    with pytest.raises(ValueError, match="no such"):
        fitted(broken, shape)


def test_a_gap_that_only_the_asked_rows_have_is_filled_and_full_rows_are_answered_as_before():
    shape = made(NUMBERS)
    gappy = shape.test.copy()
    gappy.loc[0, "numeric 0"] = np.nan
    adapted = fitted(LogisticRegression(), shape)
    full, filled = adapted.answers(shape.test), adapted.answers(gappy)
    assert adapted.notes == ["gaps in asked rows filled with training medians"]
    assert np.array_equal(full[1:], filled[1:])
    expected = shape.test.copy()
    expected.loc[0, "numeric 0"] = shape.train["numeric 0"].median()
    assert np.allclose(filled[0], adapted.answers(expected)[0])


def test_seed_and_threads_are_given_where_the_contestant_left_them_open():
    shape = made(NUMBERS)
    open_seed = fitted(make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=3, n_jobs=-1)), shape).model
    assert open_seed[-1].random_state == shape.schema.seed == 7
    assert open_seed[-1].n_jobs == 1
    assert fitted(RandomForestClassifier(n_estimators=3, random_state=3), shape).model.random_state == 3


class Asks:
    def fit(self, X, y, *, schema):
        self.schema = schema
        return self

    def predict(self, X):
        return [self.schema.classes[0]] * len(X)


class AsksNot:
    def fit(self, X, y, **rest):
        assert not rest
        self.first = y[0]

    def predict(self, X):
        return [self.first] * len(X)


def test_the_schema_is_given_to_those_who_ask_for_it():
    shape = made(NUMBERS)
    assert fitted(Asks, shape).model.schema is shape.schema
    assert fitted(AsksNot, shape).answers(shape.test)[:, 0].all()


class Drawn(Asks):
    """Says whether it can be repeated."""

    def __init__(self, repeatable):
        self.repeatable_ = repeatable


def test_who_says_that_it_cannot_be_repeated_is_marked():
    shape = made(NUMBERS)
    assert fitted(Drawn(False), shape).notes[-1:] == ["not repeatable"]
    assert fitted(Drawn(True), shape).notes == fitted(Asks, shape).notes


def test_labels_become_certain_answers_and_the_note_says_so():
    shape = made(NUMBERS)
    adapted = fitted(Perceptron(), shape)
    answers = adapted.answers(shape.test)
    assert set(np.unique(answers)) == {0.0, 1.0}
    assert (answers.sum(axis=1) == 1).all()
    own = Perceptron().fit(shape.train, shape.labels).predict(shape.test)
    assert (np.array(shape.schema.classes)[answers.argmax(axis=1)] == own).all()
    assert adapted.notes == ["gives labels, no probabilities"]


def test_a_class_is_made_with_its_parameters_and_a_function_is_called():
    shape = made(NUMBERS)
    assert fitted(DecisionTreeClassifier, shape, max_depth=2).model.get_depth() <= 2
    assert fitted(lambda: DecisionTreeClassifier(max_depth=1), shape).model.get_depth() == 1
    ready = DecisionTreeClassifier()
    assert fitted(ready, shape, max_depth=1).model.get_depth() == 1
    assert ready.max_depth is None


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (42, "int is not an algorithm: it lacks fit(X, y) and predict(X) or predict_proba(X);"),
        (StandardScaler(), "StandardScaler is not an algorithm: it lacks predict(X) or predict_proba(X);"),
        (lambda: None, "is not an algorithm: it lacks fit(X, y) and predict(X)"),
        (lambda depth: None, "cannot be made without arguments"),
    ],
)
def test_what_is_no_algorithm_is_told_what_it_lacks(thing, message):
    with pytest.raises(EntryError, match=re.escape(message)):
        adapt(thing, made(NUMBERS).schema)


def test_a_parameter_that_does_not_exist_is_named():
    with pytest.raises(EntryError, match=r"DecisionTreeClassifier cannot be made with depht: .*depht"):
        adapt(DecisionTreeClassifier, made(NUMBERS).schema, {"depht": 3})
    with pytest.raises(EntryError, match=r"DecisionTreeClassifier cannot be given its parameters: .*depht"):
        adapt(DecisionTreeClassifier(), made(NUMBERS).schema, {"depht": 3})


def test_estimators_decline_the_other_kind_of_question():
    with pytest.raises(Declined, match="LinearRegression is a regressor, and the task asks for one of 3 classes"):
        adapt(LinearRegression(), made(NUMBERS).schema)
    with pytest.raises(Declined, match="LogisticRegression is a classifier, and the task asks for a number"):
        adapt(make_pipeline(StandardScaler(), LogisticRegression())[-1], made(NUMBERS, regression=True).schema)


def test_probabilities_are_put_in_the_schemas_order_and_absent_classes_get_none():
    shape = made(NUMBERS)
    known = shape.labels != "class 01"
    adapted = adapt(LogisticRegression(), shape.schema).fit(shape.train[known], shape.labels[known])
    answers = adapted.answers(shape.test)
    assert answers.shape[1] == 3
    assert (answers[:, 1] == 0).all()
    assert (answers[:, [0, 2]] > 0).all()


class Saying:
    """Answers what it was made to answer."""

    def __init__(self, predict=None, predict_proba=None, classes=None):
        self.says = predict
        if predict_proba is not None:
            self.predict_proba = lambda X: predict_proba
        if classes is not None:
            self.classes_ = classes

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.says


@pytest.mark.parametrize(
    ("saying", "message"),
    [
        (Saying(["class 00", "class 9"]), "The answer 'class 9' is not one of the task's classes ('class 00', "),
        (Saying([0, 1]), "The answer 0 is not one of the task's classes"),
        (Saying([None, "class 00"]), "The answer None is not"),
        (Saying([float("nan"), "class 00"]), "The answer 'nan' is not"),
        (Saying([["class 00", "class 01"]]), "predict gave an array of shape (1, 2)"),
        (Saying(predict_proba=np.ones((2, 5))), "predict_proba gave 5 columns for 3 classes"),
        (Saying(predict_proba=np.ones(2)), "predict_proba gave an array of shape (2,)"),
        (Saying(predict_proba=[["a", "b", "c"]]), "predict_proba gave 'a' where a number belongs"),
        (Saying(predict_proba=np.ones((2, 3)), classes=["x", "y", "z"]), "The answer 'x' is not one of"),
    ],
)
def test_answers_that_make_no_sense_are_refused(saying, message):
    shape = made(NUMBERS)
    with pytest.raises(Refused, match=re.escape(message)):
        fitted(saying, shape).answers(shape.test[:2])


def test_a_stranger_without_classes_answers_in_the_tasks_order():
    shape = made(NUMBERS)
    given = np.array([[0.2, 0.3, 0.5]])
    assert np.array_equal(fitted(Saying(predict_proba=given), shape).answers(shape.test[:1]), given)


def test_numbers_are_a_column_and_strings_are_refused():
    shape = made(NUMBERS, regression=True)
    assert fitted(LinearRegression(), shape).answers(shape.test).shape == (len(shape.test), 1)
    assert fitted(Saying(pd.Series([1, 2])), shape).answers(shape.test[:2]).tolist() == [[1.0], [2.0]]
    with pytest.raises(Refused, match=r"predict gave '1\.5' where a number belongs"):
        fitted(Saying(["1.5", "2"]), shape).answers(shape.test[:2])
    with pytest.raises(Refused, match="predict gave None where"):
        fitted(Saying([None, 2.0]), shape).answers(shape.test[:2])


class WantsCodes(LogisticRegression):
    """Stands for estimators that take class numbers only."""

    def fit(self, X, y):
        if np.asarray(y).dtype.kind not in "iu":
            raise ValueError("labels must be 0, 1, ...")
        return super().fit(X, y)


@pytest.mark.parametrize("kinds", [NUMBERS, MIXED])
def test_an_estimator_for_class_numbers_gets_them(kinds):
    shape = made(kinds)
    adapted = fitted(WantsCodes(), shape)
    assert "given class numbers for labels" in adapted.notes
    assert (kinds is MIXED) == ("wrapped by skrub's tabular_pipeline" in adapted.notes)
    assert accuracy(adapted.answers(shape.test), shape) > 0.9


def test_what_was_fitted_can_be_saved_and_read_back():
    shape = made(MIXED)
    adapted = fitted(LogisticRegression(), shape)
    again = pickle.loads(pickle.dumps(adapted))
    assert np.array_equal(again.answers(shape.test), adapted.answers(shape.test))


class Told(LogisticRegression):
    """Asks for the schema, and so knows which columns it will miss."""

    def fit(self, X, y, schema):
        self.seen, self.schema = list(X.columns), schema
        return super().fit(X.drop(columns=list(schema.fit_only)), y)


@pytest.mark.parametrize("algorithm", [LogisticRegression(), DecisionTreeClassifier()])
@pytest.mark.parametrize("kinds", [NUMBERS, MIXED])
def test_columns_shown_in_fit_alone_are_left_out_for_who_does_not_ask_for_the_schema(algorithm, kinds):
    shape = made(kinds)
    gone = shape.train.columns[0]
    asked = shape.test.drop(columns=gone)
    schema = replace(shape.schema, fit_only=(gone,))
    adapted = adapt(algorithm, schema).fit(shape.train, shape.labels)
    assert adapted.answers(asked).shape == (len(asked), 3)
    assert "columns shown in fit alone left out" in adapted.notes
    assert gone in shape.train.columns, "the frame that was given is changed"
    if kinds is NUMBERS:
        with pytest.raises(ValueError, match="seen at fit time, yet now missing"):
            adapt(algorithm, shape.schema).fit(shape.train, shape.labels).answers(asked)


def test_who_asks_for_the_schema_gets_the_columns_shown_in_fit_alone():
    shape = made(NUMBERS)
    gone = shape.train.columns[0]
    adapted = adapt(Told(), replace(shape.schema, fit_only=(gone,))).fit(shape.train, shape.labels)
    assert adapted.model.seen == list(shape.train.columns) and adapted.notes == []
    assert adapted.answers(shape.test.drop(columns=gone)).shape == (len(shape.test), 3)


def test_every_note_is_one_of_the_known_ones():
    shape = SHAPES["every type"]()
    schema = replace(shape.schema, fit_only=(shape.train.columns[0],))
    for algorithm in (WantsCodes(), Perceptron(), RandomForestClassifier(n_estimators=3)):
        adapted = adapt(algorithm, schema).fit(shape.train, shape.labels)
        adapted.answers(shape.test)
        assert adapted.notes and set(adapted.notes) <= set(NOTES)
