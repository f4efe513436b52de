"""What an entry says that only the organiser may read: its log, its reasons and its notes can carry a table's rows out.

The rules decide it for the whole challenge, and the owner of a table for that table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bakeoff.arena.challenge_files import ORGANISER, Places, Rules
from bakeoff.arena.escaping import clean
from bakeoff.arena.scores import HOUSE_NOTES
from bakeoff.nouns import CellResult, Level, Outcome, Task

KEPT = "log kept by the organiser"
LONGEST = 1 << 16
OWN_WORDS = (Outcome.DONE, Outcome.TIMED_OUT)  # outcomes whose reason is in the house's words alone


def is_kept(places: Places, rules: Rules, task: Task) -> bool:
    """Whether the organiser alone reads what entries say on a task."""
    from bakeoff.tables import read_settings

    home = places.tables / task.table
    return ORGANISER in (rules.logs, read_settings(home).logs if home.is_dir() else "")


def withheld(result: CellResult) -> CellResult:
    """A result without the entry's own words; a prediction file meets no rows that it could tell of, and stays."""
    if result.level is Level.PREDICTIONS:
        return result
    said = result.outcome not in OWN_WORDS and (result.reason or result.log)
    return replace(
        result,
        reason=KEPT if said else result.reason,
        log="",
        notes=tuple(note for note in result.notes if note in HOUSE_NOTES),
    )


def shown(results: dict[str, CellResult], kept: Iterable[Task]) -> dict[str, CellResult]:
    """Results by cell as a board may show them, where `kept` are the tasks on which words are the organiser's.

    What is shown is made safe to show once more, whoever wrote the store.
    """
    digests = {task.digest for task in kept}
    return {
        cell: _escaped(withheld(result) if result.cell.task_digest in digests else result)
        for cell, result in results.items()
    }


def _escaped(result: CellResult) -> CellResult:
    return replace(
        result,
        reason=clean(result.reason, LONGEST),
        log=clean(result.log, LONGEST),
        notes=tuple(clean(note, LONGEST) for note in result.notes),
    )
