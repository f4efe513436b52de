"""The deeper form of `bakeoff judge`: further fits of some entries on one table."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Option

from bakeoff.cli.options import Names, print_json, split_names
from bakeoff.cli.progress import Bar
from bakeoff.cli.showing import console
from bakeoff.errors import UsageError

_Deep = Option(metavar="ENTRY", help="Look deeper, by further fits of this entry that no board ranks; may be repeated.")
_On = Option("--on", metavar="TABLE", help="With --deep: the table.")
_Quick = Option("--quick", help="With --deep: few fits, for a first look.")
_Seed = Option(min=0, help="With --deep: the seed of the fits.")
_Workers = Option(min=0, help="With --deep: fits run at once; 0 leaves one core in four to the house.")


@dataclass(frozen=True)
class DeepChoices:
    """Which entries are to be judged by further fits, on what and how."""

    deep: Annotated[Names, _Deep] = None
    on: Annotated[str, _On] = ""
    quick: Annotated[bool, _Quick] = False
    seed: Annotated[int, _Seed] = 0
    workers: Annotated[int, _Workers] = 0

    @property
    def entries(self) -> tuple[str, ...]:
        """The entries that are named; UsageError where there are none and another of these options was given."""
        names = split_names(self.deep)
        if names and not self.on:
            raise UsageError(f"--deep {names[0]} needs a table; name it with --on TABLE.")
        if not names and (self.on or self.quick or self.seed or self.workers):
            raise UsageError(
                "--on, --quick, --seed and --workers belong to --deep ENTRY; name an entry, or leave them out."
            )
        return names


def judge_deep(challenge: Path, choices: DeepChoices, again: bool, as_json: bool) -> None:
    """Run the audit cells that are due and show what the judges read from all of them."""
    from bakeoff.arena.audit_text import audit_json, audit_text
    from bakeoff.arena.challenge import AuditRequest, Challenge

    request = AuditRequest(
        choices.entries, choices.on, choices.quick, choices.seed, workers=choices.workers, again=again
    )
    with closing(Challenge.open(challenge)) as opened, Bar() as watch:
        summary = opened.audit(request, watch)
    if as_json:
        print_json(audit_json(summary))
    else:
        audit_text(summary, console(), watch.told)
