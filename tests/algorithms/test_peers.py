"""Adapters for other libraries: what they decline, what they hold out, and that they keep a time budget."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables_of_every_shape import SHAPES

from bakeoff.algorithms.adapters import adapt
from bakeoff.algorithms.columns import Columns
from bakeoff.algorithms.peers import FEWEST_HELD_OUT, HELD_OUT, Coded, Target, held_out
from bakeoff.errors import Declined

ADAPTERS = {
    "catboost": ("catboost_boosting", "CatBoost", "catboost"),
    "xgboost": ("xgboost_boosting", "XGBoost", "xgboost"),
    "tabpfn": ("tabpfn_prior", "TabPFN", "tabpfn"),
    "autogluon": ("autogluon_stack", "AutoGluon", "autogluon.tabular"),
}


def adapter(name: str):
    module, attribute, _ = ADAPTERS[name]
    return getattr(import_module(f"bakeoff.algorithms.{module}"), attribute)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_missing_library_is_declined_with_the_line_that_installs_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, ADAPTERS[name][2], None)
    shape = SHAPES["one number"]()
    with pytest.raises(Declined, match=rf"pip install 'bakeoff\[{name}\]'"):
        adapt(adapter(name)(), shape.schema).fit(shape.train, shape.labels)


def test_autogluon_says_how_to_have_it_in_an_environment_of_its_own(monkeypatch):
    monkeypatch.setitem(sys.modules, "autogluon.tabular", None)
    shape = SHAPES["one number"]()
    with pytest.raises(Declined, match="bakeoff new entry NAME --like autogluon"):
        adapt(adapter("autogluon")(), shape.schema).fit(shape.train, shape.labels)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_task_without_classes_or_numbers_is_declined(name):
    shape = SHAPES["one number"]()
    with pytest.raises(Declined, match="this task is tagging"):
        adapter(name)().fit(shape.train, shape.labels, schema=replace(shape.schema, kind="tagging"))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=200), st.integers(0, 2**40))
@settings(deadline=None, max_examples=60)
def test_held_out_rows_keep_every_class_to_learn_from(codes, seed):
    shape = SHAPES["one number"]()
    schema = replace(shape.schema, classes=tuple(range(7)))
    target = Target.of(np.array(codes), schema)
    kept, held = held_out(target, seed)
    assert sorted([*kept, *held]) == list(range(len(codes)))
    assert set(target.values[kept]) == set(target.values)
    if round(HELD_OUT * len(codes)) < FEWEST_HELD_OUT:
        assert not len(held)
    for code in set(target.values.tolist()):
        taken = np.sum(target.values[held] == code)
        assert abs(taken - HELD_OUT * np.sum(target.values == code)) <= 1.5 or not len(held)
    again = held_out(target, seed)
    assert np.array_equal(held, again[1])


def test_other_seeds_hold_other_rows_out():
    target = Target(np.arange(100.0), None)
    assert not np.array_equal(held_out(target, 1)[1], held_out(target, 2)[1])


def test_target_counts_the_classes_that_have_rows_in_the_schemas_order():
    schema = replace(SHAPES["one number"]().schema, classes=("c", "a", "b"))
    target = Target.of(np.array(["b", "c", "b"], dtype=object), schema)
    assert target.classes.tolist() == ["c", "b"]
    assert target.values.tolist() == [1, 0, 1]


def test_categories_are_codes_and_unseen_ones_are_missing():
    columns = Columns(numeric=("size",), categorical=("kind",), text=(), datetime=(), image=())
    train = pd.DataFrame({"size": [1.0, 2.0, 3.0], "kind": ["b", "a", "b"]})
    coded = Coded(columns, 0)
    assert coded.fit_transform(train).tolist() == [[1, 0], [2, 1], [3, 0]]
    assert coded.types == ["q", "c"]
    asked = coded.transform(pd.DataFrame({"size": [np.nan, 5.0], "kind": ["never seen", None]}))
    assert np.isnan(asked).tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize("name", ["catboost", "xgboost"])
def test_trees_end_with_the_time_budget(name, require):
    require(name)
    shape = SHAPES["every type"]()

    def rounds(seconds: float) -> int:
        schema = replace(shape.schema, time_budget=seconds)
        fitted = adapter(name)().fit(shape.train, shape.labels, schema=schema)
        return fitted.model_.tree_count_ if name == "catboost" else fitted.booster_.num_boosted_rounds()

    assert rounds(1e-6) <= 2
    assert rounds(0) > 20


@pytest.mark.parametrize("name", ["catboost", "xgboost"])
def test_fitted_trees_answer_alike_after_pickling(name, require):
    require(name)
    shape = SHAPES["gaps"]()
    fitted = adapt(adapter(name)(), shape.schema).fit(shape.train, shape.labels)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).answers(shape.test), fitted.answers(shape.test))


@pytest.mark.parametrize("name", ["catboost", "xgboost"])
def test_one_class_alone_is_answered_for_sure(name, require):
    require(name)
    shape = SHAPES["two classes"]()
    labels = np.repeat(shape.labels[:1], len(shape.labels))
    answers = adapt(adapter(name)(), shape.schema).fit(shape.train, labels).answers(shape.test)
    assert (answers.max(axis=1) == 1).all()


def test_autogluon_answers_alike_after_pickling(require):
    require("autogluon")
    shape = SHAPES["two classes"]()
    schema = replace(shape.schema, time_budget=20.0)
    fitted = adapt(adapter("autogluon")(), schema).fit(shape.train, shape.labels)
    assert np.allclose(pickle.loads(pickle.dumps(fitted)).answers(shape.test), fitted.answers(shape.test))


def test_weights_of_the_highest_version_are_taken_from_the_shared_models(tmp_path, monkeypatch):
    monkeypatch.setenv("BAKEOFF_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("TABPFN_MODEL_CACHE_DIR", str(tmp_path / "own"))
    from bakeoff.algorithms.tabpfn_prior import found_weights

    with pytest.raises(Declined, match=rf"put tabpfn-v2-classifier.ckpt.* into {tmp_path}/models/tabpfn"):
        found_weights(regression=False)
    own, shared = tmp_path / "own", tmp_path / "models" / "tabpfn"
    for folder, name in ((own, "v2-classifier"), (shared, "v2-regressor"), (shared, "v2.5-classifier-v2.5_default")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"tabpfn-{name}.ckpt").write_bytes(b"")
    assert found_weights(regression=False).name == "tabpfn-v2.5-classifier-v2.5_default.ckpt"
    assert found_weights(regression=True).name == "tabpfn-v2-regressor.ckpt"


def test_more_than_the_weights_were_made_for_is_declined(tmp_path):
    from bakeoff.algorithms.tabpfn_prior import check_limits

    weights = tmp_path / "tabpfn-v2-classifier.ckpt"
    check_limits(weights, 10_000, 500, np.arange(10))
    for asked in ((10_001, 5, np.arange(2)), (10, 501, np.arange(2)), (10, 5, np.arange(11))):
        with pytest.raises(Declined, match=r"takes up to [\d,]+ (training rows|features|classes), and this table has"):
            check_limits(weights, *asked)


@pytest.mark.parametrize("shape_name", ["every type", "every type, regression"])
@pytest.mark.filterwarnings("default")  # TabPFN's own
def test_tabpfn_reads_weights_from_a_file(shape_name, tmp_path, require):
    require("torch")
    if not importlib.util.find_spec("tabpfn"):
        pytest.skip("tabpfn is not installed; install it with: pip install 'bakeoff[tabpfn]'")
    shape = SHAPES[shape_name]()
    kind = "classifier" if shape.schema.classes else "regressor"
    weights = tmp_path / f"tabpfn-v2-{kind}.ckpt"
    write_random_weights(weights, regression=kind == "regressor")
    fitted = adapt(adapter("tabpfn")(model=str(weights)), shape.schema).fit(shape.train, shape.labels)
    answers = fitted.answers(shape.test)
    assert np.isfinite(answers).all()
    alone = np.vstack([fitted.answers(shape.test.iloc[[row]]) for row in range(3)])
    assert np.allclose(alone, answers[:3], atol=1e-6)


def write_random_weights(path, regression: bool) -> None:
    """A very small TabPFN of version 2 as it was born, in the form of its makers' files."""
    import torch
    from tabpfn.architectures import tabpfn_v2

    told = {"emsize": 16, "nlayers": 2, "nhead": 2, "num_buckets": 100, "max_num_classes": 0 if regression else 10}
    torch.manual_seed(0)
    network = tabpfn_v2.get_architecture(tabpfn_v2.parse_config(told)[0])
    state = network.state_dict()
    if regression:
        state["criterion.borders"] = torch.linspace(-4, 4, 101)
        state["criterion.losses_per_bucket"] = torch.zeros(100)
    torch.save({"state_dict": state, "config": told}, path)
