"""The commands for a table's versions: table versions, table export, table cite, table remove."""

from __future__ import annotations

import shlex
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.options import HERE, Folder, Json, print_json
from bakeoff.cli.showing import console

Name = Annotated[str, Argument(metavar="NAME", help="The table's name.")]
Number = Annotated[int, Option("--version", min=0, metavar="N", help="A version's number; 0 is the newest.")]


def table_versions(name: Name, challenge: Folder = HERE, as_json: Json = False) -> None:
    """List a table's versions: number, day, rows, digest and what changed."""
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(challenge)) as opened:
        found = opened.versions(name)
    if as_json:
        print_json([asdict(version) for version in found])
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table("version", "day", "rows", "digest", "change", box=box.SIMPLE_HEAD, pad_edge=False)
    for version in found:
        cells = (str(version.number), version.day, f"{version.rows:,}", f"sha256:{version.digest[:16]}", version.note)
        grid.add_row(*map(Text, cells))
    console().print(grid)


def table_export(
    name: Name,
    folder: Annotated[Path, Argument(metavar="DIR", help="Where it goes; not there yet.")],
    number: Number = 0,
    with_truth: Annotated[
        bool, Option("--with-truth", help="With the test rows' targets, so that another challenge can take it over.")
    ] = False,
    challenge: Folder = HERE,
) -> None:
    """Copy a table in standard form out of the challenge: Parquet, CSV, pictures and Croissant metadata."""
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(challenge)) as opened:
        made = opened.export_table(name, folder, number=number, with_truth=with_truth)
    truth = "with its truth; bakeoff table add brings it into another challenge" if with_truth else "without its truth"
    typer.echo(f"{name} is in {made}, {truth}.")


def table_cite(name: Name, number: Number = 0, challenge: Folder = HERE) -> None:
    """Print how to cite a table: name, version, rows, source, licence and digest."""
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(challenge)) as opened:
        typer.echo(opened.citation(name, number=number))


def table_remove(name: Name, challenge: Folder = HERE) -> None:
    """Take a table out of the challenge; its files, its truth and the results are kept."""
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(challenge)) as opened:
        kept = opened.remove_table(name)
        again = f"bakeoff table add {shlex.quote(str(kept))}{opened.places.option}"
    typer.echo(f"{name} is removed. Its files and its truth are in {kept}, its results in the store.")
    typer.echo(f"Bring it back with: {again}")
