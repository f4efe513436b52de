"""Correlations over models: each resample ranks and regresses anew, as a loop over resamples does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from bakeoff.fairness import AgreementSettings, agreement

PEARSON, SPEARMAN, PARTIAL = "Pearson correlation", "Spearman correlation", "partial correlation given accuracy"


def residual(values, known):
    """What the least squares line of numpy leaves, exactly 0 where all known values are the same."""
    if np.ptp(known) == 0:
        return values - values.mean()
    line = np.stack([np.ones(len(known)), known], axis=1)
    return values - line @ np.linalg.lstsq(line, values)[0]


def slow(name, one, other, known):
    """The correlation of these models, nan where one of them does not differ."""
    if name == PARTIAL:
        kept = [some.std() for some in (one, other)]
        one, other = residual(one, known), residual(other, known)
        if any(left.std() < 1e-10 * before for left, before in zip((one, other), kept, strict=True)):
            return np.nan
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return (spearmanr if name == SPEARMAN else pearsonr)(one, other).statistic


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), models=st.integers(8, 14), ties=st.booleans())
def test_intervals_and_p_are_those_of_the_obvious_loop(seed, models, ties):
    random = np.random.default_rng(seed)
    one, other, known = random.normal(size=(3, models))
    if ties:
        one, other = np.round(one), np.round(other)
    if min(np.ptp(one), np.ptp(other)) == 0:
        return
    chosen = AgreementSettings(permutations=15, resamples=25, seed=seed)
    found = {measure.metric: measure for measure in agreement({"a": one}, {"b": other}, known, chosen)}
    random = np.random.default_rng([seed, 16])
    orders = random.random((15, models)).argsort(1)
    picked = random.integers(0, models, (25, models))
    for name, measure in found.items():
        value = slow(name, one, other, known)
        assert measure.value == pytest.approx(value, abs=1e-9)
        drawn = np.array([slow(name, one[rows], other[rows], known[rows]) for rows in picked])
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        if name == SPEARMAN:
            assert (measure.low, measure.high) == pytest.approx((min(low, value), max(high, value)), abs=1e-9)
        else:
            assert measure.low <= low + 1e-9 and measure.high >= high - 1e-9, "as wide as Student's t, so wider"
            assert np.nanmin(drawn) - 1e-9 <= min(measure.low, value)
        left = residual(one, known) if name == PARTIAL else one
        permuted = np.array([slow(name, left[order], other, known) for order in orders])
        assert measure.p == pytest.approx((1 + (np.abs(permuted) >= abs(value) - 1e-12).sum()) / 16)


def test_ranks_of_the_whole_would_give_other_intervals():
    """The partner: ranks kept through resamples, as if they were values, do not pass for ranks of resamples."""
    random = np.random.default_rng(4)
    one, other = random.normal(size=(2, 9))
    ranks = [values.argsort().argsort().astype(float) for values in (one, other)]
    again = {measure.metric: measure for measure in agreement({"a": one}, {"b": other})}
    kept = {measure.metric: measure for measure in agreement({"a": ranks[0]}, {"b": ranks[1]})}
    assert again[SPEARMAN] == kept[SPEARMAN], "only the order of the values counts"
    assert abs(again[SPEARMAN].low - kept[PEARSON].low) > 0.02


@pytest.mark.parametrize("strength", [0.0, 0.6])
def test_intervals_of_ten_models_hold_what_they_promise(strength):
    """Of 250 intervals at 0.95 at least 228, where plain percentiles of Pearson's hold about 222 times.

    Where nothing goes together p < 0.05 at most 24 times.
    """
    random = np.random.default_rng(5)
    truth = {PEARSON: strength, PARTIAL: strength, SPEARMAN: 6 / np.pi * np.arcsin(strength / 2)}
    held, found = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
    for trial in range(250):
        one, noise, known = random.normal(size=(3, 10))
        other = strength * one + np.sqrt(1 - strength**2) * noise
        chosen = AgreementSettings(permutations=200, resamples=400, seed=trial)
        plain = agreement({"a": one}, {"b": other}, settings=chosen)
        given_known = agreement({"a": one + known}, {"b": other - 2 * known}, known, chosen)
        for measure in (*plain, given_known[-1]):
            held[measure.metric] += measure.low <= truth[measure.metric] <= measure.high
            found[measure.metric] += measure.p < 0.05
    assert min(held.values()) >= 228, held
    assert (max(found.values()) <= 24) if strength == 0 else (min(found.values()) >= 80), found


def test_a_metric_that_accuracy_tells_wholly_has_no_partial_correlation():
    random = np.random.default_rng(6)
    one, known = random.normal(size=(2, 12))
    found = {measure.metric: measure for measure in agreement({"a": one}, {"b": 3 - 2 * known}, known)}
    assert (found[PARTIAL].value, found[PARTIAL].status) == (None, "insufficient")
    assert "follows from the accuracy" in found[PARTIAL].reason
    assert found[PEARSON].status == "ok"
