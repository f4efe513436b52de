"""What a new version of a table changed, and what was said of the former one that does not hold for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.arena.board_words import counted, listed
from bakeoff.nouns import Task

SAID = ("metric", "track", "label", "notes", "licence", "source", "ignore", "complete", "terms", "expires", "swaps")
NAMES = 3


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What differs between two data cards, as `rows 400 -> 390; column extra new; role of nr feature -> id`."""
    said: list[str] = []
    for what in ("all", "test"):
        old, new = (card["rows"][what] for card in (before, after))
        if old != new and not said:
            said.append(f"{'rows' if what == 'all' else 'test rows'} {old:,} -> {new:,}")
    former, present = ({column["name"]: column for column in card["columns"]} for card in (before, after))
    said += _columns([name for name in present if name not in former], "new")
    said += _columns([name for name in former if name not in present], "gone")
    said += [
        f"{what} of {name} {former[name][what]} -> {column[what]}"
        for name, column in present.items()
        for what in ("type", "role")
        if name in former and former[name][what] != column[what]
    ]
    for what in ("method", "column", "seed"):
        old, new = (card["split"][what] for card in (before, after))
        if old != new:
            said.append(f"split {what} {old or 'none'} -> {new or 'none'}")
    return "; ".join(said) or "other cells"


def _columns(names: Sequence[str], became: str) -> list[str]:
    if not names:
        return []
    return [f"column{'s' * (len(names) > 1)} {listed(list(names), NAMES)} {became}"]


def not_carried_over(before: Any, after: Any, tasks: tuple[Task, Task]) -> list[str]:
    """What the former version's settings and task said that those of the new one do not, by the name of each thing."""
    said = [name for name in SAID if getattr(before, name) and not getattr(after, name)]
    shares = [settings.split.public_share if settings.split else 0 for settings in (before, after)]
    said += ["public share"] if shares[0] and not shares[1] else []
    return said + (["what entries see of each role"] if tasks[0].see != tasks[1].see else [])


def replaced(number: int, note: str, lost: Sequence[str], corrected: int) -> tuple[str, list[str]]:
    """The sentence on what a new version `number` changed, and remarks on what it does not take over.

    An empty `note` means that nothing has changed; `corrected` counts the rows whose truth had been corrected.
    """
    told = f"version: {number} ({note})" if note else f"version: {number} still; the content is the same"
    remarks = []
    if lost:
        remarks.append(f"Not carried over from the former version: {', '.join(lost)}; say so again where it holds.")
    if corrected:
        remarks.append(
            f"The former version's truth was corrected in {counted(corrected, 'row')}, which is not carried over; "
            "correct the source, or this version with: bakeoff table correct NAME FILE"
        )
    return told, remarks
