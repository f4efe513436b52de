"""The command fairness: how answers treat the groups of a table, without any challenge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from bakeoff.cli.options import PICTURES, Json, Names, check_path, print_json
from bakeoff.cli.showing import console
from bakeoff.cli.spreading import spread
from bakeoff.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakeoff.fairness.audits import Audit
    from bakeoff.fairness.measures import Measure
    from bakeoff.tables.settings import Settings

SHOWN = ("largest - smallest", "smallest / largest")
SIDE_BY_SIDE = 5  # metrics in one grid; of several classes there are more

_Answers = Option(metavar="FILE", help="The answers: a column prediction, or one for each class; else in TABLE itself.")
_By = Option(metavar="COL", help="A protected column; may be repeated. By default those with the role protected.")
_Identities = Option("--identities", help="The protected columns are identities of 0 and 1, which may overlap.")
_Positive = Option(metavar="LABEL", help="The class that rates are of; the last of two by default.")
_Metric = Option(metavar="NAME", help="A metric, such as 'false negative rate'; may be repeated.")
_Reference = Option(metavar="COL=GROUP", help="The group that others are compared with; may be repeated.")
_Least = Option(min=1, help="Rows that a figure needs; below it is insufficient.")
_Weights = Option(metavar="COL", help="A column of weights: how much each row counts.")
_Plot = Option(metavar="PATH", help="Write a picture of the groups (.png, .svg or .pdf).")


@dataclass(frozen=True)
class GroupChoices:
    """Whom to compare, and by what."""

    target: Annotated[str, Option(metavar="COL", help="The column of true labels.")] = ""
    by: Annotated[Names, _By] = None
    identities: Annotated[bool, _Identities] = False
    positive: Annotated[str, _Positive] = ""
    metric: Annotated[Names, _Metric] = None
    reference: Annotated[Names, _Reference] = None
    least: Annotated[int, _Least] = 10
    weights: Annotated[str, _Weights] = ""


@spread
def fairness(
    table: Annotated[Path, Argument(metavar="TABLE", help="A CSV, TSV or Parquet file, or a folder of them.")],
    groups: GroupChoices,
    answers: Annotated[Path | None, _Answers] = None,
    plot: Annotated[Path | None, _Plot] = None,
    as_json: Json = False,
) -> None:
    """Show how answers treat the groups of a table: rates, gaps with intervals, and what chance alone would do."""
    from bakeoff.fairness.audits import audit
    from bakeoff.tables import read

    check_path("--plot", plot, "groups.png", PICTURES)
    raw = read(table).sound()
    given = None if answers is None else read(answers).sound().frame
    found = audit(raw.frame, given, _asked(groups, raw.settings))
    if plot is not None:
        from bakeoff.fairness.panels import plot_groups

        typer.echo(f"Wrote {plot_groups(found.groups, plot)}", err=True)
    if as_json:
        print_json(found.as_plain())
    else:
        _show(found)


def _asked(groups: GroupChoices, settings: Settings) -> Any:
    from bakeoff.fairness.audits import Asked
    from bakeoff.fairness.rates import USUAL
    from bakeoff.nouns import Role

    declared = [name for name, role in settings.roles.items() if role is Role.PROTECTED]
    reference = {}
    for one in groups.reference or ():
        name, sign, group = one.partition("=")
        if not sign:
            raise UsageError(f"--reference is {one!r}; give COL=GROUP, such as race=a.")
        reference[name] = group
    return Asked(
        groups.target or settings.target,
        tuple(groups.by or declared),
        groups.identities,
        groups.positive,
        tuple(groups.metric or USUAL),
        reference,
        groups.least,
        weights=groups.weights,
    )


def _show(found: Audit) -> None:
    typer.echo(f"{found.rows:,} rows")
    for family in dict.fromkeys(one.family for one in found.groups.groups):
        _show_family(found, family)
    for one in found.rankings:
        if one.group.startswith("generalised mean") or not one.family:
            mean = " (generalised mean)" if one.metric.endswith("AUC") else ""
            over = f" over groups by {one.family}{mean}" if one.family else ""
            without = f" ({one.reason})" if one.reason and one.value is not None else ""
            typer.echo(f"{one.metric}{over}: {_told(one, ' ')}{without}")
    for one in found.calibration:
        if one.metric == "expected calibration error":
            by_chance = f", {one.expected:.3f} if it were right (p {one.p:.2g})" if one.p is not None else ""
            typer.echo(f"calibration error of {one.family} {one.group}: {_told(one, ' ')}{by_chance}")


def _show_family(found: Audit, family: str) -> None:
    metrics = list(dict.fromkeys(one.metric for one in found.groups.groups))
    for start in range(0, len(metrics), SIDE_BY_SIDE):
        _show_grid(found, family, metrics[start : start + SIDE_BY_SIDE])
    gaps = _by_group(one for one in found.groups.comparisons if one.family == family).get(SHOWN[0], {})
    odds = gaps.get("equalised odds")
    if odds is not None:
        typer.echo(f"equalised odds gap by {family}: {_told(odds, ' ')}, by chance {_number(odds, 'expected')}\n")


def _show_grid(found: Audit, family: str, metrics: list[str]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(escape(family), "rows", *map(escape, metrics), box=box.SIMPLE_HEAD, pad_edge=False)
    figures = _by_group(one for one in found.groups.groups if one.family == family)
    for name, cells in figures.items():
        most = max(one.n for one in cells.values())
        grid.add_row(Text(name), f"{most:,.0f}", *(_told(cells.get(metric)) for metric in metrics))
    comparisons = _by_group(one for one in found.groups.comparisons if one.family == family)
    for name, cells in comparisons.items():
        shown = next(iter(cells.values()))
        if name in SHOWN or (len(shown.between) == 2 and name == " - ".join(shown.between)):
            grid.add_row(Text(name, style="bold"), "", *(_told(cells.get(metric)) for metric in metrics))
    gaps = comparisons.get(SHOWN[0], {})
    grid.add_row("gap by chance alone", "", *(_number(gaps.get(metric), "expected") for metric in metrics))
    grid.add_row("p, corrected", "", *(_number(gaps.get(metric), "adjusted") for metric in metrics))
    console().print(grid)


def _by_group(measures: Iterable[Measure]) -> dict[str, dict[str, Measure]]:
    found: dict[str, dict[str, Measure]] = {}
    for one in measures:
        found.setdefault(one.group, {})[one.metric] = one
    return found


def _told(one: Measure | None, between: str = "\n") -> str:
    """A figure and below it its interval."""
    if one is None:
        return ""
    if one.value is None:
        return f"too few ({one.n:,.0f})" if one.n else "too few"
    return f"{one.value:.3f}{between}[{one.low:.3f}, {one.high:.3f}]" if one.low is not None else f"{one.value:.3f}"


def _number(one: Measure | None, name: str) -> str:
    value = None if one is None else getattr(one, name)
    return "" if value is None else f"{value:.3f}"
