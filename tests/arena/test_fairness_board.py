"""A board by its widest gaps between groups: which gap, of which tasks, in which order, and who is on the front."""

import io
import json
from dataclasses import replace

import pytest
from board_example import example_board
from rich.console import Console

from bakeoff.arena.board import Estimate, GroupFigure
from bakeoff.arena.board_text import fairness_text
from bakeoff.arena.fairness_words import fair_json, fair_lines, gap_metrics
from bakeoff.arena.report import report_html
from bakeoff.arena.report.fairness import group_panels
from bakeoff.errors import UsageError


def gaps_of(value, *, column="sex", metric="accuracy", p=0.5):
    """What the judge of fairness finds of one column: the gap, what chance makes of it, and its corrected p."""
    made = {"largest - smallest": Estimate(value, value - 0.05, value + 0.05), "p, corrected": Estimate(p)}
    made["gap by chance"] = Estimate(0.02)
    return {GroupFigure("fairness", column, metric, variant): estimate for variant, estimate in made.items()}


def with_gaps(board, gaps):
    """A board whose squares hold these groups' figures, by (entry, task)."""
    squares = dict(board.squares)
    for key, groups in gaps.items():
        squares[key] = replace(squares[key], groups=groups)
    return replace(board, squares=squares)


@pytest.fixture
def board():
    made = example_board(5, 3)
    assert sum(row.rank is not None for row in made.rows) >= 4
    return made


def told(board):
    return [(line.row.entry, round(line.gap.value, 3)) for line in fair_lines(board)]


def test_entries_alike_in_both_stand_on_the_front_together(board):
    names = [row.entry for row in board.rows if row.rank is not None][:3]
    scores = dict(zip(names, (0.9, 0.9, 0.8), strict=True))
    rows = tuple(replace(row, mean=Estimate(scores.get(row.entry, 0.0))) for row in board.rows)
    first = board.columns[0].task.name
    made = with_gaps(replace(board, rows=rows), {(name, first): gaps_of(0.1) for name in names})
    assert {line.row.entry: line.on_front for line in fair_lines(made)} == {
        names[0]: True,
        names[1]: True,
        names[2]: False,
    }


def test_entries_come_in_order_of_the_mean_of_their_widest_gaps(board):
    names = [row.entry for row in board.rows if row.rank is not None][:3]
    first, second = (column.task.name for column in board.columns[:2])
    gaps = {}
    for name, (one, two) in zip(names, [(0.3, 0.1), (0.05, 0.05), (0.1, 0.2)], strict=True):
        gaps[name, first] = gaps_of(one / 2) | gaps_of(one, column="race", p=0.01)
        gaps[name, second] = gaps_of(two)
    made = with_gaps(board, gaps)
    assert told(made) == [(names[1], 0.05), (names[2], 0.15), (names[0], 0.2)]
    lines = {line.row.entry: line for line in fair_lines(made)}
    assert lines[names[0]].worst.column == "race", "of several columns the widest"
    assert lines[names[0]].worst.task == first
    assert lines[names[0]].beyond == "1 of 2"
    assert (lines[names[0]].gap.low, lines[names[0]].gap.high) == pytest.approx((0.15, 0.25))


def test_only_tasks_that_all_have_a_gap_on_are_compared(board):
    names = [row.entry for row in board.rows if row.rank is not None][:2]
    first, second = (column.task.name for column in board.columns[:2])
    made = with_gaps(
        board, {(names[0], first): gaps_of(0.2), (names[0], second): gaps_of(0.0), (names[1], first): gaps_of(0.15)}
    )
    assert told(made) == [(names[1], 0.15), (names[0], 0.2)]


def test_on_the_front_is_who_has_no_rival_that_is_both_fairer_and_better(board):
    rows = [row for row in board.rows if row.rank is not None][:3]
    task = board.columns[0].task.name
    rows_now = [
        replace(row, mean=Estimate(score, score, score)) for row, score in zip(rows, (0.9, 0.5, 0.7), strict=True)
    ]
    others = [row for row in board.rows if row.entry not in {each.entry for each in rows_now}]
    made = replace(board, rows=(*rows_now, *others))
    made = with_gaps(made, {(row.entry, task): gaps_of(gap) for row, gap in zip(rows, (0.3, 0.1, 0.2), strict=True)})
    assert {line.row.entry: line.on_front for line in fair_lines(made)} == {
        rows[0].entry: True,
        rows[1].entry: True,
        rows[2].entry: True,
    }
    worse = with_gaps(made, {(rows[1].entry, task): gaps_of(0.4)})
    assert [line.row.entry for line in fair_lines(worse) if line.on_front] == [rows[2].entry, rows[0].entry]


def test_a_metric_that_is_not_known_is_told_with_those_that_are(board):
    task, name = board.columns[0].task.name, board.rows[0].entry
    made = with_gaps(board, {(name, task): gaps_of(0.2) | gaps_of(0.1, metric="selection rate")})
    assert gap_metrics(made) == ("accuracy", "selection rate")
    assert fair_lines(made, "selection rate")[0].gap.value == 0.1
    with pytest.raises(UsageError, match="No gap of 'beauty' is known here; there are accuracy, selection rate"):
        fair_lines(made, "beauty")
    assert fair_lines(board, "beauty") == ()
    json.dumps(fair_json(fair_lines(made), "accuracy"), allow_nan=False)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_it_is_told_in_a_terminal(board, encoding):
    task = board.columns[0].task.name
    made = with_gaps(board, {(row.entry, task): gaps_of(0.1) for row in board.rows})
    raw = io.BytesIO()
    out = Console(width=80, file=io.TextIOWrapper(raw, encoding=encoding))
    fairness_text(made, out)
    out.file.flush()
    said = raw.getvalue().decode(encoding)
    assert "Gap of accuracy" in said
    assert "sex" in said
    assert max(map(len, said.splitlines())) <= 80
    none = Console(width=80, file=io.StringIO(), record=True)
    fairness_text(board, none)
    assert "no ranked entry has a gap" in " ".join(none.export_text().split())


def test_the_page_has_the_gaps_and_the_front_only_where_there_are_any(board, tmp_path):
    task = board.columns[0].task.name
    made = with_gaps(board, {(row.entry, task): gaps_of(0.1) for row in board.rows})
    page = report_html(made, {}, tmp_path / "with.html").read_text()
    assert "Quality against fairness" in page
    assert "fair-wide-0" in page
    assert "Quality against fairness" not in report_html(board, {}, tmp_path / "without.html").read_text()


def test_twins_have_a_panel_of_their_own_and_no_column_in_that_of_groups(board):
    name, task = board.rows[0].entry, board.columns[0].task.name
    moved = "mean change of probabilities"
    twins = {
        GroupFigure("fairness", "sex", moved): Estimate(0.04, 0.03, 0.05),
        GroupFigure("fairness", "text: gender", moved): Estimate(0.02, 0.01, 0.03),
        GroupFigure("fairness", "text: gender", moved, "neutral words"): Estimate(0.01, 0.0, 0.02),
        GroupFigure("fairness", "text: gender", moved, "difference"): Estimate(0.01, -0.01, 0.03),
        GroupFigure("fairness", "race", moved): Estimate(float("nan"), reason="entries do not see 'race'"),
    }
    people = {GroupFigure("fairness", f"sex: {who}", "accuracy"): Estimate(0.8, 0.7, 0.9) for who in "fm"}
    made = with_gaps(board, {(name, task): gaps_of(0.1) | people | twins})
    groups, swapped = group_panels(made, name, {})
    assert groups.metrics == ("accuracy",)
    assert [line.name for line in groups.lines][:2] == ["f", "m"]
    assert swapped.said == f"Twins on {task}: what is swapped"
    assert swapped.metrics == (moved,)
    names = [line.name for line in swapped.lines]
    assert names == [
        "sex",
        "text: gender",
        "text: gender: neutral words instead",
        "text: gender: the difference",
        "race",
    ]
    assert swapped.lines[-1].cells[0].title == "entries do not see 'race'"
    unknown = {which: estimate for which, estimate in twins.items() if which.group == "race"}
    only = with_gaps(board, {(name, task): gaps_of(0.1) | people | unknown})
    assert [panel.said for panel in group_panels(only, name, {})] == [groups.said], "a panel that tells nothing"
