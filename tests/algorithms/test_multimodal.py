"""The multimodal baseline: any table, within its budget, and what it tells of itself."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from tables_of_every_shape import SHAPES, made

from bakeoff.algorithms.multimodal import Multimodal
from bakeoff.errors import UsageError
from bakeoff.nouns import ColumnType

LIGHT = ("linear", "boosting", "boosting on linear", "extra trees")


def rows(count: int = 240, seed: int = 0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(size=count), "noise": rng.normal(size=count)})
    frame["colour"] = rng.choice(["red", "green", "blue"], count)
    frame["remark"] = [f"came {word} in box {rng.integers(9)}" for word in rng.choice(["late", "early", "torn"], count)]
    label = np.where((frame["size"] > 0) ^ (frame["colour"] == "red"), "keep", "return")
    return frame, label.astype(object)


def test_types_are_told_from_the_frame_where_there_is_no_schema():
    frame, label = rows()
    model = Multimodal(members=LIGHT, clock="cpu").fit(frame, label)
    kinds = {column.name: column.type for column in model.columns_}
    assert kinds["size"] is ColumnType.NUMERIC
    assert kinds["colour"] is ColumnType.CATEGORICAL
    asked, truth = rows(seed=1)
    assert np.mean(model.predict(asked) == truth) > 0.85
    assert np.allclose(model.predict_proba(asked).sum(axis=1), 1)
    assert model.repeatable_, model.why_not_repeatable_
    assert not model.what_more_time_would_bring_.members


def test_it_explains_which_members_and_which_columns_mattered():
    frame, label = rows()
    model = Multimodal(members=LIGHT, clock="cpu").fit(frame, label)
    weights = {one.name: one.weight for one in model.members_}
    assert sum(weights.values()) == pytest.approx(1)
    assert set(weights) == {"constant", *LIGHT}
    assert all(one.seconds >= 0 and one.score is not None for one in model.members_)
    found = model.importance()
    assert set(list(found)[:2]) == {"size", "colour"}
    assert found["size"] > 10 * abs(found["noise"])
    asked, truth = rows(100, seed=1)
    assert set(list(model.importance(asked, truth))[:2]) == {"size", "colour"}
    said = model.report()
    assert "boosting on linear" in said
    assert "More time would bring nothing" in said


def test_the_plot_is_written(tmp_path):
    frame, label = rows(60)
    Multimodal(members=("linear",), clock="cpu").fit(frame, label).plot(str(tmp_path / "fit.png"))
    assert (tmp_path / "fit.png").stat().st_size > 5_000


def test_hardly_any_time_still_gives_an_answer_and_says_what_is_missing():
    frame, label = rows()
    model = Multimodal(time_limit=1e-6, clock="cpu").fit(frame, label)
    assert np.allclose(model.predict_proba(frame), [np.mean(label == "keep"), np.mean(label == "return")], atol=0.01)
    assert "linear" in model.what_more_time_would_bring_.members
    assert not model.repeatable_
    assert "linear" in model.why_not_repeatable_
    assert "Not repeatable" in model.report()


def test_the_budget_is_kept_by_its_own_clock(monkeypatch):
    import time

    ticks = iter(np.arange(0, 1e6, 0.01))  # each look at the clock takes a hundredth of a second
    monkeypatch.setattr(time, "process_time", lambda: float(next(ticks)))
    frame, label = rows(400)
    model = Multimodal(time_limit=5.0, clock="cpu").fit(frame, label)
    assert model.seconds_ <= 5.5
    assert model.what_more_time_would_bring_.members
    assert model.score_ < 0.69


def test_numbers_are_estimated_in_their_own_unit():
    frame, _ = rows(300)
    y = 1000 + 50 * frame["size"].to_numpy() + 20 * (frame["colour"] == "red").to_numpy()
    model = Multimodal(members=LIGHT, clock="cpu").fit(frame, y)
    assert not hasattr(model, "classes_")
    assert np.sqrt(np.mean((model.predict(frame) - y) ** 2)) < 12
    assert 0 < model.score_ < 25


def test_it_is_cloned_pickled_and_set_like_any_estimator():
    model = Multimodal(time_limit=9, members=("linear",), metric="accuracy")
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(ValueError, match="no parameter 'time'"):
        model.set_params(time=3)
    frame, label = rows(80)
    fitted = model.set_params(clock="cpu").fit(frame, label)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(frame), fitted.predict_proba(frame))


def test_an_array_will_do():
    values = np.random.default_rng(0).normal(size=(120, 3))
    model = Multimodal(members=("linear", "boosting"), clock="cpu").fit(values, values[:, 0] > 0)
    assert np.mean(model.predict(values) == (values[:, 0] > 0)) > 0.9
    assert [column.name for column in model.columns_] == ["x0", "x1", "x2"]


def test_a_metric_that_counts_classes_alike_leans_towards_rare_ones():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(600, 1))
    label = (values[:, 0] + rng.normal(size=600) > 2.2).astype(int)
    plain, even = (
        Multimodal(members=("linear",), clock="cpu", metric=metric).fit(values, label).predict(values)
        for metric in ("accuracy", "balanced_accuracy")
    )
    assert even.sum() > 1.5 * plain.sum()


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_hardly_any_rows(count):
    frame, label = rows(count)
    answers = Multimodal(clock="cpu").fit(frame, label).predict_proba(frame)
    assert np.isfinite(answers).all()


def test_a_class_with_one_row_and_a_single_class():
    frame, label = rows(60)
    label[0] = "lost"
    model = Multimodal(members=LIGHT, clock="cpu").fit(frame, label)
    assert model.predict_proba(frame).shape == (60, 3)
    alone = Multimodal(clock="cpu").fit(frame, np.full(60, "keep", dtype=object))
    assert (alone.predict(frame) == "keep").all()


def test_what_cannot_be_is_said():
    frame, label = rows(20)
    with pytest.raises(UsageError, match="no clock 'sun'"):
        Multimodal(clock="sun").fit(frame, label)
    with pytest.raises(UsageError, match="time_limit is -1; give seconds"):
        Multimodal(time_limit=-1).fit(pd.DataFrame({"a": [1, 2]}), [0, 1])
    with pytest.raises(UsageError, match="no metric 'luck'; there are accuracy"):
        Multimodal(metric="luck").fit(pd.DataFrame({"a": [1, 2]}), [0, 1])
    with pytest.raises(UsageError, match=r"learnt nothing yet; call fit\(X, y\) first"):
        Multimodal().predict(pd.DataFrame({"a": [1, 2]}))
    with pytest.raises(UsageError, match="no member 'magic'"):
        Multimodal(members=("magic",)).fit(frame, label)
    with pytest.raises(UsageError, match="not 19 for 20 rows"):
        Multimodal().fit(frame, label[:-1])


@pytest.mark.parametrize("shape_name", ["every type", "text only, regression", "images only", "integer labels"])
def test_no_member_that_a_table_calls_for_is_left_out(shape_name):
    shape = SHAPES[shape_name]()
    model = Multimodal(clock="cpu").fit(shape.train, shape.labels, schema=shape.schema)
    assert all(one.score is not None for one in model.members_ if "not installed" not in one.remark)
    assert len(model.members_) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [30, 12])
def test_a_thousand_classes(seconds):
    shape = made((ColumnType.NUMERIC, ColumnType.CATEGORICAL), classes=1000, rows=4000)
    model = Multimodal(clock="cpu", members=("linear",), time_limit=seconds).fit(
        shape.train, shape.labels, schema=shape.schema
    )
    asked = shape.test[:200]
    found = model.classes_[model.predict_proba(asked).argmax(axis=1)]
    assert np.mean(found == shape.truth[:200]) > 0.5
