"""Corrected truth: what a table's owner found wrong among the test rows' targets, numbered, dated and kept apart.

The table that entries see stays as it is, and so does its digest: kept answers are judged again, and nothing is run.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.arena.board_words import counted
from bakeoff.arena.challenge_files import Places, write_task
from bakeoff.arena.matrix import Silent
from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import TEXT_KINDS, Array, Frame, Label, Task
from bakeoff.tasks import kind
from bakeoff.tasks.labels import missing, native, some

if TYPE_CHECKING:
    from bakeoff.arena.challenge import Challenge
    from bakeoff.arena.staging import TaskData

ROW_ID = "row_id"
CORRECTED = "corrected"


@dataclass(frozen=True)
class Correction:
    """One version of a table's truth: `labels` by row id, and the labels as they `were` before it.

    `of` is the digest of the truth as it came, to which all corrections of a table belong.
    """

    number: int
    at: str
    who: str
    why: str
    of: str
    labels: Mapping[int, Label | float]
    were: Mapping[int, Label | float]


@dataclass(frozen=True)
class Corrected:
    """What a correction did: its record, rows whose label was that already, and how many judgements were made."""

    correction: Correction
    same: int
    judged: int


def correct_table(
    challenge: Challenge, table: str, source: str | Path | Frame, *, who: str = "", why: str = "", watcher: Any = None
) -> Corrected:
    """Take corrected labels of test rows, and judge the kept answers anew; no cell is run.

    `source` is a frame, or a CSV or Parquet file, with the column `row_id` and a column `corrected` (or one of the
    target's name); rows without a corrected label are passed over. Raises TableError with every problem: rows that are
    no test rows, labels that are none of the classes, no correction at all.
    """
    task = challenge._newest(task_of(challenge, table), watcher or Silent())
    if task.kind in TEXT_KINDS:
        raise UsageError(
            f"{table!r} is a task of {task.kind}, whose targets are not corrected row by row; correct the table itself "
            "and bring it in as its next version: bakeoff table add PATH --name NAME --replace"
        )
    data: TaskData = challenge.data(task)
    labels = _labels(_frame(source, challenge.places.option), data)
    places = {int(row_id): place for place, row_id in enumerate(data.row_ids)}
    were = {row_id: native_label(data.truth[places[row_id]], task) for row_id in labels}
    changed = {row_id: label for row_id, label in labels.items() if label != were[row_id]}
    if not changed:
        what = f"All {len(labels):,} corrected labels" if len(labels) > 1 else "The one corrected label"
        are = "are" if len(labels) > 1 else "is"
        raise TableError(f"{what} of {table!r} {are} what the truth says already; nothing was changed.")
    base = challenge.data(replace(task, truth=0))
    number = len(_files(challenge.places, task)) + 1
    made = Correction(
        number,
        datetime.now(UTC).isoformat(timespec="seconds"),
        who or _user(),
        why,
        truth_digest(base),
        changed,
        {row_id: were[row_id] for row_id in changed},
    )
    renewed = replace(task, truth=number)
    _check(data, _applied(data, [made]))
    _keep(challenge.places, task, made)
    write_task(challenge.places, renewed)
    return Corrected(made, len(labels) - len(changed), challenge.judge(watcher))


def task_of(challenge: Challenge, table: str) -> Task:
    """The task that is asked of a table; NotFound when there is no such table."""
    tasks = {task.table: task for task in challenge.tasks()}
    return tasks[challenge._named("table", table, list(tasks))]


def corrections(places: Places, task: Task) -> list[Correction]:
    """The corrections of a table's truth that count for this task, oldest first; NotFound for a truth not made yet."""
    found, files = [], _files(places, task)
    if not isinstance(task.truth, int) or not 0 <= task.truth <= len(files):
        raise NotFound(
            f"Truth {task.truth!r} of {task.name!r} is not there; it has 0 to {len(files)}. "
            f"Mend `truth` in {task.name}.toml."
        )
    for path in files[: task.truth]:
        said = json.loads(path.read_text(encoding="utf-8"))
        for key in ("labels", "were"):
            said[key] = {int(row_id): label for row_id, label in said[key].items()}
        found.append(Correction(**said))
    return found


def corrected(data: TaskData, places: Places) -> TaskData:
    """A task's rows with the test rows' targets as corrected; corrections of another truth have no say."""
    if not data.task.truth:
        return data
    of = truth_digest(data)
    mine = [made for made in corrections(places, data.task) if made.of == of]
    return replace(data, truth=_applied(data, mine)) if mine else data


def correction_note(places: Places, task: Task) -> str:
    """What a board says of a corrected truth: `truth corrected: 12 rows`; nothing where it is as it came."""
    rows = {row_id for made in corrections(places, task) for row_id in made.labels} if task.truth else set()
    return f"truth corrected: {counted(len(rows), 'row')}" if rows else ""


def truth_digest(data: TaskData) -> str:
    """The digest of the test rows' ids and targets."""
    hashed = hashlib.sha256(np.asarray(data.row_ids, dtype="<i8").tobytes())
    hashed.update("\0".join(map(str, data.truth.tolist())).encode("utf-8", "surrogatepass"))
    return hashed.hexdigest()


def native_label(label: Any, task: Task) -> Label | float:
    """A label as JSON holds it: one of the task's classes, or a float."""
    return native(label) if task.classes else float(label)


def _applied(data: TaskData, made: Sequence[Correction]) -> Array:
    truth = np.array(data.truth, copy=True)
    places = {int(row_id): place for place, row_id in enumerate(data.row_ids)}
    for each in made:
        for row_id, label in each.labels.items():
            truth[places[row_id]] = label
    return truth


def _check(data: TaskData, truth: Array) -> None:
    problems = kind(data.task.kind).check(data.task, data.labels, truth)
    if problems:
        raise TableError(problems)


def _frame(source: str | Path | Frame, option: str) -> Frame:
    from bakeoff.tables.readers.formats import parse

    if not isinstance(source, (str, Path)):
        return source
    path = Path(source)
    if not path.is_file():
        raise UsageError(
            f"There is no file {str(path)!r}; write one with: bakeoff table report NAME --errors FILE{option}"
        )
    return parse(path.read_bytes(), str(path))


def _labels(frame: Frame, data: TaskData) -> dict[int, Label | float]:
    """Corrected labels by row id; TableError with every problem."""
    task = data.task
    column = next((name for name in (CORRECTED, task.target) if name in frame.columns), "")
    if ROW_ID not in frame.columns or not column:
        raise TableError(f"Corrections need the columns {ROW_ID!r} and {CORRECTED!r}; there are {some(frame.columns)}.")
    cells = np.asarray(frame[column], dtype=object)
    given = ~missing(cells) & np.array([str(cell).strip() != "" for cell in cells], dtype=bool)
    if not given.any():
        raise TableError(
            f"No row has a label in the column {column!r}; write the right label there where one is wrong."
        )
    tests = set(map(int, data.row_ids))
    whole = len(data.row_ids) + len(data.labels)
    found: dict[int, Label | float] = {}
    problems = []
    for cell, label in zip(np.asarray(frame[ROW_ID], dtype=object)[given], cells[given], strict=True):
        row_id = _whole(cell)
        taken = _label(label, task)
        if row_id is None or not 0 <= row_id < whole:
            problems.append(f"{ROW_ID} {cell!r} is no row of the table {task.table!r}; take the ids from its report.")
        elif row_id not in tests:
            problems.append(
                f"Row {row_id} is a training row, which entries have learned from; "
                "correct it in the table itself and bring that in as a new version."
            )
        elif taken is None:
            what = f"one of {some(task.classes)}" if task.classes else "a finite number"
            problems.append(f"Row {row_id} is to become {label!r}, which is not {what}.")
        elif found.setdefault(row_id, taken) != taken:
            problems.append(f"Row {row_id} is given twice, as {found[row_id]!r} and as {taken!r}; leave one out.")
    if problems:
        raise TableError(list(dict.fromkeys(problems)))
    return found


def _whole(cell: Any) -> int | None:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _label(cell: Any, task: Task) -> Label | float | None:
    """A corrected label as the truth holds it, None when it cannot be one."""
    if not task.classes:
        try:
            number = float(cell)
        except (TypeError, ValueError):
            return None
        return number if np.isfinite(number) else None
    words = {str(label): label for label in task.classes}
    said = str(cell).strip()
    whole = _whole(cell)
    return words.get(said, words.get(str(whole)) if whole is not None else None)


def _files(places: Places, task: Task) -> list[Path]:
    return sorted((places.private / "corrections" / task.table).glob("*.json"))


def _keep(places: Places, task: Task, made: Correction) -> None:
    """Write a correction down, readable by the organiser alone; a number is never written twice."""
    folder = places.private / "corrections" / task.table
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{made.number:04}.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(made), file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
