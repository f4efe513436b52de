"""An owner's report, and where two entries differ, drawn for a terminal.

Names, labels and cells are strangers' text: they reach the console as plain text without markup or control characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakeoff.arena import board_words as words
from bakeoff.arena.board_text import Glyphs
from bakeoff.arena.owner.curve import Curve
from bakeoff.arena.owner.errors import LabelErrors
from bakeoff.arena.owner.report import OwnerReport
from bakeoff.arena.owner.rows import Example
from bakeoff.arena.owner.slices import TaskSlices
from bakeoff.arena.owner.words import amount, metric_word, signed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

ERRORS_SHOWN = 10
CELL = 28
ROW = 150


def owner_text(report: OwnerReport, console: Console) -> None:
    """Print the report: the answer first, then headroom, the learning curve, doubtful labels and slices."""
    glyphs = Glyphs.of(console)
    _say(console, glyphs, f"{report.table}: what its owner should know", "bold")
    arrow = "higher" if report.greater_is_better else "lower"
    about = f"{report.question}, {metric_word(report.metric)} ({arrow} is better), {report.train:,} training and "
    about += f"{report.test:,} test rows, {words.counted(len(report.entries), 'entry', 'entries')}"
    _say(console, glyphs, about, "dim")
    for made in report.corrections:
        by = f" by {made.who}" if made.who else ""
        why = f": {made.why}" if made.why else ""
        rows = words.counted(len(made.labels), "row")
        _say(console, glyphs, f"Truth corrected ({made.number}, {made.at[:10]}{by}): {rows}{why}", "dim")
    _head(console, glyphs, "Better algorithm, or more labels?")
    _say(console, glyphs, report.answer, "bold")
    _head(console, glyphs, "Is this the best that could be done here?")
    _say(console, glyphs, report.headroom.verdict, "bold")
    _scores(report, console, glyphs)
    _head(console, glyphs, "Would more rows help?")
    _say(console, glyphs, report.curve.verdict, "bold")
    _curve(report.curve, console, glyphs)
    _head(console, glyphs, "Labels that may be wrong")
    _say(console, glyphs, report.errors.verdict, "bold")
    _errors(report.errors, console, glyphs)
    if report.slices is not None:
        _head(console, glyphs, f"Where {report.slices.a} and {report.slices.b} differ")
        _slices(report.slices, console, glyphs)
    for trouble in report.troubles:
        _say(console, glyphs, trouble, "dim")


def slices_text(found: Sequence[TaskSlices], console: Console) -> None:
    """Print for each task the slices on which two entries differ, with example rows."""
    glyphs = Glyphs.of(console)
    for each in found:
        _head(console, glyphs, f"{each.task}: where they differ")
        _slices(each, console, glyphs)


def _scores(report: OwnerReport, console: Console, glyphs: Glyphs) -> None:
    table = _table(glyphs)
    table.add_column("entry", no_wrap=True)
    table.add_column(_plain(metric_word(report.metric), glyphs), no_wrap=True)
    table.add_column("share of the ensemble", justify="right", no_wrap=True)
    room = report.headroom
    if room.together is not None:
        table.add_row("all together", amount(room.together), "")
    for each in report.entries:
        house = f" {glyphs.house}" if each.baseline else ""
        share = room.shares.get(each.entry)
        cells = (_short(each.entry, CELL) + house, amount(each.score), "" if share is None else f"{share:.0%}")
        table.add_row(*[_plain(cell, glyphs) for cell in cells])
    console.print(table)


def _curve(curve: Curve, console: Console, glyphs: Glyphs) -> None:
    if not curve.curves:
        return
    table = _table(glyphs)
    table.add_column("entry", no_wrap=True)
    table.add_column("", no_wrap=True)
    for point in curve.curves[0].points:
        table.add_column(f"{point.rows:,} rows\n({point.share:.0%})", no_wrap=True)
    for each in curve.curves:
        cells = [_short(each.entry, CELL), each.chosen]
        cells += [amount(point.score) if point.score else _short(point.reason, CELL) for point in each.points]
        table.add_row(*[_plain(cell, glyphs) for cell in cells])
    console.print(table)
    if curve.due:
        _say(
            console,
            glyphs,
            f"{words.counted(curve.due, 'cell')} of the curve still to be run: --curve runs them.",
            "dim",
        )


def _errors(errors: LabelErrors, console: Console, glyphs: Glyphs) -> None:
    if not errors.doubts:
        return
    table = _table(glyphs)
    for name in ("row", "label", "suggested", "confidence"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("row", "confidence") else "left")
    table.add_column("what the row holds", overflow="fold")
    for doubt in errors.doubts[:ERRORS_SHOWN]:
        held = doubt.example
        cells = [
            "" if held is None else held.place,
            _short(doubt.given, CELL),
            _short(doubt.suggested, CELL),
            f"{doubt.confidence:.2f}",
            "" if held is None else _row(held),
        ]
        table.add_row(*[_plain(cell, glyphs) for cell in cells])
    console.print(table)
    more = len(errors.doubts) - ERRORS_SHOWN
    if more > 0:
        _say(console, glyphs, f"and {more:,} more: --errors FILE writes them all.", "dim")


def _slices(found: TaskSlices, console: Console, glyphs: Glyphs) -> None:
    _say(console, glyphs, found.verdict, "bold")
    if found.reason:
        return
    _say(console, glyphs, f"Compared row by row: {found.unit}; overall {signed(found.overall)} for {found.a}.", "dim")
    if not found.slices:
        return
    table = _table(glyphs)
    for name in ("slice", "kind", "rows", _short(found.a, 14), _short(found.b, 14), "difference", "on other rows"):
        table.add_column(_plain(name, glyphs), no_wrap=name not in ("slice",), overflow="fold")
    for each in found.slices:
        cells = [each.slice, each.kind, f"{each.size:,}", words.figure(each.a), words.figure(each.b)]
        cells += [signed(each.difference), words.figure(each.rest) + ("  unlike" if each.apart else "")]
        table.add_row(*[_plain(words.one_line(cell), glyphs) for cell in cells])
    console.print(table)
    for each in found.slices:
        _say(console, glyphs, f"Where {each.slice}:", "dim")
        for row in each.examples:
            said = ", ".join(f"{entry} answers {answer}" for entry, answer in row.answers.items())
            _say(console, glyphs, f"  row {row.place}, labelled {row.label}; {said}; {_row(row)}", "dim")


def _row(row: Example) -> str:
    said = "; ".join(f"{name}={_short(cell, CELL)}" for name, cell in row.cells.items() if cell)
    return _short(said, ROW)


def _head(console: Console, glyphs: Glyphs, text: str) -> None:
    console.print()
    _say(console, glyphs, text, "bold underline" if glyphs.unicode else "bold")


def _say(console: Console, glyphs: Glyphs, text: str, style: str = "") -> None:
    indent = " " * (len(text) - len(text.lstrip()))
    console.print(_plain(indent + words.one_line(text), glyphs), style=style)


def _plain(text: str, glyphs: Glyphs) -> Text:
    from rich.text import Text

    return Text(glyphs.plain(words.printable(text)))


def _short(text: str, most: int) -> str:
    line = words.one_line(text)
    return line if len(line) <= most else line[: most - 1] + "…"


def _table(glyphs: Glyphs) -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD if glyphs.unicode else box.ASCII, pad_edge=False)
