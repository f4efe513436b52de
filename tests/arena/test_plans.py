"""Plans: keyed, within the contract's bounds, and the same for every entry."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.arena.plans import (
    CALLS,
    PROBE,
    REPEAT,
    TEST,
    CellPlan,
    asked_frame,
    key_for,
    lay_out,
    make_plan,
    sort_answers,
)
from bakeoff.errors import BakeoffError
from bakeoff.nouns import Brief, Insertion, Plan, Probe, Table, Task

TASK = Task("t", "t", "digest", "classification", "y", "accuracy", ("a", "b"))
TABLE = Table("t", (), 100, "digest")


class Asks:
    version = "1"

    def __init__(self, name, plan):
        self.name = name
        self._plan = plan

    def plan(self, brief):
        self.key = brief.key
        self.budget = brief.budget
        return self._plan

    def judge(self, answered):
        return []


def planned(*judges, seed=0, secret=b"s" * 32, rows=100):
    frame = pd.DataFrame({"x": np.arange(rows)})
    known = Brief(TASK, TABLE, frame, np.zeros(rows), b"", 0, frame.head(3))
    return make_plan(judges, known, seed=seed, secret=secret)


def test_keys_differ_by_judge_task_seed_and_secret():
    keys = {
        key_for(secret, task, seed, judge)
        for secret in (b"1", b"2")
        for task in (TASK, Task("u", "u", "other", "classification", "y", "accuracy"))
        for seed in (0, 1)
        for judge in ("a", "b")
    }
    assert len(keys) == 16


def test_a_judge_without_a_plan_does_not_change_the_digest_and_one_with_a_plan_does():
    empty = planned().digest
    assert planned(Asks("quiet", Plan(reason="nothing to ask"))).digest == empty
    assert planned(Asks("asks", Plan(ask=(Probe(0),)))).digest != empty


def test_no_more_than_a_tenth_may_be_withheld():
    planned(Asks("j", Plan(withhold=tuple(range(10)))))
    with pytest.raises(BakeoffError, match=r"withhold 11 of 100 training rows of t; a tenth is the most"):
        planned(Asks("j", Plan(withhold=tuple(range(11)))))


def test_judges_share_one_budget():
    first, second = Asks("a", Plan(ask=tuple(Probe(i) for i in range(30)))), Asks("b", Plan())
    planned(first, second)
    assert first.budget - second.budget == 30
    with pytest.raises(BakeoffError, match="asks 2000 rows where 1020"):
        planned(Asks("a", Plan(ask=tuple(Probe(i % 100) for i in range(2000)))))


def test_a_plan_of_another_judge_changes_no_cell_and_says_why_there_is_nothing_to_read():
    asks = Asks("asks", Plan(withhold=(3,), ask=(Probe(0), Probe(3))))
    reads = Asks("reads", Plan(of="asks"))
    assert planned(asks, reads).digest == planned(asks).digest != planned(reads).digest
    assert planned(asks, reads).plans["reads"] == Plan(of="asks")
    few = Asks("asks", Plan(reason="under 1,000 training rows"))
    assert planned(few, reads).plans["reads"].reason == "under 1,000 training rows"
    assert planned(reads).plans["reads"].reason == "the judge asks is not installed"


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (Plan(offered=(Insertion(0, {}, "a"),)), "j inserts rows into a ranked cell"),
        (Plan(insert=(0,)), "j inserts rows into a ranked cell"),
        (Plan(of="other", ask=(Probe(0),)), "j reads the rows of other, so it can't plan rows of its own"),
    ],
)
def test_a_ranked_cell_gets_no_inserted_rows_and_no_rows_planned_twice(plan, sentence):
    with pytest.raises(BakeoffError, match=sentence):
        planned(Asks("j", plan))


@settings(max_examples=40, deadline=None)
@given(tests=st.integers(1, 300), probes=st.integers(0, 60), twins=st.integers(0, 20), seed=st.integers(0, 9))
def test_every_row_is_asked_and_comes_back_to_its_place(tests, probes, twins, seed):
    pairs = tuple(Probe(i, "train", {}, f"pair {i}") for i in range(twins) for _ in range(2))
    plan = CellPlan({"one": Plan(ask=tuple(Probe(i) for i in range(probes))), "two": Plan(ask=pairs)}, (), "d")
    layout = lay_out(plan, tests, key_for(b"secret", TASK, seed, "layout"))
    assert sorted(layout.index[layout.origin == TEST]) == list(range(tests))
    assert len(np.unique(layout.ids)) == len(layout.ids)
    calls = {(o, i): c for o, i, c in zip(layout.origin, layout.index, layout.call, strict=True)}
    for index in layout.index[layout.origin == REPEAT]:
        assert calls[TEST, index] != calls[REPEAT, index]
    if twins:
        place = PROBE + layout.judges.index("two")
        assert all(calls[place, 2 * i] != calls[place, 2 * i + 1] for i in range(twins))
    assert layout.call.max() < CALLS

    test = pd.DataFrame({"x": np.arange(tests) + 1000.0})
    train = pd.DataFrame({"x": np.arange(100) * 1.0})
    answers = np.empty((len(layout.ids), 1))
    for call in np.unique(layout.call):
        frame = asked_frame(layout, call, test, train, plan)
        assert list(frame.index) == list(layout.ids[layout.rows_of(call)])
        answers[layout.rows_of(call), 0] = frame["x"]
    back = sort_answers(layout, answers, tests)
    assert list(back.test[:, 0]) == list(test["x"])
    assert not back.batch_dependent
    if probes:
        assert list(back.probes["one"][:, 0]) == list(range(probes))


def test_changed_cells_reach_the_asked_row_and_no_other():
    plan = CellPlan({"j": Plan(ask=(Probe(2, "train", {"x": -1.0}), Probe(3, "test"), Probe(4, "train")))}, (), "d")
    layout = lay_out(plan, 10, b"k" * 32)
    test, train = pd.DataFrame({"x": np.arange(10) + 100.0}), pd.DataFrame({"x": np.arange(10) * 1.0})
    seen = {}
    for call in np.unique(layout.call):
        rows = layout.rows_of(call)
        frame = asked_frame(layout, call, test, train, plan)
        seen |= {(layout.origin[r], layout.index[r]): x for r, x in zip(rows, frame["x"], strict=True)}
    assert [seen[PROBE, i] for i in range(3)] == [-1.0, 103.0, 4.0]
    assert train["x"][2] == 2.0


def test_twins_of_a_test_row_meet_neither_it_nor_one_another():
    asked = tuple(Probe(row, "test", {"x": -1.0}, f"row {row}") for row in range(40) for _ in range(3))
    layout = lay_out(CellPlan({"j": Plan(ask=asked)}, (), "d"), 100, b"k" * 32)
    calls = {row: [] for row in range(40)}
    for origin, index, call in zip(layout.origin, layout.index, layout.call, strict=True):
        row = asked[index].row if origin == PROBE else index
        if row < 40:
            assert origin != REPEAT, "another row can be repeated"
            calls[row].append(int(call))
    assert all(sorted(met) == list(range(CALLS)) for met in calls.values())
    assert (layout.origin == REPEAT).sum() == 25


def test_answers_that_depend_on_the_batch_are_noticed():
    layout = lay_out(CellPlan({}, (), ""), 40, b"k" * 32)
    answers = np.zeros((len(layout.ids), 1))
    assert not sort_answers(layout, answers, 40).batch_dependent
    answers[np.flatnonzero(layout.origin == REPEAT)[0]] = 0.5
    assert sort_answers(layout, answers, 40).batch_dependent
