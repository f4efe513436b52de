"""The commands that read a challenge: board, take."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.options import HERE, BoardChoices, Folder, Json, print_json
from bakeoff.cli.showing import console
from bakeoff.cli.spreading import spread
from bakeoff.errors import UsageError
from bakeoff.nouns import plain

Pair = tuple[str, str] | None
ABOUT = {
    "on these tables": "Asked on these tables: other test rows and other seeds.",
    "on a new table": "The overall difference is about a new table, one that is not here; each row is about its own.",
}


@spread
def board(
    form: BoardChoices,
    track: Annotated[str, Option(help="Only this track's board.")] = "",
    new_tables: Annotated[
        bool, Option("--new-tables", help="Ask how entries would do on a table not seen yet.")
    ] = False,
    part: Annotated[
        str, Option(metavar="PART", help="Which test rows count: test (all), public or private; else as the rules say.")
    ] = "",
    logs: Annotated[
        bool, Option("--logs", help="For the organiser: show what entries print where the rules keep it back.")
    ] = False,
    versus: Annotated[Pair, Option(metavar="A B", help="Entry A against entry B, task by task.")] = None,
    challenge: Folder = HERE,
) -> None:
    """Show the board: ranks, intervals, and who beats whom beyond noise."""
    form.check()
    if versus is not None and (form.html is not None or form.as_csv):
        raise UsageError("--versus is shown as text or as --json; leave --html and --csv out.")

    from bakeoff.arena.board_export import board_csv, board_json
    from bakeoff.arena.board_text import board_text, versus_text
    from bakeoff.arena.challenge import Challenge
    from bakeoff.arena.owner.report import slices_json
    from bakeoff.arena.owner.slices import slices_between
    from bakeoff.arena.owner.text import slices_text

    with closing(Challenge.open(challenge)) as opened:
        opened.for_organiser = logs
        if versus is not None:
            found = opened.versus(*versus, track=track or None, new_tables=new_tables, part=part)
            question = "on a new table" if new_tables else "on these tables"
            slices = slices_between(opened, *versus, track=track or None, part=part)
            if form.as_json:
                print_json({"question": question, **plain(found), "slices": slices_json(slices)})
            else:
                versus_text(found, console())
                typer.echo(ABOUT[question])
                slices_text(slices, console())
            return
        one = track or not opened.tracks()  # without any, asking for one says what is missing
        boards = [opened.board(track or None, new_tables=new_tables, part=part)] if one else []
        boards = boards or opened.boards(new_tables=new_tables, part=part)
        if form.html is not None:
            typer.echo(f"Wrote {opened.report(form.html, new_tables=new_tables, part=part)}", err=True)
    if form.as_json:
        print_json({"boards": [board_json(each) for each in boards]})
    elif form.as_csv:
        if len(boards) > 1:
            tracks = ", ".join(each.track for each in boards)
            raise UsageError(f"A CSV holds one board and there are {len(boards)}; name one with --track: {tracks}.")
        typer.echo("".join(board_csv(each) for each in boards), nl=False)
    else:
        for each in boards:
            board_text(each, console())


def take(
    entry: Annotated[str, Argument(metavar="ENTRY", help="The entry's name.")],
    on: Annotated[str, Option("--on", metavar="TABLE", help="The table it learns from, all labels of it.")],
    to: Annotated[Path | None, Option(metavar="DIR", help="Where it goes; else ENTRY-on-TABLE.predictor.")] = None,
    challenge: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Fit an entry on all labels of a table and save a predictor."""
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(challenge)) as opened:
        path = opened.take(entry, on, to or "")
    if as_json:
        print_json({"predictor": str(path)})
    else:
        typer.echo(f"Saved {path}. In Python: bakeoff.load({str(path)!r}).predict(frame)")
