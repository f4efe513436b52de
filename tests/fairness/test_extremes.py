"""Intervals of gaps, ratios and extremes: how often they hold, and what they are of by the obvious loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.fairness import CountTable, Settings, Wanted, by_attributes, compare_groups
from bakeoff.fairness.extremes import LEVEL_WITH, Spread, widest
from bakeoff.fairness.redraws import Shares, Shifted

GAP, RATIO = "largest - smallest", "smallest / largest"
SELECTION = Wanted(("selection rate",))


def table_of(picked, rows):
    """The table of groups of so many rows of which so many are selected."""
    names = [f"{place:02d}" for place in range(len(rows))]
    counts = np.zeros((len(rows), 2, 2))
    counts[:, 0, 1], counts[:, 0, 0] = picked, np.asarray(rows) - picked
    return CountTable(by_attributes({"g": names}).patterns, ("0", "1"), counts)


CASES = {
    "two alike": ([0.3] * 2, 300),
    "two apart": ([0.2, 0.5], 300),
    "five alike": ([0.3] * 5, 200),
    "one of five apart": ([0.6, 0.3, 0.3, 0.3, 0.3], 200),
    "twenty alike": ([0.3] * 20, 100),
    "one of twenty apart": ([0.7] + [0.3] * 19, 200),
    "ten and ten": ([0.6] * 10 + [0.3] * 10, 400),
}


@pytest.mark.parametrize("case", CASES)
def test_intervals_hold_as_often_as_they_promise_and_not_always(case):
    """Of 300 intervals at 0.95 from 273 to 297: those of all groups' deviations at once held 300 where many differ."""
    rates, size = np.array(CASES[case][0]), CASES[case][1]
    truth = {GAP: np.ptp(rates), RATIO: rates.min() / rates.max(), "smallest": rates.min(), "largest": rates.max()}
    held, alarms, usual = dict.fromkeys(truth, 0), 0, 0
    random = np.random.default_rng(11)
    for trial in range(300):
        table = table_of(random.binomial(size, rates), np.full(len(rates), size))
        report = compare_groups(table, Settings(SELECTION, draws=300, seed=trial))
        for name, value in truth.items():
            found = report.find("selection rate", name)
            held[name] += found.low - 1e-9 <= value <= found.high + 1e-9
        gap = report.find("selection rate", GAP)
        alarms += gap.p < 0.05
        assert gap.low == 0 or gap.p <= 0.05, "no gap is surely there that chance makes"
        drawn = random.binomial(size, table.by_group()[:, 0, 1] / size, (200, len(rates))) / size
        low, high = np.quantile(np.ptp(drawn, axis=1), [0.025, 0.975])
        usual += low <= truth[GAP] <= high
    assert all(273 <= count <= 297 for count in held.values()), held
    if np.ptp(rates) == 0:
        assert 3 <= alarms <= 27
        assert usual == 0 or len(rates) == 2, "the partner: percentiles of the gap never hold where many are alike"
    else:
        assert alarms == 300


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), groups=st.integers(2, 6), shares=st.booleans())
def test_the_largest_is_tried_group_by_group_and_draw_by_draw(seed, groups, shares):
    """The least value of the largest group from which enough draws reach what is seen, by trying all of them."""
    random = np.random.default_rng(seed)
    rows, draws = random.integers(10, 200, groups).astype(float), 60
    values = random.binomial(rows.astype(int), 0.4) / rows
    noise = random.normal(size=(groups, draws))
    redraws = Shares(rows, noise) if shares else Shifted(0.5 * noise / np.sqrt(rows)[:, None])
    ends = np.stack([values - 1.0 / np.sqrt(rows), values + 1.0 / np.sqrt(rows)])
    spread = Spread(tuple("abcdef"[:groups]), values, ends, redraws, np.full((groups, draws), 0.4), rows)
    low, high = spread.top_ends(0.95)
    assert high == ends[1].max()
    seen, missed = values.max(), 0
    for draw in range(draws):
        missed += redraws.around(values)[:, draw].max() < 2 * seen - high
    share = max(0.05 - missed / draws, 0.025)
    pushed = redraws.beyond(values, np.full(groups, LEVEL_WITH))

    def reach(top):
        around = redraws.around(np.minimum(pushed, top))
        return np.mean([around[:, draw].max() >= seen for draw in range(draws)])

    if np.isfinite(low) and 0 < low < 1:
        assert reach(low + 1e-9) >= share - 1e-12
        assert reach(low - 1e-6) <= share + 1 / draws


def test_shares_are_drawn_as_rows_are():
    """Of 40 rows at rates of nearly nothing to nearly all: means and deviations of a binomial variable, and its 0."""
    random = np.random.default_rng(0)
    rates = np.array([0.02, 0.1, 0.5, 0.97])
    drawn = Shares(np.full(4, 40.0), random.normal(size=(4, 20_000))).around(rates)
    assert np.allclose(drawn.mean(1), rates, atol=0.006)
    assert np.allclose(drawn.std(1), np.sqrt(rates * (1 - rates) / 40), rtol=0.12)
    none = (drawn[0] < 0.5 / 40).mean()
    assert none == pytest.approx(0.98**40, abs=0.08), "a group without a hit may have had one"


def test_mirrored_groups_have_mirrored_ends():
    random = np.random.default_rng(1)
    rows, values = np.array([30.0, 60.0, 90.0]), np.array([0.2, 0.3, 0.6])
    noise = random.normal(size=(3, 500))
    ends = np.stack([values - 0.1, values + 0.1])
    told = tuple("abc"), values, ends
    spread = Spread(*told, Shares(rows, noise), values[:, None] * np.ones(500), rows)
    other = Spread(told[0], 1 - values, 1 - ends[::-1], Shares(rows, -noise), spread.fair, rows)
    least, most = spread.smallest("m", "f", "g", 0.95), other.largest("m", "f", "g", 0.95)
    assert (least.low, least.high) == pytest.approx((1 - most.high, 1 - most.low))
    assert least.between == most.between == ("a",)


def test_a_rate_of_nothing_has_a_ratio_whose_interval_starts_at_nothing():
    found = compare_groups(table_of(np.array([0, 30]), [60, 60]), Settings(SELECTION, draws=400))
    ratio, least = found.find("selection rate", RATIO), found.find("selection rate", "smallest")
    assert (ratio.value, least.value) == (0.0, 0.0)
    assert ratio.low < 1e-6 and 0.02 < ratio.high < 0.3
    assert least.low == 0.0 and 0.03 < least.high < 0.12


def test_the_wider_of_two_gaps_is_never_surer_than_either():
    random = np.random.default_rng(2)
    rows = np.full(4, 100.0)
    spreads = []
    for _ in range(2):
        values = random.binomial(100, 0.5, 4) / 100
        ends = np.stack([values - 0.1, values + 0.1])
        fair = random.binomial(100, 0.5, (4, 300)) / 100
        spreads.append(Spread(tuple("abcd"), values, ends, Shares(rows, random.normal(size=(4, 300))), fair, rows))
    both = widest("odds", "g", GAP, spreads, 0.95)
    each = [widest("one", "g", GAP, [one], 0.95) for one in spreads]
    assert both.value == max(one.value for one in each)
    assert both.p >= max(each, key=lambda one: one.value).p
    assert both.high == max(one.high for one in each)
