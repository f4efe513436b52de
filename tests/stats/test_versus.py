import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.stats import standings, versus


def scores(tasks=6, seeds=2, folds=100, seed=0, gap=0.0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, tasks, seeds)) * 0.1
    values[0] += gap
    return values[..., None] + rng.normal(size=(2, tasks, seeds, folds)) * 0.05, values


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.integers(0, 50), st.sampled_from(["on these tables", "on a new table"]))
def test_over_all_tasks_it_says_what_the_standings_say(tasks, seed, question):
    replicates, values = scores(tasks, seed=seed, gap=0.05)
    found, board = (
        versus(replicates, values, key="k", question=question),
        standings(replicates, values, key="k", question=question),
    )
    assert found.overall[0] == pytest.approx(board.difference[0, 1])
    assert found.p_better == pytest.approx(board.better[0, 1], abs=0.011, nan_ok=True)
    assert found.overall_beyond == board.significant.any()
    if question == "on a new table" and tasks < 4:
        assert np.isnan(found.overall[1:]).all()
    elif question == "on a new table":
        points = values.mean(axis=2)
        expected = scipy.stats.ttest_rel(points[0], points[1]).confidence_interval()
        assert found.overall[1:] == pytest.approx((expected.low, expected.high))


def test_each_duel_is_paired():
    replicates, values = scores(seeds=1, gap=0.1)
    shared = np.random.default_rng(9).normal(size=(1, 6, 1, 100))
    alone, together = versus(replicates, values, key="k"), versus(replicates + shared, values, key="k")
    np.testing.assert_allclose(together.difference_low, alone.difference_low)
    assert (together.high - together.low > 3 * (alone.high - alone.low)).all()
    gaps = (replicates[0] - replicates[1])[:, 0]
    raw = 2 * scipy.stats.norm.sf(np.abs(alone.difference) / gaps.std(axis=1, ddof=1))
    order = np.argsort(raw)
    np.testing.assert_allclose(alone.p[order], np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(6, 0, -1))))
    assert (alone.beyond == (alone.p <= 0.05)).all() and alone.beyond.any() and not alone.beyond.all()
    for task in range(6):
        value, half = values[0, task, 0] - values[1, task, 0], 1.959964 * gaps[task].std(ddof=1)
        assert alone.difference[task] == pytest.approx(value)
        assert alone.difference_low[task] == pytest.approx(value - half)
        assert alone.difference_high[task] == pytest.approx(value + half)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.integers(0, 200), st.sampled_from(["on these tables", "on a new table"]))
def test_an_interval_leaves_0_out_exactly_where_its_test_is_significant(tasks, seed, question):
    replicates, values = scores(tasks, seed=seed, gap=0.06)
    found = versus(replicates, values, key="k", question=question)
    low, high = found.overall[1:]
    assert found.overall_beyond == (low > 0 or high < 0)
    for task in range(tasks):
        alone = versus(replicates[:, [task]], values[:, [task]], key="k")
        outside = alone.difference_low[0] > 0 or alone.difference_high[0] < 0
        assert alone.beyond[0] == outside == (alone.overall[1] > 0 or alone.overall[2] < 0)


def test_a_difference_stays_on_its_scale():
    values = np.array([[1.0], [-0.9]])[..., None]
    folds = values[..., None] + np.array([0.0, 1.0])[:, None, None, None] * np.linspace(-1, 1, 50)
    found = versus(folds, values, key="k")
    assert found.difference_high.tolist() == [2.0] and found.overall[2] == 2.0
    assert found.difference_low[0] < 1.9


def test_the_other_way_round_is_the_opposite():
    replicates, values = scores(gap=0.1)
    found, other = versus(replicates, values, key="k"), versus(replicates[::-1], values[::-1], key="k")
    np.testing.assert_allclose(found.difference, -other.difference)
    np.testing.assert_allclose(found.difference_low, -other.difference_high)
    np.testing.assert_allclose(found.p, other.p)
    assert found.p_better == pytest.approx(1 - other.p_better)


def test_beyond_noise_is_corrected_for_the_number_of_tasks():
    folds = np.random.default_rng(1).normal(size=(2, 20, 1, 4000))
    values = np.zeros((2, 20, 1))
    values[0, :, 0] = 2.2 * np.sqrt(2)  # p about 0.03 on each table alone
    assert versus((folds + values[..., None])[:, :1], values[:, :1], key="k").beyond.all()
    assert not versus(folds + values[..., None], values, key="k").beyond.any()


def test_tasks_that_one_has_not_run_are_left_out():
    replicates, values = scores()
    values[1, 2], replicates[1, 2] = np.nan, np.nan
    found = versus(replicates, values, key="k")
    kept = [0, 1, 3, 4, 5]
    assert np.isnan(found.difference[2]) and np.isnan(found.p[2]) and not found.beyond[2]
    assert np.isfinite(found.difference[kept]).all() and np.isfinite(found.value[0]).all()
    assert found.overall[0] == pytest.approx(found.difference[kept].mean())
    values[0], replicates[0] = np.nan, np.nan
    assert np.isnan(versus(replicates, values, key="k").overall).all()
