"""A table read for one command alone, outside of any challenge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bakeoff.cli.options import QuestionChoices
from bakeoff.cli.showing import show_table

if TYPE_CHECKING:
    from bakeoff.algorithms.private_trial import TrialRows


def trial_rows(table: Path, question: QuestionChoices, folder: Path, quiet: bool) -> TrialRows:
    """Read a table into a challenge in `folder`, which must stay while the rows are used, and say what was understood.

    Nothing is said where it is to be `quiet`. Raises what bringing a table in raises.
    """
    from bakeoff.algorithms.private_trial import TrialRows
    from bakeoff.arena.challenge import Challenge

    challenge = Challenge.create(folder / "challenge", title="trial")
    try:
        added = challenge.add_table(table, question.options())
        data = challenge.data(added.task)
    finally:
        challenge.close()
    if not quiet:
        show_table(added.table)
        for line in (*added.explained, *added.notes):
            typer.echo(line)
    return TrialRows(added.task, data.table, data.train, data.labels, data.test, data.truth)
