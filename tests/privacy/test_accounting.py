"""Epsilon is an upper bound, tight, and the same as what other accountants say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.errors import UsageError
from bakeoff.privacy.entries import Entry, Kind, Neighbours

INTERVAL = 1e-3
GRID = [
    (0.01, 1.0, 10_000, 1e-5),
    (0.001, 0.6, 3_000, 1e-6),
    (0.05, 2.0, 400, 1e-5),
    (0.2, 4.0, 100, 1e-6),
    (0.004, 0.8, 2_000, 1e-7),
    (1.0, 10.0, 20, 1e-5),
]


@pytest.fixture(autouse=True)
def accountant(require):
    require("dp-accounting")


def steps(rate, sigma, count, **more):
    return Entry(Kind.SAMPLED, "steps", count, rate=rate, sigma=sigma, **more)


def epsilon(*entries, delta=1e-5, **more):
    from bakeoff.privacy import epsilon_of

    return epsilon_of(entries, delta, **more)


def central_limit(rate, sigma, count, delta):
    """What Gaussian differential privacy would say: an approximation, and no bound."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    mu = rate * math.sqrt(count * math.expm1(sigma**-2))

    def excess(one):
        return norm.cdf(mu / 2 - one / mu) - math.exp(one) * norm.cdf(-mu / 2 - one / mu) - delta

    return brentq(excess, 0, 100)


def hockey_stick(upper, lower, at):
    """Delta at an epsilon, of two densities on the same points times their spacing."""
    return float(np.maximum(upper - math.exp(at) * lower, 0).sum())


def normal(points, mean, sigma):
    from scipy.stats import norm

    return norm.pdf(points, mean, sigma) * (points[1] - points[0])


def test_the_example_of_the_field_is_6_188():
    assert round(epsilon(steps(0.01, 1.0, 10_000)), 3) == 6.188


def test_clipped_micro_batches_are_43_4_where_6_19_was_claimed():
    assert round(epsilon(steps(0.01, 0.5, 10_000)), 1) == 43.4


def test_the_stated_figure_is_that_of_a_finer_grid():
    from bakeoff.privacy.accounting import composed

    fine = composed([steps(0.01, 1.0, 10_000)], Neighbours.ADD_OR_REMOVE, 2e-5).get_epsilon_for_delta(1e-5)
    assert fine == pytest.approx(6.18771, abs=2e-5)
    assert fine <= epsilon(steps(0.01, 1.0, 10_000)) <= 1.0001 * fine


@pytest.mark.parametrize(("rate", "sigma", "count", "delta"), GRID)
def test_epsilon_lies_within_rigorous_bounds_and_below_renyi(require, rate, sigma, count, delta):
    require("prv-accountant")
    from bakeoff.privacy import rdp_of

    lower, upper = rigorous(rate, sigma, count, delta)
    found = epsilon(steps(rate, sigma, count), delta=delta)
    assert lower <= found <= upper
    assert found <= rdp_of([steps(rate, sigma, count)], delta)


def rigorous(rate, sigma, count, delta):
    import warnings

    import prv_accountant as prv

    one = prv.GaussianMechanism(sigma) if rate == 1 else prv.PoissonSubsampledGaussianMechanism(rate, sigma)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accountant = prv.PRVAccountant([one], eps_error=0.05, delta_error=delta / 1000, max_self_compositions=[count])
        lower, _, upper = accountant.compute_epsilon(delta, [count])
    return lower, upper


@pytest.mark.parametrize("wrong", ["half the rate", "the central limit"])
def test_a_wrong_figure_lies_outside_of_the_bounds(require, wrong):
    require("prv-accountant")
    rate, sigma, count, delta = GRID[0]
    lower, _ = rigorous(rate, sigma, count, delta)
    half = epsilon(steps(rate / 2, sigma, count), delta=delta)
    assert (half if wrong == "half the rate" else central_limit(rate, sigma, count, delta)) < lower


def test_unlike_mechanisms_together_lie_within_rigorous_bounds(require):
    require("prv-accountant")
    import warnings

    import prv_accountant as prv

    parts = [prv.PoissonSubsampledGaussianMechanism(0.02, 1.2), prv.GaussianMechanism(8.0), prv.PureDPMechanism(0.2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accountant = prv.PRVAccountant(parts, eps_error=0.05, delta_error=1e-8, max_self_compositions=[500, 3, 2])
        lower, _, upper = accountant.compute_epsilon(1e-5, [500, 3, 2])
    from bakeoff.privacy import rdp_of

    held = [steps(0.02, 1.2, 500), Entry(Kind.RELEASED, "r", 3, sigma=8.0), Entry(Kind.SPENT, "s", 2, epsilon=0.2)]
    assert lower <= epsilon(*held) <= upper
    assert epsilon(*held) <= rdp_of(held, 1e-5)


@settings(max_examples=15)
@given(
    rate=st.floats(1e-4, 1.0),
    sigma=st.floats(0.3, 20.0),
    count=st.sampled_from([1, 30, 500]),
    delta=st.sampled_from([1e-3, 1e-5, 1e-7]),
)
def test_a_sampled_gaussian_is_the_library_s(rate, sigma, count, delta):
    from dp_accounting.pld import privacy_loss_distribution as library

    from bakeoff.privacy.composition import as_library
    from bakeoff.privacy.loss_distributions import added_or_removed

    interval = 1e-2
    ours = as_library(added_or_removed(rate, sigma, 1, interval), interval)
    theirs = library.from_gaussian_mechanism(sigma, value_discretization_interval=interval, sampling_prob=rate)
    found = [one.self_compose(count).get_epsilon_for_delta(delta) for one in (ours, theirs)]
    assert found[0] == pytest.approx(found[1], rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("rate", "sigma"), [(0.01, 1.0), (0.5, 3.0), (1.0, 2.0), (0.001, 0.3)])
def test_a_replaced_record_is_the_library_s(rate, sigma):
    from dp_accounting import NeighboringRelation
    from dp_accounting.pld import privacy_loss_distribution as library

    from bakeoff.privacy.composition import as_library
    from bakeoff.privacy.loss_distributions import replaced

    ours = as_library(replaced(rate, sigma, INTERVAL), INTERVAL)
    theirs = library.from_gaussian_mechanism(
        sigma,
        value_discretization_interval=INTERVAL,
        sampling_prob=rate,
        neighboring_relation=NeighboringRelation.REPLACE_ONE,
    )
    for count in (1, 200):
        found = [one.self_compose(count).get_epsilon_for_delta(1e-5) for one in (ours, theirs)]
        assert found[0] == pytest.approx(found[1], rel=1e-6)


@pytest.mark.parametrize(("together", "rate", "sigma"), [(2, 0.02, 1.0), (5, 0.004, 2.0), (3, 1.0, 4.0)])
def test_several_records_of_an_owner_are_the_library_s_mixture(together, rate, sigma):
    from dp_accounting.pld import privacy_loss_distribution as library
    from scipy.stats import binom

    from bakeoff.privacy.composition import as_library
    from bakeoff.privacy.loss_distributions import added_or_removed

    moved, interval = np.arange(together + 1), 1e-2
    ours = as_library(added_or_removed(rate, sigma, together, interval), interval)
    theirs = library.from_mixture_gaussian_mechanism(
        sigma,
        sensitivities=moved.astype(float),
        sampling_probs=binom.pmf(moved, together, rate),
        value_discretization_interval=interval,
    )
    for count in (1, 100):
        found = [one.self_compose(count).get_epsilon_for_delta(1e-5) for one in (ours, theirs)]
        assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_an_owner_pays_more_than_a_record_and_less_than_records_that_are_always_drawn_together():
    one, three = (epsilon(steps(0.01, 1.5, 1_000, together=many)) for many in (1, 3))
    always = epsilon(steps(1 - 0.99**3, 0.5, 1_000))
    assert 1.5 * one < three < always


def test_owners_with_many_records_are_accounted_for_without_a_huge_grid():
    one, many = (epsilon(steps(0.002, 3.0, 200, together=records)) for records in (1, 60))
    always = epsilon(steps(1 - 0.998**60, 3.0 / 60, 200))
    assert 10 * one < many < always / 10


def test_where_epsilon_is_hopeless_the_tighter_bound_stands():
    from bakeoff.privacy import rdp_of

    held = steps(0.5, 1.0, 10_000_000)
    assert epsilon(held) == rdp_of([held], 1e-5)


@pytest.mark.parametrize(
    ("first", "second"), [((1, 1, -1), (1, 1, 1)), ((1, -1, -1), (1, -1, 1)), ((0, 0, 1), (0, 0, -1))]
)
def test_samples_of_fixed_size_are_bounded_whatever_the_other_rows_are(first, second):
    """Three rows of which one is drawn, the last of them replaced: both mixtures written out."""
    from bakeoff.privacy.composition import as_library
    from bakeoff.privacy.loss_distributions import fixed_size

    sigma = 1.3
    points = np.linspace(-14, 14, 40_001)
    one, other = (sum(normal(points, row, sigma) for row in rows) / 3 for rows in (first, second))
    curve = as_library(fixed_size(1 / 3, sigma, 1e-4), 1e-4)
    for at in (-1.0, -0.2, 0.0, 0.3, 1.0, 2.0):
        for pair in ((one, other), (other, one)):
            assert hockey_stick(*pair, at) <= curve.get_delta_for_epsilon(at) + 1e-7
    if first == (1, 1, -1):  # the worst case is reached, so the bound is no looser than it must be
        tight = max(hockey_stick(*pair, 0.3) for pair in ((one, other), (other, one)))
        assert curve.get_delta_for_epsilon(0.3) == pytest.approx(tight, rel=1e-4)


def test_samples_of_fixed_size_are_never_taken_for_poisson_samples():
    held = Entry(Kind.FIXED, "shuffled", 10_000, rate=0.01, sigma=2.0)
    with pytest.raises(UsageError, match="fixed size without replacement"):
        epsilon(held)
    from bakeoff.privacy import rdp_of

    found = epsilon(held, neighbours=Neighbours.REPLACE)
    poisson = epsilon(steps(0.01, 2.0, 10_000), neighbours=Neighbours.REPLACE)
    assert epsilon(steps(0.01, 2.0, 10_000)) < poisson < found
    assert found == pytest.approx(8.084, abs=1e-3)
    assert found <= rdp_of([held], 1e-5, neighbours=Neighbours.REPLACE) == pytest.approx(13.15, abs=0.01)


def test_a_replaced_record_costs_10_88_where_an_added_one_costs_6_19():
    assert epsilon(steps(0.01, 1.0, 10_000), neighbours=Neighbours.REPLACE) == pytest.approx(10.881, abs=2e-3)


@settings(max_examples=50)
@given(stated=st.floats(0.0, 8.0), delta=st.sampled_from([0.0, 1e-6, 0.01]), at=st.floats(-9.0, 9.0))
def test_a_stated_pair_is_never_understated_and_exact_on_the_grid(stated, delta, at):
    from bakeoff.privacy.composition import as_library
    from bakeoff.privacy.loss_distributions import stated_pair

    curve = as_library(stated_pair(stated, delta, INTERVAL), INTERVAL)
    likely = (1 - delta) / (1 + math.exp(-stated))
    for one, exact in ((at, False), (round(at / INTERVAL) * INTERVAL, True)):
        true = delta + sum(
            max(upper - math.exp(one) * lower, 0)
            for upper, lower in ((likely, 1 - delta - likely), (1 - delta - likely, likely))
        )
        found = curve.get_delta_for_epsilon(one)
        assert found >= true - 1e-12
        if exact:
            assert found <= true + 3e-7


def test_losses_hold_all_mass_in_both_directions():
    from bakeoff.privacy import loss_distributions as losses

    held = [
        losses.added_or_removed(0.01, 1.0, 1, 1e-4),
        losses.added_or_removed(0.1, 0.4, 3, 1e-3),
        losses.replaced(0.3, 0.7, 1e-3),
        losses.fixed_size(0.3, 0.7, 1e-3),
        losses.stated_pair(2.0, 1e-3, 1e-3),
    ]
    for one in held:
        for side in (one.removed, one.added):
            assert side.probabilities.min() >= 0
            assert side.probabilities.sum() + side.infinite == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=15)
@given(data=st.data())
def test_composing_at_once_is_composing_one_by_one(data):
    from bakeoff.privacy import loss_distributions as losses
    from bakeoff.privacy.composition import as_library, epsilon_at, together

    interval = 1e-2
    some = [
        losses.added_or_removed(data.draw(st.floats(0.001, 1.0)), data.draw(st.floats(0.7, 9.0)), 1, interval),
        losses.replaced(data.draw(st.floats(0.001, 1.0)), data.draw(st.floats(0.7, 9.0)), interval),
        losses.stated_pair(data.draw(st.floats(0.01, 2.0)), data.draw(st.sampled_from([0.0, 1e-7])), interval),
    ]
    counts = [[data.draw(st.integers(0, 20)) for _ in range(2)] for _ in some]
    at_once = together(list(zip(some, counts, strict=True)), interval)
    for moment, found in enumerate(at_once):
        slow = as_library(None, interval)
        for one, often in zip(some, counts, strict=True):
            for _ in range(often[moment]):
                slow = slow.compose(as_library(one, interval))
        expected = slow.get_epsilon_for_delta(1e-5)
        assert epsilon_at(found, 1e-5) == pytest.approx(expected, rel=1e-5, abs=1e-7)
        assert as_library(found, interval).get_epsilon_for_delta(1e-5) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@settings(max_examples=8)
@given(rate=st.floats(0.001, 0.5), sigma=st.floats(0.6, 6.0), count=st.integers(1, 800))
def test_more_noise_fewer_steps_and_smaller_samples_cost_less(rate, sigma, count):
    here = epsilon(steps(rate, sigma, count), grid=INTERVAL)
    assert epsilon(steps(rate, sigma * 1.1, count), grid=INTERVAL) <= here * 1.001
    assert epsilon(steps(rate / 2, sigma, count), grid=INTERVAL) <= here * 1.001
    assert epsilon(steps(rate, sigma, count + 200), grid=INTERVAL) >= here * 0.999


def test_the_grid_is_finer_where_steps_tell_very_little():
    from bakeoff.privacy import rdp_of
    from bakeoff.privacy.accounting import composed, interval_for

    held = [steps(1e-4, 5.0, 1_000_000)]
    coarse = composed(held, Neighbours.ADD_OR_REMOVE, INTERVAL).get_epsilon_for_delta(1e-6)
    assert interval_for(held, Neighbours.ADD_OR_REMOVE, INTERVAL) < INTERVAL / 50
    assert epsilon(*held, delta=1e-6) < rdp_of(held, 1e-6) < coarse


def test_a_huge_epsilon_is_told_without_a_huge_grid():
    assert 3_000 < epsilon(steps(0.1, 0.3, 10_000)) < 4_500


def test_a_delta_below_rounding_is_accounted_for_by_renyi_divergences():
    from bakeoff.privacy import rdp_of

    held = steps(0.01, 1.0, 1_000)
    assert epsilon(held, delta=1e-12) == rdp_of([held], 1e-12)
    assert epsilon(held, delta=1e-9) < rdp_of([held], 1e-9)


def test_many_sigmas_are_told_apart_finely_and_never_taken_for_more_noise():
    from bakeoff.privacy.accounting import STATED, TRIED, alike

    many = [steps(0.01, 2.0 * math.exp(-step / 2_000), 1) for step in range(2_000)]
    for grid, most in ((1e-4, STATED), (1e-3, TRIED)):
        few = alike(many, grid)
        assert len({entry.sigma for entry in few}) <= most + 1
        assert all(one.sigma <= other.sigma for one, other in zip(few, many, strict=True))
    every = [steps(0.01, 2.0 * math.exp(-(step + 0.5) / 50), 40) for step in range(50)]
    assert len({entry.sigma for entry in alike(every, 1e-4)}) == 50
    assert epsilon(*every) == pytest.approx(epsilon(*many), rel=0.004)


def test_what_is_spent_elsewhere_adds_up():
    alone = Entry(Kind.SPENT, "one", epsilon=0.5)
    assert epsilon(alone) == pytest.approx(0.5, abs=1e-3)
    assert epsilon(alone, alone) == pytest.approx(1.0, abs=1e-3)
    both = Entry(Kind.SPENT, "many", 100, epsilon=0.1)
    assert epsilon(both) < 10 * 0.5  # far less than the sum of 100 times 0.1
    assert epsilon(Entry(Kind.SPENT, "told", epsilon=0.1, delta=2e-5)) == math.inf


def test_nothing_costs_nothing_and_no_noise_has_no_epsilon():
    assert epsilon() == 0.0
    assert epsilon(Entry(Kind.PUBLIC, "schema"), steps(0.0, 1.0, 10)) == 0.0
    assert epsilon(steps(0.1, 0.0, 1)) == math.inf


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-5, math.nan])
def test_a_delta_that_is_none_is_refused(delta):
    with pytest.raises(UsageError, match="delta is"):
        epsilon(steps(0.1, 1.0, 1), delta=delta)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"rate": 1.2}, "sampling rate"),
        ({"sigma": -1.0}, "sigma"),
        ({"sigma": math.nan}, "sigma"),
        ({"count": 0}, "count"),
        ({"together": 0}, "records of a unit"),
    ],
)
def test_an_entry_with_a_number_out_of_range_is_refused(wrong, match):
    with pytest.raises(UsageError, match=match):
        Entry(Kind.SAMPLED, "steps", **{"count": 1, "rate": 0.1, "sigma": 1.0, **wrong})
