"""The commands for a table's owner after a run: table report, table correct."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.options import HERE, BoardChoices, Folder, Json, Names, print_json, split_names
from bakeoff.cli.progress import Bar
from bakeoff.cli.showing import console
from bakeoff.cli.spreading import spread

_Entries = Option(metavar="NAME", help="Entries of the learning curve; may be repeated, or with commas.")
_Errors = Option(metavar="FILE", help="Write the doubtful labels to this .csv or .parquet file.")
_Html = Option(metavar="PATH", help="Write the report as one HTML file.")
_Curve = Option("--curve", help="Run the cells of the learning curve that are missing.")


@dataclass(frozen=True)
class ReportChoices:
    """What an owner's report is to hold, and in which forms it is wanted."""

    html: Annotated[Path | None, _Html] = None
    curve: Annotated[bool, _Curve] = False
    entries: Annotated[Names, _Entries] = None
    errors: Annotated[Path | None, _Errors] = None


@spread
def table_report(
    name: Annotated[str, Argument(metavar="NAME", help="The table's name.")],
    choices: ReportChoices,
    challenge: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Tell a table's owner what a run has shown: headroom, learning curve, doubtful labels, slices."""
    BoardChoices(html=choices.html).check()

    from bakeoff.arena.challenge import Challenge
    from bakeoff.arena.owner.report import report_json, write_errors
    from bakeoff.arena.owner.text import owner_text

    with closing(Challenge.open(challenge)) as opened:
        with Bar() as watch:
            report = opened.owner_report(name, curve=choices.curve, entries=split_names(choices.entries), watcher=watch)
        if choices.errors is not None:
            written = write_errors(opened, report, choices.errors)
            typer.echo(f"Wrote {written} doubtful label{'s' * (written != 1)} to {choices.errors}", err=True)
        if choices.html is not None:
            from bakeoff.arena.report.owner_page import owner_html

            typer.echo(f"Wrote {owner_html(report, choices.html)}", err=True)
    if as_json:
        print_json(report_json(report))
    else:
        owner_text(report, console())


def table_correct(
    name: Annotated[str, Argument(metavar="NAME", help="The table's name.")],
    file: Annotated[Path, Argument(metavar="FILE", help="A CSV or Parquet file with row_id and corrected.")],
    who: Annotated[str, Option(help="Who corrects; your user name when not given.")] = "",
    why: Annotated[str, Option(help="Why, in a sentence that stays with the correction.")] = "",
    challenge: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Correct labels of test rows; kept answers are judged anew, and nothing is run."""
    from bakeoff.arena.challenge import Challenge
    from bakeoff.arena.corrections import correct_table
    from bakeoff.nouns import plain

    with closing(Challenge.open(challenge)) as opened, Bar() as watch:
        made = correct_table(opened, name, file, who=who, why=why, watcher=watch)
    if as_json:
        print_json(plain(made))
        return
    rows = len(made.correction.labels)
    same = f", {made.same} said nothing new" if made.same else ""
    typer.echo(
        f"Truth {made.correction.number} of {name}: {rows} row{'s' * (rows != 1)} corrected{same}; "
        f"{made.judged} judgement{'s' * (made.judged != 1)} made anew, no cell run."
    )
