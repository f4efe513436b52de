"""How evenly entries treat groups of people beside how well they do: the board by widest gaps, and the front.

The gap of a task is the largest less the smallest figure of a protected column's groups, of the column where that is
widest. It is above zero even where all groups are treated alike, so what chance alone makes of it stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Estimate, GroupFigure, Row, Square
from bakeoff.errors import UsageError

JUDGE = "fairness"
WIDEST, CHANCE, CORRECTED = "largest - smallest", "gap by chance", "p, corrected"
USUAL = "accuracy"
LEVEL = 0.05


@dataclass(frozen=True)
class TaskGap:
    """The widest gap of an entry on one task: of which column, what chance makes of it, and whether it is beyond."""

    task: str
    column: str
    gap: Estimate
    chance: float | None
    beyond: bool


@dataclass(frozen=True)
class FairLine:
    """One entry: the mean of its tasks' widest gaps, the tasks it is of, and whether nobody is both better and fairer.

    The interval's ends are means of the tasks' own ends. `worst` is the task with the widest gap.
    """

    place: int
    row: Row
    gap: Estimate
    tasks: tuple[TaskGap, ...]
    worst: TaskGap
    on_front: bool = False

    @property
    def beyond(self) -> str:
        """On how many tasks the gap is beyond chance, corrected: `1 of 2`."""
        return f"{sum(task.beyond for task in self.tasks)} of {len(self.tasks)}"


def gap_metrics(board: Board) -> tuple[str, ...]:
    """The metrics that gaps are known of, accuracy first."""
    found = {which.metric for square in board.squares.values() for which in square.groups if which.variant == WIDEST}
    return tuple(sorted((name for name in found if "error" not in name), key=lambda name: (name != USUAL, name)))


def fair_lines(board: Board, metric: str = USUAL) -> tuple[FairLine, ...]:
    """Ranked entries with a known gap, the fairest first; UsageError for a metric that no gap is known of.

    Only tasks on which all of them have a gap count, so that all are of the same tasks.
    """
    known = gap_metrics(board)
    if known and metric not in known:
        raise UsageError(f"No gap of {metric!r} is known here; there are {', '.join(known)}.")
    places = {row.entry: place for place, row in enumerate(board.rows)}
    gaps = {row.entry: _gaps(board, row, metric) for row in words.ranked(board)}
    able = {name: found for name, found in gaps.items() if found}
    shared = set.intersection(*(set(found) for found in able.values())) if able else set()
    rows = {row.entry: row for row in words.ranked(board)}
    lines = [
        _line(places[name], rows[name], [gap for task, gap in found.items() if task in shared])
        for name, found in able.items()
        if shared
    ]
    lines.sort(key=lambda line: (line.gap.value, -(line.row.mean.value if line.row.mean else 0.0)))
    ends = [(line.gap.value, line.row.mean.value if line.row.mean is not None else float("-inf")) for line in lines]
    beaten = [
        any((gap, -score) != (mine, -own) and gap <= mine and score >= own for gap, score in ends) for mine, own in ends
    ]
    return tuple(replace(line, on_front=not below) for line, below in zip(lines, beaten, strict=True))


def gap_note(lines: Sequence[FairLine], metric: str = USUAL) -> str:
    """What the figures are, in a sentence or two."""
    tasks = len(lines[0].tasks) if lines else 0
    over = f", mean over {tasks} tasks" if tasks > 1 else ""
    return (
        f"Gap of {metric}: the best treated group less the worst, of the protected column where that is widest{over}. "
        "It is above zero even where all groups are treated alike; beyond chance counts tasks, corrected for all gaps."
    )


def _gaps(board: Board, row: Row, metric: str) -> dict[str, TaskGap]:
    found = {}
    for column in board.columns:
        square = board.squares.get((row.entry, column.task.name))
        if square is not None and (gap := _widest(square, metric)) is not None:
            found[column.task.name] = gap
    return found


def _widest(square: Square, metric: str) -> TaskGap | None:
    best: TaskGap | None = None
    for which, estimate in square.groups.items():
        if (which.judge, which.metric, which.variant) != (JUDGE, metric, WIDEST) or not words.known(estimate.value):
            continue
        if best is not None and best.gap.value >= estimate.value:
            continue
        chance, p = (_value(square, which.group, metric, variant) for variant in (CHANCE, CORRECTED))
        best = TaskGap(square.task, which.group, estimate, chance, p is not None and p <= LEVEL)
    return best


def _value(square: Square, group: str, metric: str, variant: str) -> float | None:
    estimate = square.groups.get(GroupFigure(JUDGE, group, metric, variant))
    return estimate.value if estimate is not None and words.known(estimate.value) else None


def _line(place: int, row: Row, gaps: Sequence[TaskGap]) -> FairLine:
    worst = max(gaps, key=lambda gap: gap.gap.value)
    count = len(gaps)
    value = sum(gap.gap.value for gap in gaps) / count
    ends = [(gap.gap.low, gap.gap.high) for gap in gaps if gap.gap.low is not None and gap.gap.high is not None]
    if len(ends) < count:
        return FairLine(place, row, Estimate(value, reason="a task's gap has no interval"), tuple(gaps), worst)
    low, high = (sum(side) / count for side in zip(*ends, strict=True))
    return FairLine(place, row, Estimate(value, low, high), tuple(gaps), worst)


def fair_json(lines: Sequence[FairLine], metric: str) -> list[dict[str, object]]:
    """Each line as what JSON can hold, the fairest first."""
    return [
        {
            "entry": line.row.entry,
            "metric": metric,
            **{name: getattr(line.gap, name) for name in ("value", "low", "high", "reason")},
            "score": None if line.row.mean is None else line.row.mean.value,
            "on_front": line.on_front,
            "tasks": [
                {
                    "task": gap.task,
                    "column": gap.column,
                    **{name: getattr(gap.gap, name) for name in ("value", "low", "high", "reason")},
                    "by_chance": gap.chance,
                    "beyond_chance": gap.beyond,
                }
                for gap in line.tasks
            ],
        }
        for line in lines
    ]
