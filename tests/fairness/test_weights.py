"""Weighted rows: the figures of rows written out, the intervals of as many rows as there are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import UsageError
from bakeoff.fairness import (
    Asked,
    CalibrationSettings,
    Settings,
    audit,
    by_attributes,
    calibration,
    compare_errors,
)
from bakeoff.fairness.weights import equal, weighed


def people(seed, rows=200):
    random = np.random.default_rng(seed)
    shares = random.random(rows)
    return {
        "group": random.choice(["a", "b"], rows),
        "shares": shares,
        "came": (random.random(rows) < shares**1.5).astype(int),
        "true": random.normal(size=rows),
        "guess": random.normal(size=rows),
        "weights": random.integers(0, 4, rows),
    }


def values(measures):
    return {(one.metric, one.group): (one.value, one.n) for one in measures if one.status == "ok"}


def nearly(found, other):
    assert set(found) == set(other)
    for key, both in found.items():
        assert both == pytest.approx(other[key], abs=1e-9)


@given(seed=st.integers(0, 10**6))
def test_errors_and_calibration_are_those_of_rows_written_out(seed):
    held = people(seed)
    long = np.repeat(np.arange(200), held["weights"])
    groups, many = (by_attributes({"g": held["group"][rows]}) for rows in (np.arange(200), long))
    settings = Settings(draws=3, least=1)
    nearly(
        values(compare_errors(held["true"], held["guess"], groups, settings, held["weights"])),
        values(compare_errors(held["true"][long], held["guess"][long], many, settings)),
    )
    how = CalibrationSettings(least=1, draws=3)
    nearly(
        values(calibration(held["came"], held["shares"], groups, how, held["weights"])),
        values(calibration(held["came"][long], held["shares"][long], many, how)),
    )


def test_intervals_know_how_many_rows_there_are():
    held = people(0, 2000)
    held["weights"] = np.where(np.random.default_rng(1).random(2000) < 0.1, 20.0, 1.0)
    groups = by_attributes({"g": held["group"]})
    plain, heavy, many = (
        compare_errors(held["true"][at], held["guess"][at], by_attributes({"g": held["group"][at]}), None, weights)
        for at, weights in (
            (np.arange(2000), None),
            (np.arange(2000), held["weights"]),
            (np.repeat(np.arange(2000), held["weights"].astype(int)), None),
        )
    )
    wide = [one.find("mean error", "a") for one in (plain, heavy, many)]
    widths = [one.high - one.low for one in wide]
    assert widths[1] > 1.3 * widths[0] and widths[1] > 2 * widths[2]
    # The standard error of a weighted mean, by hand.
    own = held["group"] == "a"
    errors, weights = (held["guess"] - held["true"])[own], held["weights"][own]
    mean = weights @ errors / weights.sum()
    error = np.sqrt(weights @ (errors - mean) ** 2 / weights.sum() * (weights**2).sum()) / weights.sum()
    assert widths[1] == pytest.approx(2 * 1.96 * error, rel=0.08)
    few = calibration(held["came"], held["shares"], groups, CalibrationSettings(least=600), held["weights"])
    assert {one.status for one in few} == {"insufficient"}
    assert "rows of 'a' count, 600 are needed" in few[0].reason


def test_an_audit_takes_a_column_of_weights_for_all_of_it():
    held = people(3, 400)
    held["weights"] = held["weights"] + 1
    table = pd.DataFrame({"race": held["group"], "hired": held["came"].astype(str), "weight": held["weights"]})
    answers = pd.DataFrame({"0": 1 - held["shares"], "1": held["shares"]})
    long = np.repeat(np.arange(400), held["weights"])
    weighted = audit(table, answers, Asked("hired", ["race"], draws=3, weights="weight"))
    written = audit(table.iloc[long], answers.iloc[long], Asked("hired", ["race"], draws=3))
    for one, other in ((weighted.groups, written.groups), (weighted.rankings, written.rankings)):
        nearly(values(one), values(other))
    assert weighted.calibration
    numbers = pd.DataFrame({"race": held["group"], "pay": held["true"], "weight": held["weights"]})
    guesses = pd.DataFrame({"prediction": held["guess"]})
    heavy = audit(numbers, guesses, Asked("pay", ["race"], draws=3, weights="weight"))
    assert values(heavy) != values(audit(numbers, guesses, Asked("pay", ["race"], draws=3)))


@pytest.mark.parametrize("column", [["a", "b"] * 5, [-1.0] * 10, [np.nan] * 10])
def test_weights_that_are_none_are_told(column):
    table = pd.DataFrame({"race": ["a", "b"] * 5, "hired": ["x", "y"] * 5, "prediction": ["x", "y"] * 5, "w": column})
    with pytest.raises(UsageError, match="The weights 'w' must be numbers that are not negative"):
        audit(table, None, Asked("hired", ["race"], weights="w"))
    with pytest.raises(UsageError, match="no column 'v'"):
        audit(table, None, Asked("hired", ["race"], weights="v"))


def test_equal_rows_are_kishs():
    weights = np.array([1.0, 1.0, 2.0])
    assert equal(weights.sum(), weights @ weights) == pytest.approx(16 / 6)
    assert equal(0.0, 0.0) == 0
    assert weighed(None, 3).tolist() == [1, 1, 1]
