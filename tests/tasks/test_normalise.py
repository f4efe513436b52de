import math

import numpy as np
import pytest

from bakeoff.nouns import Task
from bakeoff.stats import resample
from bakeoff.tasks import Score, kind, normalise

CLASSES, NUMBERS = kind("classification"), kind("regression")
ACCURACY, RMSE, LOG_LOSS = CLASSES.metrics["accuracy"], NUMBERS.metrics["rmse"], CLASSES.metrics["log_loss"]


@pytest.mark.parametrize(
    ("metric", "score", "constant", "expected"),
    [
        (ACCURACY, 0.8, 0.6, 0.5),
        (ACCURACY, 1.0, 0.6, 1.0),
        (ACCURACY, 0.6, 0.6, 0.0),
        (ACCURACY, 0.4, 0.6, -0.5),
        (ACCURACY, 0.0, 0.6, -1.0),
        (RMSE, 5.0, 20.0, 0.75),
        (RMSE, 500.0, 20.0, -1.0),
        (LOG_LOSS, 0.1, 0.5, 0.8),
        (NUMBERS.metrics["r2"], 0.7, -0.1, 0.8 / 1.1),
    ],
)
def test_zero_is_the_constant_and_one_is_perfect(metric, score, constant, expected):
    found = normalise(Score(score), Score(constant), metric)
    assert found.value == pytest.approx(expected)
    assert found.averaged and not found.reason and found.replicates is None


def test_each_replicate_is_measured_against_its_own_constant():
    score, constant = np.array([0.8, 0.9, 0.1, 0.7]), np.array([0.6, 0.5, 0.6, 0.7])
    found = normalise(Score(0.8, score), Score(0.6, constant), ACCURACY)
    np.testing.assert_allclose(found.replicates, [0.5, 0.8, -1.0, 0.0])


def test_the_constant_scores_nothing_in_every_replicate():
    truth = np.repeat([0, 1, 2], [50, 30, 20])
    task = Task("t", "t", "", "classification", "y", "accuracy", classes=(0, 1, 2))
    for name, constant in CLASSES.constants(truth, task).items():
        answers = np.tile(constant, (100, 1))
        score = CLASSES.score(truth, answers, task, resample(100, "k"), (name,))[name]
        found = normalise(score, score, CLASSES.metrics[name])
        if name != "calibration_error":
            assert found.value == 0 and (found.replicates == 0).all() and found.averaged


@pytest.mark.parametrize(
    ("metric", "constant", "error", "reason"),
    [
        (ACCURACY, 0.985, 0.0, "the best constant answer is within 0.02 of perfect"),
        (LOG_LOSS, 0.01, 0.0, "the best constant answer is within 0.02 of perfect"),
        (ACCURACY, 0.9, 0.03, "the best constant answer is within 5 standard errors of perfect"),
        (RMSE, 0.01, 0.0025, "the best constant answer is within 5 standard errors of perfect"),
        (RMSE, 0.0, 0.0, "the best constant answer is within 0 of perfect"),
        (ACCURACY, 0.97, 0.005, ""),
        (RMSE, 0.01, 0.001, ""),
    ],
)
def test_a_task_without_room_is_shown_but_not_averaged(metric, constant, error, reason):
    noise = np.array([-1.0, 1.0, 0.0]) * error
    found = normalise(Score(constant, constant + noise), Score(constant, constant + noise), metric)
    assert found.reason == reason
    assert found.averaged == (not reason)
    assert np.isfinite(found.value) and np.isfinite(found.replicates).all()


def test_what_is_undefined_is_not_averaged():
    found = normalise(Score(math.nan), Score(math.nan), CLASSES.metrics["auc"])
    assert math.isnan(found.value) and not found.averaged
    assert found.reason == "AUC is undefined on these test rows"


@pytest.mark.parametrize(("metric", "worst"), [(RMSE, math.inf), (NUMBERS.metrics["r2"], -math.inf), (RMSE, math.nan)])
def test_answers_beyond_any_number_get_the_floor_in_every_replicate(metric, worst):
    constant = Score(0.2, np.array([0.2, 0.21, 0.19]))
    found = normalise(Score(worst), constant, metric)
    assert found.value == -1 and found.replicates.tolist() == [-1, -1, -1]
    assert found.averaged and not found.reason
    assert normalise(Score(worst), Score(0.2), metric).replicates is None
    # One fold may overflow where the whole does not.
    partly = normalise(Score(0.1, np.array([0.1, worst, 0.1])), constant, metric)
    assert partly.replicates[1] == -1 and (partly.replicates[[0, 2]] > -1).all()


def test_scaling_large_finite_scores_does_not_overflow():
    assert normalise(Score(1e308), Score(1e-5), RMSE).value == -1
