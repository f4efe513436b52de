import math
import warnings

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.stats import difference_of_means, holm, interval, wilson
from bakeoff.stats.significance import p_values

samples = st.lists(st.floats(-100, 100), min_size=2, max_size=30)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.9, 0.95]))
def test_wilson_agrees_with_scipy(trial, level):
    expected = scipy.stats.binomtest(*trial).proportion_ci(level, method="wilson")
    assert wilson(*trial, level=level) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(samples, samples)
def test_difference_of_means_is_welchs(a, b):
    value, low, high = difference_of_means(a, b)
    assert value == pytest.approx(np.mean(a) - np.mean(b))
    assert low <= value <= high
    if np.var(a) + np.var(b) > 1e-12:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # scipy remarks on a sample without spread
            expected = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval()
        assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)


def test_too_few_numbers_have_no_interval():
    assert difference_of_means([1.0], [0.5, 0.7])[0] == pytest.approx(0.4)
    assert all(math.isnan(bound) for bound in difference_of_means([1.0], [0.5, 0.7])[1:])
    assert all(math.isnan(number) for number in difference_of_means([], [1.0, 2.0]))
    assert all(math.isnan(bound) for bound in wilson(0, 0))
    assert all(math.isnan(bound) for bound in interval(np.array([np.nan, np.nan])))


def test_an_interval_is_the_middle_of_the_replicates():
    replicates = np.random.default_rng(0).permutation(np.append(np.arange(1001.0), np.nan))
    assert interval(replicates) == pytest.approx((25.0, 975.0))
    assert interval(replicates, 0.5) == pytest.approx((250.0, 750.0))


@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=12), st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_rule_rejects(p, alpha):
    known = sorted((value, place) for place, value in enumerate(p) if not math.isnan(value))
    rejected = set()
    for step, (value, place) in enumerate(known):
        if value * (len(known) - step) > alpha:
            break
        rejected.add(place)
    adjusted = holm(np.array(p))
    assert {place for place, value in enumerate(adjusted) if value <= alpha} == rejected
    assert np.isnan(adjusted).tolist() == [math.isnan(value) for value in p]


def test_p_values_are_two_sided():
    difference, error = np.array([1.96, -1.96, 0.0, 0.3, 0.0, np.nan]), np.array([1.0, 1.0, 1.0, 0.0, 0.0, 1.0])
    assert p_values(difference, error)[:2] == pytest.approx(2 * scipy.stats.norm.sf(1.96))
    assert p_values(difference, error)[2:5].tolist() == [1.0, 0.0, 1.0]
    assert np.isnan(p_values(difference, error)[5])
    assert p_values(difference, error, 4.0)[1] == pytest.approx(2 * scipy.stats.t.sf(1.96, 4))
