"""From kept findings to rows, marks and prizes, with findings made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bakeoff.algorithms import adapters
from bakeoff.arena.ranking import compare_two, rank
from bakeoff.arena.scores import FOLDS, HOUSE_NOTES, Kept
from bakeoff.nouns import Cell, CellResult, Entry, Finding, Level, Measurements, Outcome, Source, Task

THESE, NEW = "on these tables", "on a new table"


def entry(name, team="", baseline=False):
    return Entry(
        name, Source("baseline" if baseline else "code", "model"), f"digest of {name}", team, baseline=baseline
    )


def task(name):
    return Task(name, name, "d" * 64, "classification", "y", "accuracy", ("a", "b"), track="main")


def scored(value, spread=0.02, seed=0, **more):
    replicates = np.clip(value + spread * np.random.default_rng(seed).normal(size=FOLDS), -1, 1)
    return [
        Finding("quality", "accuracy", 0.5 + value / 2, variant="", n=100),
        Finding("quality", "accuracy", value, variant="normalised", n=100, replicates=replicates, **more),
    ]


def kept(scores, teams=None, seeds=1, **more):
    """What is kept where `scores` holds by (entry, task) or (entry, task, seed) a value, an outcome, findings, or None.

    A value becomes findings of that normalised score; None means done but never judged; what is left out has not run.
    """
    names, tasks = (list(dict.fromkeys(key[place] for key in scores)) for place in (0, 1))
    teams = teams or {}
    entries = [entry(name, teams.get(name, "")) for name in names]
    cells, results, findings = {}, {}, {}
    for e in entries:
        for name in tasks:
            for seed in range(seeds):
                key = (e.name, name, seed)
                cells[key] = Cell(e.name, e.digest, name, name, seed, "", "1")
                given = scores.get(key, scores.get(key[:2], "due"))
                if given == "due":
                    continue
                outcome = given if isinstance(given, Outcome) else Outcome.DONE
                results[cells[key].id] = CellResult(
                    cells[key], outcome, level=Level.BUBBLEWRAP, measurements=Measurements(cpu=2.0)
                )
                if isinstance(given, float):
                    given = scored(given, seed=len(results))
                if isinstance(given, list):
                    findings[cells[key].id] = given
    made = [task(name) for name in tasks]
    return replace(Kept("made", entries, made, seeds, cells, results, findings, {}), **more)


def changed(known, name, **changes):
    """Every result of an entry with these changes."""
    results = {i: replace(r, **changes) if r.cell.entry == name else r for i, r in known.results.items()}
    return replace(known, results=results)


def row_of(board, name):
    return next(row for row in board.rows if row.entry == name)


# Rows that lack a score


def test_a_done_cell_that_nobody_judged_is_marked_and_not_ranked():
    board = rank(kept({("a", "t"): 0.5, ("b", "t"): None, ("a", "u"): 0.4, ("b", "u"): 0.3}), "main", THESE)
    assert row_of(board, "a").rank == 1
    assert row_of(board, "b").rank is None
    assert row_of(board, "b").marks == ("not judged yet: 1 of 2 tasks",)
    assert board.squares["b", "t"].reason == "not judged yet" and board.squares["b", "u"].reason == ""


def test_a_done_cell_whose_finding_has_no_value_is_marked_with_its_reason():
    without = [Finding("quality", "accuracy", None, variant="normalised", reason="the meter broke")]
    board = rank(kept({("a", "t"): 0.5, ("b", "t"): without}), "main", THESE)
    assert row_of(board, "b").rank is None
    assert row_of(board, "b").marks == ("the meter broke: 1 of 1 tasks",)
    nan = [Finding("quality", "accuracy", math.nan, variant="normalised")]
    assert row_of(rank(kept({("b", "t"): nan}), "main", THESE), "b").marks == (
        "its score is not a number: 1 of 1 tasks",
    )


def test_a_task_on_which_nothing_is_defined_is_not_averaged_and_holds_nobody_back():
    undefined = [
        Finding("quality", "accuracy", None, variant="normalised", status="insufficient", reason="it is undefined")
    ]
    board = rank(kept({("a", "t"): 0.5, ("b", "t"): 0.1, ("a", "u"): undefined, ("b", "u"): undefined}), "main", THESE)
    assert [(row.entry, row.rank) for row in board.rows] == [("a", 1), ("b", 2)]
    assert [(column.averaged, column.reason) for column in board.columns] == [(True, ""), (False, "it is undefined")]
    assert compare_two(kept({("a", "t"): undefined, ("b", "t"): undefined}), "a", "b", THESE).duels[0].reason == (
        "it is undefined"
    )


# Notes


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("verified by the house", "entry says: verified by the house"),
        ("fine; verified by the house", "entry says: fine, verified by the house"),
        ("answers depend on the batch", "entry says: answers depend on the batch"),
        ("two\nlines \x1b[31m", "entry says: two lines �[31m"),
        ("long " * 50, ("entry says: " + "long " * 50)[:119] + "…"),
    ],
)
def test_an_entrys_own_notes_never_pass_for_the_houses(note, shown):
    board = rank(changed(kept({("a", "t"): 0.5}), "a", notes=(note, adapters.WRAPPED)), "main", THESE)
    assert board.squares["a", "t"].notes == (shown, adapters.WRAPPED)
    assert len(shown) <= 120
    assert row_of(board, "a").marks == (adapters.WRAPPED,)


def test_the_houses_notes_are_those_of_the_adapter():
    assert set(adapters.NOTES) == HOUSE_NOTES
    batchy = changed(kept({("a", "t"): 0.5}), "a", measurements=Measurements(batch_dependent=True))
    assert row_of(rank(batchy, "main", THESE), "a").marks == ("answers depend on the batch",)


# Cost


@pytest.mark.parametrize("cpu", [-1.0, 0.0, math.nan, math.inf, None])
def test_tasks_whose_cost_was_not_measured_are_left_out_of_the_ratio(cpu):
    known = kept({(e, t): 0.5 for e in ("linear", "b") for t in ("t", "u")})
    wrong = {i for i, r in known.results.items() if (r.cell.entry, r.cell.task) == ("b", "t")}
    strange = {
        i: replace(r, measurements=Measurements(cpu=cpu if i in wrong else 6.0 if r.cell.entry == "b" else 2.0))
        for i, r in known.results.items()
    }
    assert row_of(rank(replace(known, results=strange), "main", THESE), "b").cost == pytest.approx(3.0)
    only = {i: r for i, r in strange.items() if r.cell.task == "t"}
    assert row_of(rank(replace(known, results=only), "main", THESE), "b").cost is None


# Prizes

TEAMS = {"a1": "A", "a2": "A", "b1": "B", "b2": "B"}
VALUES = {
    ("a1", "t"): 0.2, ("a2", "t"): 0.6, ("b1", "t"): 0.1, ("b2", "t"): 0.1,
    ("a1", "u"): 0.3, ("a2", "u"): 0.4, ("b1", "u"): 0.2, ("b2", "u"): 0.0,
    ("a1", "v"): 0.9, ("a2", "v"): 0.9, ("b1", "v"): 0.2, ("b2", "v"): 0.1,
}  # fmt: skip


def prize_of(board, team):
    return next(row for row in board.prizes if row.team == team)


def test_prizes_are_about_new_tables_when_the_question_is():
    known = kept({**VALUES, **{(name, "w"): 0.5 for name in TEAMS}}, TEAMS)
    here, there = (prize_of(rank(known, "main", question), "A") for question in (THESE, NEW))
    assert here.mean.value == pytest.approx(there.mean.value) == pytest.approx((0.6 + 0.4 + 0.9 + 0.5) / 4)
    assert there.mean.high - there.mean.low > 5 * (here.mean.high - here.mean.low)
    # A team of one has the interval of its only entry, whatever the question.
    for question in (THESE, NEW):
        board = rank(kept({key: value for key, value in VALUES.items() if key[0] == "a1"}, TEAMS), "main", question)
        assert prize_of(board, "A").mean == row_of(board, "a1").mean


def test_few_tables_say_nothing_of_a_new_one_for_a_team_either():
    board = rank(kept({("a1", "t"): 0.5}, TEAMS), "main", NEW)
    assert prize_of(board, "A").mean.low is None
    assert prize_of(board, "A").mean.reason == "too few tables to say anything of a new one"


def test_prizes_draw_seeds_as_the_ranking_does():
    apart = {("a1", "t", 0): 0.1, ("a1", "t", 1): 0.5, ("a1", "t", 2): 0.9}
    board = rank(kept(apart, TEAMS, seeds=3), "main", THESE)
    assert prize_of(board, "A").mean == row_of(board, "a1").mean
    assert prize_of(board, "A").mean.high - prize_of(board, "A").mean.low > 0.4


def test_teams_are_ranked_and_the_newest_submission_is_the_default_pick():
    known = kept(VALUES, TEAMS)
    last = rank(known, "main", THESE)
    assert [(row.entry, row.rank) for row in last.prizes] == [("A", 1), ("B", 2)]
    assert prize_of(last, "A").marks == ("picks: a2",)
    newest = rank(replace(known, newest={"A": "a1", "B": "long gone"}), "main", THESE)
    assert prize_of(newest, "A").marks == ("picks: a1",)
    assert prize_of(newest, "B").marks == ("picks: b2",)
    picked = rank(replace(known, newest={"A": "a1"}, picks={("A", "t"): "a2", ("B", "u"): "a2"}), "main", THESE)
    assert prize_of(picked, "A").marks == ("picks: a2, a1",)
    assert prize_of(picked, "A").mean.value == pytest.approx((0.6 + 0.3 + 0.9) / 3)
    assert prize_of(picked, "B").marks == ("picks: b2", "1 of 3 tasks count as the constant"), "another team's entry"


def test_a_team_of_which_nothing_has_run_has_no_score_and_no_rank():
    board = rank(kept({("a1", "t"): 0.5, ("b1", "u"): None}, TEAMS), "main", THESE)
    waiting = rank(kept({("a1", "t"): 0.5, ("b1", "t"): "due"}, TEAMS), "main", THESE)
    assert [(row.entry, row.rank, row.mean, row.marks) for row in waiting.prizes[1:]] == [
        ("B", None, None, ("not run yet",))
    ]
    assert prize_of(board, "B").rank is None and prize_of(board, "B").marks == ("not judged yet",)
    declined = rank(kept({("a1", "t"): 0.5, ("b1", "t"): Outcome.DECLINED}, TEAMS), "main", THESE)
    assert prize_of(declined, "B").rank == 2 and prize_of(declined, "B").mean.value == 0.0
    assert prize_of(declined, "B").marks == ("picks: b1", "1 of 1 tasks count as the constant")


def test_a_prize_looks_at_every_seed():
    seeds = {("a1", "t", 0): 0.6, ("a1", "t", 1): Outcome.FAILED, ("a1", "u", 0): 0.4, ("a1", "v", 1): Outcome.FAILED}
    prize = prize_of(rank(kept(seeds, TEAMS, seeds=2), "main", THESE), "A")
    assert prize.marks == (
        "picks: a1",
        "1 of 3 tasks count as the constant",
        "1 of 3 tasks count as the constant on some seeds",
        "2 seeds not run yet",
    )
    assert prize.mean.value == pytest.approx((0.3 + 0.4 + 0.0) / 3)


def test_prizes_without_a_task_to_average_say_so():
    board = rank(kept({("a1", "t"): scored(0.5, status="insufficient", reason="no room")}, TEAMS), "main", THESE)
    assert prize_of(board, "A").marks == ("not ranked: no task can be averaged",)


# Tables that have expired


def test_what_can_no_longer_be_met_holds_no_row_back():
    scores = {("a", "t"): 0.5, ("b", "t"): 0.4, ("a", "u"): 0.9}
    assert row_of(rank(kept(scores), "main", THESE), "b").rank is None
    board = rank(kept(scores, expired={"u": "2020-01-01"}), "main", THESE)
    assert [(row.entry, row.rank, row.marks) for row in board.rows] == [("a", 1, ()), ("b", 2, ())]
    assert row_of(board, "a").mean.value == pytest.approx(0.5, abs=0.01)
    assert [column.averaged for column in board.columns] == [True, False]
    square = board.squares["b", "u"]
    assert (square.closed, square.reason) == (True, "not run before its table expired")
    duel = compare_two(kept(scores, expired={"u": "2020-01-01"}), "a", "b", THESE).duels[1]
    assert duel.reason == "not run before its table expired"


def test_an_expired_table_that_every_entry_has_met_counts_as_ever():
    scores = {("a", "t"): 0.5, ("b", "t"): 0.4, ("a", "u"): 0.9, ("b", "u"): 0.1, ("c", "u"): 0.2}
    board = rank(kept(scores, expired={"u": "2020-01-01"}), "main", THESE)
    assert [column.averaged for column in board.columns] == [True, True]
    assert row_of(board, "a").mean.value == pytest.approx(0.7, abs=0.01)
    assert row_of(board, "c").marks[0] == "not complete: 1 of 2 tasks", "c can still meet t"


def test_where_every_table_has_expired_those_that_met_them_are_ranked():
    board = rank(kept({("a", "t"): 0.5, ("b", "t"): 0.4, ("c", "u"): 0.1}, expired={"t": "x", "u": "x"}), "main", THESE)
    assert not any(column.averaged for column in board.columns)
    board = rank(kept({("a", "t"): 0.5, ("b", "t"): 0.4}, expired={"t": "x"}), "main", THESE)
    assert [row.rank for row in board.rows] == [1, 2]
