"""Two heat maps: entries by tasks, and the chance that one entry is better than another."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Square, TaskColumn
from bakeoff.arena.report.marks import chance, heat

SPREAD_UP_TO = 14  # columns; with more of them the interval is in the hover text only


@dataclass(frozen=True)
class HeatCell:
    """One cell in words; `shade` is a class of the style sheet, `aside` half the interval, `own` the metric's value."""

    shade: str
    text: str
    aside: str
    title: str
    best: bool = False
    own: str = ""


@dataclass(frozen=True)
class HeatRow:
    """One entry's cells; `anchor` is the id of its scorecard."""

    name: str
    anchor: str
    baseline: bool
    rank: str
    cells: tuple[HeatCell, ...]


def entry_anchor(track: int, number: int) -> str:
    """The id of a row's scorecard; made of numbers only, never of a name."""
    return f"entry-{track}-{number}"


def task_matrix(board: Board, track: int = 0) -> tuple[HeatRow, ...]:
    """Entries by tasks in board order: normalised scores, or the sign of what became of the cell."""
    roomy = len(board.columns) <= SPREAD_UP_TO
    best = {column.task.name: words.best(board, column.task.name) for column in board.columns}
    rows = []
    for number, row in enumerate(board.rows):
        cells = tuple(
            _task_cell(row.entry, column, board.squares.get((row.entry, column.task.name)), best, roomy)
            for column in board.columns
        )
        rank = "–" if row.rank is None else str(row.rank)
        rows.append(HeatRow(row.entry, entry_anchor(track, number), row.baseline, rank, cells))
    return tuple(rows)


def _task_cell(
    entry: str, column: TaskColumn, square: Square | None, best: dict[str, frozenset[str]], roomy: bool
) -> HeatCell:
    place = f"{words.one_line(entry)} on {words.one_line(column.task.name)}"
    sign = words.sign(square)
    if square is None or square.outcome is None:
        due = sign or words.NOT_RUN
        return HeatCell("due", due.symbol, "", f"{place}: {due.title}")
    if sign is not None and sign is not words.PARTLY:
        reason = f": {words.one_line(square.reason)}" if square.reason else ""
        return HeatCell("lost", sign.symbol, "", f"{place}: {sign.title}{reason}; counts as the constant")
    own = f"{column.metric_title} {words.ranged(square.raw)}" if square.raw else ""
    title = "; ".join(part for part in (f"{place}: {words.score(square.score, 3)}", own) if part)
    if sign is words.PARTLY:
        title += f"; {words.counted(square.seeds_due, 'seed')} still due"
    if square.score is None or not words.known(square.score.value):
        return HeatCell("none", words.figure(square.raw.value) if square.raw else "–", "", title)
    return HeatCell(
        shade=heat(square.score.value),
        text=words.decimal(square.score.value, 2) + (words.PARTLY.symbol if sign else ""),
        aside=words.half_width(square.score) if roomy else "",
        title=title,
        best=entry in best[column.task.name],
        own=words.spread(square.raw) if roomy and square.raw else "",
    )


def chance_matrix(board: Board, track: int = 0) -> tuple[HeatRow, ...]:
    """P(row better than column) for all ranked pairs, in per cent; `best` marks those beyond noise."""
    rows = words.ranked(board)
    anchors = {row.entry: entry_anchor(track, number) for number, row in enumerate(board.rows)}
    return tuple(
        HeatRow(
            row.entry, anchors[row.entry], row.baseline, str(row.rank),
            tuple(_chance_cell(board, row.entry, other.entry) for other in rows),
        )
        for row in rows
    )  # fmt: skip


def _chance_cell(board: Board, entry: str, other: str) -> HeatCell:
    if entry == other:
        return HeatCell("same", "", "", "")
    probability = board.better.get(entry, {}).get(other)
    beyond = other in board.beyond.get(entry, ())
    behind = entry in board.beyond.get(other, ())
    noise = "beyond noise" if beyond else "beaten beyond noise" if behind else "within noise"
    title = f"P({words.one_line(entry)} better than {words.one_line(other)}) = {words.percent(probability)}, {noise}"
    return HeatCell(chance(probability), words.percent(probability).rstrip("%"), "", title, beyond)
