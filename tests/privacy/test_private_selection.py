"""The best of a random number of runs costs what is said, on mechanisms whose exact cost can be computed."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import numpy as np
import pytest

from bakeoff.errors import UsageError
from bakeoff.privacy.entries import Entry, Kind, Neighbours
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.selection import halting, mean_runs, selected_epsilon
from bakeoff.privacy.tuning import Repetitions, Trial, tune

SHAPES = [0.0, 0.5, 1.0, 3.0, math.inf]


@pytest.fixture(autouse=True)
def accountant(require):
    require("dp-accounting")


def selected(option, mean=6.0, shape=0.0):
    return Entry(Kind.SELECTED, "search", mean=mean, shape=shape, options=(tuple(option),))


def said(entry, delta, grid=1e-3):
    return selected_epsilon(entry, delta, Neighbours.ADD_OR_REMOVE, grid)


def generating(x, mean, shape):
    """The probability generating function of the number of runs (Papernot and Steinke 2022, section 2)."""
    if math.isinf(shape):
        return np.exp(mean * (x - 1))
    g = halting(mean, shape)
    if shape == 0:
        return np.log1p(-(1 - g) * x) / math.log(g)
    return ((1 - (1 - g) * x) ** -shape - 1) / (g**-shape - 1)


def best_of(chances, ranking, mean, shape):
    """How likely each answer is to be the best one, for a run's chances and a ranking from worst to best."""
    below = np.cumsum(np.asarray(chances)[ranking])
    out = np.empty(len(ranking))
    out[ranking] = np.diff(generating(below, mean, shape), prepend=generating(0.0, mean, shape))
    return out


def hockey_stick(upper, lower, epsilon):
    return float(np.maximum(upper - math.exp(epsilon) * lower, 0).sum())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("spent", "delta"), [(0.3, 0.0), (1.5, 0.0), (1.0, 1e-3)])
def test_no_ranking_of_the_worst_pure_mechanism_costs_more_than_is_said(shape, spent, delta):
    likely = (1 - delta) / (1 + math.exp(-spent))
    one = np.array([likely, 1 - delta - likely, delta, 0.0])
    other = np.array([1 - delta - likely, likely, 0.0, delta])
    asked = 0.02
    bound = said(selected([Entry(Kind.SPENT, "run", epsilon=spent, delta=delta)], shape=shape), asked)
    alone, worst = [], []
    for ranking in map(list, itertools.permutations(range(4))):
        first, second = (best_of(chances, ranking, 6.0, shape) for chances in (one, other))
        for pair in ((first, second), (second, first)):
            assert hockey_stick(*pair, bound) <= asked + 1e-9
            worst.append(hockey_stick(*pair, 0.5 * bound))
            alone.append(
                hockey_stick(*pair, said(selected([Entry(Kind.SPENT, "run", epsilon=spent, delta=delta)], 1.0), asked))
            )
    assert max(worst) > asked or spent < 1  # the bound is not far from what some ranking really costs
    assert max(alone) > asked  # a single run's epsilon would be too little: the check can fail


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("better", [1, -1])
def test_the_best_of_noisy_sums_costs_at_most_what_is_said(shape, better):
    from scipy.stats import norm

    sigma, mean, asked = 2.0, 8.0, 1e-4
    edges = np.linspace(-9 * sigma, 9 * sigma + 1, 60_001)
    runs = [np.diff(norm.cdf(edges, centre, sigma)) for centre in (0.0, 1.0)]
    ranking = list(range(len(edges) - 1))[::better]
    first, second = (best_of(chances, ranking, mean, shape) for chances in runs)
    option = [Entry(Kind.RELEASED, "run", sigma=sigma)]
    bound, alone = said(selected(option, mean, shape), asked), said(selected(option, 1.0), asked)
    pairs = ((first, second), (second, first))
    assert all(hockey_stick(*pair, bound) <= asked for pair in pairs)
    assert max(hockey_stick(*pair, alone) for pair in pairs) > asked


@pytest.mark.parametrize("shape", SHAPES)
def test_renyi_divergences_are_the_library_s_and_looser(shape):
    from dp_accounting import dp_event
    from dp_accounting.rdp import RdpAccountant

    from bakeoff.privacy.accounting import epsilon_of, rdp_of
    from bakeoff.privacy.divergences import ORDERS

    run = Entry(Kind.SAMPLED, "run", 1_000, rate=0.01, sigma=2.0)
    event = dp_event.SelfComposedDpEvent(dp_event.PoissonSampledDpEvent(0.01, dp_event.GaussianDpEvent(2.0)), 1_000)
    accountant = RdpAccountant(list(ORDERS)).compose(dp_event.RepeatAndSelectDpEvent(event, 10.0, shape))
    ours = rdp_of([selected([run], 10.0, shape)], 1e-5)
    assert ours == pytest.approx(accountant.get_epsilon(1e-5), rel=1e-6)
    assert epsilon_of([run], 1e-5) < epsilon_of([selected([run], 10.0, shape)], 1e-5) < ours


def test_a_search_costs_far_less_than_all_its_runs_and_no_more_than_what_is_beside_it_adds():
    from bakeoff.privacy.accounting import epsilon_of

    run = Entry(Kind.SAMPLED, "run", 1_000, rate=0.01, sigma=2.0)
    search = selected([run], 10.0)
    ten = epsilon_of([Entry(Kind.SAMPLED, "runs", 10_000, rate=0.01, sigma=2.0)], 1e-5)
    beside = Entry(Kind.SPENT, "quantiles", epsilon=0.2)
    alone = epsilon_of([search], 1e-5)
    assert alone < 0.5 * ten
    assert alone < epsilon_of([search, beside], 1e-5) <= alone + 0.2 + 0.01
    assert epsilon_of([search, search], 1e-5) < 2.3 * alone


def test_the_dearest_setting_counts():
    cheap, dear = (Entry(Kind.RELEASED, "run", sigma=sigma) for sigma in (8.0, 2.0))
    both = Entry(Kind.SELECTED, "search", mean=5.0, shape=0.0, options=((cheap,), (dear,)))
    assert said(both, 1e-5) >= said(selected([dear], 5.0), 1e-5)
    assert said(both, 1e-5) > 2 * said(selected([cheap], 5.0), 1e-5)


@pytest.mark.parametrize("shape", SHAPES[:4])
@pytest.mark.parametrize("mean", [1.0, 2.5, 10.0, 300.0])
def test_the_halting_probability_gives_the_mean_and_never_a_smaller_one(mean, shape):
    found = mean_runs(halting(mean, shape), shape)
    assert mean * (1 - 1e-12) <= found <= mean * (1 + 1e-6)


@pytest.mark.parametrize("shape", ["logarithmic", 0.5, "geometric", "poisson"])
def test_the_number_of_runs_has_its_distribution(shape):
    repetitions, source = Repetitions(4.0, shape), random.Random(7)
    drawn = Counter(repetitions.drawn(source) for _ in range(20_000))
    # The generating function tells all probabilities: compare it at several points, five standard errors apart.
    for x in (0.0, 0.2, 0.5, 0.8, 0.95):
        values = [x**number for number in drawn for _ in range(drawn[number])]
        error = np.std(values) / math.sqrt(len(values))
        assert abs(np.mean(values) - generating(x, 4.0, repetitions.number)) <= 5 * error + 1e-12
    mean = sum(number * count for number, count in drawn.items()) / 20_000
    assert mean == pytest.approx(4.0, rel=0.1)


def cost(sigma):
    return [Entry(Kind.RELEASED, "fit", 2, sigma=sigma)]


def run(sigma, ledger):
    ledger.released("fit", sigma)
    ledger.released("fit", sigma)
    return Trial(result=f"fitted with {sigma}", score=-sigma)


def test_the_best_run_is_given_back_and_its_cost_stands_in_the_ledger():
    ledger = Ledger()
    ledger.spent("quantiles", 0.1)
    found = tune([20.0, 10.0, 40.0], run, ledger, cost=cost, repetitions=Repetitions(60.0, "geometric"))
    assert found.result == f"fitted with {found.setting}" and found.score == -found.setting
    assert set(vars(found)) == {"setting", "result", "score"}  # nothing of how many there were
    assert [entry.kind for entry in ledger.entries] == [Kind.SPENT, Kind.SELECTED]
    assert Ledger.of_plain(ledger.as_plain()).entries == ledger.entries
    single = Ledger()
    single.add(cost(10.0)[0])
    assert single.epsilon(1e-5) < ledger.epsilon(1e-5) < ledger.rdp(1e-5)


def test_most_often_a_good_setting_is_found():
    found = Counter(
        tune([20.0, 10.0, 40.0], run, Ledger(), cost=cost, repetitions=Repetitions(30.0, "poisson")).setting
        for _ in range(30)
    )
    assert found[10.0] >= 25  # missed by a search with chance (2 / 3)^30


def test_no_run_at_all_gives_nothing_back():
    found = {tune([1.0], run, Ledger(), cost=cost, repetitions=Repetitions(1.0, "poisson")).setting for _ in range(60)}
    assert found == {None, 1.0}


@pytest.mark.parametrize("wrong", ["more", "less noise", "broken", "seed"])
def test_a_search_that_is_not_what_was_accounted_for_has_no_epsilon(wrong):
    from bakeoff.errors import NoGuarantee

    def other(sigma, ledger):
        if wrong == "more":
            ledger.spent("validation", 0.1)
        if wrong == "broken":
            ledger.broke("the vocabulary was taken from training rows")
        return run(sigma * (0.9 if wrong == "less noise" else 1.0), ledger)

    ledger = Ledger()
    tune([10.0], other, ledger, cost=cost, seed=1 if wrong == "seed" else None)
    words = {"broken": "vocabulary", "seed": "known seed"}.get(wrong, "something else than its cost")
    with pytest.raises(NoGuarantee, match=words):
        ledger.epsilon(1e-5)
    fine = Ledger()
    tune([10.0], run, fine, cost=cost)
    assert fine.epsilon(1e-5) > 0


def test_a_search_without_an_answer_worth_keeping_says_so():
    found = tune([1.0], lambda sigma, ledger: Trial(run(sigma, ledger).result, math.nan), Ledger(), cost=cost)
    assert found.setting is None


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: Repetitions(0.5), "at least 1"),
        (lambda: Repetitions(math.inf), "at least 1"),
        (lambda: Repetitions(3.0, "uniform"), "logarithmic"),
        (lambda: Repetitions(3.0, -1.0), "at least 0"),
        (lambda: tune([], run, Ledger(), cost=cost), "nothing to search"),
        (lambda: selected([selected([Entry(Kind.RELEASED, "run", sigma=1.0)])]), "select once"),
    ],
)
def test_bad_input_is_one_clear_sentence(wrong, match):
    with pytest.raises(UsageError, match=match):
        wrong()
