"""A board as JSON and CSV: whole, in order, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from board_example import broken, example_board

from bakeoff.arena.board import Board
from bakeoff.arena.board_export import CSV_COLUMNS, board_csv, board_json


@pytest.fixture(scope="module")
def board() -> Board:
    return example_board()


def lines_of(board: Board) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(board_csv(board))))


def test_json_holds_the_whole_board_and_is_strict_json(board):
    told = json.loads(json.dumps(board_json(board), allow_nan=False))
    assert [row["entry"] for row in told["ranking"]] == [row.entry for row in board.rows]
    assert [row["rank"] for row in told["ranking"]] == [row.rank for row in board.rows]
    assert len(told["squares"]) == len(board.rows) * len(board.columns)
    assert told["beyond"] == {entry: list(wins) for entry, wins in board.beyond.items()}
    assert told["ranking"][-1]["complete"] is False and told["ranking"][-1]["mean"] is None


def test_json_says_null_and_the_reason_where_there_is_no_number(board):
    told = board_json(board)
    square = next(s for s in told["squares"] if s["entry"] == "boosted" and s["task"] == "wine")
    assert square["figures"]["memorisation: gap"] == {
        "value": None, "low": None, "high": None, "reason": "under 1,000 training rows",
    }  # fmt: skip
    assert square["outcome"] == "done" and square["level"] == "L2 bubblewrap"
    assert {s["entry"] for s in told["squares"] if s["outcome"] is None} == {"half-finished"}


def test_csv_has_the_ranking_then_one_line_per_entry_and_task(board):
    lines = lines_of(board)
    assert list(lines[0]) == list(CSV_COLUMNS)
    ranking = [line for line in lines if line["part"] == "ranking"]
    assert [line["rank"] for line in ranking] == [str(row.rank) if row.rank else "" for row in board.rows]
    tasks = [line for line in lines if line["part"] == "task"]
    assert len(tasks) == len(board.rows) * len(board.columns)
    first, square = tasks[0], board.squares[board.rows[0].entry, board.columns[0].task.name]
    assert float(first["score"]) == square.score.value and float(first["value_high"]) == square.raw.high
    declined = next(line for line in tasks if line["outcome"] == "declined")
    assert declined["reason"] == "it has no image column" and declined["value"] == ""


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-2", "@SUM(A1)"])
def test_csv_text_is_never_a_formula(board, name):
    row = replace(board.rows[0], team=name, entry="plain")
    hostile = replace(board, rows=(row,), columns=(), prizes=())
    assert lines_of(hostile)[0]["team"] == f"'{name}"
    assert lines_of(hostile)[0]["entry"] == "plain"
    assert board_json(hostile)["ranking"][0]["team"] == name


def test_text_that_cannot_be_encoded_is_replaced(board):
    strange = broken(board)
    with pytest.raises(UnicodeEncodeError):
        strange.title.encode()
    told = json.dumps(board_json(strange), ensure_ascii=False, allow_nan=False).encode().decode()
    assert "\\u0000" not in told and "\0" not in told
    assert json.loads(told)["title"] == board.title + "?\ufffd"
    assert len(json.loads(told)["squares"]) == len(board.squares)
    lines = list(csv.DictReader(io.StringIO(board_csv(strange).encode().decode())))
    assert lines[0]["entry"] == board.rows[0].entry + "?\ufffd"
    assert len(lines) == len(lines_of(board))
