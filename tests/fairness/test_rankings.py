"""Areas under the curve by group, against scikit-learn's and against pairs counted one by one."""

import numpy as np
import pytest
from hypothesis import example as such_as
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from bakeoff.errors import UsageError
from bakeoff.fairness import RankSettings, by_attributes, by_identities, compare_rankings
from bakeoff.fairness.rankings import generalised_mean


def named(measures):
    return {(one.metric, one.group): one for one in measures}


def slow(truth, scores, inside):
    """Areas of one group by scikit-learn, and equality gaps by counting pairs."""

    def area(kept):
        return roc_auc_score(truth[kept], scores[kept])

    def gap(side):
        first, second = scores[inside & (truth == side)], scores[~inside & (truth == side)]
        wins = (first[:, None] > second).sum() + (first[:, None] == second).sum() / 2
        return 0.5 - wins / (len(first) * len(second))

    return {
        "subgroup AUC": area(inside),
        "BPSN AUC": area((inside & ~truth) | (~inside & truth)),
        "BNSP AUC": area((inside & truth) | (~inside & ~truth)),
        "positive average equality gap": gap(True),
        "negative average equality gap": gap(False),
    }


@given(seed=st.integers(0, 10**6), rows=st.integers(20, 200), levels=st.integers(2, 30))
def test_areas_are_those_of_scikit_learn_ties_included(seed, rows, levels):
    random = np.random.default_rng(seed)
    truth = random.random(rows) < 0.4
    scores = random.integers(0, levels, rows) / levels
    has = random.random((rows, 2)) < 0.5
    columns = {"a": has[:, 0], "b": has[:, 1]}
    if any(min((truth & side).sum(), (~truth & side).sum()) < 1 for one in has.T for side in (one, ~one)):
        return
    found = named(compare_rankings(truth, scores, by_identities(columns), RankSettings(least=1, draws=3)))
    for name, inside in columns.items():
        for metric, value in slow(truth, scores, inside).items():
            assert found[metric, name].value == pytest.approx(value, abs=1e-12)
    assert found["AUC", "all rows"].value == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    areas = [found["BPSN AUC", name].value for name in columns]
    mean = found["BPSN AUC", "generalised mean, power -5"].value
    assert mean == pytest.approx(float(generalised_mean(np.array(areas), -5.0, axis=0)), abs=1e-12)


def example(random, rows=3000, shift=0.0):
    truth = random.random(rows) < 0.3
    group = random.integers(0, 3, rows)
    scores = truth + random.normal(size=rows) + shift * (group == 2) * ~truth
    return truth, scores, by_attributes({"g": np.array(["x", "y", "z"])[group]})


def test_intervals_hold_the_true_areas_and_a_planted_bias_is_found():
    """Of 100 intervals at 0.95 at least 87: fewer come once in a thousand."""
    random = np.random.default_rng(5)
    true = 0.7602499389065233  # P(N(1, 1) > N(0, 1))
    held = {"subgroup AUC": 0, "BPSN AUC": 0}
    for trial in range(100):
        found = named(compare_rankings(*example(random, 1200), RankSettings(draws=200, seed=trial)))
        for metric in held:
            one = found[metric, "z"]
            held[metric] += one.low <= true <= one.high
    assert all(count >= 87 for count in held.values())
    biased = named(compare_rankings(*example(random, shift=0.8)))
    assert biased["BPSN AUC", "z"].high < true, "harmless rows of z look harmful"
    assert biased["BPSN AUC", "x"].low < true < biased["BPSN AUC", "x"].high
    assert biased["negative average equality gap", "z"].high < 0


def test_a_histogram_of_many_scores_gives_the_same_areas():
    random = np.random.default_rng(1)
    truth, scores, grouped = example(random, 60_000)
    for one in compare_rankings(truth, scores, grouped, RankSettings(draws=60)):
        assert one.low <= one.value <= one.high
        assert one.high - one.low < 0.06


def test_groups_with_few_rows_of_a_class_are_insufficient():
    truth, scores = np.array([1, 0] * 30), np.arange(60.0)
    found = named(compare_rankings(truth, scores, by_identities({"a": [1] * 4 + [0] * 56, "b": [0] * 4 + [1] * 56})))
    few = found["subgroup AUC", "a"]
    assert (few.status, few.value) == ("insufficient", None)
    assert "2 true and 2 other rows" in few.reason
    assert found["subgroup AUC", "b"].status == "ok"


def test_the_two_backgrounds_differ_by_the_rows_that_name_nobody():
    truth = np.array([1, 0, 1, 0, 1, 0] * 20)
    scores = np.tile([3.0, 1.0, 2.0, 2.5, 9.0, 4.0], 20)
    identities = by_identities({"a": [1, 1, 0, 0, 0, 0] * 20, "b": [0, 0, 1, 1, 0, 0] * 20})
    everybody = named(compare_rankings(truth, scores, identities))
    others = named(compare_rankings(truth, scores, identities, RankSettings(background="named")))
    inside = np.tile([1, 1, 0, 0], 20).astype(bool)
    kept = np.tile([1, 1, 1, 1, 0, 0], 20).astype(bool)
    assert others["BNSP AUC", "a"].value == pytest.approx(slow(truth[kept] == 1, scores[kept], inside)["BNSP AUC"])
    assert everybody["BNSP AUC", "a"].value != others["BNSP AUC", "a"].value


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: compare_rankings([1, 0], [0.5], by_attributes({"g": ["a", "b"]})), "1 scores"),
        (lambda: compare_rankings([1, 2], [0.5, 1], by_attributes({"g": ["a", "b"]})), "0 and 1"),
        (lambda: compare_rankings([1, 0], [0.5, float("nan")], by_attributes({"g": ["a", "b"]})), "1 scores are no"),
        (lambda: compare_rankings([1, 1], [0.5, 1], by_attributes({"g": ["a", "b"]})), "of one class"),
        (lambda: RankSettings(background="none"), "no background called 'none'"),
        (lambda: RankSettings(power=0), "power other than 0"),
    ],
)
def test_bad_input_of_rankings_is_told(call, why):
    with pytest.raises(UsageError, match=why):
        call()


@such_as(seed=643, rows=30)  # an area of 0 as a difference of sums, which rounding left below 0
@given(seed=st.integers(0, 10**6), rows=st.integers(30, 120))
def test_weighted_areas_are_those_of_scikit_learn_and_of_rows_written_out(seed, rows):
    random = np.random.default_rng(seed)
    truth, scores = random.random(rows) < 0.5, random.integers(0, 8, rows) / 8
    inside = random.random(rows) < 0.5
    weights = random.integers(0, 4, rows)
    counted = [weights[side & own].sum() for own in (inside, ~inside) for side in (truth, ~truth)]
    if min(counted) < 1:
        return
    settings = RankSettings(least=1, draws=2)
    found = named(compare_rankings(truth, scores, by_identities({"a": inside}), settings, weights))
    long = np.repeat(np.arange(rows), weights)
    written = named(compare_rankings(truth[long], scores[long], by_identities({"a": inside[long]}), settings))
    assert set(found) == set(written)
    for key, one in found.items():
        assert one.value == pytest.approx(written[key].value, abs=1e-12)
        assert one.n == written[key].n
    kept = (inside & ~truth) | (~inside & truth)
    area = roc_auc_score(truth[kept], scores[kept], sample_weight=weights[kept])
    assert found["BPSN AUC", "a"].value == pytest.approx(area, abs=1e-12)
    halved = named(compare_rankings(truth, scores, by_identities({"a": inside}), settings, weights / 7))
    assert halved["AUC", "all rows"].value == pytest.approx(found["AUC", "all rows"].value)


def test_a_row_of_weight_five_is_not_five_rows():
    random = np.random.default_rng(2)
    truth, scores, groups = example(random, 400)
    weights = np.where(random.random(400) < 0.1, 20.0, 1.0)
    equal, heavy = (
        named(compare_rankings(truth, scores, groups, RankSettings(least=1, draws=400), given))["AUC", "all rows"]
        for given in (None, weights)
    )
    long = np.repeat(np.arange(400), weights.astype(int))
    rows = by_attributes({"g": np.array([groups.patterns.keys[code][0] for code in groups.codes[long]])})
    written = named(compare_rankings(truth[long], scores[long], rows, RankSettings(least=1, draws=400)))
    taken = written["AUC", "all rows"]
    assert heavy.value == pytest.approx(taken.value)
    assert heavy.high - heavy.low > 1.3 * (equal.high - equal.low)
    assert heavy.high - heavy.low > 2 * (taken.high - taken.low), "as if there were many rows"
    few = named(compare_rankings(truth, scores, groups, RankSettings(least=60, draws=2), weights))["subgroup AUC", "x"]
    assert few.status == "insufficient", "as many equal rows as would vary as much are too few"
    assert named(compare_rankings(truth, scores, groups, RankSettings(least=30, draws=2)))["subgroup AUC", "x"].value


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0, 1.0], [1.0, float("nan"), 1.0], [[1.0, 1.0, 1.0]]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(UsageError, match="Weights must be 3 numbers that are not negative"):
        compare_rankings([1, 0, 1], [0.1, 0.2, 0.3], by_attributes({"g": list("aab")}), None, weights)
    with pytest.raises(UsageError, match="of one class"):
        compare_rankings([1, 0, 1], [0.1, 0.2, 0.3], by_attributes({"g": list("aab")}), None, [1, 0, 1])
