"""The metrics of matching are scikit-learn's, and replicates are scores of the pairs drawn."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import Task
from bakeoff.stats import resample
from bakeoff.tasks import Score, normalise
from bakeoff.tasks.kinds import Kind
from bakeoff.tasks.matching import Matching

PAIRS = Matching()
TASK = Task("shop", "shop", "", "matching", "label", "f1", classes=(0, 1))


def problem(rows, seed, decimals=1, share=0.3):
    """Labels with a match at least, and probabilities with many ties."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(rows) < share).astype(np.int64)
    truth[rng.integers(rows)] = 1
    match = np.clip(0.35 * truth + 0.8 * rng.random(rows), 0, 1).round(decimals)
    return truth, np.stack([1 - match, match], axis=1)


def by_scikit_learn(name, truth, answers):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pairs none of which was answered as a match
        if name in ("f1", "precision", "recall"):
            return getattr(theirs, f"{name}_score")(truth, answers.argmax(axis=1))
        if name == "average_precision":
            return theirs.average_precision_score(truth, answers[:, 1])
        if name == "log_loss":
            return theirs.log_loss(truth, answers, labels=[0, 1])
        precision, recall, _ = theirs.precision_recall_curve(truth, answers[:, 1])
        return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300)))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 80), st.integers(0, 9999), st.sampled_from([1, 2, 9]), st.sampled_from([0.05, 0.5]))
def test_values_are_scikit_learns(rows, seed, decimals, share):
    truth, answers = problem(rows, seed, decimals, share)
    plain = PAIRS.score(truth, answers, TASK)
    drawn = PAIRS.score(truth, answers, TASK, resample(rows, "k", groups=16))
    assert set(plain) == set(PAIRS.metrics)
    for name, score in plain.items():
        assert score.value == pytest.approx(by_scikit_learn(name, truth, answers), abs=1e-12)
        assert drawn[name].value == pytest.approx(score.value, abs=1e-12)
        assert score.replicates is None
    assert list(PAIRS.score(truth, answers, TASK, only=("best_f1", "f1"))) == ["best_f1", "f1"]


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 40), st.integers(0, 9999), st.integers(3, 60), st.sampled_from([1, 3]))
def test_replicates_are_scores_of_the_pairs_drawn(rows, seed, groups, decimals):
    truth, answers = problem(rows, seed, decimals)
    weights = resample(rows, "k", folds=6, groups=groups)
    scores = PAIRS.score(truth, answers, TASK, weights)
    for fold in range(6):
        drawn = np.repeat(np.arange(rows), weights.weights[fold, weights.group].astype(int))
        for name, score in scores.items():
            lacks = name not in ("log_loss", "precision") and not truth[drawn].any()
            expected = score.value if lacks else by_scikit_learn(name, truth[drawn], answers[drawn])
            assert score.replicates[fold] == pytest.approx(expected, abs=1e-12), name


def test_replicates_in_several_pieces_are_the_same(monkeypatch):
    truth, answers = problem(300, 5)
    weights = resample(300, "k", folds=30)
    whole = PAIRS.score(truth, answers, TASK, weights)["average_precision"].replicates
    monkeypatch.setattr("bakeoff.tasks.pair_scores.CELLS", 900)
    pieces = PAIRS.score(truth, answers, TASK, weights)["average_precision"].replicates
    np.testing.assert_allclose(pieces, whole)


def test_a_pair_is_a_match_above_one_half_only_and_nothing_answered_has_no_precision():
    half = np.full((4, 2), 0.5)
    scores = PAIRS.score(np.array([1, 0, 1, 0]), half, TASK)
    assert [scores[name].value for name in ("f1", "precision", "recall")] == [0.0, 0.0, 0.0]
    assert scores["best_f1"].value == pytest.approx(2 / 3)


def test_without_a_true_match_only_precision_and_log_loss_are_defined():
    _, answers = problem(30, 2)
    scores = PAIRS.score(np.zeros(30, dtype=int), answers, TASK, resample(30, "k"))
    assert {name for name, score in scores.items() if math.isnan(score.value)} == {
        *("f1", "recall", "average_precision", "best_f1")
    }
    assert scores["f1"].replicates is None


def test_constants_are_the_best_that_is_the_same_for_every_pair():
    truth, _ = problem(200, 1)
    constants = PAIRS.constants(truth, TASK)
    share = truth.mean()
    for name, constant in constants.items():
        metric = PAIRS.metrics[name]
        scored = {
            cut: PAIRS.score(truth, np.tile([1 - cut, cut], (200, 1)), TASK, only=(name,))[name].value
            for cut in (0.0, share, 0.51, 1.0)
        }
        own = PAIRS.score(truth, np.tile(constant, (200, 1)), TASK, only=(name,))[name].value
        best = max(scored.values()) if metric.greater_is_better else min(scored.values())
        assert own == pytest.approx(best, abs=1e-9), name
    assert constants["f1"].tolist() == [0.0, 1.0]
    f1 = PAIRS.score(truth, np.tile([0.0, 1.0], (200, 1)), TASK, only=("f1",))["f1"]
    assert normalise(f1, f1, PAIRS.metrics["f1"]).value == 0.0
    recall = normalise(Score(0.5), Score(1.0), PAIRS.metrics["recall"])
    assert not recall.averaged and "within 0.02 of perfect" in recall.reason


@pytest.mark.parametrize("metric", PAIRS.metrics)
def test_the_constant_baseline_gives_the_best_constant(metric):
    from bakeoff.algorithms.constant import Constant
    from bakeoff.nouns import Schema

    truth, _ = problem(200, 1)
    schema = Schema((), "matching", "label", metric, (0, 1), 0, 60.0)
    answers = Constant().fit(None, truth, schema=schema).predict_proba(truth)
    score = PAIRS.score(truth, answers, TASK, only=(metric,))[metric]
    best = PAIRS.score(truth, np.tile(PAIRS.constants(truth, TASK)[metric], (200, 1)), TASK, only=(metric,))[metric]
    assert score.value == pytest.approx(best.value)


def test_the_default_question_and_its_answers():
    assert isinstance(PAIRS, Kind)
    assert PAIRS.default_metric(np.array([0, 1]))[0] == "f1"
    assert PAIRS.classes(np.array([1, 1])) == (0, 1) and PAIRS.width(TASK) == 2
    assert PAIRS.encode(np.array([1, 0, 1]), TASK).tolist() == [1, 0, 1]
    with pytest.raises(TaskError, match="labels that are not classes of the task: 2"):
        PAIRS.encode(np.array([1, 2]), TASK)
    np.testing.assert_array_equal(PAIRS.accept(np.array([[0.25, 0.75]]), TASK), [[0.25, 0.75]])
    with pytest.raises(Refused, match=r"sum to 1\.5 in row 0"):
        PAIRS.accept(np.array([[0.75, 0.75]]), TASK)


def test_labels_that_cannot_be_asked_about_are_named():
    assert PAIRS.check(TASK, np.array([0, 1]), np.array([1, 0])) == []
    assert PAIRS.check(TASK, np.array([0, 2]), np.array([0, 0])) == [
        "Label 'label' of table 'shop' holds '2' in the training pairs; write 1 for a match and 0 for none.",
        "The test pairs of table 'shop' have no matches; label pairs of either kind, or choose another split.",
    ]
    assert PAIRS.check(TASK, np.array([1, 1]), np.array([0, 1], dtype=object)) == [
        "The training pairs of table 'shop' have matches alone; label pairs of either kind, or choose another split."
    ]
    assert "has no value in 1 of 2 test rows" in PAIRS.check(TASK, np.array([0, 1]), np.array([None, 1]))[0]
