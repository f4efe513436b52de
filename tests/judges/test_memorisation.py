"""Memorisation tells an algorithm that learns rows by heart from one that does not, by fair coins."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cells_made import answered, brief, frame, labels, task
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from bakeoff.judges import Memorisation
from bakeoff.nouns import Plan
from bakeoff.stats.intervals import difference_of_shares

CLASSES = ("high", "low", "mid")
ROWS = 2000


def by_heart(data, y, known, asked, classes):
    """Looks each asked row up among the training rows, and guesses at random where it is not there."""
    seen = {(data["x"][row], data["z"][row]): y[row] for row in known}
    out = np.full((len(asked), len(classes)), 1 / len(classes))
    for place, row in enumerate(asked):
        label = seen.get((data["x"][row], data["z"][row]))
        if label is not None:
            out[place] = [0.9 if label == name else 0.1 / (len(classes) - 1) for name in classes]
    return out


def by_rule(data, y, known, asked, classes):
    """Answers from x alone, whatever was in training."""
    x = data["x"].to_numpy()[list(asked)]
    low, high = expit(4 * (-0.5 - x)), expit(4 * (x - 0.5))
    out = np.stack([low, 1 - low - high + 2 * low * high, high], axis=1)
    return out / out.sum(axis=1, keepdims=True)


def judged(algorithm, key=0, classes=CLASSES, rows=ROWS):
    data = frame(rows, key)
    y = labels(data, classes, 0.3, key)
    question = task(classes)
    plan = Memorisation().plan(brief(data, y, question, key))
    known = set(range(rows)) - set(plan.withhold)
    answers = algorithm(data, y, known, [probe.row for probe in plan.ask], classes)
    cell = answered(question, y[:3], np.eye(3), y=y, plan=plan, probes=answers)
    return {finding.metric: finding for finding in Memorisation().judge(cell)}, plan


def test_learning_by_heart_shows_as_a_gap():
    found, plan = judged(by_heart)
    assert found["gap"].value == pytest.approx(0.9 - 1 / 3, abs=0.01)
    assert found["gap"].low > 0.4
    assert found["accuracy_gap"].low > 0.3
    assert found["gap"].n == len(plan.ask) == 200


def test_an_algorithm_that_follows_a_rule_shows_no_gap_in_nineteen_of_twenty_plans():
    inside = {"gap": 0, "accuracy_gap": 0}
    for key in range(100):
        found, _ = judged(by_rule, key)
        for metric in inside:
            inside[metric] += found[metric].low <= 0 <= found[metric].high
    assert all(88 <= count <= 100 for count in inside.values()), inside


def test_regression_gaps_are_in_standard_deviations_of_the_target():
    data = frame(ROWS)
    y = data["x"].to_numpy() * 10
    question = task((), "rmse")
    plan = Memorisation().plan(brief(data, y, question))
    rows = np.array([probe.row for probe in plan.ask])
    off = np.where(np.isin(rows, plan.withhold), 5.0, 1.0)
    cell = answered(question, y[:3], y[:3, None], y=y, plan=plan, probes=(y[rows] + off)[:, None])
    (gap,) = Memorisation().judge(cell)
    assert gap.value == pytest.approx(4 / y.std())


def test_the_plan_keeps_the_probe_contract():
    data = frame(ROWS)
    y = labels(data, CLASSES, 0.3)
    plan = Memorisation().plan(brief(data, y, task(), key=3))
    asked = [probe.row for probe in plan.ask]
    assert len(asked) == len(set(asked)) == ROWS // 10
    assert set(plan.withhold) < set(asked)
    assert all(probe.part == "train" and not probe.changes for probe in plan.ask)
    assert plan == Memorisation().plan(brief(data, y, task(), key=3))
    assert plan != Memorisation().plan(brief(data, y, task(), key=4))


def test_coins_are_independent_and_fair_and_the_order_tells_nothing_of_them():
    data = frame(ROWS)
    y = labels(data, CLASSES, 0.3)
    counts, early = [], []
    for key in range(200):
        plan = Memorisation().plan(brief(data, y, task(), key))
        withheld = np.isin([probe.row for probe in plan.ask], plan.withhold)
        counts.append(withheld.sum())
        early.append(withheld[:100].sum() - withheld[100:].sum())
    # Binomial(200, 1/2): mean 100, sd 7.07. Never exactly half would show as a spread too small.
    assert abs(np.mean(counts) - 100) < 4 * 7.07 / math.sqrt(200)
    assert 5.7 < np.std(counts) < 8.5
    assert abs(np.mean(early)) < 4 * 14.1 / math.sqrt(200)


def test_rows_with_a_twin_in_the_visible_columns_are_never_canaries():
    data = frame(ROWS)
    y = labels(data, CLASSES, 0.3)
    data.loc[:999, ["x", "z"]] = data.loc[1000:, ["x", "z"]].to_numpy()
    data.loc[1990:, "z"] = np.nan  # a twin whose partner was taken away
    data["owner"] = [f"owner {row}" for row in range(ROWS)]  # hidden from entries, so it makes no difference
    alone = {*range(990, 1000), *range(1990, 2000)}
    plan = Memorisation().plan(brief(data, y, task()))
    assert {probe.row for probe in plan.ask} <= alone
    assert len(plan.ask) == 20


def test_every_class_keeps_rows_that_no_coin_can_take():
    data = frame(ROWS)
    y = np.array(["high"] * (ROWS - 4) + ["low"] * 2 + ["mid"] * 2, dtype=object)
    for key in range(30):
        plan = Memorisation().plan(brief(data, y, task(), key))
        assert all(y[probe.row] == "high" for probe in plan.ask)


@pytest.mark.parametrize(
    ("rows", "budget", "reason"),
    [
        (999, 10_000, "under 1,000 training rows"),
        (1000, 5, "only 5 training rows can be canaries, and 20 are needed"),
    ],
)
def test_without_enough_rows_there_is_no_plan_and_the_finding_says_why(rows, budget, reason):
    data = frame(rows)
    y = labels(data, CLASSES, 0.3)
    plan = Memorisation().plan(brief(data, y, task(), budget=budget))
    assert (plan.withhold, plan.ask, plan.reason) == ((), (), reason)
    cell = answered(task(), y[:3], np.eye(3), y=y, plan=plan)
    for finding in Memorisation().judge(cell):
        assert (finding.value, finding.status, finding.reason) == (None, "insufficient", reason)
    enough = frame(1000)
    assert Memorisation().plan(brief(enough, labels(enough, CLASSES, 0.3), task())).ask


def test_an_entry_that_was_asked_no_canaries_is_insufficient():
    cell = answered(task(), ["high", "low", "mid"], np.eye(3), plan=Plan(reason="a prediction file is asked no rows"))
    assert {finding.reason for finding in Memorisation().judge(cell)} == {"a prediction file is asked no rows"}


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 60), st.integers(5, 60), st.floats(0.05, 0.95))
def test_the_accuracy_gap_lies_in_its_interval_which_has_a_width(first, second, chance):
    rng = np.random.default_rng([first, second])
    a, b = rng.random(first) < chance, rng.random(second) < chance
    value, low, high = difference_of_shares(a, b)
    assert value == pytest.approx(a.mean() - b.mean())
    assert -1 <= low < high <= 1
    assert low <= value <= high


def test_the_accuracy_gaps_interval_equals_newcombes_published_example():
    # Newcombe (1998), table II, method 10: 56/70 - 48/80 has (0.0524, 0.3339).
    value, low, high = difference_of_shares(np.arange(70) < 56, np.arange(80) < 48)
    assert value == pytest.approx(0.2)
    assert (low, high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
