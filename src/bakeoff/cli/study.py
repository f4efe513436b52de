"""The commands for studies: study list, study run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.options import Json, Names, check_path, print_json, split_names
from bakeoff.cli.progress import Interrupted
from bakeoff.cli.showing import console
from bakeoff.cli.spreading import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress, TaskID

    from bakeoff.studies import Grid, Kept, Outcome, Setting

study = typer.Typer(
    no_args_is_help=True,
    help="Published experiments, run again.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Quick = Option("--quick", help="The small settings, which take minutes.")
_Only = Option(metavar="WORD", help="Only settings whose name holds the word; may be repeated, or with commas.")
_Keep = Option(metavar="DIR", help="Where results are kept, and taken up again; study-NAME when it is not given.")
_Data = Option(metavar="DIR", help="The folder of public data sets; BAKEOFF_DATA when it is not given.")
_Report = Option(metavar="PATH", help="Write verdicts and tables as a Markdown page.")
_List = Option("--list", help="Only list the settings, those that are measured marked, and run nothing.")


@dataclass(frozen=True)
class PartChoices:
    """Which part of a study is meant."""

    quick: Annotated[bool, _Quick] = False
    only: Annotated[Names, _Only] = None


@dataclass(frozen=True)
class PlaceChoices:
    """Where data come from and results go."""

    keep: Annotated[Path | None, _Keep] = None
    data: Annotated[Path | None, _Data] = None
    report: Annotated[Path | None, _Report] = None


class Steps:
    """Watches a study: a bar on a terminal; elsewhere one line for every setting that has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.due = 0
        self.done = 0
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Steps:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        out = Console(stderr=True)
        if out.is_terminal:
            words = TextColumn("{task.description}", markup=False)
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("settings"), TimeElapsedColumn(), words)
            self._progress = Progress(*columns, console=out, transient=True, refresh_per_second=2)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        if isinstance(error, KeyboardInterrupt):
            kept = f"They are kept in {self.folder}; the same command goes on from there."
            raise Interrupted(f"Interrupted after {self.done} of {self.due} settings. {kept}") from None

    def start(self, due: int, kept: int) -> None:
        """So many settings are due."""
        self.due = due
        if self._progress is not None:
            self._task = self._progress.add_task("", total=due)
        elif kept:
            typer.echo(f"{kept} settings are kept from before, {due} are due.", err=True)

    def began(self, setting: Setting) -> None:
        """A setting is being measured."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=setting.name)

    def ended(self, setting: Setting, seconds: float, problem: str) -> None:
        """It was measured, or left out."""
        self.done += 1
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=self.done)
        elif not problem:
            typer.echo(f"{self.done} of {self.due}: {setting.name} ({seconds:.0f} s)", err=True)


@study.command("list")
def study_list(as_json: Json = False) -> None:
    """List the studies there are, each with its source and how many settings it has."""
    from bakeoff.studies import studies

    found = [(one, len(one.settings(True)), len(one.settings(False))) for one in studies()]
    if as_json:
        told = [
            {"study": one.name, "title": one.title, "source": one.source, "settings": {"quick": quick, "full": full}}
            for one, quick, full in found
        ]
        print_json(told)
        return
    for one, quick, full in found:
        typer.echo(f"{one.name}: {one.title} ({one.source}; {quick} quick settings, {full} in full)")


@study.command("run")
@spread
def study_run(
    name: Annotated[str, Argument(metavar="NAME", help="The study's name; see bakeoff study list.")],
    part: PartChoices,
    places: PlaceChoices,
    listed: Annotated[bool, _List] = False,
    as_json: Json = False,
) -> None:
    """Run a study, or go on with one, and say what became of its claims."""
    from bakeoff.studies import Kept, find
    from bakeoff.studies import run as ran
    from bakeoff.studies.running import Choice

    found = find(name)
    folder = places.keep or Path(f"study-{name}")
    check_path("--report", places.report, "study.md")
    choice = Choice(part.quick, split_names(part.only))
    if listed:
        _list(choice.of(found), Kept(folder), as_json)
        return
    with Steps(folder) as steps:
        outcome = ran(found, folder, choice=choice, data=places.data or _public_data(), watcher=steps)
    if places.report is not None:
        from bakeoff.studies.report import page

        places.report.write_text(page(found, outcome), encoding="utf-8")
        typer.echo(f"Wrote {places.report}", err=True)
    if as_json:
        print_json(outcome.as_plain())
        return
    _show(outcome)


def _public_data() -> Path | None:
    named = os.environ.get("BAKEOFF_DATA")
    return Path(named) if named else None


def _list(settings: Sequence[Setting], kept: Kept, as_json: bool) -> None:
    if as_json:
        told = [{"name": one.name, "measured": kept.has(one), "values": dict(one.values)} for one in settings]
        print_json(told)
        return
    for one in settings:
        typer.echo(f"{'measured' if kept.has(one) else 'due     '}  {one.name}")


def _show(outcome: Outcome) -> None:
    for grid in outcome.grids:
        _table(grid)
    part = "" if outcome.measured == outcome.settings else ", so that verdicts rest on a part of the study"
    typer.echo(f"{outcome.measured} of {outcome.settings} settings are measured{part}.\n")
    for claim in outcome.claims:
        typer.echo(f"{claim.verdict.value.upper()}: {claim.claim} ({claim.source})\n    {claim.why}")
    reasons: dict[str, list[str]] = {}
    for name, why in outcome.left_out.items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        typer.echo(f"Left out: {names[0]}{more}: {why}", err=True)


def _table(grid: Grid) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(*grid.heads, title=grid.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for row in grid.rows:
        shown.add_row(*map(Text, row))
    console().print(shown)
