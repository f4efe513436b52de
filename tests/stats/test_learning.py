"""What the next doubling of the rows would bring."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.stats.learning import next_doubling


def noise(values, spread=0.01, folds=200, seed=0):
    return np.asarray(values)[:, None] + np.random.default_rng(seed).normal(0, spread, (len(values), folds))


@given(st.floats(0.2, 0.9), st.floats(0.5, 5), st.floats(0.1, 1.5), st.integers(20, 500))
def test_a_power_law_is_carried_on_exactly(top, scale, power, rows):
    sizes = np.array([rows, 2 * rows, 4 * rows])
    scores = top - scale * sizes**-power
    found = next_doubling(sizes, scores, np.tile(scores[:, None], (1, 5)))
    ahead = scale * ((4.0 * rows) ** -power - (8.0 * rows) ** -power)
    assert found.power_law
    assert found.last[0] == pytest.approx(scores[2] - scores[1])
    assert found.next == pytest.approx((ahead,) * 3, rel=1e-6)


def test_a_curve_that_rises_is_told_from_a_flat_one():
    sizes = np.array([100, 200, 400])
    rising, flat = ([0.70, 0.78, 0.84], [0.80, 0.803, 0.801])
    assert next_doubling(sizes, np.array(rising), noise(rising)).next[1] > 0
    low, high = next_doubling(sizes, np.array(flat), noise(flat)).next[1:]
    assert low < 0 < high


def test_gains_never_grow_and_losses_stay_losses():
    sizes = np.array([100, 200, 400])
    later = next_doubling(sizes, np.array([0.5, 0.51, 0.6]), noise([0.5, 0.51, 0.6], 1e-9))
    assert later.next[0] == pytest.approx(later.last[0])
    worse = next_doubling(sizes, np.array([0.5, 0.6, 0.55]), noise([0.5, 0.6, 0.55], 1e-9))
    assert worse.next[0] == pytest.approx(-0.05)


def test_points_that_are_no_doublings_and_two_points():
    two = next_doubling(np.array([100, 400]), np.array([0.6, 0.8]), noise([0.6, 0.8]))
    assert (two.power_law, two.next[0]) == (False, pytest.approx(0.1))
    with pytest.raises(ValueError, match=r"needs at least two growing numbers of rows; got \[100\.0, 100\.0\]"):
        next_doubling(np.array([100, 100]), np.zeros(2), np.zeros((2, 3)))
