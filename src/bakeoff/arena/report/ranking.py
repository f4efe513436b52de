"""The ranking as the page shows it: tie groups of lines, each with its figures and its interval bar."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Row
from bakeoff.arena.report.marks import Axis, interval_bar
from bakeoff.arena.report.matrix import entry_anchor


@dataclass(frozen=True)
class Line:
    """One row in words; `anchor` is the id of its scorecard, empty when it has none, `bar` is safe markup.

    `before` is the rank on the public test rows, empty where none is told.
    """

    row: Row
    anchor: str
    rank: str
    value: str
    interval: str
    bar: str
    mean_rank: str
    win_rate: str
    p_first: str
    cost: str
    wins: str
    before: str = ""


@dataclass(frozen=True)
class Ranking:
    """The lines in tie groups, then those not complete, then the teams' prize rows, over one axis."""

    axis: Axis
    groups: tuple[tuple[Line, ...], ...]
    unfinished: tuple[Line, ...]
    prizes: tuple[Line, ...]


def ranking(board: Board, track: int = 0) -> Ranking:
    """The ranking of a board in words and bars."""
    axis = Axis.over(row.mean for row in (*board.rows, *board.prizes))
    anchors = {row.entry: entry_anchor(track, number) for number, row in enumerate(board.rows)}
    groups = tuple(
        tuple(
            _line(board, row, words.rank_word(row, group), anchors[row.entry], axis, _wins(board, row)) for row in group
        )
        for group in words.tie_groups(board)
    )
    unfinished = tuple(_line(board, row, "–", anchors[row.entry], axis, "") for row in words.unranked(board))
    prizes = tuple(_line(board, row, str(row.rank) if row.rank else "–", "", axis, "") for row in board.prizes)
    return Ranking(axis, groups, unfinished, prizes)


def _wins(board: Board, row: Row) -> str:
    wins, draws = words.beaten(board, row.entry)
    if row.rank is None or not (wins or draws):
        return ""
    return f"beyond noise it beats {words.listed(wins, 8)}" if wins else "it beats nobody beyond noise"


def _line(board: Board, row: Row, rank: str, anchor: str, axis: Axis, wins: str) -> Line:
    return Line(
        row=row,
        anchor=anchor,
        rank=rank,
        value=words.decimal(row.mean.value if row.mean else None, 3),
        interval=words.interval(row.mean, 3),
        bar=interval_bar(row.mean, axis),
        mean_rank=words.decimal(row.mean_rank, 1),
        win_rate=words.percent(row.win_rate),
        p_first=words.percent(row.p_first),
        cost=words.times(row.cost),
        wins=wins,
        before=words.public_rank(row) if words.shaken(board) else "",
    )
