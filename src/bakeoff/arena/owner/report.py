"""What a table's owner gets after a run: headroom, a learning curve, doubtful labels, and where the best two differ."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.arena.board import Estimate
from bakeoff.arena.board_words import encodable
from bakeoff.arena.corrections import CORRECTED, ROW_ID, Correction, corrections, task_of
from bakeoff.arena.owner.answers import KeptAnswers, kept_answers
from bakeoff.arena.owner.curve import Curve, Learning
from bakeoff.arena.owner.errors import LabelErrors, label_errors, strongest
from bakeoff.arena.owner.headroom import Headroom, headroom
from bakeoff.arena.owner.rows import example
from bakeoff.arena.owner.slices import TaskSlices, task_slices
from bakeoff.arena.owner.words import alike, asked_word, moved
from bakeoff.arena.versions import expired, expiry
from bakeoff.errors import UsageError
from bakeoff.nouns import plain

if TYPE_CHECKING:
    from bakeoff.arena.challenge import Challenge

SOURCE_ROW = "source_row"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
HIDDEN = ("replicates", "pictures")  # of no use to a program, or too large


@dataclass(frozen=True)
class EntryScore:
    """One entry's primary metric on the test rows, over its seeds."""

    entry: str
    baseline: bool
    score: Estimate


@dataclass(frozen=True)
class OwnerReport:
    """One table after a run, for its owner.

    `entries` are best first. `answer` says in a sentence or two what would help most: a better algorithm, more labels,
    or neither that can be seen. `slices` compares the best two distinct entries. `corrections` are the versions of the
    truth so far, and `troubles` what the house failed to do.
    """

    table: str
    task: str
    question: str
    metric: str
    greater_is_better: bool
    train: int
    test: int
    entries: tuple[EntryScore, ...]
    headroom: Headroom
    curve: Curve
    errors: LabelErrors
    slices: TaskSlices | None
    answer: str
    corrections: tuple[Correction, ...] = ()
    troubles: tuple[str, ...] = ()
    made_with: Mapping[str, Any] = field(default_factory=dict)


def owner_report(
    challenge: Challenge, table: str, *, curve: bool = False, entries: Sequence[str] = (), watcher: Any = None
) -> OwnerReport:
    """The report on one table; with `curve` the missing cells of the learning curve are run first.

    `entries` names those of the learning curve; without, they are the best one, the best baseline and the reference.
    Raises UsageError when no entry has answered yet.
    """
    task = task_of(challenge, table)
    kept = kept_answers(challenge, task)
    if not kept.entries:
        if day := expiry(challenge.places, task.table):
            raise UsageError(
                f"No entry answered {table!r} before it expired on {day}, so nothing can be said of it; "
                "ask its owner for a later day."
            )
        raise UsageError(
            f"No entry has answered {table!r} yet; run the challenge first: bakeoff run{challenge.places.option}"
        )
    if not kept.is_counted:
        raise UsageError(
            f"A report reads answers that are classes or numbers, and {table!r} is a task of {task.kind}; "
            f"see how entries stand on it: bakeoff board{challenge.places.option}"
        )
    if curve and (said := expired(challenge.places, task.table)):
        raise UsageError(f"{said} The report without --curve reads what is kept.")
    names = [challenge._named("entry", name, [entry.name for entry in kept.entries]) for name in entries]
    learning = Learning(challenge, kept, names, watcher)
    troubles = learning.run() if curve else ()
    room, learned = headroom(kept), learning.curve()
    pair = strongest(kept, most=2) if len(kept.entries) > 1 else []
    baselines = {entry.name for entry in kept.entries if entry.baseline}
    return OwnerReport(
        table=table,
        task=task.name,
        question=asked_word(task),
        metric=kept.metric.title,
        greater_is_better=kept.metric.greater_is_better,
        train=len(kept.data.labels),
        test=len(kept.truth),
        entries=tuple(EntryScore(name, name in baselines, found.estimate) for name, found in kept.standing.items()),
        headroom=room,
        curve=learned,
        errors=label_errors(kept),
        slices=task_slices(kept, pair[0], pair[1]) if len(pair) == 2 else None,
        answer=_answer(kept, room, learned),
        corrections=tuple(corrections(challenge.places, task)),
        troubles=troubles,
        made_with={"date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "seeds": len(kept.seeds)},
    )


def _answer(kept: KeptAnswers, room: Headroom, learned: Curve) -> str:
    """Better algorithm, or more labels? The two gains against each other, paired over the same bootstrap draws."""
    if learned.last is None:
        known = "Only half of it is known" if room.gain is not None else "Nothing of it is known yet"
        return f"{known}. {room.verdict} {learned.verdict}"
    more = learned.next is not None
    digits = alike(learned.next or learned.last, room.gain)
    if learned.next is not None:
        labels = f"twice the labelled rows {moved(kept.metric, learned.next, digits, 'would bring about')}"
    else:
        labels = f"the last doubling of the labelled rows {moved(kept.metric, learned.last, digits)}"
    if room.gain is None:
        return f"{'More labels would help' if more else 'More labels are not seen to help beyond noise'}: {labels}."
    better = f"what all entries know together {moved(kept.metric, room.gain, digits, 'would bring', 'would lose')}"
    if more and room.found:
        side = _larger(room, learned)
        lead = {1: "Above all more labels", -1: "Above all a better algorithm", 0: "Both"}[side]
        return f"{lead}: {labels}, {better}."
    if more or room.found:
        lead, last = ("More labels", better) if more else ("A better algorithm", labels)
        return f"{lead}: {labels if more else better}; {last}, within noise."
    return f"Neither is seen to help beyond noise: {labels}, {better}. What is left may be noise in the labels."


def _larger(room: Headroom, learned: Curve) -> int:
    """1 where more rows gain more beyond noise, -1 where the ensemble does, 0 where that cannot be told."""
    if room.replicates is None or learned.replicates is None:
        return 0
    low, high = np.quantile(learned.replicates - room.replicates, [0.025, 0.975])
    return 1 if low > 0 else -1 if high < 0 else 0


def report_json(report: OwnerReport) -> dict[str, Any]:
    """The report as what JSON can hold: an estimate is {value, low, high, reason}, and no finite number is null."""
    return _tellable(plain(report))  # type: ignore[no-any-return]


def slices_json(found: Sequence[TaskSlices]) -> list[dict[str, Any]]:
    """Slices of several tasks as what JSON can hold."""
    return [_tellable(plain(each)) for each in found]


def _tellable(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {encodable(key): _tellable(value) for key, value in thing.items() if key not in HIDDEN}
    if isinstance(thing, list):
        return [_tellable(value) for value in thing]
    if isinstance(thing, str):
        return encodable(thing)
    return None if isinstance(thing, float) and not math.isfinite(thing) else thing


def write_errors(challenge: Challenge, report: OwnerReport, path: str | Path) -> int:
    """Write the doubtful labels to a CSV or Parquet file for a person to correct; gives how many there are.

    Columns: `row_id`, the label as `given`, `suggested`, `confidence`, an empty `corrected` for the right label where
    the given one is wrong, `source_row` where it is known, and the row's cells.
    """
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        raise UsageError(f"--errors {str(path)!r} is neither a .csv nor a .parquet file; name one of these.")
    kept = kept_answers(challenge, task_of(challenge, report.table))
    lines = []
    for doubt in report.errors.doubts:
        shown = doubt.example or example(kept, doubt.row, pictures=False)
        own = {ROW_ID: shown.row_id, "given": doubt.given, "suggested": doubt.suggested}
        own |= {"confidence": round(doubt.confidence, 4), CORRECTED: ""}
        own |= {} if shown.source_row is None else {SOURCE_ROW: shown.source_row}
        lines.append(own | {name: cell for name, cell in shown.cells.items() if name not in own})
    heads = [ROW_ID, "given", "suggested", "confidence", CORRECTED]
    heads += [SOURCE_ROW] if kept.data.sources is not None else []
    heads += [name for name in kept.data.test.columns if name not in heads]
    if path.suffix == ".parquet":
        import pandas as pd

        pd.DataFrame(lines, columns=heads).to_parquet(path, index=False)
        return len(lines)
    with path.open("w", encoding="utf-8", newline="", errors="replace") as file:
        writer = csv.DictWriter(file, heads, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _harmless(value) for key, value in line.items()} for line in lines)
    return len(lines)


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front; a number stays one."""
    if not isinstance(value, str) or not value.startswith(FORMULA):
        return value
    try:
        float(value.replace(",", ""))
    except ValueError:
        return f"'{value}"
    return value
