"""Where two contestants differ: the planted slice first, and none where they are equal."""

import numpy as np
import pytest

from bakeoff.stats.slices import slice_differences


def quarters(rng, rows, columns=8):
    return [np.flatnonzero(column == value) for column in rng.integers(0, 4, (columns, rows)) for value in range(4)]


def test_equal_contestants_differ_on_no_slice_but_by_chance():
    rng = np.random.default_rng(0)
    false, equal = 0, 200
    for _ in range(equal):
        difference = (rng.random(300) < 0.8).astype(float) - (rng.random(300) < 0.8)
        false += slice_differences(difference, quarters(rng, 300)).beyond.any()
    assert false / equal <= 0.05


def test_the_planted_slice_stands_first():
    rng = np.random.default_rng(1)
    slices = quarters(rng, 800)
    difference = (rng.random(800) < 0.85).astype(float) - (rng.random(800) < 0.85)
    difference[slices[13]] -= 0.5
    found = slice_differences(difference, slices)
    assert found.order[0] == 13
    assert found.beyond[13]
    assert found.high[13] < -0.2
    assert found.mean[13] == pytest.approx(difference[slices[13]].mean())
    assert found.apart[13]
    others = np.setdiff1d(np.arange(800), slices[13])
    assert found.rest[13] == pytest.approx(difference[others].mean())


def test_who_is_ahead_everywhere_alike_is_ahead_nowhere_in_particular():
    rng = np.random.default_rng(3)
    beyond, apart, tries = 0, 0, 100
    for _ in range(tries):
        found = slice_differences((rng.random(400) < 0.9).astype(float) - (rng.random(400) < 0.6), quarters(rng, 400))
        beyond += found.beyond.any()
        apart += found.apart.any()
    assert beyond == tries
    assert apart / tries <= 0.06


def test_the_p_value_is_that_of_flipped_signs():
    rng = np.random.default_rng(2)
    difference = rng.normal(0.12, 1, 200)
    flips = rng.choice([-1, 1], (20_000, 200))
    drawn = np.mean(np.abs(flips @ difference) >= abs(difference.sum()))
    assert slice_differences(difference, [np.arange(200)]).p[0] == pytest.approx(drawn, abs=0.02)


def test_a_few_rows_that_agree_are_not_certain_and_no_difference_is_none():
    few = np.zeros(40)
    few[:3] = 1.0
    assert slice_differences(few, [np.arange(40)]).p[0] > 0.05
    assert slice_differences(np.zeros(40), [np.arange(40)]).p[0] == 1.0
    assert slice_differences(np.ones(40), [np.arange(40)]).beyond[0]
