import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.stats import standings
from bakeoff.stats.bootstrap import draws
from bakeoff.stats.folds import over_seeds, over_tables

shapes = st.tuples(st.integers(2, 6), st.integers(1, 5), st.integers(1, 4), st.integers(5, 30))


def scores(shape, seed=0, decimals=1):
    """Normalised scores with many ties, and replicates around them."""
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=shape[:3]) * 0.3).clip(-1, 1).round(decimals)
    return (values[..., None] + rng.normal(size=shape) * 0.15).round(decimals).clip(-1, 1), values


def slowly_over_seeds(replicates, values, key):
    """The same averages, one fold at a time from the same draws."""
    entries, tasks, seeds, folds = replicates.shape
    drawn = draws(key, "seeds", tasks * seeds * folds, seeds).reshape(tasks, seeds, folds)
    averaged = np.empty((entries, tasks, folds))
    for e, t, b in np.ndindex(entries, tasks, folds):
        has = [s for s in range(seeds) if not math.isnan(values[e, t, s])]
        picked = [s for s in drawn[t, :, b] if s in has] or has
        plain = np.mean([replicates[e, t, s, b] for s in has])
        stretch = math.sqrt(len(has) / (len(has) - 1)) if len(has) > 1 else 1.0
        averaged[e, t, b] = plain + stretch * (np.mean([replicates[e, t, s, b] for s in picked]) - plain)
    return averaged


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(0, 99))
def test_on_these_tables_agrees_with_loops(shape, seed):
    replicates, values = scores(shape, seed)
    found = standings(replicates, values, key="k")
    folds = slowly_over_seeds(replicates, values, "k")
    np.testing.assert_allclose(over_seeds(replicates, values, key="k")[0], folds, atol=1e-12)
    means, points = over_seeds(replicates, values, key="k")[0].mean(axis=1), values.mean(axis=2)
    entries, tasks, _, count = shape
    ranks = np.array([scipy.stats.rankdata(-points[:, t]) for t in range(tasks)])
    np.testing.assert_allclose(found.mean_rank, ranks.mean(axis=0))
    first = np.zeros(entries)
    for b in range(count):
        winners = np.flatnonzero(means[:, b] == means[:, b].max())
        first[winners] += 1 / len(winners) / count
    np.testing.assert_allclose(found.p_first, first)
    p = {}
    for i in range(entries):
        np.testing.assert_allclose(found.value[i], points[i].mean())
        wins = [np.mean((points[i] > points[j]) + (points[i] == points[j]) / 2) for j in range(entries) if j != i]
        np.testing.assert_allclose(found.win_rate[i], np.mean(wins))
        for j in range(entries):
            np.testing.assert_allclose(found.better[i, j], np.mean((means[i] > means[j]) + (means[i] == means[j]) / 2))
            error, difference = (means[i] - means[j]).std(ddof=1), found.value[i] - found.value[j]
            if i < j:
                z = abs(difference) / error if error else (math.inf if difference else 0.0)
                p[i, j] = 2 * scipy.stats.norm.sf(z)
    least, steps = 0.0, sorted(p, key=p.__getitem__)
    for step, (i, j) in enumerate(steps):
        least = min(1.0, max(least, p[i, j] * (len(steps) - step)))
        assert found.p[i, j] == found.p[j, i] == pytest.approx(least, abs=1e-12)
        assert found.significant[i, j] == (least <= 0.05 and found.value[i] > found.value[j])
        assert found.significant[j, i] == (least <= 0.05 and found.value[j] > found.value[i])
    assert found.rank.tolist() == [1 + int(found.significant[:, i].sum()) for i in range(entries)]
    assert (found.low <= found.value).all() and (found.value <= found.high).all()


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(2, 5), st.integers(4, 8), st.integers(1, 3), st.just(20)), st.integers(0, 99))
def test_on_a_new_table_is_the_paired_t_test(shape, seed):
    replicates, values = scores(shape, seed, decimals=6)
    found = standings(replicates, values, question="on a new table", key="k")
    points = values.mean(axis=2)
    raw = []
    for i in range(shape[0]):
        expected = scipy.stats.ttest_1samp(points[i], 0).confidence_interval()
        assert (found.low[i], found.high[i]) == pytest.approx((max(-1, expected.low), min(1, expected.high)))
        raw += [scipy.stats.ttest_rel(points[i], points[j]).pvalue for j in range(i + 1, shape[0])]
    order = np.argsort(raw)
    adjusted = np.minimum(1, np.maximum.accumulate(np.array(raw)[order] * np.arange(len(raw), 0, -1)))
    np.testing.assert_allclose(found.p[np.triu_indices(shape[0], 1)][order], adjusted, rtol=1e-6)


def test_means_over_drawn_tables_spread_as_the_t_interval_says():
    points = np.random.default_rng(3).normal(size=(2, 12))
    drawn = over_tables(points, 20_000, key="k")
    np.testing.assert_allclose(drawn.std(axis=1), points.std(axis=1, ddof=1) / math.sqrt(12), rtol=0.03)


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_noise_of_seeds_widens_the_interval_by_its_standard_error(seeds):
    values = np.random.default_rng(seeds).normal(size=(1, 30, seeds))
    folds, _ = over_seeds(np.repeat(values[..., None], 4000, axis=3), values, key="k")
    expected = math.sqrt((values.var(axis=2, ddof=1) / seeds).sum()) / 30
    assert folds.mean(axis=1).std() == pytest.approx(expected, rel=0.05)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99))
def test_seeds_that_did_not_run_are_left_out(seed):
    replicates, values = scores((3, 4, 3, 8), seed)
    gone = np.random.default_rng(seed).random(values.shape) < 0.4
    gone[..., 0] = False
    values[gone], replicates[gone] = np.nan, np.nan
    folds, points = over_seeds(replicates, values, key="k")
    np.testing.assert_allclose(folds, slowly_over_seeds(replicates, values, "k"), atol=1e-12)
    np.testing.assert_allclose(points, np.nanmean(values, axis=2))


@pytest.mark.parametrize("question", ["on these tables", "on a new table"])
def test_equal_entries_are_seldom_told_apart_and_unequal_ones_are(question):
    rng, false, true = np.random.default_rng(5), 0, 0
    for _ in range(200):
        values = rng.normal(size=(2, 20, 1)) * 0.1
        replicates = values[..., None] + rng.normal(size=(2, 20, 1, 200)) * 0.1
        false += standings(replicates, values, question=question, key="k").significant.any()
        better = values + np.array([0.15, 0.0])[:, None, None]
        found = standings(replicates + better[..., None] - values[..., None], better, question=question, key="k")
        true += found.significant[0, 1]
    assert 2 <= false <= 22  # of 200, 10 expected
    assert true >= 190


def test_a_tie_group_shares_its_rank():
    values = np.array([0.9, 0.89, 0.5])[:, None, None] * np.ones((3, 10, 1))
    noise = np.random.default_rng(0).normal(size=(3, 10, 1, 200)) * 0.1
    assert standings(values[..., None] + noise, values, key="k").rank.tolist() == [1, 1, 3]
    assert standings(values[..., None] + noise / 100, values, key="k").rank.tolist() == [1, 2, 3]


@pytest.mark.parametrize("tasks", [1, 2, 3])
def test_few_tasks_say_nothing_of_a_new_table(tasks):
    replicates, values = scores((3, tasks, 2, 20))
    found = standings(replicates, values, question="on a new table", key="k")
    for unknown in (found.low, found.high, found.p_first, found.mean_rank_low, found.better[0], found.p[0, 1:]):
        assert np.isnan(unknown).all()
    assert not found.significant.any() and found.rank.tolist() == [1, 1, 1]
    assert np.isfinite(found.value).all()
    assert np.isfinite(standings(replicates, values, key="k").low).all()


def test_four_tasks_say_something_and_never_more_than_the_scale_holds():
    values = np.array([[-0.9, 0.9, -0.9, 0.9], [0.9, 0.8, 0.9, 1.0]])[..., None]
    found = standings(np.repeat(values[..., None], 20, axis=3), values, question="on a new table", key="k")
    assert found.low[0] == -1 and found.high.tolist() == [1, 1]
    assert 0.7 < found.low[1] < 0.9
    assert np.isfinite(found.p_first).all() and np.isfinite(found.better).all()


def test_one_entry_alone_is_first():
    replicates, values = scores((1, 3, 2, 20))
    found = standings(replicates, values, key="k")
    assert found.p_first.tolist() == [1.0] and found.rank.tolist() == [1] and np.isnan(found.win_rate).all()


def test_what_cannot_be_ranked_is_refused():
    replicates, values = scores((3, 4, 2, 20))
    with pytest.raises(ValueError, match="no question 'ever'; ask 'on these tables' or 'on a new table'"):
        standings(replicates, values, question="ever", key="k")
    with pytest.raises(ValueError, match="don't belong"):
        standings(replicates, values[:, :2], key="k")
    values[1, 2], replicates[1, 2] = np.nan, np.nan
    with pytest.raises(ValueError, match="Entry 1 has no score on task 2; leave incomplete entries out"):
        standings(replicates, values, key="k")
    values[1, 2] = 0.0
    with pytest.raises(ValueError, match="replicates are nan although their value is not"):
        standings(replicates, values, key="k")
