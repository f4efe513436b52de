"""Errors of numbers, calibration, and agreement of metrics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import UsageError
from bakeoff.fairness import (
    AgreementSettings,
    CalibrationSettings,
    Settings,
    agreement,
    by_attributes,
    calibration,
    compare_errors,
)

GAP = "largest - smallest"


@given(seed=st.integers(0, 10**6), rows=st.integers(2, 60))
def test_errors_of_groups_are_those_of_their_rows(seed, rows):
    random = np.random.default_rng(seed)
    truth, predicted = random.normal(size=(2, rows))
    group = random.choice(["a", "b", "c"], rows)
    report = compare_errors(truth, predicted, by_attributes({"g": group}), Settings(least=1, draws=5))
    for name in set(group.tolist()):
        error = (predicted - truth)[group == name]
        slow = {
            "mean error": error.mean(),
            "mean absolute error": np.abs(error).mean(),
            "root mean squared error": np.sqrt((error**2).mean()),
        }
        for metric, value in slow.items():
            found = report.find(metric, name)
            assert found.value == pytest.approx(value, abs=1e-9)
            assert found.low - 1e-9 <= found.value <= found.high + 1e-9


def test_intervals_of_errors_hold_and_a_planted_gap_is_found():
    """Of 200 intervals at 0.95 at least 180: fewer come less than once in a thousand."""
    random = np.random.default_rng(0)
    held = {"value": 0, "gap": 0}
    false = 0
    for trial in range(200):
        group = random.integers(0, 4, 800)
        truth = random.normal(size=800)
        predicted = truth + random.normal(size=800) + 0.3 * (group == 1)
        alike = truth + random.normal(size=800)
        grouped = by_attributes({"g": group})
        report = compare_errors(truth, predicted, grouped, Settings(draws=400, seed=trial))
        one, gap = report.find("mean error", "1"), report.find("mean error", GAP)
        held["value"] += one.low <= 0.3 <= one.high
        held["gap"] += gap.low <= 0.3 <= gap.high
        false += compare_errors(truth, alike, grouped, Settings(draws=400, seed=trial)).find("mean error", GAP).p < 0.05
    assert min(held.values()) >= 180
    assert false <= 22
    assert gap.p < 0.05
    assert gap.between[0] == "1"


def test_calibration_is_told_by_group_and_by_bin():
    random = np.random.default_rng(1)
    group = random.integers(0, 2, 20_000)
    shares = random.random(20_000)
    true = random.random(20_000) < np.where(group == 1, shares**2, shares)
    found = {(one.metric, one.group): one for one in calibration(true, shares, by_attributes({"g": group}))}
    good, bad = (found["expected calibration error", name] for name in ("0", "1"))
    assert good.value == pytest.approx(good.expected, abs=0.01)
    assert good.p > 0.01
    assert bad.p < 0.01
    assert bad.low < np.mean(np.abs(shares - shares**2)[group == 1]) < bad.high
    inside = (group == 1) & (shares >= 0.5) & (shares < 0.6)
    middle = found["came true where 0.5 to 0.6 was given", "1"]
    assert middle.value == pytest.approx(true[inside].mean())
    assert middle.expected == pytest.approx(shares[inside].mean())
    assert middle.high < middle.expected


def test_calibrated_probabilities_are_seldom_flagged():
    random = np.random.default_rng(2)
    flagged = 0
    for trial in range(200):
        shares = random.random(400)
        settings = CalibrationSettings(draws=300, seed=trial)
        (error, *_) = calibration(random.random(400) < shares, shares, by_attributes({"g": ["a"] * 400}), settings)
        flagged += error.p < 0.05
    assert flagged <= 22


def test_a_planted_agreement_is_found_and_chance_is_not():
    random = np.random.default_rng(3)
    accuracy = random.normal(size=20)
    bias = random.normal(size=20)
    measures = agreement(
        {"CEAT": bias + 0.3 * random.normal(size=20), "noise": random.normal(size=20)},
        {"gap": bias + accuracy + 0.3 * random.normal(size=20)},
        accuracy,
    )
    found = {(one.metric, one.family): one for one in measures}
    planted = found["partial correlation given accuracy", "CEAT and gap"]
    assert planted.value > 0.8
    assert planted.adjusted < 0.05
    assert planted.low > 0.4
    assert planted.value > found["Pearson correlation", "CEAT and gap"].value
    from scipy.stats import pearsonr, spearmanr

    values = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 7.0, 8.0, 6.0]), np.array([2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 8.0, 7.0])
    two = {one.metric: one for one in agreement({"a": values[0]}, {"b": values[1]})}
    assert two["Pearson correlation"].value == pytest.approx(pearsonr(*values)[0])
    assert two["Spearman correlation"].value == pytest.approx(spearmanr(*values)[0])
    assert two["Pearson correlation"].p == pytest.approx(pearsonr(*values)[1], abs=0.02)


def test_seven_models_say_nothing():
    few = agreement({"a": range(7)}, {"b": range(7)})
    assert {one.status for one in few} == {"insufficient"}
    assert "7 models say nothing" in few[0].reason
    same = agreement({"a": [1.0] * 9}, {"b": range(9)})
    assert "the same for all models" in same[0].reason


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: compare_errors([1.0], [1.0, 2.0], by_attributes({"g": ["a"]})), "1 true numbers, 2 predictions"),
        (lambda: compare_errors([1.0], [np.nan], by_attributes({"g": ["a"]})), "are none"),
        (lambda: calibration([2], [0.5], by_attributes({"g": ["a"]})), "must be 0 or 1"),
        (lambda: calibration([1], [1.5], by_attributes({"g": ["a"]})), "from 0 to 1"),
        (lambda: calibration([1, 0], [0.5], by_attributes({"g": ["a"]})), "2 truths, 1 prob"),
        (lambda: CalibrationSettings(bins=0), "at least 1 bin"),
        (lambda: agreement({}, {"b": [1.0]}), "no metric on one side"),
        (lambda: agreement({"a": [1.0]}, {"b": [1.0, 2.0]}), r"\[1, 2\]"),
        (lambda: agreement({"a": [np.nan]}, {"b": [1.0]}), "no numbers"),
        (lambda: agreement({"a": ["much"]}, {"b": [1.0]}), "'a' holds something else than numbers"),
        (
            lambda: agreement({"a": [0.1]}, {"b": [1.0]}, accuracy=[np.nan]),
            "accuracy of the models has values",
        ),
        (lambda: AgreementSettings(least=3), "4 models"),
    ],
)
def test_bad_input_of_quantities_is_told(call, why):
    with pytest.raises(UsageError, match=why):
        call()
