"""Bringing a table in: read it, type it, check it, set the test apart, and make the task of its name."""

from __future__ import annotations

import datetime
import difflib
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.challenge_files import Places, read_task, write_task
from bakeoff.arena.changes import changed, not_carried_over, replaced
from bakeoff.arena.swapped_words import words_told
from bakeoff.arena.versions import TRUTH, archive, expired, is_exported, next_number, present, today
from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import ColumnType, Role, Split, Table, Task

MATCHING = "matching"


@dataclass(frozen=True)
class TableOptions:
    """What the caller says of a table; what is left empty is read from table.toml or inferred.

    `split` is given, stratified, random, owner, time or records, and a `seed` of 0 is unsaid; `label` is real or made;
    `settings` is a `tables.Settings` that stands for a table.toml; `leave_out_given_away` leaves columns out that
    follow from the target. `query` is SQL for a source that is a database. `public_share` is the share of the test rows
    whose scores are shown while a challenge runs; `terms`, `expires` (ISO 8601) and `logs` (shown, or organiser, who
    alone then reads what entries print) are the owner's. For a matching
    table `pairs` are the labelled pairs of records in the source, or in the source and in `right`; `ignore` names
    record columns in which two records may differ and still match, and `complete` says that all matches are labelled.
    With `replace` the table becomes the next version of the one that has its name; with `confined` the source, a file
    or folder of somebody who is not trusted, is read behind the wall.
    """

    target: str = ""
    name: str = ""
    kind: str = ""
    metric: str = ""
    id: str = ""
    owner: str = ""
    time: str = ""
    protected: tuple[str, ...] = ()
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    split: str = ""
    test_share: float = 0.0
    seed: int = 0
    track: str = ""
    label: str = ""
    notes: str = ""
    settings: Any = None
    leave_out_given_away: bool = False
    right: Any = None
    pairs: Any = None
    ignore: tuple[str, ...] = ()
    complete: bool = False
    query: str = ""
    public_share: float = 0.0
    terms: str = ""
    expires: str = ""
    logs: str = ""
    replace: bool = False
    confined: bool = False


@dataclass(frozen=True)
class Added:
    """What was understood of a table: its columns with reasons, the question with reasons, and remarks."""

    table: Table
    task: Task
    explained: tuple[str, ...]
    notes: tuple[str, ...] = ()


def add_table(places: Places, source: Any, options: TableOptions) -> Added:
    """Bring `source` (a path or a pandas frame) into the challenge as a table and a task of one name.

    Raises TableError with all of the table's problems at once, TaskError when the question cannot be asked.
    """
    with ExitStack() as held:
        return _added(places, source, options, held)


def _added(places: Places, source: Any, options: TableOptions, held: ExitStack) -> Added:
    """What `add_table` gives; what is read confined lies in a folder that `held` takes away."""
    from bakeoff.tables import write
    from bakeoff.tables.croissant import Edition
    from bakeoff.tasks import infer_kind, make_task

    settings = _settings(source, options)
    if _is_matching(options, settings):
        data = _matching(source, options, settings)
    else:
        data = _data(source, options, settings, held)
    train, test = data.labels("train"), data.labels("test")
    asked_kind = options.kind or data.settings.kind
    inferred, why = (asked_kind, f"asked for: {asked_kind}")
    if not asked_kind:
        inferred, why = infer_kind(data.table, np.concatenate([train, test]))
    task = make_task(
        data.table,
        train,
        test,
        kind=inferred,
        metric=options.metric or data.settings.metric or None,
        split=data.split,
        track=options.track or data.settings.track or None,
        label=data.settings.label,
        ignored=data.settings.ignore,
        swaps=data.settings.swaps,
    )
    former = _former(places, task, options)
    number = next_number(places, task.table, task.table_digest)
    if former is not None and number == former.number and former.task.kind == task.kind:
        task = replace(task, truth=former.task.truth)  # the same rows, so what was corrected of them still holds
    elif former is not None and number != former.number:
        archive(places, task.table)
    write(data, places.tables / task.table, places.truth, Edition(number, today()))
    write_task(places, task)
    told, lost = _compared(places, task, former, number)
    words = words_told(task, data)
    notes = [*data.notes, *words.remarks, *_drift(places, task), *lost, *filter(None, [expired(places, task.table)])]
    return Added(data.table, task, (*_explain(task, data, why), *words.explained, *told), tuple(notes))


@dataclass(frozen=True)
class _Former:
    """A table as it was before another version takes its place; `corrected` counts the rows of its corrected truth."""

    number: int
    card: Mapping[str, Any]
    settings: Any
    task: Task
    corrected: int


def _former(places: Places, task: Task, options: TableOptions) -> _Former | None:
    """The version that is to be replaced, None for a table of a new name; UsageError where that was not asked for."""
    from bakeoff.arena.corrections import corrections
    from bakeoff.tables import read_settings

    own = places.tasks / f"{task.name}.toml"
    if not own.exists() and options.replace:
        known = sorted(path.stem for path in places.tasks.glob("*.toml"))
        near = difflib.get_close_matches(task.name, known, 1)
        mend = f"did you mean --name {near[0]!r}?" if near else "leave --replace out to add it."
        raise NotFound(f"There is no table {task.name!r} to replace; {mend}")
    if not own.exists():
        return None
    if not options.replace:
        raise UsageError(
            f"The challenge already has a table {task.name!r}; give this one another --name, "
            "or make it that table's next version with --replace."
        )
    was = read_task(own)
    rows = {row_id for made in corrections(places, was) for row_id in made.labels}
    card = _card(places, task.table)
    return _Former(present(places, task.table).number, card, read_settings(places.tables / task.table), was, len(rows))


def _compared(places: Places, task: Task, former: _Former | None, number: int) -> tuple[list[str], list[str]]:
    """Write the new version down, and say what it changed and what it does not take over from the former one."""
    from bakeoff.tables import read_settings

    note = "" if former is None or number == former.number else changed(former.card, _card(places, task.table))
    present(places, task.table, note)
    if former is None:
        return [], []
    lost = not_carried_over(former.settings, read_settings(places.tables / task.table), (former.task, task))
    told, remarks = replaced(number, note, lost, 0 if task.truth else former.corrected)
    return [told], remarks


def _card(places: Places, table: str) -> Mapping[str, Any]:
    return json.loads((places.tables / table / "card.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _drift(places: Places, task: Task) -> list[str]:
    """What the card says of drift between train and test, where there is any."""
    drift = _card(places, task.table).get("drift", {})
    return [drift["told"]] if drift.get("differs") else []


def _is_matching(options: TableOptions, settings: Any) -> bool:
    return MATCHING in (options.kind, settings.kind) or options.pairs is not None


def _data(source: Any, options: TableOptions, settings: Any, held: ExitStack) -> Any:
    """A table of rows in standard form."""
    from bakeoff.tables import load, read, standardise
    from bakeoff.tables.checks.structure import given_away

    if strange := [f"--{name}" for name in ("right", "ignore", "complete") if getattr(options, name)]:
        raise UsageError(f"{strange[0]} is for matching tables; name the labelled pairs with --pairs, or leave it out.")
    if isinstance(source, (str, Path)) and is_exported(Path(source)):
        return load(source, Path(source) / TRUTH)
    if options.confined:
        raw = held.enter_context(_confined(source, options, settings))
    else:
        # Only a database is asked a query, and a reader of anything else has no such word.
        query = {"query": options.query} if options.query else {}
        raw = read(source, settings, name=options.name or None, **query)
    data = standardise(raw, target=options.target or None)
    if not options.leave_out_given_away or not (names := given_away(data)):
        return data
    raw = replace(raw, settings=replace(raw.settings, leave_out=(*raw.settings.leave_out, *names)))
    return standardise(raw, target=data.target)


def _confined(source: Any, options: TableOptions, settings: Any) -> Any:
    from bakeoff.arena.uploads import reading

    if options.query or not isinstance(source, (str, Path)):
        raise UsageError("--confined reads files and folders; leave it out for a database or a frame.")
    return reading(source, settings, name=options.name)


def _matching(source: Any, options: TableOptions, settings: Any) -> Any:
    """A matching table in standard form: records, and labelled pairs of them."""
    from bakeoff.tables import load
    from bakeoff.tables.checks.structure import given_away
    from bakeoff.tables.matching.standardised import read_matching, standardise_matching

    if options.confined:
        raise UsageError("--confined reads tables of rows, not yet matching tables; leave it out for those you trust.")
    asked = options.kind or MATCHING
    if asked != MATCHING:
        raise UsageError(
            f"Labelled pairs are matched, not asked for {asked}; leave --kind out, or say --kind matching."
        )
    if options.query:
        raise UsageError(
            "--query reads the rows of one table; name a matching table's as URL#TABLE, one for each side."
        )
    if isinstance(source, (str, Path)) and is_exported(Path(source)):
        return load(source, Path(source) / TRUTH)
    settings = replace(settings, target=options.target or settings.target)
    raw = read_matching(source, right=options.right, pairs=options.pairs, settings=settings, name=options.name)
    data = standardise_matching(raw)
    if options.leave_out_given_away and (names := given_away(data)):
        raw = replace(raw, settings=replace(raw.settings, leave_out=(*raw.settings.leave_out, *names)))
        data = standardise_matching(raw)
    return data


def newest_version(places: Places, task: Task) -> Task:
    """The task of the table as it is now: a table whose table.toml was edited is another table, and its cells are due.

    The same record comes back when nothing has changed; a new one has been written to the task's file.
    """
    from bakeoff.tables import load

    table, own = places.tables / task.table / "table.toml", places.tasks / f"{task.name}.toml"
    if not table.exists() or table.stat().st_mtime_ns <= own.stat().st_mtime_ns:
        return task
    data = load(places.tables / task.table, places.truth)
    settings = data.settings
    if (data.table.digest, settings.ignore, settings.swaps) == (task.table_digest, task.ignored, task.swaps):
        return task
    present(places, task.table)
    newest = replace(task, table_digest=data.table.digest, ignored=settings.ignore, swaps=settings.swaps)
    write_task(places, newest)
    present(places, task.table, "table.toml was edited")
    return newest


def _settings(source: Any, options: TableOptions) -> Any:
    from bakeoff.tables import Settings, settings_for

    settings: Any = options.settings or Settings()
    if options.settings is None and isinstance(source, (str, Path)):
        settings = settings_for(source)
    if options.target and MATCHING not in (options.kind, settings.kind):
        # What is said of a kind below is meant for this target.
        settings = settings.asking(options.target)
    roles = dict(settings.roles)
    for role, names in (
        (Role.ID, (options.id,)),
        (Role.OWNER, (options.owner,)),
        (Role.TIME, (options.time,)),
        (Role.PROTECTED, options.protected),
    ):
        roles |= {name: role for name in names if name}
    said = ("name", "kind", "metric", "track", "label", "notes", "ignore", "complete", "terms", "logs")
    changed = {name: value for name in said if (value := getattr(options, name))}
    changed |= {"expires": _day(options.expires)} if options.expires else {}
    split = settings.split
    if options.split or options.test_share or options.seed or options.public_share:
        base = split or Split()
        method = options.split or base.method
        column = {"owner": options.owner, "time": options.time}.get(options.split, "")
        column = column or (base.column if method == base.method else "")
        shares = (options.test_share or base.test_share, options.public_share or base.public_share)
        split = Split(method, column, shares[0], options.seed or base.seed, shares[1])
    return replace(settings, roles=roles, types={**settings.types, **options.types}, split=split, **changed)


def _day(said: str) -> str:
    try:
        return datetime.date.fromisoformat(said).isoformat()
    except ValueError as fault:
        raise UsageError(f"--expires is {said!r}; it must be a day such as 2027-12-31.") from fault


def _explain(task: Task, data: Any, why: str) -> list[str]:
    """What was understood, in sentences."""
    how = {
        "given": "as the files give it",
        "stratified": f"stratified by {task.target}, seed {task.split.seed}",
        "random": f"at random, seed {task.split.seed}",
        "owner": f"no {task.split.column} on both sides",
        "time": f"the latest rows by {task.split.column}",
        "records": f"no record on both sides, seed {task.split.seed}",
    }[task.split.method]
    train, test = data.labels("train"), data.labels("test")
    what = "pairs" if data.sides is not None else "rows"
    split = f"split: {len(train)} {what} to learn from, {len(test)} to be asked, {how}"
    if data.public is not None:
        split += f"; {int(data.public.sum())} of the asked ones are public"
    return [*_question(task, data, why), f"metric: {task.metric}", split]


def _question(task: Task, data: Any, why: str) -> list[str]:
    sides = data.sides
    if sides is None:
        classes = f" into {len(task.classes)} classes" if task.classes else ""
        classes = f" over {len(task.classes):,} characters" if task.kind == "language_model" else classes
        return [f"question: {task.kind.replace('_', ' ')} of {task.target}{classes} ({why})"]
    records = f"{len(sides.left):,}" + (" left" if sides.right is not None else "")
    if sides.right is not None:
        records += f" and {len(sides.right):,} right"
    pairs = len(sides.train) + len(sides.test)
    matches = int((data.labels("train") == 1).sum() + (data.labels("test") == 1).sum())
    kind = "duplicates within one table" if sides.right is None else "records of two tables"
    said = [
        f"question: which {kind} match ({why})",
        f"records: {records}; {pairs:,} labelled pairs, {matches:,} matches",
    ]
    if task.ignored:
        said.append(f"variant rule: records that differ only in {' and '.join(task.ignored)} match")
    if sides.complete:
        said.append("labels: complete; a pair without a label is no match")
    return said
