"""The command that holds a whole bake-off by itself."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.options import Json, RunChoices, print_json
from bakeoff.cli.progress import Bar
from bakeoff.cli.showing import console, show_run
from bakeoff.cli.spreading import spread
from bakeoff.errors import UsageError

FOLDER = Path("demo")


_Data = Option(metavar="DIR", help="Use every folder in DIR whose about.json says what is asked of it.")

_Thorough = Option("--thorough", help="Run the baselines that take minutes too, multimodal and matcher for two.")


@spread
def demo(
    how: RunChoices,
    folder: Annotated[
        Path, Argument(metavar="[DIR]", help="Where it goes; when it is there already, it goes on.")
    ] = FOLDER,
    data: Annotated[Path | None, _Data] = None,
    thorough: Annotated[bool, _Thorough] = False,
    as_json: Json = False,
) -> None:
    """Hold a bake-off on bundled and made tables, without a network."""
    from bakeoff.arena.board_export import board_json
    from bakeoff.arena.board_text import board_text
    from bakeoff.arena.challenge import RunRequest
    from bakeoff.arena.demo import make_demo, make_demo_from, slow_left_out

    if folder.is_file():
        raise UsageError(f"{str(folder)!r} is a file; name a new folder for the demo.")
    with Bar(f"They are kept in {folder}; the same command goes on from there.") as watch:
        watch.message("reading the tables")
        opened, left_out = (
            (make_demo(folder, thorough=thorough), [])
            if data is None
            else make_demo_from(data, folder, watcher=watch, thorough=thorough)
        )
        with closing(opened):
            request = RunRequest(seeds=how.seeds, limits=how.limits(opened.rules.limits), workers=how.workers)
            summary = opened.run(request, watch)
            boards = opened.boards()
            report = opened.report(folder / "report.html")
            if slow := slow_left_out(opened):
                left_out.append(f"Left out, since they take minutes: {', '.join(slow)}; --thorough runs them too.")
    if as_json:
        print_json({"report": str(report), "left_out": left_out, "boards": [board_json(board) for board in boards]})
        return
    for line in left_out:
        typer.echo(line)
    show_run(summary, watch.declined, watch.told)
    for board in boards:
        typer.echo()
        board_text(board, console())
    made = [column for board in boards for column in board.columns if column.task.label == "made" and column.note]
    for column in made:
        typer.echo(f"\n{column.task.name} is made: {column.note}")
    typer.echo(f"\nThe report is in {report.absolute()}")
