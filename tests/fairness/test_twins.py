"""Twins of rows, and how far answers move between both."""

import numpy as np
import pandas as pd
import pytest

from bakeoff.errors import UsageError
from bakeoff.fairness import MoveSettings, gender, movement
from bakeoff.fairness.columns import groups_of
from bakeoff.fairness.english import looks_english
from bakeoff.fairness.movements import FLIPPED, MOVED, SHIFTED, movements
from bakeoff.fairness.twins import SCANNED, Uses, column_problem, column_twins, foreign, text_twins


def test_movements_are_total_variation_and_changed_answers():
    before, after = np.array([[0.7, 0.2, 0.1], [0.4, 0.6, 0.0]]), np.array([[0.1, 0.2, 0.7], [0.4, 0.5, 0.1]])
    found = movements(before, after)
    assert found[MOVED].tolist() == pytest.approx([0.6, 0.1])
    assert found[FLIPPED].tolist() == [1.0, 0.0]
    numbers = movements(np.array([[1.0], [2.0]]), np.array([[1.0 + 1e-9], [5.0]]), 2.0)
    assert numbers[SHIFTED].tolist() == pytest.approx([0.0, 1.5], abs=1e-8)
    assert numbers[FLIPPED].tolist() == [0.0, 1.0], "rounding is no change"


def test_intervals_hold_the_mean_and_have_a_width_where_nothing_moved():
    """Of 300 intervals at 0.95 at least 267: of as many with 0.925, fewer come once in a hundred thousand."""
    random = np.random.default_rng(0)
    held = 0
    for seed in range(300):
        one = movement(MOVED, "race", random.beta(0.5, 4, 120), MoveSettings(seed=seed, draws=300))
        held += one.low <= 0.5 / 4.5 <= one.high
    assert held >= 267
    still = movement(MOVED, "race", np.zeros(200))
    assert (still.value, still.low) == (0.0, 0.0)
    assert 0.01 < still.high < 0.03
    assert movement(FLIPPED, "race", np.zeros(200)).high == still.high
    few = movement(FLIPPED, "race", np.ones(19))
    assert (few.status, few.value) == ("insufficient", None)
    assert few.reason == "19 rows have a twin by 'race' and 20 are needed"


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: movements(np.ones((2, 2)), np.ones((2, 3))), r"shape \(2, 2\) and their twins \(2, 3\)"),
        (lambda: movements(np.ones((1, 2)), np.full((1, 2), np.nan)), "no finite numbers"),
        (lambda: movements(np.ones(2), np.ones(2)), "are no probabilities of classes"),
    ],
)
def test_answers_that_cannot_be_compared_are_told(call, why):
    with pytest.raises(UsageError, match=why):
        call()


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("The king and his wife are not here.", True),
        ("Nike running shoes men 42", True),
        ("", True),
        ("Die Frau ist nicht hier, und er kommt auch nicht her.", False),
        ("La femme est dans une maison avec les enfants.", False),
        ("El hombre está en la casa y no quiere salir para comer.", False),
        ("De man is niet thuis, maar het huis is ook van een vrouw.", False),
        ("A mulher não está em casa, mais uma vez.", False),
    ],
)
def test_languages_are_told_by_their_small_words(text, english):
    assert looks_english([text]) is english


def test_a_row_has_three_twins_at_most_and_those_with_fewest_come_first():
    uses = Uses(10, np.random.default_rng(0))
    for _ in range(3):
        assert sorted(uses.take(np.arange(10), 10)) == list(range(10))
    assert uses.take(np.arange(10), 10) == []
    other = Uses(10, np.random.default_rng(0))
    first = other.take(np.arange(10), 4)
    assert not set(first) & set(other.take(np.arange(10), 6)), "those without a twin come first"


def test_twins_of_a_number_are_of_another_quarter_and_missing_values_have_none():
    ages = pd.Series([*range(20, 60), None, None], name="age")
    groups = groups_of(ages, True)
    assert len({group for group in groups.tolist() if group}) == 4
    found = column_twins(ages, True, 100, Uses(len(ages), np.random.default_rng(0)))
    assert len(found) == 40
    ends = dict(zip(ages.tolist(), groups.tolist(), strict=True))
    assert all(ends[one.changes["age"]] != groups[one.row] for one in found)
    assert column_problem(pd.Series(range(2000), name="id"), False).startswith("'id' has 2,000 values")
    codes = pd.Series([0, 1] * 10, name="sex")
    twin = column_twins(codes, True, 5, Uses(20, np.random.default_rng(0)))[0]
    assert type(twin.changes["sex"]) is int, "a plan is kept as JSON"


def test_rows_of_long_tables_are_searched_evenly():
    frame = pd.DataFrame({"note": ["nothing"] * 3 * SCANNED})
    frame.loc[0::2, "note"] = "he is here"
    found = text_twins(frame, ["note"], gender(), 50, Uses(len(frame), np.random.default_rng(0)))
    assert len(found) == 50
    assert max(one.row for one in found) > 2 * SCANNED
    assert {one.changes["note"] for one in found} == {"she is here"}
    assert not foreign(frame.head(0), ["note"])
    assert text_twins(frame.head(0), ["note"], gender(), 50, Uses(0, np.random.default_rng(0))) == []
