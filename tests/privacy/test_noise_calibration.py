"""The noise that a budget asks for: enough, and hardly more."""

from __future__ import annotations

import pytest

from bakeoff.errors import UsageError
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.calibration import calibrate, noisy_steps, smallest_sigma, stretched
from bakeoff.privacy.entries import Entry, Kind, Neighbours


@pytest.fixture(autouse=True)
def accountant(require):
    require("dp-accounting")


def epsilon(entries, delta=1e-5, **more):
    from bakeoff.privacy import epsilon_of

    return epsilon_of(entries, delta, **more)


@pytest.mark.parametrize(
    ("budget", "rate", "steps"),
    [(0.1, 0.01, 1_000), (1.0, 0.005, 5_000), (3.0, 0.01, 10_000), (8.0, 0.2, 50), (3.0, 1.0, 1)],
)
def test_sigma_is_enough_and_hardly_more(budget, rate, steps):
    sigma = calibrate(Budget(budget, 1e-5), rate, steps)
    here, less = (epsilon(noisy_steps("steps", rate, [one] * steps)) for one in (sigma, 0.999 * sigma))
    assert 0.999 * budget <= here <= budget < less


def test_what_was_spent_before_leaves_less():
    spent = (Entry(Kind.SPENT, "quantiles", epsilon=1.0), Entry(Kind.RELEASED, "counts", sigma=20.0))
    alone, after = (calibrate(Budget(3.0, 1e-5), 0.02, 500, entries=held) for held in ((), spent))
    assert after > 1.2 * alone
    assert epsilon([*spent, *noisy_steps("steps", 0.02, [after] * 500)]) == pytest.approx(3.0, rel=1e-3)


def test_a_schedule_is_multiplied_and_stays_within_the_budget():
    shape = [1.0, 0.8, 0.6, 0.5]
    sigma = calibrate(Budget(3.0, 1e-5), 0.02, 10, shape=shape)
    sigmas = stretched(sigma, 10, shape)
    assert [one / sigma for one in sigmas] == pytest.approx([1, 1, 1, 0.8, 0.8, 0.6, 0.6, 0.6, 0.5, 0.5])
    held = noisy_steps("steps", 0.02, sigmas)
    assert [entry.count for entry in held] == [3, 2, 3, 2]
    assert epsilon(held) == pytest.approx(3.0, rel=1e-3)
    assert epsilon(noisy_steps("steps", 0.02, [sigma] * 10)) < 0.8 * 3.0  # all steps with the first one's noise


def test_other_plans_are_calibrated_too():
    def owners(sigma):
        return [Entry(Kind.SAMPLED, "steps", 200, rate=0.01, sigma=sigma, together=4)]

    def search(sigma):
        run = (Entry(Kind.SAMPLED, "steps", 200, rate=0.01, sigma=sigma),)
        return [Entry(Kind.SELECTED, "search", mean=8.0, options=(run,))]

    for planned in (owners, search):
        sigma = smallest_sigma(Budget(2.0, 1e-5), planned)
        assert epsilon(planned(sigma)) == pytest.approx(2.0, rel=1e-3)
        assert epsilon(planned(sigma)) <= 2.0
    replaced = calibrate(Budget(2.0, 1e-5), 0.01, 200, neighbours=Neighbours.REPLACE)
    assert replaced > calibrate(Budget(2.0, 1e-5), 0.01, 200)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: Budget(0.0), "epsilon is 0.0"),
        (lambda: Budget(-1.0), "epsilon is -1.0"),
        (lambda: Budget(1.0, 1.0), "delta is 1.0"),
        (lambda: calibrate(Budget(1.0), 0.1, 10, entries=[Entry(Kind.SPENT, "x", epsilon=1.5)]), "No noise is enough"),
        (lambda: calibrate(Budget(1.0), 0.1, 10, entries=[Entry(Kind.SPENT, "x", delta=1e-4)]), "No noise is enough"),
        (lambda: calibrate(Budget(1.0), 0.1, 0), "0 steps"),
        (lambda: calibrate(Budget(1.0), 1.5, 10), "sampling rate"),
        (lambda: stretched(1.0, 3, [1.0, -1.0]), "positive multipliers"),
        (lambda: stretched(1.0, 3, []), "positive multipliers"),
        (lambda: stretched(1.0, 2, [1.0, 1.0, 1.0]), "positive multipliers"),
    ],
)
def test_bad_input_is_one_clear_sentence(wrong, match):
    with pytest.raises(UsageError, match=match):
        wrong()
