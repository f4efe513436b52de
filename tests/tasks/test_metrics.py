"""Values against scikit-learn, replicates against scoring the drawn rows."""

import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.nouns import Task
from bakeoff.stats import resample
from bakeoff.tasks import kind

CLASSES, NUMBERS = kind("classification"), kind("regression")


def task(classes):
    return Task("t", "t", "", "classification", "y", "accuracy", classes=tuple(range(classes)))


def problem(rows, classes, seed, decimals=1):
    """Codes, perhaps without some classes, and probabilities with many ties."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, rng.integers(1, classes + 1), rows)
    raw = rng.dirichlet(np.ones(classes), rows)
    raw[np.arange(rows), truth] += rng.random()
    raw = (raw / raw.sum(axis=1, keepdims=True)).round(decimals) + 1e-3
    return truth, raw / raw.sum(axis=1, keepdims=True)


def by_scikit_learn(name, truth, answers):
    classes = np.arange(answers.shape[1])
    answer = answers.argmax(axis=1)
    if name == "accuracy":
        return theirs.accuracy_score(truth, answer)
    if name == "balanced_accuracy":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about answers that are not in truth
            return theirs.balanced_accuracy_score(truth, answer)
    if name == "macro_f1":
        return theirs.f1_score(truth, answer, average="macro")
    if name == "log_loss":
        return theirs.log_loss(truth, answers, labels=classes)
    present = [k for k in classes if 0 < (truth == k).sum() < len(truth)]
    return np.mean([theirs.roc_auc_score(truth == k, answers[:, k]) for k in present]) if present else math.nan


def slow_calibration_error(truth, answers):
    total = 0.0
    for low in range(15):
        inside = [i for i, row in enumerate(answers) if low / 15 < row.max() <= (low + 1) / 15]
        if inside:
            right = np.mean([answers[i].argmax() == truth[i] for i in inside])
            total += len(inside) * abs(right - np.mean([answers[i].max() for i in inside]))
    return total / len(truth)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 999), st.sampled_from([1, 2, 9]))
def test_values_are_scikit_learns(rows, classes, seed, decimals):
    truth, answers = problem(rows, classes, seed, decimals)
    plain = CLASSES.score(truth, answers, task(classes))
    weighted = CLASSES.score(truth, answers, task(classes), resample(rows, "k", groups=16))
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "auc"):
        expected = by_scikit_learn(name, truth, answers)
        assert plain[name].value == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert weighted[name].value == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert plain[name].replicates is None
    assert plain["calibration_error"].value == pytest.approx(slow_calibration_error(truth, answers), abs=1e-12)
    assert list(CLASSES.score(truth, answers, task(classes), only=("auc", "accuracy"))) == ["auc", "accuracy"]


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    # 0.4 ends a bin: in one bin with the third row, its miss would make up for the others.
    answers = np.array([[0.4, 0.3, 0.3], [0.3, 0.3, 0.4], [0.41, 0.3, 0.29]])
    score = CLASSES.score(np.array([0, 2, 2]), answers, task(3))["calibration_error"]
    assert score.value == pytest.approx(slow_calibration_error(np.array([0, 2, 2]), answers)) == pytest.approx(1.61 / 3)


def test_log_loss_counts_no_probability_below_a_ten_millionth():
    answers = np.array([[1.0, 0.0], [1.0, 0.0]])
    score = CLASSES.score(np.array([1, 0]), answers, task(2))["log_loss"]
    assert score.value == pytest.approx(-math.log(1e-7) / 2)


def test_two_classes_have_one_auc_and_a_single_one_has_none():
    truth, answers = problem(80, 2, 3)
    truth[:5] = 1
    area = CLASSES.score(truth, answers, task(2), resample(80, "k"))["auc"]
    assert area.value == pytest.approx(theirs.roc_auc_score(truth, answers[:, 1]))
    nothing = CLASSES.score(np.ones(80, dtype=int), answers, task(2), resample(80, "k"))["auc"]
    assert math.isnan(nothing.value) and nothing.replicates is None


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 30), st.integers(2, 4), st.integers(0, 99), st.integers(3, 40))
def test_replicates_are_scores_of_the_rows_drawn(rows, classes, seed, groups):
    truth, answers = problem(rows, classes, seed, 2)
    weights = resample(rows, "k", folds=8, groups=groups)
    scores = CLASSES.score(truth, answers, task(classes), weights)
    gaps = []
    for fold in range(8):
        drawn = np.repeat(np.arange(rows), weights.weights[fold, weights.group].astype(int))
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"):
            expected = by_scikit_learn(name, truth[drawn], answers[drawn])
            assert scores[name].replicates[fold] == pytest.approx(expected, abs=1e-12)
        gaps.append(slow_calibration_error(truth[drawn], answers[drawn]))
    moved = np.maximum(0, np.array(gaps) - np.mean(gaps) + scores["calibration_error"].value)
    np.testing.assert_allclose(scores["calibration_error"].replicates, moved, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 999), st.integers(3, 40), st.sampled_from([0.0, 1e9]))
def test_regression_values_and_replicates(rows, seed, groups, far):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows) + far
    answers = truth + rng.normal(size=rows)
    weights = resample(rows, "k", folds=10, groups=groups)
    task = Task("t", "t", "", "regression", "y", "rmse")
    scores = NUMBERS.score(truth, answers[:, None], task, weights)
    calls = {
        "rmse": theirs.root_mean_squared_error,
        "mae": theirs.mean_absolute_error,
        "r2": theirs.r2_score,
    }
    assert list(scores) == list(calls) == list(NUMBERS.metrics)
    for name, call in calls.items():
        assert scores[name].value == pytest.approx(call(truth, answers), rel=1e-6)
        for fold in range(10):
            drawn = np.repeat(np.arange(rows), weights.weights[fold, weights.group].astype(int))
            if name != "r2" or len(np.unique(truth[drawn])) > 1:
                assert scores[name].replicates[fold] == pytest.approx(call(truth[drawn], answers[drawn]), rel=1e-5)


def test_r2_of_a_target_that_never_changes():
    task = Task("t", "t", "", "regression", "y", "r2")
    flat = np.full(5, 3.0)
    assert NUMBERS.score(flat, flat, task)["r2"].value == 1.0
    assert NUMBERS.score(flat, flat + 1, task, resample(5, "k"))["r2"].value == 0.0
    assert NUMBERS.score(flat, flat + 1, task, resample(5, "k"))["rmse"].value == 1.0


def test_a_resample_of_other_rows_is_refused():
    truth, answers = problem(10, 3, 0)
    with pytest.raises(ValueError, match="resample is of 11 rows and there are 10"):
        CLASSES.score(truth, answers, task(3), resample(11, "k"))


def test_every_metric_says_what_is_perfect():
    truth = np.arange(30) % 3
    perfect = CLASSES.score(truth, np.eye(3)[truth], task(3), resample(30, "k"))
    for name, metric in CLASSES.metrics.items():
        assert perfect[name].value == metric.perfect
        assert (perfect[name].replicates == metric.perfect).all()
    exact = NUMBERS.score(truth * 1.0, truth * 1.0, Task("t", "t", "", "regression", "y", "r2"))
    assert {name: score.value for name, score in exact.items()} == {m.name: m.perfect for m in NUMBERS.metrics.values()}
