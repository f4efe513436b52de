import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.stats import resample
from bakeoff.stats.bootstrap import draws


@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 12), st.text(max_size=5))
def test_a_replicate_is_the_mean_of_the_rows_drawn(n, columns, folds, key):
    values = np.random.default_rng(n).normal(size=(n, columns))
    weights = resample(n, key, folds=folds)
    slow = [[np.repeat(values[:, c], w.astype(int)).mean() for c in range(columns)] for w in weights.weights]
    np.testing.assert_allclose(weights.means(values), slow, atol=1e-12)
    np.testing.assert_allclose(weights.means(values[:, 0]), np.array(slow)[:, 0], atol=1e-12)


@given(st.integers(1, 300), st.integers(1, 40))
def test_groups_are_even_and_a_replicate_draws_whole_groups(n, groups):
    weights = resample(n, "k", folds=3, groups=groups)
    assert weights.groups == min(n, groups)
    assert np.ptp(weights.sizes) <= 1
    assert (weights.weights.sum(axis=1) == weights.groups).all()
    values = np.arange(n) ** 2.0
    for fold, drawn in enumerate(weights.weights):
        rows = np.concatenate([np.tile(np.flatnonzero(weights.group == g), int(w)) for g, w in enumerate(drawn)])
        assert weights.means(values)[fold] == pytest.approx(values[rows.astype(int)].mean())


def test_the_same_key_draws_the_same_and_another_draws_otherwise():
    first = resample(5000, "task", folds=20)
    resample.cache_clear()
    again, more, other = (
        resample(5000, "task", folds=20),
        resample(5000, "task", folds=30),
        resample(5000, "b", folds=20),
    )
    assert (first.group == again.group).all() and (first.weights == again.weights).all()
    assert (more.weights[:20] == first.weights).all()
    assert (other.weights != first.weights).any() and (other.group != first.group).any()


def test_the_draws_never_change():
    # These numbers are a promise: kept replicates of old cells are compared with new ones.
    assert draws("key", "fold 0", 6, 100).tolist() == [13, 48, 27, 72, 8, 53]


@pytest.mark.parametrize("n", [500, 2048, 2049, 30_000])
def test_the_spread_of_a_mean_is_its_standard_error(n):
    values = np.random.default_rng(1).gamma(2.0, size=n)
    spread = resample(n, "spread", folds=4000).means(values).std()
    assert spread == pytest.approx(values.std() / np.sqrt(n), rel=0.06)


@settings(max_examples=20)
@given(st.integers(1, 50))
def test_draws_are_uniform_and_within_bounds(below):
    drawn = draws("k", str(below), 20_000, below)
    assert drawn.min() >= 0 and drawn.max() < below
    counts = np.bincount(drawn, minlength=below)
    assert abs(counts - 20_000 / below).max() < 5.5 * np.sqrt(20_000 / below)


def test_nobody_can_write_to_shared_weights():
    weights = resample(10, "k")
    for array in (weights.group, weights.sizes, weights.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_no_rows_cannot_be_resampled():
    with pytest.raises(ValueError, match="at least one row, fold and group; got 0, 200 and 2048"):
        resample(0, "k")
