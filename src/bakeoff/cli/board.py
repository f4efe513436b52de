"""The commands that read a challenge: board, take."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from bakeoff.cli.options import HERE, BoardChoices, Folder, Json, print_json
from bakeoff.cli.showing import console
from bakeoff.cli.spreading import spread
from bakeoff.errors import UsageError
from bakeoff.nouns import plain

if TYPE_CHECKING:
    from bakeoff.arena.board import Board
    from bakeoff.arena.challenge import Challenge

Pair = tuple[str, str] | None
_By = Option(metavar="WHAT", help="fairness, or a metric such as 'selection rate': ordered by gaps between groups.")
_New = Option("--new-tables", help="Ask how entries would do on a table not seen yet.")
_Part = Option(metavar="PART", help="Which test rows count: test (all), public or private; else as the rules say.")
_Logs = Option("--logs", help="For the organiser: show what entries print where the rules keep it back.")
ABOUT = {
    "on these tables": "Asked on these tables: other test rows and other seeds.",
    "on a new table": "The overall difference is about a new table, one that is not here; each row is about its own.",
}


@dataclass(frozen=True)
class AskedBoard:
    """Which board is asked for."""

    track: Annotated[str, Option(help="Only this track's board.")] = ""
    new_tables: Annotated[bool, _New] = False
    part: Annotated[str, _Part] = ""
    logs: Annotated[bool, _Logs] = False

    @property
    def how(self) -> dict[str, Any]:
        """As a challenge's boards take it."""
        return {"new_tables": self.new_tables, "part": self.part}


@spread
def board(
    form: BoardChoices,
    asked: AskedBoard,
    by: Annotated[str, _By] = "score",
    versus: Annotated[Pair, Option(metavar="A B", help="Entry A against entry B, task by task.")] = None,
    challenge: Folder = HERE,
) -> None:
    """Show the board: ranks, intervals, and who beats whom beyond noise."""
    form.check()
    if versus is not None and (form.html is not None or form.as_csv):
        raise UsageError("--versus is shown as text or as --json; leave --html and --csv out.")
    if by != "score" and (versus is not None or form.html is not None or form.as_csv):
        raise UsageError("--by is shown as text or as --json; leave --versus, --html and --csv out.")

    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(challenge)) as opened:
        opened.for_organiser = asked.logs
        if versus is not None:
            _versus(opened, versus, form, asked)
            return
        one = asked.track or not opened.tracks()  # without any, asking for one says what is missing
        boards = [opened.board(asked.track or None, **asked.how)] if one else opened.boards(**asked.how)
        if form.html is not None:
            typer.echo(f"Wrote {opened.report(form.html, **asked.how)}", err=True)
    if by == "score":
        _show(boards, form)
    else:
        _show_fairness(boards, "accuracy" if by == "fairness" else by, form)


def _versus(opened: Challenge, pair: tuple[str, str], form: BoardChoices, asked: AskedBoard) -> None:
    from bakeoff.arena.board_text import versus_text
    from bakeoff.arena.owner.report import slices_json
    from bakeoff.arena.owner.slices import slices_between
    from bakeoff.arena.owner.text import slices_text

    found = opened.versus(*pair, track=asked.track or None, **asked.how)
    question = "on a new table" if asked.new_tables else "on these tables"
    slices = slices_between(opened, *pair, track=asked.track or None, part=asked.part)
    if form.as_json:
        print_json({"question": question, **plain(found), "slices": slices_json(slices)})
    else:
        versus_text(found, console())
        typer.echo(ABOUT[question])
        slices_text(slices, console())


def _show(boards: Sequence[Board], form: BoardChoices) -> None:
    from bakeoff.arena.board_export import board_csv, board_json
    from bakeoff.arena.board_text import board_text

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


def _show_fairness(boards: Sequence[Board], metric: str, form: BoardChoices) -> None:
    from bakeoff.arena.board_export import tellable
    from bakeoff.arena.board_text import fairness_text
    from bakeoff.arena.fairness_words import fair_json, fair_lines

    if form.as_json:
        found = [{"track": each.track, "entries": fair_json(fair_lines(each, metric), metric)} for each in boards]
        print_json({"metric": metric, "boards": tellable(found)})
    else:
        for each in boards:
            fairness_text(each, console(), metric)


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
