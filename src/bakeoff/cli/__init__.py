"""The commands: each opens a Challenge (or compares), asks one thing of it and shows what comes back.

No decision is taken here, and nothing heavy is loaded before a command runs. Every error of the house leaves as one
message on stderr with its own exit code; Ctrl-C says what is kept and leaves with 130.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bakeoff.arena.escaping import clean
from bakeoff.cli import (
    backup,
    board,
    challenge,
    compare,
    demo,
    doctor,
    fairness,
    label,
    owner,
    privacy,
    privacy_audit,
    privacy_fit,
    privacy_rewrite,
    study,
    versions,
)
from bakeoff.errors import BESIDES, BakeoffError, TableError, UsageError

INTERRUPTED = 130
LONGEST = 1 << 20
ORDER = (
    *("demo", "compare", "new", "table", "submit", "run", "judge", "board", "take"),
    *("privacy", "fairness", "study", "label", "backup", "restore", "doctor"),
)


class Commands(TyperGroup):
    """The group of all commands, which turns what goes wrong into one message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order in which a person meets them."""
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except BakeoffError as error:
            # Whatever a message quotes, no stranger's words reach the terminal as commands to it.
            typer.echo(f"bakeoff: {clean(_said(error), LONGEST)}", err=True)
            raise typer.Exit(error.exit_code) from None
        except typer.BadParameter as error:
            if type(error) is not typer.BadParameter:
                raise  # something is missing altogether, where the usage helps more than a sentence
            typer.echo(f"bakeoff: {_plainly(error.format_message())}", err=True)
            raise typer.Exit(UsageError.exit_code) from None
        except KeyboardInterrupt as interrupt:
            typer.echo(f"\nbakeoff: {str(interrupt) or 'Interrupted; nothing that was finished is lost.'}", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read our output has gone; the interpreter must not try to flush to it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None


def _said(error: BakeoffError) -> str:
    problems = error.problems if isinstance(error, TableError) else ()
    count = sum(not problem.startswith(BESIDES) for problem in problems)
    if len(problems) < 2:
        return str(error)
    head = f"the table has {count} problem{'s' * (count != 1)}:"
    return "\n".join([head, *(f"  {' ' if problem.startswith(BESIDES) else '-'} {problem}" for problem in problems)])


def _plainly(message: str) -> str:
    """A parser's message about one value, `Invalid value for '--seeds': Input should be ...`, in plainer words."""
    words = {
        "greater than or equal to": "at least",
        "less than or equal to": "at most",
        "valid integer": "whole number",
    }
    for theirs, ours in words.items():
        message = message.replace(theirs, ours)
    message = re.sub(r", unable to .*", "", message)
    found = re.fullmatch(r"Invalid value for '?(.+?)'?: (?:Input )?(should .*?)\.?", message)
    return f"The value of {found[1]} {found[2]}." if found else message


def _version(asked: bool) -> None:
    if asked:
        import bakeoff

        typer.echo(f"bakeoff {bakeoff.__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run every algorithm on every table and judge quality, cost, privacy, fairness and robustness.",
)


_Version = typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")


@app.callback()
def _root(version: Annotated[bool, _Version] = False) -> None:
    pass


FIRST, SECOND, THIRD = "The first ten minutes", "A challenge", "Housekeeping"
TRUST, STUDIES = "Trust", "Studies"
app.command("demo", rich_help_panel=FIRST)(demo.demo)
app.command("compare", rich_help_panel=FIRST)(compare.compare)
app.add_typer(challenge.new, name="new", rich_help_panel=SECOND)
challenge.table.command("report")(owner.table_report)
challenge.table.command("correct")(owner.table_correct)
challenge.table.command("versions")(versions.table_versions)
challenge.table.command("export")(versions.table_export)
challenge.table.command("cite")(versions.table_cite)
challenge.table.command("remove")(versions.table_remove)
app.add_typer(challenge.table, name="table", rich_help_panel=SECOND)
app.command("submit", rich_help_panel=SECOND)(challenge.submit)
app.command("run", rich_help_panel=SECOND)(challenge.run)
app.command("judge", rich_help_panel=SECOND)(challenge.judge)
app.command("board", rich_help_panel=SECOND)(board.board)
app.command("take", rich_help_panel=SECOND)(board.take)
privacy.privacy.command("fit")(privacy_fit.privacy_fit)
privacy.privacy.command("audit")(privacy_audit.privacy_audit)
privacy.privacy.command("rewrite")(privacy_rewrite.privacy_rewrite)
app.add_typer(privacy.privacy, name="privacy", rich_help_panel=TRUST)
app.command("fairness", rich_help_panel=TRUST)(fairness.fairness)
app.add_typer(study.study, name="study", rich_help_panel=STUDIES)
app.command("label", rich_help_panel=THIRD)(label.label)
app.command("backup", rich_help_panel=THIRD)(backup.backup)
app.command("restore", rich_help_panel=THIRD)(backup.restore)
app.command("doctor", rich_help_panel=THIRD)(doctor.doctor)


def main() -> None:
    """Run the command line."""
    app(prog_name="bakeoff")
