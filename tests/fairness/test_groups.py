"""Group metrics against the slow obvious version, published figures, and simulations of what intervals promise."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import UsageError
from bakeoff.fairness import Settings, Wanted, by_attributes, by_identities, compare_groups, count

GAP, RATIO = "largest - smallest", "smallest / largest"
RACE = ["false positive rate", "false negative rate", "precision"]


def slow_rates(truth, predicted, positive=1):
    """The usual rates of one group, row by row."""
    pairs = list(zip(truth, predicted, strict=True))
    tp = sum(t == positive and p == positive for t, p in pairs)
    fp = sum(t != positive and p == positive for t, p in pairs)
    fn = sum(t == positive and p != positive for t, p in pairs)
    tn = len(pairs) - tp - fp - fn
    share = lambda above, below: above / below if below else float("nan")  # noqa: E731
    return {
        "accuracy": share(tp + tn, len(pairs)),
        "base rate": share(tp + fn, len(pairs)),
        "selection rate": share(tp + fp, len(pairs)),
        "true positive rate": share(tp, tp + fn),
        "false positive rate": share(fp, fp + tn),
        "true negative rate": share(tn, fp + tn),
        "false negative rate": share(fn, tp + fn),
        "precision": share(tp, tp + fp),
        "negative predictive value": share(tn, tn + fn),
        "F1": share(2 * tp, 2 * tp + fp + fn),
    }


rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from("abc"), st.sampled_from("xy")), min_size=1
)


@given(rows=rows)
def test_rates_of_groups_and_intersections_are_those_of_the_rows(rows):
    truth, predicted, first, second = map(list, zip(*rows, strict=True))
    if len({*truth, *predicted}) < 2:
        return
    wanted = Wanted(tuple(slow_rates([0], [0])))
    table = count(truth, predicted, by_attributes({"first": first, "second": second}), classes=[0, 1])
    report = compare_groups(table, Settings(wanted, least=1, draws=5))
    both = [f"{one} & {other}" for one, other in zip(first, second, strict=True)]
    for family, names in (("first", first), ("second", second), ("first & second", both)):
        for name in set(names):
            mine = [place for place, one in enumerate(names) if one == name]
            slow = slow_rates([truth[place] for place in mine], [predicted[place] for place in mine])
            for metric, value in slow.items():
                found = report.find(metric, name, family)
                assert (found.value is None) == np.isnan(value)
                assert found.value is None or found.value == pytest.approx(value, abs=1e-12)
                assert found.value is None or found.low <= found.value + 1e-12 <= found.high + 2e-12


@given(rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans(), st.booleans()), min_size=2))
def test_identities_may_overlap_and_classes_may_be_several(rows):
    truth, predicted, first, second = map(list, zip(*rows, strict=True))
    if not (any(first) and any(second)):
        return
    table = count(truth, predicted, by_identities({"first": first, "second": second}), classes=[0, 1, 2])
    report = compare_groups(table, Settings(Wanted(("accuracy", "precision")), least=1, draws=5))
    for name, has in (("first", first), ("second", second)):
        mine = [place for place, one in enumerate(has) if one]
        own = [truth[place] for place in mine], [predicted[place] for place in mine]
        right = np.mean([t == p for t, p in zip(*own, strict=True)])
        assert report.find("accuracy", name).value == pytest.approx(right, abs=1e-12)
        each = [slow_rates(*own, positive=label)["precision"] for label in (0, 1, 2)]
        for label, value in enumerate(each):
            found = report.find(f"precision of '{label}'", name).value
            assert (found is None and np.isnan(value)) or found == pytest.approx(value, abs=1e-12)
        if not np.isnan(each).all():
            assert report.find("precision, mean over classes", name).value == pytest.approx(np.nanmean(each), abs=1e-12)


@given(rows=rows, cut=st.integers(0, 40))
def test_tables_of_two_sites_add_up_to_the_table_of_both(rows, cut):
    truth, predicted, group, _ = map(list, zip(*rows, strict=True))
    cut = min(cut, len(rows) - 1) if len(rows) > 1 else 0
    whole = count(truth, predicted, by_attributes({"g": group}), classes=[0, 1])
    parts = [
        count(truth[part], predicted[part], by_attributes({"g": group[part]}), classes=[0, 1])
        for part in (slice(0, cut), slice(cut, None))
        if group[part]
    ]
    summed = parts[0] + parts[1] if len(parts) == 2 else parts[0]
    as_dict = lambda table: dict(zip(table.patterns.keys, table.counts.tolist(), strict=True))  # noqa: E731
    assert as_dict(summed) == as_dict(whole)


def test_a_row_of_weight_three_counts_as_three_rows():
    random = np.random.default_rng(0)
    truth, predicted, group = random.integers(0, 2, (3, 400))
    weights = random.integers(1, 4, 400)
    weighted = count(truth, predicted, by_attributes({"g": group}), weights=weights)
    repeated = [np.repeat(one, weights) for one in (truth, predicted, group)]
    plain = count(repeated[0], repeated[1], by_attributes({"g": repeated[2]}))
    assert np.array_equal(weighted.counts, plain.counts)
    wide, narrow = (compare_groups(table).find("accuracy", "1") for table in (weighted, plain))
    assert wide.value == narrow.value
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low), "rows that count thrice are no three rows"


def test_published_figures_of_compas(bakeoff_data):
    frame = pd.read_parquet(bakeoff_data / "compas_two_year/data.parquet")
    high = np.where(frame["score_text"] == "Low", "low", "high")
    truth = np.where(frame["two_year_recid"].astype(int) == 1, "high", "low")
    table = count(truth, high, by_attributes(frame[["race", "sex"]]))
    report = compare_groups(table, Settings(Wanted((*RACE, "true positive rate"), positive="high")))
    found = {
        race: [round(100 * report.find(metric, race, "race").value, 2) for metric in RACE]
        for race in ("African-American", "Caucasian")
    }
    assert found == {"African-American": [44.85, 27.99, 62.97], "Caucasian": [23.45, 47.72, 59.13]}
    few = report.find("false positive rate", "Native American", "race")
    assert (few.status, few.value) == ("insufficient", None)
    assert "8 rows" in few.reason
    odds = report.find("equalised odds", GAP, "race")
    gaps = [report.find(metric, GAP, "race") for metric in ("true positive rate", "false positive rate")]
    assert odds.value == max(one.value for one in gaps)
    assert odds.p < 0.01
    assert odds.between == max(gaps, key=lambda one: one.value).between


def simulated(rates, rows, trials, settings):
    """Reports of classifiers that select each group's rows at these rates."""
    random = np.random.default_rng(7)
    names = np.array([f"g{place:02d}" for place in range(len(rates))])
    for trial in range(trials):
        groups = random.integers(0, len(rates), rows)
        picked = (random.random(rows) < np.asarray(rates)[groups]).astype(int)
        table = count(random.integers(0, 2, rows), picked, by_attributes({"g": names[groups]}), classes=[0, 1])
        yield table, compare_groups(table, Settings(settings, draws=300, seed=trial))


SELECTION = Wanted(("selection rate",))


@pytest.mark.parametrize("rates", [[0.2, 0.4], [0.3] * 5, [0.1, 0.1, 0.1, 0.3], [0.3] * 20])
def test_intervals_hold_what_they_promise(rates):
    """Within 0.9 of 200 trials at 0.95: fewer would come by chance once in a thousand."""
    held = dict.fromkeys(("gap", "ratio", "smallest", "largest", "rate", "percentile"), 0)
    trials = 200
    for table, report in simulated(rates, 2000, trials, SELECTION):
        truth = {
            "gap": (GAP, np.ptp(rates)),
            "ratio": (RATIO, min(rates) / max(rates)),
            "smallest": ("smallest", min(rates)),
            "largest": ("largest", max(rates)),
            "rate": ("g00", rates[0]),
        }
        for name, (group, value) in truth.items():
            found = report.find("selection rate", group)
            held[name] += found.low - 1e-12 <= value <= found.high + 1e-12
        drawn = table.by_group(table.resampled(300, np.random.default_rng(0)))
        gaps = np.ptp(drawn[..., 1].sum(-1) / drawn.sum((-1, -2)), axis=1)
        low, high = np.quantile(gaps, [0.025, 0.975])
        held["percentile"] += low <= np.ptp(rates) <= high
    for name in ("gap", "ratio", "smallest", "largest", "rate"):
        assert held[name] >= 0.9 * trials, name
    if len(set(rates)) == 1:
        assert held["percentile"] == 0, "the partner: the usual interval of a gap never holds where all are alike"


def test_a_gap_that_chance_makes_is_told_as_such():
    ps, gaps, expected = [], [], []
    for _, report in simulated([0.3] * 20, 2000, 200, SELECTION):
        gap = report.find("selection rate", GAP)
        ps.append(gap.p)
        gaps.append(gap.value)
        expected.append(gap.expected)
    assert 0.15 < np.mean(gaps) < 0.20, "published: 0.173 where all are treated alike"
    assert np.mean(expected) == pytest.approx(np.mean(gaps), abs=0.01)
    assert np.mean(np.array(ps) < 0.05) <= 0.1
    assert 0.4 < np.mean(np.array(ps) < 0.5) < 0.6
    unfair = [report.find("selection rate", GAP).p for _, report in simulated([0.3] * 19 + [0.6], 2000, 20, SELECTION)]
    assert max(unfair) < 0.01, "the partner: a gap that is there is found"


def test_all_rates_are_told_together_and_corrected_for_their_number():
    random = np.random.default_rng(3)
    truth, predicted, group = random.integers(0, 2, 500), random.integers(0, 2, 500), random.integers(0, 3, 500)
    report = compare_groups(count(truth, predicted, by_attributes({"g": group})))
    gaps = [one for one in report.comparisons if one.p is not None]
    assert len(gaps) == 6
    assert all(one.adjusted >= one.p for one in gaps)
    assert max(one.adjusted / one.p for one in gaps) > 2
    assert "<table" in report._repr_html_()
    with_reference = compare_groups(
        count(truth, predicted, by_attributes({"g": group})), Settings(reference=(("g", "1"),))
    )
    difference = with_reference.find("accuracy", "0 - 1")
    assert difference.value == pytest.approx(
        report.find("accuracy", "0").value - report.find("accuracy", "1").value, abs=1e-12
    )


def test_a_missing_value_is_a_group_of_its_own_and_the_same_seed_gives_the_same_report():
    truth, group = [0, 1] * 40, (["a"] * 30 + [None] * 50)
    table = count(truth, truth[::-1], by_attributes({"g": group}))
    report = compare_groups(table)
    assert [one.group for one in report.groups if one.metric == "accuracy"] == ["(missing)", "a"]
    assert compare_groups(table) == report


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: by_attributes({}), "no protected attribute"),
        (lambda: by_attributes({"g": [None, None]}), "missing in all 2 rows"),
        (lambda: by_attributes({"g": ["a"], "h": ["a", "b"]}), "different lengths: 'g' 1, 'h' 2"),
        (lambda: by_attributes({"g": ["(missing)", "a"]}), "as missing ones are called"),
        (lambda: by_attributes({"g": np.array([1, "1"], dtype=object)}), "written alike"),
        (lambda: by_identities({"a": [0, 2]}), "other values than 0 and 1"),
        (lambda: by_identities({"a": [0, 0]}), "No row has the identity 'a'"),
        (lambda: count([0, 1], [0], by_attributes({"g": ["a", "b"]})), "1 predictions"),
        (lambda: count([0, None], [0, 1], by_attributes({"g": ["a", "b"]})), "missing"),
        (lambda: count([0, 1], [0, 7], by_attributes({"g": ["a", "b"]}), classes=[0, 1]), "hold 7, none of"),
        (lambda: count([0, 1], ["a", "b"], by_attributes({"g": ["a", "b"]})), "of different types"),
        (lambda: count([0, 1], [0, 1], by_attributes({"g": ["a", "b"]}), weights=[1, -1]), "not negative"),
        (lambda: Settings(draws=0), "at least 1 row"),
    ],
)
def test_bad_input_is_told_in_one_sentence(call, why):
    with pytest.raises(UsageError, match=why):
        call()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (Settings(Wanted(("speed",))), "no fairness metric called 'speed'"),
        (Settings(Wanted(positive="x")), "no class 'x'"),
        (Settings(reference=(("g", "z"),)), "no group 'z'"),
    ],
)
def test_an_unknown_metric_class_or_reference_is_refused(settings, why):
    table = count([0, 1], [0, 1], by_attributes({"g": ["a", "b"]}))
    with pytest.raises(UsageError, match=why):
        compare_groups(table, settings)


def test_more_than_fits_into_memory_is_refused_with_what_would_fit():
    rows = 3000
    table = count([0, 1] * (rows // 2), [0, 1] * (rows // 2), by_attributes({"g": range(rows)}))
    with pytest.raises(UsageError, match=r"3,000 groups of 2 classes, too many for 10,000 resamples.*at most 8,333"):
        compare_groups(table, Settings(draws=10_000))


def test_groups_that_no_resample_can_measure_are_told_without_a_warning():
    table = count([0, 0, 1, 1], [1, 2, 0, 2], by_identities({"a": [1, 0, 1, 1], "b": [1, 0, 1, 1]}), classes=[0, 1, 2])
    report = compare_groups(table, Settings(Wanted(("accuracy", "precision")), least=1, draws=5))
    assert all(np.isfinite(one.value) for one in report if one.status == "ok")


def test_one_group_alone_and_groups_too_small_are_insufficient_with_their_counts():
    alone = compare_groups(count([0, 1] * 20, [0, 1] * 20, by_attributes({"g": ["a"] * 40})))
    gap = alone.find("accuracy", GAP)
    assert (gap.status, gap.value, gap.reason) == ("insufficient", None, "there is one group alone")
    small = compare_groups(count([0, 1] * 20, [0, 1] * 20, by_attributes({"g": ["a"] * 38 + ["b"] * 2})))
    gap = small.find("accuracy", GAP)
    assert (gap.status, gap.value) == ("insufficient", None)
    assert "2 rows of 'b' count, 10 are needed" in gap.reason
