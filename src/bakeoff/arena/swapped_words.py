"""What is told of a table's own word lists when it comes in: what they are for, and whether any row has a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bakeoff.arena.board_words import counted
from bakeoff.nouns import ColumnType, Role, Task

READ = (ColumnType.TEXT, ColumnType.TOKENS)


@dataclass(frozen=True)
class Words:
    """A sentence on the lists that a table has, and remarks on those that will tell nothing."""

    explained: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def words_told(task: Task, data: Any) -> Words:
    """What is told of the word lists of a table in standard form; nothing where it has none."""
    swaps = task.swaps
    if not swaps:
        return Words()
    english = "English words of gender too" if swaps.english else "no English words of gender"
    own = [f"{name} ({counted(len(rows), 'row')} of {len(rows[0])} words)" for name, rows in swaps.lists.items()]
    listed = ", ".join(own) or "no words of its own"
    return Words((f"swapped in twins: {listed}; {english}",), _remarks(task, data))


def _remarks(task: Task, data: Any) -> tuple[str, ...]:
    """Why a list will tell nothing, for each of which that is known already."""
    from bakeoff.fairness.listed_words import attributes
    from bakeoff.fairness.twins import FEWEST, KINDS, SCANNED, foreign, holding

    lists = task.swaps.lists
    if lists and task.kind not in KINDS:
        return (f"There are no twins in a {task.kind} task, so the words of [swaps] are swapped nowhere.",)
    names = [column.name for column in data.table.columns if column.type in READ and column.role is Role.FEATURE]
    if lists and not names:
        return ("No feature is a column of text or tokens, so the words of [swaps] are swapped nowhere.",)
    start, stop = data.span("test")
    test = data.cells.piece(start, min(stop, start + SCANNED), names)
    known = attributes(task.swaps, not foreign(test, names))
    counts = {one.name: len(holding(test, names, one)) for one in known if one.name in lists}
    return tuple(
        f"swaps.{name}: {held:,} of {len(test):,} test rows hold one of its words and {FEWEST} are needed, so nothing "
        "will be told of it."
        for name, held in counts.items()
        if held < FEWEST
    )
