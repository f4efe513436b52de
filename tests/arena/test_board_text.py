"""A board and a duel in the terminal: at 80 columns, without colour, and with hostile names."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from board_example import broken, example_board, example_versus, hostile_board, matching_board
from rich.cells import cell_len
from rich.console import Console

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Estimate, Versus
from bakeoff.arena.board_text import Scale, board_text, versus_text


def drawn(thing: Board | Versus, width: int = 80, encoding: str = "utf-8", **options: object) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    console = Console(file=file, width=width, **options)
    (board_text if isinstance(thing, Board) else versus_text)(thing, console)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.fixture(scope="module")
def board() -> Board:
    return example_board()


@pytest.mark.parametrize("width", [60, 80, 120, 200, 300])
def test_no_line_is_wider_than_the_terminal(board, width):
    assert max(cell_len(line) for line in drawn(board, width).splitlines()) <= width


def test_every_row_has_its_rank_score_interval_and_bar_at_80_columns(board):
    text = drawn(board)
    for group in words.tie_groups(board):
        for row in group:
            start = re.escape(row.entry[:12])
            line = next(line for line in text.splitlines() if re.match(rf"\s*=?\d+ [┐│┘ ] {start}", line))
            assert words.rank_word(row, group) in line.split()[0]
            assert words.score(row.mean, 2) in line and "●" in line
            assert words.times(row.cost) in line


def test_tie_groups_are_bracketed_and_single_ranks_are_not(board):
    brackets = re.findall(r"^\s*(=?)\d+ ([┐│┘ ]) ", drawn(board), re.MULTILINE)
    assert {sign for tied, sign in brackets if tied} <= {"┐", "│", "┘"} and ("=", "┐") in brackets
    assert {sign for tied, sign in brackets if not tied} == {" "}


def test_unfinished_rows_come_last_and_are_marked(board):
    lines = drawn(board).splitlines()
    at = next(number for number, line in enumerate(lines) if re.match(r"\s+–\s+half-finished", line))
    assert "not run yet" in lines[at] and not re.match(r"\s*=?\d+ ", lines[at + 1])
    assert "half-finished: not complete: 3 of 8" in drawn(board)


def test_lost_squares_show_their_sign_and_the_legend_names_it(board):
    text = drawn(board)
    for sign in words.legend(board):
        assert f"{sign.symbol} {sign.title}" in text.replace("\n", " ")
    assert sum(line.count("○") for line in text.splitlines() if line.startswith("image °")) == 2


def test_who_beats_whom_beyond_noise_is_said(board):
    text = " ".join(drawn(board).split())
    assert "constant beats nobody" in text and "forest beats all 7 below" in text
    assert words.headline(board).detail in text


def test_works_without_unicode(board):
    text = drawn(board, encoding="ascii")
    assert "0.53 [0.50, 0.55]" in text and "+-" in text and "=1 ," in text


def test_baselines_are_dimmed_in_colour_and_starred_without(board):
    assert "boosted °" in drawn(board)
    coloured = drawn(board, force_terminal=True, color_system="truecolor")
    assert re.search(r"\x1b\[2m\s*boosted °", coloured)
    assert not re.search(r"\x1b\[2m\s*tabular-foundation", coloured)


def test_wide_terminals_have_the_tasks_in_the_ranking(board):
    wide = drawn(board, 300)
    assert "Each task's own metric" in drawn(board, 200)
    assert "Each task's own metric" not in wide and re.search(r"tabular-foundation .*●.* 0\.\d{3} ±0\.\d{3}", wide)


def test_many_tasks_become_one_digit_each():
    text = drawn(example_board(60, 40))
    assert "tenths of the normalised score" in text
    assert re.search(r"^forest °\s+[0-9n○✗◔▣⊘◐·]{40}$", text, re.MULTILINE)


def test_hostile_names_are_plain_text():
    text = drawn(hostile_board(), 120, force_terminal=True, color_system="standard")
    assert "\x1b[31m" not in text and "\u202e" not in text
    assert "[bold]markup[/bold]" in text
    # The check can fail: the names do hold what it looks for.
    assert any("\x1b[31m" in row.entry for row in hostile_board().rows)


def test_a_board_without_a_complete_row_says_so(board):
    bare = replace(board, rows=tuple(replace(row, rank=None, mean=None) for row in board.rows), beyond={}, better={})
    text = drawn(bare)
    assert "No entry is ranked yet." in text and "beats" not in text


def test_an_empty_board_is_drawn(board):
    assert "No entry is ranked yet." in drawn(replace(board, rows=(), columns=(), squares={}, prizes=()))


def test_versus_says_winner_difference_and_noise_per_table():
    text = drawn(example_versus())
    assert re.search(r"digits\s+0\.91\s+0\.84 \+0\.07 \[0\.05, 0\.09\]\s+late fusion, beyond noise", text)
    assert re.search(r"wine\s+.*-0\.02 \[-0\.07, 0\.03\] forest, within noise", text)
    assert "late fusion has not run it yet" in text and "nobody (not averaged)" in text
    assert "Overall late fusion leads forest, beyond noise: difference 0.030 [0.010, 0.050]" in text


def test_versus_without_a_common_task_has_no_verdict():
    text = drawn(replace(example_versus(), overall=None, p_better=None))
    assert "no task in common" in text


@pytest.mark.parametrize(
    ("estimate", "bar"),
    [
        (Estimate(0.5, 0.25, 0.75), "┊ ━━●━━  "),
        (Estimate(0.0, 0.0, 0.0), "●        "),
        (Estimate(2.0, 0.75, 3.0), "┊     ━━●"),
        (Estimate(float("nan")), "┊        "),
        (None, "┊        "),
    ],
)
def test_bars(estimate, bar):
    from bakeoff.arena.board_text import Glyphs

    assert Scale(0.0, 1.0, 9).bar(estimate, Glyphs.of(Console(file=io.TextIOWrapper(io.BytesIO(), "utf-8")))) == bar


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.87654, "0.877"),
        (53.21, "53.2"),
        (1234.5, "1,234"),
        (0.00001, "1.0e-05"),
        (0, "0.000"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_figures_read_well(value, said):
    assert words.figure(value) == said


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "0%"), (0.004, "<1%"), (0.5, "50%"), (0.996, ">99%"), (1.0, "100%"), (None, "–")]
)
def test_rounding_never_claims_certainty(share, said):
    assert words.percent(share) == said


def test_tables_that_nobody_called_real_or_made_are_not_called_so(board):
    assert "real" in words.compared(board)
    columns = [replace(column, task=replace(column.task, label="")) for column in board.columns]
    unsaid = replace(board, columns=tuple(columns))
    assert "real" not in words.compared(unsaid)
    assert "; ;" not in words.compared(unsaid)
    assert "  " not in words.compared(unsaid)


def test_headline_of_a_single_entry_and_of_ties(board):
    alone = replace(board, rows=board.rows[:1])
    assert words.headline(alone).detail == "There is no other complete entry to compare with."
    level = replace(board, rows=tuple(replace(row, mean=Estimate(0.0, -0.1, 0.1)) for row in board.rows))
    assert words.headline(level).lead == "No entry is better than a constant answer."
    unsure = replace(board, beyond={})
    assert words.headline(unsure).detail.startswith("Beyond noise it beats nobody: stacked-ensemble")
    shared = replace(board, rows=(replace(board.rows[1], mean=board.rows[0].mean), *board.rows[:1], *board.rows[2:]))
    said = words.headline(shared)
    assert said.lead == f"{board.rows[1].entry} and boosted share the lead with 0.53 [0.50, 0.55]."
    assert said.detail.startswith("Beyond noise they beat forest") and said.detail.endswith("not tabular-foundation.")


def section(text: str, title: str) -> list[str]:
    """The lines of one table of the block of matching tasks."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{title}, "))
    return lines[start + 1 : start + 1 + next(at for at, line in enumerate(lines[start + 1 :]) if not line.strip())]


def test_links_stand_on_the_board_best_first():
    board = matching_board()
    lines = section(drawn(board, 120), "Links between all records of records")
    linkers = [row.entry for row in board.rows][:3][::-1]
    rows = [line for line in lines if any(line.startswith(entry[:12]) for entry in linkers)]
    assert [row[:7] for row in rows] == [entry[:7] for entry in linkers]
    figures = r"0\.600 ±\.020 +0\.710 ±\.020 +0\.720 ±\.020 +0\.988 ±\.020 +12\.3 +0\.830 ±\.020 +0\.740 ±\.020"
    assert re.search(figures, rows[0])
    assert not any(line.startswith(board.rows[3].entry[:12]) for line in lines)


def test_pairs_stand_on_the_board_with_average_precision_and_best_f1():
    board = matching_board()
    lines = section(drawn(board, 120), "Test pairs of shops")
    told = {row.entry: board.squares[row.entry, "shops"].raw for row in board.rows}
    told = dict(sorted(((name, raw) for name, raw in told.items() if raw), key=lambda pair: -pair[1].value))
    rows = [line for line in lines if any(line.startswith(entry[:12]) for entry in told)]
    assert [row[:7] for row in rows] == [entry[:7] for entry in told]
    assert words.figure(next(iter(told.values())).value) in rows[0]
    assert re.search(r"0\.610 ±\.020 +0\.620 ±\.020 +0\.630 ±\.020 +0\.640 ±\.020", rows[0])


@pytest.mark.parametrize("width", [60, 80, 120])
def test_matching_tables_fit_and_lose_no_figure(width):
    text = drawn(matching_board(), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    lines = " ".join(section(text, "Links between all records of shops"))
    for figure in ("0.600", "0.710", "0.720", "0.988", "12.3", "0.830", "0.740", "±.020"):
        assert figure in lines


def test_boards_without_matching_say_nothing_of_links(board):
    assert "Links between" not in drawn(board) and "Test pairs of" not in drawn(board)
    assert "Links between" in drawn(matching_board())


def test_the_public_pairs_have_links_but_no_clusters_and_the_reason():
    said = "Clusters are judged with all labels"
    public = drawn(matching_board("public"), 120)
    assert "B-cubed" not in " ".join(section(public, "Links between all records of records"))
    assert "0.988" in " ".join(section(public, "Links between all records of records"))
    assert said in " ".join(public.split())
    for part in ("test", "private"):
        text = drawn(matching_board(part), 120)
        assert "B-cubed" in " ".join(section(text, "Links between all records of records"))
        assert said not in " ".join(text.split())


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_links_are_told_without_unicode_too(width, encoding):
    board = matching_board()
    strange = replace(board, squares={(broken(e), t): s for (e, t), s in board.squares.items()}, prizes=())
    strange = replace(strange, rows=tuple(replace(row, entry=broken(row.entry)) for row in board.rows), beyond={})
    lines = " ".join(section(drawn(strange, width, encoding), "Links between all records of shops"))
    assert "0.600" in lines and "+-.020" in lines and "\0" not in lines and "booste" in lines


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("thing", [example_board(), example_versus()], ids=["board", "versus"])
def test_text_that_cannot_be_encoded_is_replaced(thing, encoding):
    text = drawn(broken(thing), 200, encoding)
    assert len(text.splitlines()) == len(drawn(thing, 200, encoding).splitlines())
    assert "\0" not in text and ("late fusion\ufffd\ufffd" in text or "late fusion??" in text)
