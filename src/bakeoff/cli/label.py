"""The command that shows a person pairs of records and keeps what is said of them: label."""

from __future__ import annotations

import math
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from bakeoff.cli.options import Json, Names, print_json, split_names
from bakeoff.cli.spreading import spread
from bakeoff.errors import NotFound, UsageError

if TYPE_CHECKING:
    from bakeoff.algorithms.matching.labelling import Labelling, Sources

JSON_COUNT = 10
_Table = Argument(metavar="TABLE", help="A file or folder of records, or with -C the name of a challenge's table.")
_Right = Option(metavar="RIGHT", help="Records to be matched with those of TABLE.")
_Pairs = Option(
    metavar="FILE", help="The file of labels, gone on with where it is there; TABLE.labels.csv when not given."
)
_Id = Option(metavar="COL", help="The column that identifies a record.")
_Ignore = Option(metavar="COL", help="A column that may differ between records that match; may be repeated.")
_Count = Option(min=0, metavar="N", help="Pairs to be asked; 0 asks until the labels say enough.")
_Merge = Option(metavar="FILE", help="Another person's file of labels to take in; may be repeated.")
_Challenge = Option("--challenge", "-C", metavar="DIR", help="The challenge that has the table, by its folder.")


@dataclass(frozen=True)
class RecordChoices:
    """Which records are compared."""

    right: Annotated[str, _Right] = ""
    id: Annotated[str, _Id] = ""
    ignore: Annotated[Names, _Ignore] = None


@dataclass(frozen=True)
class LabelChoices:
    """Where labels go, whose they are, and how many are wanted."""

    pairs: Annotated[Path | None, _Pairs] = None
    count: Annotated[int, _Count] = 0
    merge: Annotated[list[Path] | None, _Merge] = None
    who: Annotated[str, Option(metavar="NAME", help="Who labels; your user name when not given.")] = ""


@spread
def label(
    table: Annotated[str, _Table],
    records: RecordChoices,
    how: LabelChoices,
    challenge: Annotated[Path | None, _Challenge] = None,
    as_json: Json = False,
) -> None:
    """Propose the pairs of records whose labels teach a matcher most, and keep your answers."""
    from bakeoff.algorithms.matching.labelling import Labelling

    sources = _sources(table, records, challenge)
    path = how.pairs or Path(f"{Path(table).stem or 'table'}.labels.csv")
    labelling = Labelling.open(sources, path, who=how.who, merge=how.merge or ())
    if as_json:
        print_json(_proposed(labelling, how.count or JSON_COUNT))
        return
    from bakeoff.cli.asking import Dialogue
    from bakeoff.cli.showing import console

    for line in filter(None, (sources.note, _held(labelling))):
        typer.echo(line, err=True)
    Dialogue(labelling, console(), how.count, sys.stdin).run()


def _sources(table: str, records: RecordChoices, challenge: Path | None) -> Sources:
    from bakeoff.algorithms.matching.labelling import read_sources, sources_of

    ignore = split_names(records.ignore)
    if challenge is None:
        return read_sources(table, records.right or None, id=records.id, ignore=ignore)
    if records.right or records.id:
        raise UsageError("A challenge's table has both of its sides and no ids; leave --right and --id out with -C.")
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(challenge)) as opened:
        tasks = {task.name: task for task in opened.tasks() if task.kind == "matching"}
        if table not in tasks:
            raise NotFound(
                f"There is no matching table {table!r} in the challenge; it has {', '.join(tasks) or 'none'}."
            )
        return sources_of(opened.data(tasks[table]).sides, ignore)


def _held(labelling: Labelling) -> str:
    file = labelling.file
    if not file.rows and not file.unsure:
        return f"Labels go to {file.path}."
    matches = sum(bool(row.label) for row in file.rows.values())
    disputed = len(file.disputed)
    said = f"{file.path} holds {len(file.rows):,} labels, {matches:,} of them matches"
    unsure = f", and {len(file.unsure) - disputed:,} left unsure" if len(file.unsure) > disputed else ""
    both = f"; {disputed:,} labelled both ways, asked first" if disputed else ""
    return f"{said}{unsure}{both}."


def _proposed(labelling: Labelling, count: int) -> dict[str, Any]:
    """The next pairs, and how good a model of the labels is, as a program reads it."""
    from bakeoff.cli.asking import cell_text

    pairs = []
    for proposal in labelling.propose(count):
        left, right = labelling.ids(proposal)
        cells = labelling.cells(proposal)
        chance = None if math.isnan(proposal.chance) else proposal.chance
        sides = {
            side: {name: cell_text(row[place]) for name, *row in cells} for place, side in enumerate(("left", "right"))
        }
        pairs.append(
            {
                "left": left,
                "right": right,
                "why": proposal.why,
                "chance": chance,
                "weight": proposal.weight,
                "records": sides,
            }
        )
    found = labelling.found
    figure = None if found is None else {"f1": found.f1.value, "low": found.f1.low, "high": found.f1.high}
    return {
        "file": str(labelling.file.path),
        "labels": len(labelling.file.rows),
        "estimate": figure,
        "enough": labelling.enough(),
        "pairs": pairs,
    }
