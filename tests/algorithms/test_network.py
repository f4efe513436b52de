"""The network baseline beyond what every baseline must do: what it takes, what it declines, and time."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from tables_of_every_shape import CATEGORICAL, DATETIME, IMAGE, NUMERIC, TEXT, made

from bakeoff.errors import Declined

pytestmark = pytest.mark.usefixtures("with_torch")


@pytest.fixture
def with_torch(require) -> None:
    require("torch")


def fitted(shape, schema=None, **options):
    from bakeoff.algorithms import Network

    options = {"epochs": 4, "members": 1, **options}
    return Network(**options).fit(shape.train, shape.labels, schema=schema or shape.schema)


def test_it_says_what_it_took_from_training_rows():
    model = fitted(made((NUMERIC, CATEGORICAL, TEXT, DATETIME, IMAGE)))
    names = {step.name for step in model.steps_ if step.source == "training"}
    assert names >= {"scale", "bins", "categories", "vocabulary", "term weights", "early stopping", "temperature"}
    assert {step.name for step in model.steps_ if step.source == "public"} == {"calendar", "pixels"}


def test_what_is_known_is_not_taken_from_training_rows():
    from bakeoff.training import Known

    shape = made((NUMERIC, CATEGORICAL, TEXT), classes=2)
    known = Known(
        ranges={"numeric 0": (-2.0, 3.0)},
        categories={"categorical 1": ["value 0", "value 1"]},
        vocabularies={"text 2": ["amber", "birch", "number 0", "number 1"]},
    )
    model = fitted(shape, known=known)
    assert {step.name for step in model.steps_ if step.source == "training"} == {"early stopping", "temperature"}
    assert model.predict_proba(shape.test).shape == (len(shape.test), 2)


def test_members_differ_and_their_answers_are_averaged():
    shape = made((NUMERIC, TEXT), classes=4)
    model = fitted(shape, members=3)
    assert len(model.members_) == 3
    assert len({member.temperature.value for member in model.members_}) == 3
    together = model.predict_proba(shape.test)
    members, model.members_ = model.members_, model.members_[:1]
    alone = [model.predict_proba(shape.test)]
    for member in members[1:]:
        model.members_ = [member]
        alone.append(model.predict_proba(shape.test))
    assert not np.allclose(alone[0], alone[1], atol=1e-3)
    assert np.allclose(np.mean(alone, axis=0), together)


@pytest.mark.parametrize("texts", ["bag", "convolution", "recurrent", "transformer"])
def test_texts_are_read_in_every_way(texts):
    shape = made((TEXT,), classes=2, rows=160)
    model = fitted(shape, texts=texts, epochs=12)
    assert np.mean(model.predict(shape.test) == shape.truth) > 0.8


@pytest.mark.parametrize("numbers", ["piecewise", "periodic", "linear"])
def test_numbers_are_read_in_every_way(numbers):
    shape = made((NUMERIC,), classes=2, rows=160)
    model = fitted(shape, numbers=numbers, epochs=12)
    assert np.mean(model.predict(shape.test) == shape.truth) > 0.85


def test_without_any_time_there_is_an_answer_still():
    shape = made((NUMERIC, TEXT), classes=3)
    model = fitted(shape, replace(shape.schema, time_budget=1e-6), members=3)
    assert len(model.members_) == 1
    assert model.members_[0].history.stopped == "time"
    assert np.allclose(model.predict_proba(shape.test), 1 / 3)
    assert not model.repeatable_


def test_where_the_clock_had_no_hand_in_it_a_fit_can_be_repeated():
    shape = made((NUMERIC, TEXT), classes=3)
    assert fitted(shape, members=2, epochs=3).repeatable_


def test_a_saved_model_answers_the_same():
    shape = made((NUMERIC, CATEGORICAL, TEXT, DATETIME, IMAGE))
    model = fitted(shape)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(model.predict_proba(shape.test), again.predict_proba(shape.test))


def test_a_column_that_is_shown_in_fit_alone_is_not_leant_on():
    shape = made((NUMERIC, CATEGORICAL), classes=2)
    schema = replace(shape.schema, fit_only=("categorical 1",))
    model = fitted(shape, schema)
    assert [encoder.name for encoder in model.reader_.encoders] == ["numeric"]
    with pytest.raises(Declined, match="found no column to read"):
        fitted(shape, replace(schema, fit_only=("categorical 1", "numeric 0")))


def test_numbers_come_back_in_their_own_unit():
    shape = made((NUMERIC,), classes=6, regression=True)
    labels = np.asarray(shape.labels, dtype=float) * 1e6 + 5e8
    model = fitted(replace(shape, labels=labels), epochs=40)
    truth = np.asarray(shape.truth, dtype=float) * 1e6 + 5e8
    assert np.mean((model.predict(shape.test) - truth) ** 2) < 0.3 * np.var(truth)


def test_a_class_without_a_training_row_has_no_column():
    shape = made((NUMERIC,), classes=2)
    schema = replace(shape.schema, classes=(*shape.schema.classes, "class 99"))
    assert fitted(shape, schema).classes_.tolist() == list(shape.schema.classes)


def test_other_kinds_of_tasks_are_declined():
    shape = made((NUMERIC,), classes=2)
    with pytest.raises(Declined, match="classifies and estimates numbers; this task is matching"):
        fitted(shape, replace(shape.schema, kind="matching"))
