"""Pools of answers: the weights are the best there are, no row is answered by what it taught, and gains are real."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.stats.bootstrap import resample
from bakeoff.stats.pooling import (
    RIDGE,
    convex_weights,
    cross_fit,
    folds_of,
    linear_pool,
    linear_weights,
    log_pool,
    log_weights,
)


def soft(z):
    odds = np.exp(z - z.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def answers_of(seed, m, rows, classes):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, rows)
    z = rng.normal(0, 1, (m, rows, classes))
    z[:, np.arange(rows), truth] += rng.uniform(0, 2, (m, 1))
    return soft(z), truth


shapes = st.tuples(st.integers(0, 10_000), st.integers(2, 6), st.integers(5, 60), st.integers(2, 4))


@settings(max_examples=25, deadline=None)
@given(shapes)
def test_the_mixture_weights_are_those_of_the_highest_likelihood(shape):
    answers, truth = answers_of(*shape)
    true = answers[:, np.arange(len(truth)), truth]
    weights = linear_weights(true)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    slopes = (true / (weights @ true)).mean(axis=1)  # Karush-Kuhn-Tucker: none above 1, and 1 where a weight is
    assert slopes.max() < 1.02
    assert np.abs(weights * (slopes - 1)).max() < 0.01


@settings(max_examples=25, deadline=None)
@given(shapes)
def test_the_convex_weights_are_those_of_the_least_squared_error(shape):
    seed, m, rows, _ = shape
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 3, rows)
    numbers = truth + rng.normal(rng.normal(0, 1, (m, 1)), rng.uniform(0.2, 3, (m, 1)), (m, rows))
    weights = convex_weights(numbers, truth)
    residuals = numbers - truth
    slopes = residuals @ (weights @ residuals)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    assert slopes.min() >= (weights @ slopes) * (1 - 1e-6) - 1e-8


def test_one_perfect_contestant_takes_all_the_weight():
    truth = np.arange(10.0)
    assert convex_weights(np.stack([truth + 1, truth]), truth) == pytest.approx([0, 1])


@settings(max_examples=10, deadline=None)
@given(shapes)
def test_no_other_exponents_are_better(shape):
    answers, truth = answers_of(*shape)

    def loss(weights):
        pooled = np.prod(np.clip(answers, 1e-4, 1) ** weights[:, None, None], axis=0)
        pooled /= pooled.sum(axis=1, keepdims=True)
        return (
            -np.log(pooled[np.arange(len(truth)), truth]).mean() + RIDGE * np.square(weights - 1 / len(weights)).sum()
        )

    weights = log_weights(answers, truth)
    rng = np.random.default_rng(shape[0])
    for size in (1e-2, 0.1, 0.5):
        near = np.maximum(weights + rng.normal(0, size, (20, len(weights))), 0)
        assert loss(weights) <= min(map(loss, near)) + 1e-5


def test_pools_are_what_they_say():
    answers = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])
    assert linear_pool(answers, np.array([0.5, 0.5])) == pytest.approx(np.array([[0.7, 0.3]]))
    assert log_pool(answers, np.array([1.0, 1.0])) == pytest.approx(np.array([[0.9, 0.1]]))
    assert log_pool(answers, np.array([0.5, 0.0])) == pytest.approx(np.array([[0.75, 0.25]]))


def accuracy_of(truth):
    return lambda rows, answers: float((answers.argmax(axis=1) == truth[rows]).mean())


def test_a_rows_own_label_never_touches_its_answer():
    answers, truth = answers_of(1, 4, 120, 3)
    folds = folds_of(truth, "key", "folds")
    before = cross_fit(answers, truth, folds, accuracy_of(truth))
    changed = np.where(folds == 2, (truth + 1) % 3, truth)
    after = cross_fit(answers, changed, folds, accuracy_of(changed))
    assert np.array_equal(before.together[folds == 2], after.together[folds == 2])
    assert np.array_equal(before.alone[folds == 2], after.alone[folds == 2])
    assert not np.array_equal(before.together[folds != 2], after.together[folds != 2]), "the partner: others change"


def test_folds_spread_every_stratum_evenly_and_by_key():
    strata = np.repeat([0, 1, 2], [50, 23, 7])
    folds = folds_of(strata, "key", "first")
    for stratum in range(3):
        counts = np.bincount(folds[strata == stratum], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.array_equal(folds, folds_of(strata, "key", "first"))
    assert not np.array_equal(folds, folds_of(strata, "key", "second"))


def gain(answers, truth, key):
    """The gain in accuracy and the low end of its interval."""
    fit = cross_fit(answers, truth, folds_of(truth, key, "folds"), accuracy_of(truth))
    better = (fit.together.argmax(1) == truth).astype(float) - (fit.alone.argmax(1) == truth)
    return better.mean(), better.mean() - 1.96 * resample(len(truth), key).means(better).std(ddof=1)


def test_nothing_is_gained_over_an_oracle_and_much_over_two_who_know_different_halves():
    rng = np.random.default_rng(4)
    claims = 0
    for trial in range(15):
        z = rng.normal(0, 1.5, (300, 3))
        truth = np.array([rng.choice(3, p=p) for p in soft(z)])
        noisy = [soft(z + rng.normal(0, spread, z.shape)) for spread in (0.5, 1.0, 2.0)]
        claims += gain(np.stack([soft(z), *noisy]), truth, str(trial))[1] > 0
    assert claims <= 1
    truth = rng.integers(0, 2, 300)
    half = rng.random(300) < 0.5
    sure = np.where(truth == 1, 0.9, 0.1)
    one, two = (np.where(side, sure, 0.5) for side in (half, ~half))
    value, low = gain(np.stack([np.stack([1 - p, p], axis=1) for p in (one, two)]), truth, "halves")
    assert value > 0.2
    assert low > 0.15


def test_numbers_are_pooled_too():
    rng = np.random.default_rng(5)
    truth = rng.normal(0, 1, 200)
    numbers = truth + rng.normal(0, 1, (3, 200))

    def utility(rows, answers):
        return -float(np.square(answers[:, 0] - truth[rows]).mean())

    fit = cross_fit(numbers[:, :, None], truth, folds_of(np.zeros(200), "k", "f"), utility)
    errors = [np.square(each[:, 0] - truth).mean() for each in (fit.together, fit.alone)]
    assert errors[0] < 0.6 * errors[1]
    assert fit.weights == pytest.approx([1 / 3] * 3, abs=0.15)
