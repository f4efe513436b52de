"""The commands that fill a challenge: new, table, submit, run, judge."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.deep import DeepChoices, judge_deep
from bakeoff.cli.options import (
    HERE,
    Folder,
    Json,
    MatchingChoices,
    Names,
    OwnerChoices,
    QuestionChoices,
    RunChoices,
    check_html,
    print_json,
    split_names,
)
from bakeoff.cli.progress import Bar
from bakeoff.cli.showing import console, show_run, show_table
from bakeoff.cli.spreading import spread
from bakeoff.errors import UsageError
from bakeoff.nouns import plain

new = typer.Typer(no_args_is_help=True, help="Make a challenge or an entry to start from.")
table = typer.Typer(no_args_is_help=True, help="Bring tables into a challenge and look at them.")

To = Annotated[Path, Option("--to", "--challenge", "-C", metavar="DIR", help="The challenge's folder.")]
_Picks = Option(metavar="TASK", help="Make it the team's final pick on a task; may be repeated, or with commas.")
_Entries = Option(metavar="NAME", help="Only these entries; may be repeated, or with commas.")
_JudgeAgain = Option("--again", help="Judge what was judged already, too; with --deep, run failed fits once more.")
_Tasks = Option(metavar="NAME", help="Only these tasks; may be repeated, or with commas.")


@new.command("challenge")
def new_challenge(
    folder: Annotated[Path, Argument(metavar="DIR", help="Where it goes.")],
    title: Annotated[str, Option(help="What stands above the board; the folder's name when not given.")] = "",
) -> None:
    """Make a challenge: a folder with challenge.toml."""
    from bakeoff.arena.challenge import Challenge

    Challenge.create(folder, title=title)
    typer.echo(f"A new challenge in {folder}. Next: bakeoff table add PATH --target COL -C {folder}")


@new.command("entry")
def new_entry(
    folder: Annotated[Path, Argument(metavar="DIR", help="Where it goes; not there yet, or empty.")],
    team: Annotated[str, Option(help="The team that brings it.")] = "",
    linkage: Annotated[bool, Option("--linkage", help="One that links the records of a matching table.")] = False,
    like: Annotated[str, Option(metavar="NAME", help="One like this baseline, with the packages that it needs.")] = "",
    kind: Annotated[str, Option(metavar="NAME", help="One for tasks of this kind, such as tagging or span.")] = "",
) -> None:
    """Make an entry that runs as it is, to be changed."""
    from bakeoff.arena.scaffold import write_scaffold

    if sum(map(bool, (linkage, like, kind))) > 1:
        raise UsageError("--linkage, --like and --kind each say what the entry starts from; give one of them.")
    write_scaffold(folder, team, linkage=linkage, like=like, kind=kind)
    typer.echo(f"A new entry in {folder}: change model.py. Next: bakeoff submit {folder} --to CHALLENGE")


@dataclass(frozen=True)
class NameChoices:
    """How a table and its task are called and where they stand."""

    name: Annotated[str, Option(help="The table's and its task's name; the file's when not given.")] = ""
    track: Annotated[str, Option(help="The track of its task; the task's kind when not given.")] = ""
    label: Annotated[str, Option(help="real or made: whether the rows were observed or generated.")] = ""


@table.command("add")
@spread
def table_add(
    path: Annotated[str, Argument(metavar="PATH", help="A file, a folder, a URL, a database, OpenML or Hugging Face.")],
    question: QuestionChoices,
    names: NameChoices,
    matching: MatchingChoices,
    owner: OwnerChoices,
    challenge: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Read a table, say what was understood, and make its task."""
    from bakeoff.arena.challenge import Challenge

    if names.label not in ("", "real", "made"):
        raise UsageError(f"--label is {names.label!r}; say real or made, or leave it out.")
    options = question.options(name=names.name, track=names.track, label=names.label)
    options = owner.added_to(matching.added_to(options))
    with closing(Challenge.open(challenge)) as opened:
        added = opened.add_table(path, options)
    if as_json:
        print_json(plain(added))
        return
    show_table(added.table)
    for line in (*added.explained, *added.notes):
        typer.echo(line)


@table.command("list")
def table_list(challenge: Folder = HERE, as_json: Json = False) -> None:
    """List the challenge's tables and what is asked of them."""
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(challenge)) as opened:
        tasks, days, cards = opened.tasks(), opened.expires(), opened.cards()
        if as_json:
            print_json(
                [
                    {"table": plain(opened.data(task).table), "task": plain(task), "expires": days.get(task.table, "")}
                    for task in tasks
                ]
            )
            return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    heads = ("task", "rows", "columns", "target", "kind", "metric", "split", "track", "label")
    grid = Table(*heads, *(["expires"] if days else []), box=box.SIMPLE_HEAD, pad_edge=False)
    for task in tasks:
        held = cards.get(task.table, {"rows": {"all": 0}, "columns": ()})
        size = (f"{held['rows']['all']:,}", str(len(held["columns"])))
        words = (task.name, *size, task.target, task.kind, task.metric, task.split.method, task.track, task.label)
        grid.add_row(*map(Text, (*words, *([days.get(task.table, "")] if days else []))))
    console().print(grid)


@table.command("show")
def table_show(
    name: Annotated[str, Argument(metavar="NAME", help="The table's name.")],
    challenge: Folder = HERE,
    html: Annotated[Path | None, Option(metavar="PATH", help="Write the card as one HTML file.")] = None,
    as_json: Json = False,
) -> None:
    """Show a table's data card: columns, classes, example rows, drift, and what each check found."""
    from bakeoff.arena.card_text import card_text
    from bakeoff.arena.challenge import Challenge
    from bakeoff.arena.owner.words import asked_word
    from bakeoff.arena.report import card_html

    check_html(html)
    with closing(Challenge.open(challenge)) as opened:
        cards = opened.cards()
        opened._named("table", name, list(cards))
        asked = [task for task in opened.tasks() if task.table == name]
        table = opened.data(asked[0]).table if as_json else None
    if html is not None:
        card_html(cards[name], html)
    if as_json:
        print_json({"table": plain(table), "tasks": plain(asked), "card": cards[name]})
        return
    if html is not None:
        typer.echo(f"The card as a page: {html}")
        return
    out = console()
    for shown in card_text(cards[name], out):
        out.print(shown)
    for task in asked:
        typer.echo(f"{task.name}: {asked_word(task)}, metric {task.metric}, split {task.split.method}")


def submit(
    entry: Annotated[Path, Argument(metavar="ENTRY", help="A Python file, a folder, or a zip or tar archive of one.")],
    to: To = HERE,
    team: Annotated[str, Option(help="The team; entry.toml's when not given.")] = "",
    name: Annotated[str, Option(help="The entry's name; entry.toml's when not given.")] = "",
    pick: Annotated[Names, _Picks] = None,
    no_try: Annotated[bool, Option("--no-try", help="Hand it in as it is, without loading it first.")] = False,
    as_json: Json = False,
) -> None:
    """Hand in an entry of code or prediction files; the challenge keeps a copy."""
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(to)) as opened:
        made = opened.submit(entry, team=team, name=name, picks=split_names(pick), tried=not no_try)
    if as_json:
        print_json(plain(made))
        return
    for remark in made.remarks:
        typer.echo(f"bakeoff: {remark}", err=True)
    picks = f", the final pick on {', '.join(made.picks)}" if made.picks else ""
    typer.echo(f"Submission {made.number}: {made.entry.name}{picks}. Next: bakeoff run -C {to}")


@spread
def run(
    how: RunChoices,
    entries: Annotated[Names, _Entries] = None,
    tasks: Annotated[Names, _Tasks] = None,
    again: Annotated[bool, Option("--again", help="Run failed and refused cells once more.")] = False,
    challenge: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Run whatever cells are due and judge them; those that are finished stay."""
    from bakeoff.arena.challenge import Challenge, RunRequest

    with closing(Challenge.open(challenge)) as opened:
        limits = how.limits(opened.rules.limits)
        request = RunRequest(split_names(entries), split_names(tasks), how.seeds, limits, how.workers, again)
        with Bar() as watch:
            summary = opened.run(request, watch)
    if as_json:
        print_json(plain(summary))
    else:
        show_run(summary, watch.declined, watch.told)


@spread
def judge(
    choices: DeepChoices,
    again: Annotated[bool, _JudgeAgain] = False,
    challenge: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Let judges read kept answers, without running anything; with --deep they may ask for further fits."""
    if choices.entries:
        judge_deep(challenge, choices, again, as_json)
        return
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(challenge)) as opened, Bar() as watch:
        made = opened.judge(watch, again)
    if as_json:
        print_json({"judgements": made})
    else:
        typer.echo(f"{made} judgement{'s' * (made != 1)} made.")
