"""What the multimodal baseline is made of, each against the slow obvious version."""

from __future__ import annotations

import warnings
from itertools import count

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from bakeoff.algorithms.columns import Columns
from bakeoff.algorithms.multimodal.descent import Descent
from bakeoff.algorithms.multimodal.folds import HELD, MANY, Folds
from bakeoff.algorithms.multimodal.linear_member import LinearMember, nested
from bakeoff.algorithms.multimodal.network_member import EPOCHS, LIKELY, NetworkMember
from bakeoff.algorithms.multimodal.selection import select
from bakeoff.algorithms.multimodal.sizing import CELLS, rows_that_fit
from bakeoff.algorithms.multimodal.target import Target, as_logs
from bakeoff.algorithms.multimodal.terms import Terms, TermStyle
from bakeoff.algorithms.multimodal.views import Scaled, Views
from bakeoff.algorithms.multimodal.work import Deadline, Work
from bakeoff.algorithms.table_network import batch_for
from bakeoff.training.clock import Clock

TEXTS = st.lists(st.text(alphabet="aBc é_1. -\u0130", max_size=14), min_size=2, max_size=8)
QUIET = "ignore::UserWarning"


@pytest.mark.parametrize("characters", [False, True])
@settings(max_examples=40, deadline=None)
@given(texts=TEXTS)
def test_terms_weigh_texts_as_scikit_learn_does(characters, texts):
    shared = {"sublinear_tf": True, "strip_accents": "unicode"}
    slow = (
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **shared)
        if characters
        else TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **shared)
    )
    ours = Terms(TermStyle(characters, least=1)).fit_transform(texts)
    try:
        theirs = slow.fit_transform(texts)
    except ValueError:  # not a single term
        assert ours.nnz == 0
        return
    assert ours.shape == theirs.shape
    # The terms come in another order, so the texts' likeness is compared.
    assert np.allclose((ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), atol=1e-5)


def test_terms_of_new_texts_leave_unknown_ones_out():
    terms = Terms(TermStyle(False, least=1))
    known = terms.fit_transform(["red box", "blue box", "red lamp"])
    asked = terms.transform(["red box", "green box", "", "box"])
    assert np.allclose(asked[0].toarray(), known[0].toarray())
    assert asked[1].nnz == 1
    assert asked[2].nnz == 0
    assert terms.transform([]).shape == (0, known.shape[1])


def test_only_the_most_frequent_terms_are_kept():
    texts = ["a b", "a c", "a d", "b d"]
    assert Terms(TermStyle(False, most=1, least=1)).fit_transform(texts).shape[1] == 1
    assert Terms(TermStyle(False, least=2)).fit_transform(texts).shape[1] == 3


@pytest.mark.parametrize("classes", [2, 4])
def test_the_descent_ends_where_scikit_learn_does(classes):
    rng = np.random.default_rng(classes)
    features = sparse.random(300, 40, density=0.2, random_state=1, format="csr", dtype=np.float32)
    values = (features @ rng.normal(size=(40, classes)) + rng.normal(size=(300, classes))).argmax(axis=1)
    descent = Descent(features, values, classes)
    weights, cut = descent.fit(2.0, descent.start(), lambda: False, steps=400)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        slow = LogisticRegression(C=2.0, max_iter=2000, tol=1e-8).fit(features, values)
    assert not cut
    assert np.abs(np.exp(as_logs(weights.outputs(features), classes)) - slow.predict_proba(features)).max() < 0.02


def test_the_descent_for_numbers_is_a_ridge_regression():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 10)).astype(np.float32)
    values = features @ rng.normal(size=10) + rng.normal(size=200) + 3
    descent = Descent(features, values, 1)
    weights, _ = descent.fit(0.1, descent.start(), lambda: False, steps=400)
    slow = Ridge(alpha=10.0).fit(features, values)
    assert np.allclose(weights.outputs(features)[:, 0], slow.predict(features), atol=0.05)


def test_the_descent_stops_when_it_is_told():
    features = np.eye(5, dtype=np.float32)
    descent = Descent(features, np.arange(5.0), 1)
    weights, cut = descent.fit(1.0, descent.start(), lambda: True)
    assert cut
    assert not weights.slopes.any()


@settings(max_examples=30, deadline=None)
@given(count=st.integers(2, 400), classes=st.integers(2, 9), seed=st.integers(0, 99))
def test_folds_hold_each_row_out_once_and_keep_shares(count, classes, seed):
    values = np.random.default_rng(seed).integers(0, classes, count)
    folds = Folds.of(values, True, seed)
    assert np.array_equal(folds.rows, np.arange(count))
    for learnt, held in zip(folds.learnt, folds.held, strict=True):
        assert not set(learnt) & set(held)
        for label in range(classes):
            share = np.mean(values == label) * len(held)
            assert abs(np.sum(values[held] == label) - share) <= 1.5


def test_of_very_many_rows_one_part_is_held_out():
    values = np.random.default_rng(0).integers(0, 3, MANY)
    folds = Folds.of(values, True, 0)
    assert len(folds) == 1
    assert len(folds.held[0]) == HELD
    assert len(folds.learnt[0]) == MANY - HELD


def work_of(values, features, seed=0):
    import pandas as pd

    frame = pd.DataFrame(features, columns=[f"x{i}" for i in range(features.shape[1])])
    columns = Columns(tuple(frame.columns), (), (), (), ())
    target = Target.of_classes(values)
    return Work(Views(frame, columns, seed), target, Folds.of(target.values, True, seed), seed, 1)


def endless() -> Deadline:
    return Deadline(Clock(), 1e9)


def test_scores_for_the_second_layer_never_saw_the_row_nor_the_fold():
    rng = np.random.default_rng(0)
    features, values = rng.normal(size=(100, 4)), rng.integers(0, 3, 100)
    work = work_of(values, features)
    before = nested(work, "wide", 1.0, endless())
    held = work.folds.held[0]
    work.target.values[held] = (work.target.values[held] + 1) % 3
    after = nested(work, "wide", 1.0, endless())
    assert np.array_equal(before.learnt[0], after.learnt[0])
    assert np.array_equal(before.held[0], after.held[0])
    assert not np.array_equal(before.learnt[1], after.learnt[1])
    own = np.isin(work.folds.learnt[1], held)  # what fold 1's second layer learns from has not seen its own rows
    assert np.array_equal(before.learnt[1][own], after.learnt[1][own])
    assert not np.array_equal(before.learnt[1][~own], after.learnt[1][~own])


def test_a_linear_search_that_time_cuts_off_anywhere_has_learnt_what_there_was_time_for():
    rng = np.random.default_rng(5)
    values = np.arange(600) % 40
    work = work_of(values, np.eye(40)[values] + rng.normal(0, 0.05, (600, 40)))
    losses = []
    for ticks in range(110, 460, 70):
        ticking = count()  # one second for every look at the clock
        found = LinearMember().fit(work, Deadline(Clock(now=lambda ticking=ticking: float(next(ticking))), ticks))
        losses.append(float(work.target.losses(found.held_out, work.folds.rows).mean()))
    assert LinearMember().fit(work, Deadline(Clock(now=lambda: 0.0), 1.0)).cut is False
    assert max(losses) < np.log(40) / 2


def test_chance_is_not_taken_for_knowledge():
    from bakeoff.algorithms.multimodal.boosted_member import BoostedMember

    rng = np.random.default_rng(3)
    values = rng.integers(0, 2, 400)
    work = work_of(values, rng.normal(size=(400, 6)))
    work.trained["linear"] = LinearMember().fit(work, endless())
    work.trained["second"] = BoostedMember("second", "dense", second=True).fit(work, endless())
    told = [np.exp(one.held_out[np.arange(400), values].astype(float)) for one in work.trained.values()]
    constant = np.full(400, 0.5)
    found = select(np.column_stack([constant, *told]), None, 0)
    assert found.loss > np.log(2) - 0.02
    known = work_of((work.views.frame["x0"] > 0).to_numpy().astype(int), work.views.frame.to_numpy())
    assert LinearMember().fit(known, endless()).held_out.shape == (400, 2)


def test_selection_takes_what_helps_and_leaves_what_does_not():
    rng = np.random.default_rng(0)
    good, other = rng.beta(6, 2, 600), rng.beta(6, 2, 600)
    found = select(np.column_stack([good, other, np.full(600, 0.01)]), None, 0)
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights[:2].min() > 0.3
    assert found.weights[2] == 0
    assert found.loss < -np.log(np.maximum(good, 1e-7)).mean()
    truth = rng.normal(size=600)
    numbers = select(np.column_stack([truth + 1, truth - 1, truth * 0]), truth, 0)
    assert numbers.weights[:2] == pytest.approx([0.5, 0.5], abs=0.1)


def test_scaled_numbers_mark_what_is_missing():
    values = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, 5.0], [np.nan, 5.0]])
    scaled = Scaled()
    found = scaled.fit_transform(values)
    assert np.isfinite(found).all()
    assert found[3, 0] == 1
    assert not found[3, 2:].any()
    assert np.array_equal(scaled.transform(values[:1]), found[:1])


def test_rows_are_left_out_when_time_or_memory_is_too_short_for_all(monkeypatch):
    import pandas as pd

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30_000, 3)), columns=["a", "b", "c"])
    columns = Columns(("a", "b", "c"), (), (), (), ())
    assert len(rows_that_fit(frame, columns, Clock(), 0)) == 30_000
    ticks = iter(range(10_000))
    slow = Clock(10.0, now=lambda: float(next(ticks)))
    assert len(rows_that_fit(frame, columns, slow, 0)) <= 30_000
    monkeypatch.setattr("bakeoff.algorithms.multimodal.sizing.CELLS", CELLS // 1_000)
    assert 100 < len(rows_that_fit(frame, columns, Clock(), 0)) < 10_000


def test_pictures_of_a_standard_table_are_seen():
    import pandas as pd
    from tables_of_every_shape import png

    from bakeoff.tables.images import Picture

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"photo": [Picture(png(level % 3, rng)) for level in range(12)]})
    seen = Views(frame, Columns((), (), (), (), ("photo",)), 0).train("pictures")
    assert np.ptp(seen, axis=0).max() > 0.1
    known = frame.assign(photo=[cell.read() for cell in frame["photo"]])
    assert np.array_equal(seen, Views(known, Columns((), (), (), (), ("photo",)), 0).train("pictures"))


@pytest.mark.parametrize(("budget", "epochs"), [(1e6, LIKELY), (100.0, EPOCHS)])
def test_a_network_with_time_for_all_epochs_asks_for_no_margin_that_would_take_rows(require, budget, epochs):
    require("torch")
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"size": random.normal(size=400)})
    target = Target.of_classes(np.where(frame["size"] > 0, "wet", "dry").astype(object))
    columns = Columns(numeric=("size",), categorical=(), datetime=(), text=(), image=())
    work = Work(Views(frame, columns, 0), target, Folds.of(target.values, True, 0), 0, 1)
    ticks = count()
    clock = Clock(budget, now=lambda: float(next(ticks)))  # one second goes by whenever it is looked at
    records = len(work.folds.learnt[0])
    some = min(records, 4 * batch_for(records))
    assert NetworkMember().estimate(work, clock) == pytest.approx(epochs * len(work.folds) * records / some)
