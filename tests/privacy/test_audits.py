"""The one-run bound: the theorem's own sum, honest mechanisms that it must not accuse, and dishonest ones that it must.

A bound at 95 % may exceed the truth in one honest run of twenty: more than 18 of 200 do so by chance
once in 200 times for a bound that is exactly at its level, and the seeds are fixed.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from bakeoff.errors import UsageError
from bakeoff.privacy.audits import (
    Gaussian,
    Side,
    Tally,
    Way,
    against_others,
    audit_one_run,
    ceiling,
    lower_bound,
    p_value,
    pooled,
    refuted,
    tally,
)
from bakeoff.privacy.audits.tallies import WAYS, split_of

EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
RUNS, ALLOWED = 200, 18
DELTA = 1e-5


def naive_p(correct, guesses, canaries, epsilon, delta):
    """Theorem 5.2 term by term."""
    q = math.exp(epsilon) / (1 + math.exp(epsilon))

    def at_least(v):
        return sum(math.comb(guesses, k) * q**k * (1 - q) ** (guesses - k) for k in range(max(0, v), guesses + 1))

    f = at_least(correct)
    worst = max([(at_least(correct - i) - f) / i for i in range(1, canaries + 1)], default=0.0)
    return min(1.0, f + 2 * delta * canaries * worst)


counts = st.integers(1, 40).flatmap(
    lambda canaries: st.integers(1, canaries).flatmap(
        lambda guesses: st.tuples(st.integers(0, guesses), st.just(guesses), st.just(canaries))
    )
)


@given(counts, st.floats(0, 6), st.sampled_from([0.0, 1e-5, 1e-2, 0.3]))
@settings(max_examples=150)
def test_the_p_value_is_the_theorems(made, epsilon, delta):
    assert p_value(*made, epsilon, delta) == pytest.approx(naive_p(*made, epsilon, delta), rel=1e-9, abs=1e-14)


@given(counts, st.sampled_from([0.0, 1e-5, 1e-3, 1e-2]), st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=100)
def test_everything_below_the_bound_is_refuted_and_what_lies_above_is_not(made, delta, confidence):
    bound = lower_bound(*made, delta, confidence)
    grid = np.linspace(0, bound + 2, 60)
    refuted_ones = np.array([p_value(*made, epsilon, delta) <= 1 - confidence for epsilon in grid])
    assert (refuted_ones == (grid <= bound))[np.abs(grid - bound) > 1e-6].all()


def test_figures_known_by_hand():
    # All of m right: q^m = 0.05, so epsilon = logit(0.05^(1/m)).
    assert lower_bound(100, 100, 100) == pytest.approx(math.log(0.05**0.01 / (1 - 0.05**0.01)), abs=1e-6)
    assert ceiling(100, 5000) == lower_bound(100, 100, 5000)
    assert lower_bound(50, 100, 100) == 0
    assert p_value(0, 10, 10, 3.0) == 1
    # Five coins right of five with epsilon 0 happens once in 32.
    assert p_value(5, 5, 5, 0.0) == pytest.approx(1 / 32)


def test_a_delta_costs_more_the_more_canaries_there_are():
    bounds = [lower_bound(95, 100, canaries, DELTA) for canaries in (100, 1_000, 10_000)]
    assert lower_bound(95, 100, 100) > bounds[0] > bounds[1] > bounds[2] > 1.5


def test_counts_and_claims_that_cannot_be_are_told():
    for made in ((3, 2, 5), (1, 6, 5), (0, 0, 5), (-1, 2, 5), (1.5, 2, 5)):
        with pytest.raises(UsageError, match="cannot be"):
            lower_bound(*made)
    with pytest.raises(UsageError, match=r"epsilon is -1.*0 or more"):
        p_value(1, 2, 3, -1.0)
    with pytest.raises(UsageError, match="delta is 1"):
        lower_bound(1, 2, 3, 1.0)
    with pytest.raises(UsageError, match="confidence is 95"):
        lower_bound(1, 2, 3, 0.0, 95)


@cache
def _bound(correct, guesses, canaries, delta, confidence):
    return lower_bound(correct, guesses, canaries, delta, confidence)


@cache
def _mu(correct, guesses, canaries, confidence):
    return refuted(correct, guesses, canaries, Gaussian, confidence)


def bound_of(counted, delta, paid=True):
    """Tally.bound with each theorem computed once."""
    share = round(1 - 0.05 / (len(counted.tried) if paid else 1), 12)
    return max(_bound(*one, counted.canaries, delta, share) for one in counted.tried)


def randomised_response(epsilon, canaries, random):
    """Tells each coin, and turns it with the chance that epsilon asks for: (signals, coins)."""
    inside = random.random(canaries) < 0.5
    return np.where(random.random(canaries) < expit(epsilon), inside, ~inside).astype(float), inside


def gaussian_mechanism(mu, canaries, random):
    """Tells each coin with normal noise."""
    inside = random.random(canaries) < 0.5
    return mu * inside + random.normal(size=canaries), inside


def mu_of(epsilon):
    low, high = 0.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if Gaussian(middle).epsilon(DELTA) < epsilon else (low, middle)
    return low


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_honest_randomised_response_is_not_accused_more_often_than_promised(epsilon):
    random = np.random.default_rng(1)
    runs = [tally(*randomised_response(epsilon, 300, random)) for _ in range(RUNS)]
    assert sum(bound_of(one, 0.0) > epsilon for one in runs) <= ALLOWED
    # The bound behind all guesses alone is at its level exactly, and near to the truth.
    alone = [_bound(one.correct[0], 300, 300, 0.0, 0.95) for one in runs]
    assert sum(bound > epsilon for bound in alone) <= ALLOWED
    assert np.median(alone) > 0.5 * min(epsilon, ceiling(300, 300))


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_an_honest_gaussian_mechanism_is_not_accused_more_often_than_promised(epsilon):
    random, mu = np.random.default_rng(2), mu_of(epsilon)
    runs = [tally(*gaussian_mechanism(mu, 300, random)) for _ in range(RUNS)]
    assert sum(bound_of(one, DELTA) > epsilon for one in runs) <= ALLOWED
    share = round(1 - 0.05 / len(runs[0].tried), 12)
    mus = [max(_mu(*counted, one.canaries, share) for counted in one.tried) for one in runs]
    assert sum(found > mu for found in mus) <= ALLOWED
    if epsilon == 4:
        assert np.median(mus) > 0.35 * mu


def test_trying_numbers_of_guesses_without_paying_would_accuse_the_honest():
    random = np.random.default_rng(3)
    many = tuple(Way(part) for part in range(1, 25))
    runs = [tally(*randomised_response(0.5, 300, random), ways=many) for _ in range(RUNS)]
    assert sum(bound_of(one, 0.0, paid=False) > 0.5 for one in runs) > ALLOWED
    assert sum(bound_of(one, 0.0) > 0.5 for one in runs) <= ALLOWED


def test_a_mechanism_that_tells_outright_with_delta_is_honest_at_that_delta_and_at_no_smaller_one():
    random, delta, epsilon, canaries = np.random.default_rng(4), 0.01, 0.5, 1000
    at, without = 0, 0
    for _ in range(RUNS):
        signals, inside = randomised_response(epsilon, canaries, random)
        told = random.random(canaries) < delta
        signals = np.where(told, np.where(inside, 2.0, -1.0), signals)
        counted = tally(signals, inside, ways=(Way(50),))
        at += _bound(counted.correct[0], 20, canaries, delta, 0.95) > epsilon
        without += _bound(counted.correct[0], 20, canaries, 0.0, 0.95) > epsilon
    assert at <= ALLOWED
    assert without > 3 * ALLOWED


def test_guesses_are_the_ends_of_the_signals():
    signals = np.array([9.0, 8.0, 7.0, 3.0, 2.0, 1.0, 0.0])
    inside = np.array([True, True, False, True, False, False, True])
    ways = (Way(1), Way(2), Way(3), Way(2, Side.MEMBERS), Way(2, Side.OTHERS))
    # All seven: three in and four out, as the widest gap says; three: two in, one out; two: one in, one out.
    assert tally(signals, inside, ways=ways) == Tally(7, ways, (7, 3, 2, 3, 3), (2 + 2, 2 + 0, 1 + 0, 2, 2))


def test_sides_part_at_the_widest_gap_near_the_middle():
    # 40 canaries: coins put in 20 within 9.5, so the wider gap above the first two is none of theirs.
    signals = np.concatenate([[90.0, 80.0], np.linspace(9, 8, 22), np.linspace(3, 2, 16)])
    assert split_of(signals) == 24
    assert split_of(np.zeros(40)) == 20
    assert split_of(np.array([1.0])) == 1
    told = np.arange(300) < 141
    assert tally(told.astype(float), told).correct[0] == 300
    assert split_of(np.array([np.inf] * 21 + [-np.inf] * 19)) == 21


@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
@settings(max_examples=60)
def test_tallies_agree_with_counting_one_by_one(seed, canaries):
    random = np.random.default_rng(seed)
    signals, inside = random.permutation(canaries).astype(float), random.random(canaries) < 0.5
    made = tally(signals, inside)
    assert set(made.ways) == {way for way in WAYS if way.part <= canaries}
    for way, guesses, correct in zip(made.ways, made.guesses, made.correct, strict=True):
        assert guesses == canaries // way.part
        order = sorted(range(canaries), key=lambda place: -signals[place])
        half = split_of(np.sort(signals)[::-1]) if way.part == 1 else math.ceil(guesses / 2)
        top = {"both": half, "members": guesses, "others": 0}[way.side]
        first, last = order[:top], order[canaries - (guesses - top) :]
        assert correct == sum(inside[place] for place in first) + sum(not inside[place] for place in last)


def test_a_planted_leak_at_one_end_of_the_signals_is_found():
    random = np.random.default_rng(2)
    inside, remembered = random.random(3000) < 0.5, random.random(3000) < 0.2
    both = [way for way in WAYS if way.side is Side.BOTH]
    for coins in (inside, ~inside):
        signals = np.where(remembered & inside, 5.0, random.normal(size=3000)) * np.where(coins[0] == inside[0], 1, -1)
        # A fifth of one side stand out, and nobody else does: who guesses those is always right.
        assert tally(signals, coins).bound() > 3
        assert tally(signals, coins, ways=both).bound() < 1.2
        assert tally(random.permutation(signals), coins).bound() < 0.3


def test_ways_are_told_in_words_and_read_again():
    assert [str(way) for way in WAYS[3:7]] == ["1/30", "1/10 members alone", "1/30 members alone", "1/10 others alone"]
    assert [Way.named(str(way)) for way in WAYS] == list(WAYS)


def test_equal_signals_say_nothing_even_where_members_come_first():
    inside = np.arange(4000) < 2000
    assert tally(np.zeros(4000), inside).bound() < 0.2
    leaked = np.argsort(-np.zeros(4000), kind="stable")  # the order as given would tell every coin
    assert (inside[leaked[:2000]]).all()


def test_seeds_together_show_more_than_each():
    random = np.random.default_rng(5)
    runs = [tally(*randomised_response(2.0, 300, random)) for _ in range(5)]
    together = pooled(runs)
    assert together.canaries == 1500
    assert together.guesses[0] == 1500
    assert together.correct[1] == sum(one.correct[1] for one in runs)
    assert 2.0 > together.bound() > np.median([one.bound() for one in runs])
    assert together.ceiling() > runs[0].ceiling()


def test_fits_may_be_pooled_that_were_compared_without_their_coins_and_not_with_them():
    random, blind, seeing = np.random.default_rng(7), 0, 0
    ways = (Way(1),)
    for _ in range(RUNS):
        inside, signals = random.random((2, 600)) < 0.5, random.normal(size=(2, 600))  # nothing leaks
        compared = against_others(signals)
        counted = pooled(tally(one, coins, ways=ways) for one, coins in zip(compared, inside, strict=True))
        blind += _bound(counted.correct[0], 1200, 1200, 0.0, 0.95) > 0
        # A guess with the other's coin: right for both fits or for neither, so that each coin counts twice.
        turned = signals[0] * signals[1] * np.where(inside[::-1], 1.0, -1.0)
        counted = pooled(tally(one, coins, ways=ways) for one, coins in zip(turned, inside, strict=True))
        seeing += _bound(counted.correct[0], 1200, 1200, 0.0, 0.95) > 0
    assert blind <= ALLOWED < seeing


def test_signals_are_compared_with_those_of_the_other_fits():
    signals = np.array([[1.0, 5.0], [3.0, 5.0], [8.0, 2.0]])
    assert against_others(signals).tolist() == [[1 - 5.5, 5 - 3.5], [3 - 4.5, 5 - 3.5], [8 - 2, 2 - 5.0]]
    with pytest.raises(UsageError, match="two independent fits or more"):
        against_others(signals[:1])


def test_tallies_of_other_sizes_are_pooled_by_what_they_share():
    ways = (Way(1), Way(3), Way(10), Way(30))
    small = Tally(20, ways[:3], (20, 6, 2), (12, 4, 2))
    large = Tally(300, ways, (300, 100, 30, 10), (200, 80, 25, 9))
    assert pooled([small, large]) == Tally(320, ways[:3], (320, 106, 32), (212, 84, 27))
    with pytest.raises(UsageError, match="no way of guessing in common"):
        pooled([Tally(20, (Way(1),), (20,), (12,)), Tally(20, (Way(2),), (10,), (5,))])
    with pytest.raises(UsageError, match="no tally to pool"):
        pooled([])


def test_a_way_of_too_few_guesses_is_not_tried_and_not_paid_for():
    few = Tally(40, (Way(1), Way(3), Way(10)), (40, 13, 4), (30, 12, 4))
    assert few.tried == ((30, 40), (12, 13))
    assert few.bound() == max(lower_bound(30, 40, 40, 0, 0.975), lower_bound(12, 13, 40, 0, 0.975))
    assert Tally(5, (Way(1), Way(3)), (5, 1), (5, 1)).tried == ((5, 5),)


def test_the_audit_of_one_run_says_bound_ceiling_and_counts():
    random = np.random.default_rng(6)
    found = audit_one_run(*gaussian_mechanism(3.0, 1000, random), DELTA)
    assert 1 < found.epsilon < found.gaussian < Gaussian(3.0).epsilon(DELTA)
    assert found.epsilon == found.tally.bound(DELTA)
    assert found.ceiling == found.tally.ceiling(DELTA) > found.epsilon
    assert found.as_plain()["canaries"] == 1000
    assert f"at least {found.epsilon:.2f} at delta 1e-05 at 95% confidence" in str(found)
    assert f"{found.ceiling:.2f} at most" in str(found)
    assert audit_one_run(np.arange(50.0), np.arange(50) % 2 == 0).gaussian is None


def test_signals_and_coins_that_cannot_be_are_told():
    with pytest.raises(UsageError, match="one of each for every canary"):
        tally(np.zeros(3), np.zeros(4, dtype=bool))
    with pytest.raises(UsageError, match="one of each"):
        tally(np.zeros(0), np.zeros(0, dtype=bool))
    with pytest.raises(UsageError, match="True for a canary that was in training"):
        tally(np.zeros(3), np.array([0, 1, 1]))
    with pytest.raises(UsageError, match="1 signals of 3 are no number"):
        tally(np.array([0, np.nan, 1]), np.zeros(3, dtype=bool))
    with pytest.raises(UsageError, match="800 of 1,000 canaries were in training, which fair coins do not do"):
        tally(np.zeros(1000), np.arange(1000) < 800)
    assert tally(np.zeros(1000), np.arange(1000) < 590).canaries == 1000  # 5.7 deviations
    with pytest.raises(UsageError, match="no way to guess about 3 canaries"):
        tally(np.zeros(3), np.zeros(3, dtype=bool), ways=(Way(5),))
    with pytest.raises(UsageError, match=r"^3 is no way to guess; give Way\(3\)"):
        tally(np.zeros(3), np.zeros(3, dtype=bool), ways=[3])
    with pytest.raises(UsageError, match="as many numbers of guesses"):
        Tally(3, (Way(1),), (3,), ())
