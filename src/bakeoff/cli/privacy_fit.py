"""The command privacy fit: a table, a budget, and what the budget costs in quality."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.options import PICTURES, Json, QuestionChoices, check_path, print_json
from bakeoff.cli.showing import console
from bakeoff.cli.spreading import spread
from bakeoff.cli.trial_rows import trial_rows

if TYPE_CHECKING:
    from bakeoff.algorithms.private_trial import Trial

_Epsilon = Option(metavar="E", help="What may be spent in all.")
_Delta = Option(metavar="D", help="The chance left to more than epsilon; below 1/rows.")
_PerOwner = Option("--per-owner", help="Protect all rows of an owner together; name the column with --owner COL.")
_Algorithm = Option(metavar="NAME", help="Which algorithm; by default what suits the question.")
_Alone = Option("--alone", help="Leave out the fit without a budget, which is shown beside it.")
_Ledger = Option(metavar="PATH", help="Write the ledger as JSON.")
_Plot = Option(metavar="PATH", help="Write a picture (.png, .svg or .pdf) of epsilon over the steps.")
_Seconds = Option(min=0, metavar="SECONDS", help="Wall clock for each fit; 0 lets it take what it needs.")


@dataclass(frozen=True)
class BudgetChoices:
    """How much may be spent, for whom, and by which algorithm."""

    epsilon: Annotated[float, _Epsilon] = 3.0
    delta: Annotated[float, _Delta] = 1e-5
    per_owner: Annotated[bool, _PerOwner] = False
    algorithm: Annotated[str, _Algorithm] = ""
    alone: Annotated[bool, _Alone] = False
    seconds: Annotated[float, _Seconds] = 0.0
    seed: Annotated[int, Option(help="The seed of what is no noise, such as first weights.")] = 0


@spread
def privacy_fit(
    table: Annotated[Path, Argument(metavar="TABLE", help="A CSV, TSV or Parquet file, or a folder of them.")],
    budget: BudgetChoices,
    question: QuestionChoices,
    ledger: Annotated[Path | None, _Ledger] = None,
    plot: Annotated[Path | None, _Plot] = None,
    as_json: Json = False,
) -> None:
    """Fit a table privately and show what the budget costs in quality, with the ledger of what was spent."""
    from bakeoff.algorithms.private_trial import Wish, tried
    from bakeoff.privacy.budget import Budget
    from bakeoff.privacy.curves import plot_epsilon

    check_path("--ledger", ledger, "ledger.json")
    check_path("--plot", plot, "epsilon.png", PICTURES)
    unit = "owner" if budget.per_owner else "record"
    asked = Budget(budget.epsilon, budget.delta, unit)
    wish = Wish(asked, budget.algorithm, budget.seed, seconds=budget.seconds, beside=not budget.alone)
    with tempfile.TemporaryDirectory(prefix="bakeoff-privacy-") as folder:
        rows = trial_rows(table, question, Path(folder), as_json)
        found = tried(rows, wish, lambda what: typer.echo(f"{what} ...", err=True))
    if ledger is not None:
        ledger.write_text(json.dumps(found.ledger.as_plain(), indent=2), encoding="utf-8")
        typer.echo(f"Wrote {ledger}", err=True)
    if plot is not None:
        typer.echo(f"Wrote {plot_epsilon(found.ledger, asked.delta, plot)}", err=True)
    if as_json:
        print_json(found.as_plain())
    else:
        _show(found)


def _show(found: Trial) -> None:
    from rich import box
    from rich.table import Table as Grid

    typer.echo()
    grid = Grid("", *found.fitted, box=box.SIMPLE_HEAD, pad_edge=False)
    metrics = dict.fromkeys([found.task.metric, *(name for one in found.fitted.values() for name in one.figures)])
    for metric in metrics:
        cells = []
        for one in found.fitted.values():
            figure = one.figures.get(metric)
            told = "-" if figure is None else f"{figure.value:.4g}"
            if figure is not None and figure.low is not None:
                told += f"  [{figure.low:.4g}, {figure.high:.4g}]"
            cells.append(told)
        grid.add_row(metric.replace("_", " "), *cells)
    grid.add_row("CPU seconds of fit", *(f"{one.cpu:.1f}" if one.cpu else "-" for one in found.fitted.values()))
    console().print(grid)
    for member in getattr(found.model, "members_", ()):
        remark = getattr(member, "remark", "")
        if remark:
            typer.echo(f"  {member.name} {remark}")
    typer.echo(f"\nThe ledger of the private fit ({found.algorithm}):")
    for entry in found.ledger.entries:
        typer.echo(f"  {entry}")
    claim = found.claim
    typer.echo(
        f"epsilon {claim['epsilon']:.4g} at delta {claim['delta']:g}, when one {claim['unit']} comes or goes. The "
        "figures above are of rows set apart, whose labels the budget does not protect."
    )
