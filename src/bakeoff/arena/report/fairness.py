"""The fairness panel of a scorecard: for each task and protected column what each group met with, and the gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Estimate, GroupFigure, Square
from bakeoff.arena.report.marks import Axis, interval_bar
from bakeoff.fairness.measures import FLIPPED, MOVED, SHIFTED

JUDGE = "fairness"
# What a comparison's finding is called, and what a reader is told.
COMPARED = {
    "largest - smallest": "largest less smallest",
    "gap by chance": "the same by chance alone",
    "p, corrected": "p, corrected for all gaps",
}
# What a twin's finding is called, and what a reader is told of its group.
SWAPPED = {"": "{group}", "neutral words": "{group}: neutral words instead", "difference": "{group}: the difference"}
TWINS = (MOVED, SHIFTED, FLIPPED)


@dataclass(frozen=True)
class GroupCell:
    """One figure of one group: its value and interval in words, and as a bar; or `title`, why there is none."""

    value: str = ""
    interval: str = ""
    bar: str = ""
    title: str = ""


@dataclass(frozen=True)
class GroupLine:
    """One group, or one comparison of all groups."""

    name: str
    cells: tuple[GroupCell, ...]
    compared: bool = False


@dataclass(frozen=True)
class GroupPanel:
    """One protected column, or the intersection of several, on one task; or its twins, with a `title` of their own."""

    task: str
    anchor: str
    family: str
    metrics: tuple[str, ...]
    lines: tuple[GroupLine, ...]
    title: str = ""

    @property
    def said(self) -> str:
        """What stands above the panel."""
        return self.title or f"Fairness on {self.task}, by {self.family}"


def group_panels(board: Board, entry: str, tables: Mapping[str, str]) -> tuple[GroupPanel, ...]:
    """The panels of an entry; `tables` are the ids of the tables' cards by task."""
    found: list[GroupPanel] = []
    for column in board.columns:
        square = board.squares.get((entry, column.task.name))
        if square is not None:
            found += _panels(square, tables.get(column.task.name, ""))
    return tuple(found)


def _panels(square: Square, anchor: str) -> list[GroupPanel]:
    own = {which: estimate for which, estimate in square.groups.items() if which.judge == JUDGE}
    families = dict.fromkeys(which.group for which in own if which.variant in COMPARED)
    panels = [_panel(square.task, anchor, family, own) for family in families]
    return [*panels, *_twins(square.task, anchor, own)]


def _twins(task: str, anchor: str, own: Mapping[GroupFigure, Estimate]) -> list[GroupPanel]:
    """How far answers moved between rows and their twins, for each protected column and for swapped words."""
    mine = {which: estimate for which, estimate in own.items() if which.metric in TWINS and which.variant in SWAPPED}
    if not any(words.known(estimate.value) for estimate in mine.values()):
        return []
    metrics = tuple(metric for metric in TWINS if any(which.metric == metric for which in mine))
    lines = []
    for group in dict.fromkeys(which.group for which in mine):
        for variant, name in SWAPPED.items():
            found = [mine.get(GroupFigure(JUDGE, group, metric, variant)) for metric in metrics]
            if any(estimate is not None for estimate in found):
                named = name.format(group=group) if variant else group
                lines.append(
                    GroupLine(named, tuple(_cell(each, unknown="untold") for each in found), compared=bool(variant))
                )
    return [GroupPanel(task, anchor, "twins", metrics, tuple(lines), f"Twins on {task}: what is swapped")]


def _panel(task: str, anchor: str, family: str, own: Mapping[GroupFigure, Estimate]) -> GroupPanel:
    groups = dict.fromkeys(which.group for which in own if not which.variant and which.group.startswith(f"{family}: "))
    metrics = tuple(
        dict.fromkeys(
            which.metric
            for which in own
            if which.group in groups or (which.group == family and which.variant in COMPARED)
        )
    )
    lines = []
    of_groups = {which: estimate for which, estimate in own.items() if which.group in groups}
    axes = {
        metric: Axis.over(estimate for which, estimate in of_groups.items() if which.metric == metric)
        for metric in metrics
    }
    for group in groups:
        cells = (_cell(own.get(GroupFigure(JUDGE, group, metric)), axes[metric]) for metric in metrics)
        lines.append(GroupLine(group.removeprefix(f"{family}: "), tuple(cells)))
    for variant, name in COMPARED.items():
        cells = (_cell(own.get(GroupFigure(JUDGE, family, metric, variant))) for metric in metrics)
        lines.append(GroupLine(name, tuple(cells), compared=True))
    return GroupPanel(task, anchor, family, metrics, tuple(lines))


def _cell(estimate: Estimate | None, axis: Axis | None = None, unknown: str = "too few") -> GroupCell:
    if estimate is None:
        return GroupCell()
    if not words.known(estimate.value):
        return GroupCell(unknown, title=words.one_line(estimate.reason))
    interval = words.range_of(estimate) if words.known(estimate.low) and words.known(estimate.high) else ""
    return GroupCell(words.figure(estimate.value), interval, interval_bar(estimate, axis) if axis else "")
