"""Matching tasks as the page shows them: how well pairs are told, and what is linked end to end."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Estimate
from bakeoff.arena.matching_words import MatchingBlock, Measure, Section, matching_blocks
from bakeoff.arena.report.marks import Axis, interval_bar
from bakeoff.arena.report.matrix import entry_anchor


@dataclass(frozen=True)
class MeasureCell:
    """A figure in words: its heading for narrow pages, its value, and its interval or the reason why there is none."""

    title: str
    value: str
    interval: str
    reason: str


@dataclass(frozen=True)
class MatchingLine:
    """One entry's figures; `anchor` is the id of its scorecard, `bar` is safe markup of the first figure."""

    entry: str
    anchor: str
    baseline: bool
    bar: str
    cells: tuple[MeasureCell, ...]


@dataclass(frozen=True)
class MatchingTable:
    """A section of a block: what it tells, the headings, and a line for each entry, best first."""

    title: str
    note: str
    heads: tuple[str, ...]
    lines: tuple[MatchingLine, ...]


@dataclass(frozen=True)
class MatchingView:
    """One matching task."""

    task: str
    table: str
    tables: tuple[MatchingTable, ...]
    unsaid: str


def matching_views(board: Board, track: int = 0) -> tuple[MatchingView, ...]:
    """A view for each matching task of the board; none where no task is a matching one."""
    return tuple(_view(block, track) for block in matching_blocks(board))


def _view(block: MatchingBlock, track: int) -> MatchingView:
    task = block.task.task
    return MatchingView(task.name, task.table, tuple(_table(each, track) for each in block.sections), block.unsaid)


def _table(section: Section, track: int) -> MatchingTable:
    first, axis = section.measures[0], Axis(0.0, 1.0)
    lines = tuple(
        MatchingLine(
            entry=line.entry,
            anchor=entry_anchor(track, line.place),
            baseline=line.baseline,
            bar=interval_bar(line.told(first), axis),
            cells=tuple(_cell(measure, line.figures.get(measure.name)) for measure in section.measures),
        )
        for line in section.lines
    )
    return MatchingTable(section.title, section.note, tuple(measure.title for measure in section.measures), lines)


def _cell(measure: Measure, estimate: Estimate | None) -> MeasureCell:
    if estimate is None:
        return MeasureCell(measure.title, "–", "", "")
    between = words.range_of(estimate) if words.known(estimate.low) and words.known(estimate.high) else ""
    return MeasureCell(measure.title, words.figure(estimate.value), between, words.one_line(estimate.reason))
