"""The command privacy audit: a table, an algorithm, and how well its answers tell whom it was fitted on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.options import PICTURES, Json, QuestionChoices, check_path, print_json
from bakeoff.cli.showing import console
from bakeoff.cli.spreading import spread
from bakeoff.cli.trial_rows import trial_rows
from bakeoff.errors import UsageError

if TYPE_CHECKING:
    from bakeoff.privacy.attacks import AttackReport, Measured

FULL, QUICK = 16, 2

_Entry = Option(metavar="NAME", help="One of the house's algorithms, such as forest.")
_Fits = Option(min=2, show_default=False, help="Fits on halves of the rows; 16 by default, and 2 with --quick.")
_Seconds = Option(min=0, metavar="SECONDS", help="Wall clock for each fit; 0 lets it take what it needs.")
_Plot = Option(metavar="PATH", help="Write a picture (.png, .svg or .pdf) of the ROC curves on logarithmic axes.")


@dataclass(frozen=True)
class AuditChoices:
    """Which algorithm is attacked, and how often it is fitted."""

    entry: Annotated[str, _Entry] = ""
    quick: Annotated[bool, Option("--quick", help="Two fits in place of 16: rougher, and no rate of 0.1 %.")] = False
    fits: Annotated[int | None, _Fits] = None
    seconds: Annotated[float, _Seconds] = 0.0
    seed: Annotated[int, Option(help="The seed of the halves and of the fits.")] = 0


@spread
def privacy_audit(
    table: Annotated[Path, Argument(metavar="TABLE", help="A CSV, TSV or Parquet file, or a folder of them.")],
    how: AuditChoices,
    question: QuestionChoices,
    plot: Annotated[Path | None, _Plot] = None,
    as_json: Json = False,
) -> None:
    """Fit an algorithm on halves of a table, and show how well its answers tell who was in: membership attacks."""
    from bakeoff.algorithms.audit_trial import AuditWish, attacked
    from bakeoff.arena.entries import baseline_point

    if not how.entry:
        raise UsageError("Say what is audited: --entry NAME, one of the house's algorithms, such as --entry forest.")
    check_path("--plot", plot, "roc.png", PICTURES)
    point = baseline_point(how.entry)
    with tempfile.TemporaryDirectory(prefix="bakeoff-privacy-") as folder:
        rows = trial_rows(table, question, Path(folder), as_json)
        group = point.group.removeprefix("bakeoff.algorithms").strip(".")
        if group and group != rows.task.kind:
            raise UsageError(f"The algorithm {how.entry!r} is for {group}; this task is {rows.task.kind}.")
        wish = AuditWish(how.fits or (QUICK if how.quick else FULL), how.seed, seconds=how.seconds)
        if not as_json:
            typer.echo(f"{wish.fits} fits of {how.entry}, each on a half of {rows.table.rows:,} rows.", err=True)
        found = attacked(rows, point.load(), wish, _counted)
    if plot is not None:
        typer.echo(f"Wrote {found.plot(plot, title=f'{how.entry} on {rows.table.name}')}", err=True)
    if as_json:
        task = {"name": rows.task.name, "kind": rows.task.kind, "target": rows.task.target}
        print_json({"task": task, "entry": how.entry, **found.as_plain()})
    else:
        _show(found)


def _counted(places: Iterable[int]) -> Iterable[int]:
    from rich.console import Console
    from rich.progress import track

    err = Console(stderr=True)
    return track(list(places), "fitting", console=err, disable=not err.is_terminal, transient=True)


def _show(found: AttackReport) -> None:
    from rich import box
    from rich.table import Table as Grid

    fprs = found.strongest.tpr
    grid = Grid("attack", "AUC", *(f"hits at {100 * fpr:g} % false alarms" for fpr in fprs), box=box.SIMPLE_HEAD)
    for name, one in found.attacks.items():
        grid.add_row(name.replace("_", " "), _told(one.auc), *(_told(one.tpr[fpr]) for fpr in fprs))
    grid.add_section()
    most = found.strongest
    grid.add_row("the strongest", _told(most.auc), *(_told(most.tpr[fpr]) for fpr in fprs))
    typer.echo()
    console().print(grid)
    if most.auc.reason:
        typer.echo(f"Insufficient: {most.auc.reason}.")
    for fpr, hits in most.tpr.items():
        if hits.reason and hits.reason != most.auc.reason:
            typer.echo(f"Insufficient at {100 * fpr:g} %: {hits.reason}.")
    for note in found.notes:
        typer.echo(note)
    typer.echo(
        f"{found.fits} fits, {found.rows:,} rows, intervals at {found.level:.0%}. By chance the AUC is 0.5, and hits "
        "are as frequent as false\nalarms. The last line pays for choosing among the attacks. What they find is a "
        "leak; finding none proves nothing."
    )


def _told(one: Measured) -> str:
    return "insufficient" if one.value is None else f"{one.value:.4f}  [{one.low:.4f}, {one.high:.4f}]"
