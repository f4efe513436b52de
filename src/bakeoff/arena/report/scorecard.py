"""Each entry's scorecard: every figure of every cell with its interval, or the reason why it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Estimate, Row, Square, TaskColumn
from bakeoff.arena.report.fairness import GroupPanel, group_panels
from bakeoff.arena.report.marks import Axis, interval_bar
from bakeoff.arena.report.matrix import entry_anchor
from bakeoff.arena.report.privacy import PrivacyPanel, privacy_panels
from bakeoff.nouns import Outcome

MEASURED_APART = ("cost: wall", "cost: cpu", "cost: peak_mib")


@dataclass(frozen=True)
class FigureCell:
    """A figure in words: its value, its interval, and the number of the note that says why there is no interval."""

    value: str = ""
    interval: str = ""
    note: int = 0
    primary: bool = False


@dataclass(frozen=True)
class CardLine:
    """One task on a scorecard.

    `remarks` are the reason, notes and seeds that a reader must see; `log` holds the last lines of a cell that stopped.
    """

    task: str
    anchor: str
    sign: words.Sign | None
    averaged: bool
    score: FigureCell
    bar: str
    figures: tuple[FigureCell, ...]
    cost: tuple[str, str, str]
    remarks: tuple[str, ...]
    log: str = ""


@dataclass(frozen=True)
class CardTable:
    """The tasks of one kind, whose figures share their columns."""

    kind: str
    titles: tuple[str, ...]
    lines: tuple[CardLine, ...]


@dataclass(frozen=True)
class Look:
    """What all scorecards of a track share: the bars' axis, the ids of the tables' cards, the track's number."""

    axis: Axis
    tables: Mapping[str, str]
    track: int
    said: frozenset[str] = frozenset()


@dataclass
class Notes:
    """Reasons for missing intervals, numbered as they first occur."""

    reasons: list[str] = field(default_factory=list)

    def number(self, reason: str) -> int:
        """The number of this reason, from one."""
        said = words.one_line(reason) or "no interval was given"
        if said not in self.reasons:
            self.reasons.append(said)
        return self.reasons.index(said) + 1


@dataclass(frozen=True)
class Scorecard:
    """All that is known of one entry; `facts` are (name, words) pairs."""

    row: Row
    anchor: str
    facts: tuple[tuple[str, str], ...]
    wins: str
    losses: str
    everywhere: tuple[str, ...]
    tables: tuple[CardTable, ...]
    notes: tuple[str, ...]
    groups: tuple[GroupPanel, ...] = ()
    privacy: tuple[PrivacyPanel, ...] = ()


def scorecards(board: Board, tables: Mapping[str, str], track: int = 0) -> tuple[Scorecard, ...]:
    """One scorecard per row, in board order; `tables` are the ids of the tables' cards by task."""
    axis = Axis.over(square.score for square in board.squares.values())
    look = Look(axis, tables, track)
    return tuple(_scorecard(board, row, number, look) for number, row in enumerate(board.rows))


def _scorecard(board: Board, row: Row, number: int, look: Look) -> Scorecard:
    notes = Notes()
    everywhere = _everywhere(board, row.entry)
    look = replace(look, said=frozenset(everywhere))
    kinds = dict.fromkeys(column.task.kind for column in board.columns)
    tables = tuple(_table(board, row.entry, kind, notes, look) for kind in kinds)
    wins, _ = words.beaten(board, row.entry)
    losses = [other.entry for other in words.ranked(board) if row.entry in board.beyond.get(other.entry, ())]
    return Scorecard(
        row=row,
        anchor=entry_anchor(look.track, number),
        facts=_facts(board, row),
        wins=words.listed(wins, 20),
        losses=words.listed(losses, 20),
        everywhere=everywhere,
        tables=tables,
        notes=tuple(notes.reasons),
        groups=group_panels(board, row.entry, look.tables),
        privacy=privacy_panels(board, row.entry, look.tables),
    )


def _everywhere(board: Board, entry: str) -> tuple[str, ...]:
    """Notes that every finished square carries, to be said once."""
    done = [square for (name, _), square in board.squares.items() if name == entry and square.outcome is Outcome.DONE]
    if len(done) < 2:
        return ()
    return tuple(note for note in done[0].notes if all(note in square.notes for square in done))


def _facts(board: Board, row: Row) -> tuple[tuple[str, str], ...]:
    squares = [s for column in board.columns if (s := board.squares.get((row.entry, column.task.name))) is not None]
    confined = sorted({str(square.level) for square in squares if square.level is not None})
    done = sum(square.outcome is Outcome.DONE for square in squares)
    against = f" of {words.one_line(board.reference)}'s" if board.reference else ""
    facts = (
        ("Rank", "not ranked" if row.rank is None else str(row.rank)),
        ("Mean score", words.score(row.mean, 3)),
        ("Mean rank", words.decimal(row.mean_rank, 1)),
        ("Win rate", words.percent(row.win_rate)),
        ("P(first)", words.percent(row.p_first)),
        ("CPU time", (f"{words.times(row.cost)}{against}" if row.cost else "–") + _aside(words.figure(row.cpu), " s")),
        ("Peak memory", words.figure(row.peak_mib) + (" MiB" if words.known(row.peak_mib) else "")),
        ("Tasks done", f"{done} of {len(board.columns)}"),
        ("Confined", ", ".join(confined) or "–"),
    )
    return tuple((name, value) for name, value in facts if value not in {"–", ""})


def _aside(text: str, unit: str) -> str:
    return "" if text == "–" else f" ({text}{unit})"


def _table(board: Board, entry: str, kind: str, notes: Notes, look: Look) -> CardTable:
    columns = [column for column in board.columns if column.task.kind == kind]
    squares = [board.squares.get((entry, column.task.name)) for column in columns]
    metrics = dict.fromkeys(column.task.metric for column in columns)
    figures = dict.fromkeys(name for square in squares if square for name in square.figures)
    names = tuple(name for name in {**metrics, **figures} if not _shown_elsewhere(name))
    lines = tuple(
        _card_line(column, square, names, notes, look) for column, square in zip(columns, squares, strict=True)
    )
    known = {column.task.metric: column.metric_title for column in board.columns}
    return CardTable(kind, tuple(known.get(name, name.replace("_", " ")) for name in names), lines)


def _shown_elsewhere(name: str) -> bool:
    return name in MEASURED_APART or name.endswith("(normalised)")


def _card_line(column: TaskColumn, square: Square | None, names: tuple[str, ...], notes: Notes, look: Look) -> CardLine:
    task, metric = column.task.name, column.task.metric
    anchor = look.tables.get(task, "")
    if square is None:
        return CardLine(task, anchor, words.NOT_RUN, column.averaged, FigureCell(), "", (), ("", "", ""), ())
    found = {**square.figures, **({metric: square.raw} if square.raw else {})}
    figures = tuple(_figure_cell(found.get(name), name == metric, notes) for name in names)
    cost = tuple(words.figure(value) for value in (square.wall, square.cpu, square.peak_mib))
    return CardLine(
        task=task,
        anchor=anchor,
        sign=words.sign(square),
        averaged=column.averaged,
        score=_figure_cell(square.score, False, notes),
        bar=interval_bar(square.score, look.axis),
        figures=figures,
        cost=(cost[0], cost[1], cost[2]),
        remarks=_remarks(column, square, look.said),
        log=square.log,
    )


def _remarks(column: TaskColumn, square: Square, said: frozenset[str]) -> tuple[str, ...]:
    remarks = []
    if square.outcome is not None and square.outcome is not Outcome.DONE:
        remarks.append(f"{square.outcome.value}: {square.reason or 'no reason was given'}; counts as the constant")
    elif square.reason:
        remarks.append(square.reason)
    if square.seeds_due and square.outcome is not None:
        remarks.append(f"{words.counted(square.seeds_due, 'seed')} still due")
    if not column.averaged:
        remarks.append(f"not averaged: {column.reason}")
    return (*remarks, *(note for note in square.notes if note not in said))


def _figure_cell(estimate: Estimate | None, primary: bool, notes: Notes) -> FigureCell:
    if estimate is None:
        return FigureCell(primary=primary)
    if words.known(estimate.low) and words.known(estimate.high):
        note = notes.number(estimate.reason) if estimate.reason else 0
        return FigureCell(words.figure(estimate.value), words.range_of(estimate), note, primary)
    return FigureCell(words.figure(estimate.value), "", notes.number(estimate.reason), primary)
