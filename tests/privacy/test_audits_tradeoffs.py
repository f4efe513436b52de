"""The audit of whole trade-off curves: against a linear program, known curves, and the power that they buy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import expit

from bakeoff.errors import UsageError
from bakeoff.privacy.audits import Gaussian, Profile, lower_bound, refuted, refutes


def most_likely_tail(correct, guesses, canaries, epsilon, delta):
    """The largest chance of so many right guesses that the tests between neighbours leave, by linear programming.

    Variables are p_0 ... p_guesses; for every i the canaries' average test must keep the (epsilon, delta) curve, whose
    inverse is the larger of two lines.
    """
    n = np.arange(guesses + 1)
    rows, bounds = [], []
    for i in range(guesses):
        missed = np.where(n >= i, (guesses - n) / canaries, 0.0)
        hit = np.where(n >= i + 1, n / canaries, 0.0)
        rows.append(math.exp(-epsilon) * hit - missed)
        bounds.append(math.exp(-epsilon) * delta)
        rows.append(math.exp(epsilon) * hit - missed)  # 1 - delta - e^epsilon (1 - hit) <= missed
        bounds.append(math.exp(epsilon) - 1 + delta)
    found = linprog(-(n >= correct).astype(float), rows, bounds, [np.ones(guesses + 1)], [1.0])
    assert found.status == 0
    return -found.fun


counts = st.integers(1, 12).flatmap(
    lambda canaries: st.integers(1, canaries).flatmap(
        lambda guesses: st.tuples(st.integers(1, guesses), st.just(guesses), st.just(canaries))
    )
)


@given(
    counts,
    st.floats(0.05, 3),
    st.sampled_from([0.0, 0.01, 0.1]),
)
@settings(max_examples=120)
def test_a_curve_is_refuted_where_a_linear_program_leaves_no_such_tail(made, epsilon, delta):
    tail = most_likely_tail(*made, epsilon, delta)
    curve = Profile.of(epsilon, delta)
    for level in (0.4, 0.05, 1e-3):
        if abs(tail - level) > 1e-6:
            assert refutes(*made, curve, 1 - level if level < 0.5 else 0.5) == (tail < level)


def test_the_curves_are_what_they_are_named():
    assert Gaussian(1.0).false_alarms(0.5) == pytest.approx(0.15865525)
    # Dong, Roth and Su 2019, corollary 2.13; the figure is of N(0, 1) against N(1, 1) at epsilon 1.
    assert Gaussian(1.0).delta(1.0) == pytest.approx(0.12693674, abs=1e-7)
    assert Gaussian(1.0).epsilon(0.12693674) == pytest.approx(1.0, abs=1e-5)
    plain = Profile.of(math.log(3), 0.1)
    assert plain.false_alarms(0.4) == pytest.approx(0.1)
    assert plain.false_alarms(1.0) == pytest.approx(0.9)
    assert plain.false_alarms(0.05) == 0


@given(st.floats(0.1, 4), st.floats(0.001, 0.999))
@settings(max_examples=60)
def test_a_gaussian_is_the_profile_of_all_its_points(mu, power):
    epsilons = np.linspace(0, 40, 20_001)
    deltas = np.array([Gaussian(mu).delta(epsilon) for epsilon in epsilons[::20]])
    whole = Profile(epsilons[::20], deltas).false_alarms(power)
    assert whole <= Gaussian(mu).false_alarms(power) + 1e-9
    assert whole == pytest.approx(Gaussian(mu).false_alarms(power), abs=2e-3)


@given(st.floats(0.1, 6), st.sampled_from([1e-6, 1e-5, 1e-2, 0.2]))
@settings(max_examples=40)
def test_epsilon_and_delta_of_a_gaussian_undo_each_other(mu, delta):
    epsilon = Gaussian(mu).epsilon(delta)
    assert (epsilon == 0 and Gaussian(mu).delta(0) <= delta) or Gaussian(mu).delta(epsilon) == pytest.approx(delta)


def test_a_promise_of_the_whole_curve_is_refuted_sooner():
    random = np.random.default_rng(0)
    mu, delta = 1.2, 1e-5
    inside = random.random(5_000) < 0.5
    signals = mu * inside + random.normal(size=5_000)
    order = np.argsort(-signals)
    correct = int(inside[order[:50]].sum() + (~inside[order[-50:]]).sum())
    found = refuted(correct, 100, 5_000)
    assert 0.5 * mu < found < mu
    assert Gaussian(found).epsilon(delta) > 1.2 * lower_bound(correct, 100, 5_000, delta)


def test_a_family_may_be_any_that_promises_less_as_it_grows():
    made = (95, 100, 1_000)
    plain = refuted(*made, family=lambda epsilon: Profile.of(epsilon, 0.0))
    # The theorem for plain privacy uses more of the tail, so it is a little stronger there.
    assert 0.95 * lower_bound(*made) < plain <= lower_bound(*made) + 1e-6
    assert expit(plain) < 0.95
    assert refuted(50, 100, 1_000) == 0


def test_the_greatest_refuted_parameter_is_refuted_and_a_greater_one_is_not():
    found = refuted(90, 100, 1_000)
    assert refutes(90, 100, 1_000, Gaussian(found))
    assert not refutes(90, 100, 1_000, Gaussian(found + 1e-4))


def test_no_epsilon_without_a_delta():
    with pytest.raises(UsageError, match="no finite epsilon at delta 0"):
        Gaussian(1.0).epsilon(0.0)
    with pytest.raises(UsageError, match="cannot be"):
        refuted(5, 4, 10)


@pytest.mark.parametrize(
    ("correct", "guesses", "canaries", "delta", "plain", "gaussian"),
    [
        (280, 300, 300, 0.0, 2.249391, None),
        (95, 100, 1_000, 1e-5, 2.165176, 3.323300),
        (950, 1_000, 10_000, 1e-5, 2.690996, 3.802444),
        (30, 30, 300, 1e-5, 2.244772, 3.592865),
        (400, 500, 5_000, 1e-5, 1.195218, 1.683156),
    ],
)
def test_bounds_equal_those_of_jax_privacy(correct, guesses, canaries, delta, plain, gaussian):
    # Measured with jax-privacy 2.0.0 (PyPI), the functions behind its epsilon_one_run and epsilon_one_run_fdp.
    assert lower_bound(correct, guesses, canaries, delta) == pytest.approx(plain, abs=2e-6)
    if gaussian is not None:
        assert Gaussian(refuted(correct, guesses, canaries)).epsilon(delta) == pytest.approx(gaussian, abs=5e-6)
