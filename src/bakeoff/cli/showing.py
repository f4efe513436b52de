"""What commands print for people: tables, and how a run ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from bakeoff.arena.escaping import clean, last_lines

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.arena.matrix import RunSummary
    from bakeoff.nouns import CellResult, Table


STOPPED_SHOWN = 8
LOG_LINES = 6
REASON = 2000


def console() -> Console:
    """Where boards and tables go; wide when it is a file or a pipe, so that nothing is cut off there."""
    import shutil

    from rich.console import Console

    out = Console()
    return out if out.is_terminal else Console(width=max(120, shutil.get_terminal_size((120, 24)).columns))


def show_table(table: Table) -> None:
    """A table's columns, each with its type and trait, its role and how the type was found."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    typer.echo(f"{table.name}: {table.rows:,} rows, {len(table.columns)} columns")
    grid = Grid("column", "type", "role", "why", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        kind = f"{column.type.value}, {column.trait}" if column.trait else column.type.value
        # Names and reasons hold a stranger's words, which must not be read as markup.
        grid.add_row(*(Text(word) for word in (column.name, kind, column.role.value, column.why)))
    console().print(grid)


def show_run(summary: RunSummary, declined: Sequence[CellResult] = (), told: Sequence[str] = ()) -> None:
    """How many cells ran, how they ended and at which level; who declined and what failed goes to stderr.

    Troubles that a person was `told` of while the cells ran are not said again.
    """
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in summary.outcomes.items())
    ran = f"{summary.ran} cell{'s' * (summary.ran != 1)} run in {summary.seconds:.0f} s"
    ended = f" ({outcomes})" if outcomes else ""
    elsewhere = f", {summary.elsewhere} by other runs meanwhile" if summary.elsewhere else ""
    typer.echo(f"{ran}{ended}{elsewhere}, {summary.kept} kept from before; level {summary.level.value}.")
    for line in _declined(declined):
        typer.echo(line, err=True)
    for result in summary.stopped[:STOPPED_SHOWN]:
        why = clean(result.reason, REASON)
        typer.echo(f"{result.cell.entry} on {result.cell.task} {result.outcome.value}: {why}", err=True)
        for line in last_lines(result.log, LOG_LINES):
            typer.echo(f"    {line}", err=True)
    if len(summary.stopped) > STOPPED_SHOWN:
        typer.echo(f"... and {len(summary.stopped) - STOPPED_SHOWN} more; the page shows them all.", err=True)
    for trouble in summary.troubles:
        if trouble not in told:
            typer.echo(f"bakeoff: {trouble}", err=True)


def _declined(results: Sequence[CellResult]) -> Iterator[str]:
    """One line for each entry and reason, however many tasks and seeds share it."""
    tasks: dict[tuple[str, str], dict[str, None]] = {}
    for result in results:
        tasks.setdefault((result.cell.entry, result.reason), {})[result.cell.task] = None
    lines = []
    for (entry, reason), names in sorted(tasks.items()):
        where = next(iter(names)) if len(names) == 1 else f"{len(names)} tasks"
        why = " ".join(clean(reason, REASON).split())
        lines.append(f"{entry} declined {where}: {why or 'it gave no reason'}")
    yield from lines[:STOPPED_SHOWN]
    if len(lines) > STOPPED_SHOWN:
        yield f"... and {len(lines) - STOPPED_SHOWN} more; the page shows them all."
