"""The options that several commands share, and how the words given to them become the house's records."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from bakeoff.errors import UsageError
from bakeoff.nouns import ColumnType, Limits

if TYPE_CHECKING:
    from bakeoff.arena.intake import TableOptions

HERE = Path()

Folder = Annotated[Path, Option("--challenge", "-C", metavar="DIR", help="The challenge's folder, or one inside it.")]
Json = Annotated[bool, Option("--json", help="Print JSON for a program to read.")]
Names = list[str] | None

_Columns = Option(metavar="COL", help="A protected column; may be repeated.")
_Types = Option(metavar="COL=TYPE", help="A column's type where the guess is wrong; may be repeated.")
_GivenAway = Option("--leave-out-given-away", help="Leave columns out that follow from the target.")
_Split = Option(help="How the test is set apart: given, stratified, random, owner, time or records.")
_Ignored = Option(metavar="COL", help="A record column that may differ between records that match; may be repeated.")
_Complete = Option("--complete", help="Every match among the records is labelled; a pair without a label is none.")
_Pairs = Option(metavar="PAIRS", help="Labelled pairs of records, or a folder with train and test files of them.")
_Public = Option(min=0, max=0.9, help="The share of the test rows whose scores show while the challenge is on.")
_Expires = Option(metavar="DAY", help="The last day on which the table may be run, such as 2027-12-31.")
_Logs = Option(metavar="WHO", help="Who reads what entries print on it: shown (everybody) or organiser.")
_Query = Option(metavar="SQL", help="The rows to read, where PATH is a database's URL.")
_Seconds = Option(min=0, metavar="SECONDS", help="Wall clock for a cell; 0 means what the rules say.")
_Memory = Option(min=0, metavar="MIB", help="Memory for a cell; 0 means what the rules say.")


_Confined = Option("--confined", help="Read a stranger's file or folder behind the wall; pictures are made anew.")
_Replace = Option("--replace", help="Make it the next version of the table that has its name.")


@dataclass(frozen=True)
class QuestionChoices:
    """What a person may say about a table and the question asked of it; the rest is in table.toml or inferred."""

    target: Annotated[str, Option(metavar="COL", help="The column to be predicted.")] = ""
    kind: Annotated[
        str,
        Option(help="classification, regression, matching, tagging, joint, span, generation or language_model."),
    ] = ""
    metric: Annotated[str, Option(help="The primary metric.")] = ""
    split: Annotated[str, _Split] = ""
    test_share: Annotated[float, Option(min=0, max=0.9, help="The share of rows set apart; 0 means a quarter.")] = 0.0
    split_seed: Annotated[int, Option(help="The seed of the split.")] = 0
    id: Annotated[str, Option(metavar="COL", help="The column that identifies a row.")] = ""
    owner: Annotated[str, Option(metavar="COL", help="The column that says whose a row is.")] = ""
    time_column: Annotated[str, Option(metavar="COL", help="The column that says when a row was.")] = ""
    protected: Annotated[Names, _Columns] = None
    type: Annotated[Names, _Types] = None

    leave_out_given_away: Annotated[bool, _GivenAway] = False

    def options(self, name: str = "", track: str = "", label: str = "") -> TableOptions:
        """The arena's own record."""
        from bakeoff.arena.intake import TableOptions

        return TableOptions(
            target=self.target,
            kind=self.kind,
            metric=self.metric,
            id=self.id,
            owner=self.owner,
            time=self.time_column,
            protected=tuple(self.protected or ()),
            types=column_types(self.type or ()),
            split=self.split,
            test_share=self.test_share,
            seed=self.split_seed,
            leave_out_given_away=self.leave_out_given_away,
            name=name,
            track=track,
            label=label,
        )


@dataclass(frozen=True)
class MatchingChoices:
    """What a person may say of a matching table: its right side, its labelled pairs, and when records match."""

    right: Annotated[str, Option(metavar="RIGHT", help="Records to be matched with those of PATH.")] = ""
    pairs: Annotated[str, _Pairs] = ""
    ignore: Annotated[Names, _Ignored] = None
    complete: Annotated[bool, _Complete] = False

    def added_to(self, options: TableOptions) -> TableOptions:
        """The options of a table with these."""
        if self.right and not self.pairs:
            raise UsageError("--right needs labelled pairs; name them with --pairs PAIRS.")
        ignored = split_names(self.ignore)
        return replace(
            options, right=self.right or None, pairs=self.pairs or None, ignore=ignored, complete=self.complete
        )


@dataclass(frozen=True)
class OwnerChoices:
    """What the owner of a table may say about its use, and which of its rows are read."""

    query: Annotated[str, _Query] = ""
    public_share: Annotated[float, _Public] = 0.0
    terms: Annotated[str, Option(metavar="TEXT", help="The owner's terms of use.")] = ""
    expires: Annotated[str, _Expires] = ""
    logs: Annotated[str, _Logs] = ""
    replace: Annotated[bool, _Replace] = False
    confined: Annotated[bool, _Confined] = False

    def added_to(self, options: TableOptions) -> TableOptions:
        """The options of a table with these."""
        if self.logs not in ("", "shown", "organiser"):
            raise UsageError(f"--logs is {self.logs!r}; say shown or organiser, or leave it out.")
        return replace(options, **vars(self))


@dataclass(frozen=True)
class RunChoices:
    """What a person may say about how cells run; 0 leaves it to the rules."""

    seeds: Annotated[int, Option(min=0, help="Seeds for each entry and task; 0 means what the rules say.")] = 0
    time: Annotated[float, _Seconds] = 0.0
    memory: Annotated[int, _Memory] = 0
    workers: Annotated[int, Option(min=0, help="Cells run at once; 0 leaves one core in four to the house.")] = 0

    def limits(self, rules: Limits) -> Limits:
        """The limits of a cell, the rules' own where nothing was said."""
        return replace(rules, seconds=self.time or rules.seconds, memory_mib=self.memory or rules.memory_mib)


@dataclass(frozen=True)
class BoardChoices:
    """In which forms a board is wanted."""

    as_json: Annotated[bool, Option("--json", help="Print JSON for a program to read.")] = False
    as_csv: Annotated[bool, Option("--csv", help="Print the board as CSV.")] = False
    html: Annotated[Path | None, Option(metavar="PATH", help="Write the board as one HTML file.")] = None

    def check(self) -> None:
        """UsageError when the page could not be written, which is better said before anything runs."""
        check_html(self.html)


def check_html(html: Path | None) -> None:
    """UsageError when a page cannot be written to that path."""
    check_path("--html", html, "board.html")


PICTURES = (".png", ".svg", ".pdf")  # endings of files that can be drawn


def check_path(option: str, path: Path | None, example: str, endings: tuple[str, ...] = ()) -> None:
    """UsageError when what an option names cannot be written, or has none of the endings that are known."""
    if path is None:
        return
    parent = path.absolute().parent
    if path.is_dir():
        fault = f"is a folder; name a file in it, such as {str(path / example)!r}"
    elif not parent.exists():
        fault = f"lies in a folder that is not there; make it first: mkdir -p {shlex.quote(str(path.parent))}"
    elif not parent.is_dir():
        fault = f"cannot be written, since {str(path.parent)!r} is a file; name another path"
    elif not os.access(path if path.exists() else parent, os.W_OK):
        fault = "may not be written by you; name another path"
    elif endings and path.suffix.lower() not in endings:
        fault = f"does not say what to draw; let it end in {' or '.join(endings)}"
    else:
        return
    raise UsageError(f"{option} {str(path)!r} {fault}.")


def column_types(given: Iterable[str]) -> Mapping[str, ColumnType]:
    """`["city=text", ...]` as a mapping; UsageError names what is not a type."""
    types = {}
    for word in given:
        column, equals, name = word.rpartition("=")
        if not equals or name not in list(ColumnType):
            near = get_close_matches(name.lower(), list(ColumnType), 1)
            close = f"; did you mean '{column}={near[0]}'?" if equals and near else "."
            raise UsageError(f"--type {word!r} is not COL=TYPE with a type of {', '.join(ColumnType)}{close}")
        types[column] = ColumnType(name)
    return types


def split_names(given: Iterable[str] | None) -> tuple[str, ...]:
    """Names given by repeating an option, or in one word with commas."""
    return tuple(name.strip() for word in given or () for name in word.split(",") if name.strip())


def print_json(thing: Any) -> None:
    """What a program reads."""
    typer.echo(json.dumps(thing, ensure_ascii=False, indent=2, allow_nan=False))
