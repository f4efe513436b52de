"""The command for the first ten minutes: one table, the baselines and some algorithms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.options import (
    BoardChoices,
    MatchingChoices,
    Names,
    QuestionChoices,
    RunChoices,
    print_json,
    split_names,
)
from bakeoff.cli.progress import Bar
from bakeoff.cli.showing import console, show_run, show_table
from bakeoff.cli.spreading import spread

if TYPE_CHECKING:
    from bakeoff.arena.intake import Added

_Baselines = Option(metavar="NAME", help="Only these baselines, or the word none; may be repeated, or with commas.")


@dataclass(frozen=True)
class RestChoices:
    """Which baselines take part, and where the comparison is kept."""

    baselines: Annotated[Names, _Baselines] = None
    keep: Annotated[Path | None, Option(metavar="DIR", help="Keep all of it as a challenge in a new folder.")] = None


@spread
def compare(
    data: Annotated[Path, Argument(metavar="DATA", help="A CSV, TSV or Parquet file, or a folder of them.")],
    question: QuestionChoices,
    matching: MatchingChoices,
    how: RunChoices,
    form: BoardChoices,
    rest: RestChoices,
    models: Annotated[
        list[Path] | None, Argument(metavar="[MODEL]...", help="Python files or entries' folders.")
    ] = None,
) -> None:
    """Compare algorithms and the baselines on one table."""
    form.check()

    from bakeoff.arena.board_export import board_csv, board_json
    from bakeoff.arena.board_text import board_text
    from bakeoff.arena.comparison import CompareOptions
    from bakeoff.arena.comparison import compare as held

    usual = CompareOptions()
    chosen = split_names(rest.baselines)
    options = CompareOptions(
        table=matching.added_to(question.options()),
        seeds=how.seeds or usual.seeds,
        limits=how.limits(usual.limits),
        baselines=False if chosen == ("none",) else chosen or True,
        workers=how.workers,
        keep=str(rest.keep or ""),
        told=None if form.as_json or form.as_csv else understood,
    )
    onward = f"They are kept; go on with: bakeoff run -C {rest.keep}"
    kept = onward if rest.keep else "Nothing is kept without --keep DIR."
    with Bar(kept) as watch:
        found = held(models or [], data, options=options, watcher=watch)
    try:
        if form.html is not None:
            typer.echo(f"Wrote {found.report(form.html)}", err=True)
        if form.as_json:
            print_json({"boards": [board_json(found.board)]})
        elif form.as_csv:
            typer.echo(board_csv(found.board), nl=False)
        else:
            show_run(found.summary, watch.declined, watch.told)
            typer.echo()
            board_text(found.board, console())
    finally:
        found.close()


def understood(added: Added) -> None:
    """Say what was understood of the table, before its cells run."""
    show_table(added.table)
    for line in (*added.explained, *added.notes):
        typer.echo(line)
