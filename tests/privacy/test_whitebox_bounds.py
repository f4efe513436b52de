"""The bound of a white-box audit: its curve is the ledger's, honest fits are rarely accused, power is as promised."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dp_accounting", reason="dp-accounting is not installed; pip install 'bakeoff[privacy]'")

from scipy.special import ndtr, ndtri  # noqa: E402

from bakeoff.errors import UsageError  # noqa: E402
from bakeoff.privacy import Ledger  # noqa: E402
from bakeoff.privacy.audits import refutes  # noqa: E402
from bakeoff.privacy.entries import Neighbours  # noqa: E402
from bakeoff.privacy.whitebox.canaries import Canaries, guesses_for, levels, right_guesses  # noqa: E402
from bakeoff.privacy.whitebox.ledger_curves import Stated  # noqa: E402
from bakeoff.privacy.whitebox.watching import Seen  # noqa: E402

DELTA = 1e-5


def stated(rate, sigma, steps):
    ledger = Ledger()
    ledger.sampled("gradients", rate, sigma, steps)
    return Stated.of(ledger.entries, ledger.neighbours)


@pytest.mark.parametrize(("sigma", "steps"), [(1.0, 1), (4.0, 16), (3.0, 30)])
def test_the_curve_of_full_batches_is_that_of_a_gaussian_and_never_above_it(sigma, steps):
    curve, mu = stated(1.0, sigma, steps).curve(), np.sqrt(steps) / sigma
    for power in (0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999):
        exact = float(ndtr(ndtri(power) - mu))
        assert exact * 0.97 - 1e-6 < curve.false_alarms(power) <= exact + 1e-9


def test_the_curve_of_one_sampled_step_is_that_of_its_best_test():
    rate, sigma = 0.3, 0.8
    curve = stated(rate, sigma, 1).curve()
    edges = np.linspace(-6, 8, 4001)
    mixture = (1 - rate) * ndtr(-edges / sigma) + rate * ndtr(-(edges - 1) / sigma)
    alone = ndtr(-edges / sigma)
    for power, alarms in ((mixture, alone), (1 - alone, 1 - mixture)):  # both directions of a record more or less
        for chosen in (0.05, 0.3, 0.6, 0.9, 0.98):
            place = int(np.argmin(np.abs(power - chosen)))
            assert curve.false_alarms(float(power[place])) <= alarms[place] + 1e-6
    # And it is no lower than the best straight line between the two directions allows.
    assert curve.false_alarms(0.5) > 0.3


def test_less_noise_is_a_greater_epsilon_and_a_lower_curve():
    claim = stated(0.2, 2.0, 40)
    epsilons = [claim.epsilon(DELTA, times) for times in (0.0, 0.5, 1.0, 2.0)]
    assert epsilons[0] == 0.0 and sorted(epsilons) == epsilons and epsilons[3] > epsilons[2] > epsilons[1]
    alarms = [claim.curve(times).false_alarms(0.5) for times in (0.0, 0.5, 1.0, 2.0)]
    assert sorted(alarms, reverse=True) == alarms


def seen_of(random, inside, steps, rate, sigma, noise=1.0):
    """What an auditor sees of so many canaries: each is drawn by a coin in each step and adds 1 to its own sum."""
    seen = Seen.nothing(len(inside))
    for _ in range(steps):
        drawn = inside & (random.random(len(inside)) < rate)
        seen.step(drawn + noise * sigma * random.normal(size=len(inside)), rate, sigma, 1.0)
    return seen


GRID = [(1.0, 13.0, 4), (0.2, 3.0, 25), (1.0, 2.4, 4), (0.5, 1.3, 6), (1.0, 0.6, 3)]  # epsilon from 0.5 to 16


def accused(noise, runs_each):
    """How many of the runs have their claim's curve refuted, and all of their epsilons."""
    random = np.random.default_rng(11)
    found, epsilons = 0, []
    for rate, sigma, steps in GRID:
        claim = stated(rate, sigma, steps)
        epsilons.append(claim.epsilon(DELTA))
        guesses = guesses_for(1500, epsilons[-1], DELTA, 0.95)
        curve = claim.curve()
        for _ in range(runs_each):
            inside = random.random(1500) < 0.5
            seen = seen_of(random, inside, steps, rate, sigma, noise)
            first, second = guesses
            tried = [
                (right_guesses(seen.scores, inside, first, 0.0), first),
                (right_guesses(seen.scores, inside, second), second),
            ]
            both = zip(tried, levels(0.95), strict=True)
            found += any(refutes(right, one, 1500, curve, level) for (right, one), level in both)
    return found, epsilons


def test_honest_fits_are_accused_no_more_often_than_the_confidence_says():
    found, epsilons = accused(1.0, 40)
    assert min(epsilons) < 0.6 and max(epsilons) > 14
    assert found <= 18  # of 200


def test_fits_with_a_third_of_the_noise_are_accused_far_more_often():
    found, _ = accused(1 / 3, 40)
    assert found > 60  # and 18 would be the most


def test_at_epsilon_four_half_of_the_theory_is_shown():
    random = np.random.default_rng(5)
    rate, sigma, steps = 0.25, 2.05, 40
    claim = stated(rate, sigma, steps)
    epsilon = claim.epsilon(DELTA)
    assert 3.7 < epsilon < 4.3
    inside = random.random(10_000) < 0.5
    seen = seen_of(random, inside, steps, rate, sigma)
    guesses = guesses_for(10_000, epsilon, DELTA, 0.95)
    tried = [(right_guesses(seen.scores, inside, one, 0.0), one) for one in guesses]
    bound = claim.epsilon(DELTA, claim.refuted(tried, 10_000, levels(0.95)))
    assert 0.55 * epsilon < bound < epsilon


def test_scores_are_log_likelihood_ratios():
    random = np.random.default_rng(1)
    inside = random.random(50) < 0.5
    rate, sigma, reach = 0.3, 1.5, 0.8
    along = random.normal(size=(3, 50))
    seen = Seen.nothing(50)
    for row in along:
        seen.step(row, rate, sigma, reach)
    density = lambda x, place: np.exp(-((x - place) ** 2) / (2 * sigma**2))  # noqa: E731
    slow = np.log(((1 - rate) * density(along, 0) + rate * density(along, reach)) / density(along, 0)).sum(0)
    np.testing.assert_allclose(seen.scores, slow, rtol=1e-10)
    assert seen.steps == 3 and seen.expected == pytest.approx(3 * rate * reach**2 / sigma**2)
    assert inside.any()


def test_guesses_that_are_surest_are_counted():
    scores = np.array([3.0, -2.0, 0.5, -0.1, 1.0, -4.0, 0.0])
    inside = np.array([True, False, False, True, False, False, True])
    for moved in (0.0, 100.0):  # where the middle lies does not matter
        assert right_guesses(scores + moved, inside, 3) == 3  # 3, -4, -2
        assert right_guesses(scores + moved, inside, 6) == 3
    assert right_guesses(scores + 100, inside, 7, 0.0) == 3  # all are guessed in


def test_a_curve_is_known_of_noisy_steps_alone():
    ledger = Ledger()
    ledger.public("labels")
    with pytest.raises(UsageError, match="something else than steps of Gaussian noise, or none"):
        Stated.of(ledger.entries, ledger.neighbours)
    ledger.sampled("gradients", 0.1, 1.0)
    assert Stated.of(ledger.entries, ledger.neighbours).noisy
    with pytest.raises(UsageError, match="replace one"):
        Stated.of(ledger.entries, Neighbours.REPLACE)
    ledger.spent("bins", 0.5)
    with pytest.raises(UsageError, match="something else"):
        Stated.of(ledger.entries, ledger.neighbours)


@pytest.mark.parametrize(
    ("given", "words"),
    [({"count": 5}, "5 canaries show nothing"), ({"sees": "all"}, "cannot see 'all'"), ({"confidence": 2.0}, "is 2.0")],
)
def test_an_audit_that_cannot_be_is_refused(given, words):
    with pytest.raises(UsageError, match=words):
        Canaries(**given)
