"""Bringing a table in: read it, type it, check it, set the test apart, and make the task of its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.challenge_files import Places, write_task
from bakeoff.errors import UsageError
from bakeoff.nouns import ColumnType, Role, Split, Table, Task


@dataclass(frozen=True)
class TableOptions:
    """What the caller says of a table; what is left empty is read from table.toml or inferred.

    `split` is given, stratified, random, owner or time, and a `seed` of 0 is unsaid; `label` is real or made;
    `settings` is a `tables.Settings` that stands for a table.toml; `leave_out_given_away` leaves columns out that
    follow from the target.
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
    from bakeoff.tables import read, standardise, write
    from bakeoff.tables.checks import determined
    from bakeoff.tasks import infer_kind, make_task

    settings = _settings(source, options)
    raw = read(source, settings, name=options.name or None)
    data = standardise(raw, target=options.target or None)
    if options.leave_out_given_away:
        given_away = determined(data.frame, data.table.columns, data.target)
        raw = replace(raw, settings=replace(raw.settings, leave_out=(*raw.settings.leave_out, *given_away)))
        data = standardise(raw, target=data.target) if given_away else data
    train, test = data.labels("train"), data.labels("test")
    inferred, why_kind = infer_kind(data.table, np.concatenate([train, test]))
    asked_kind = options.kind or data.settings.kind
    task = make_task(
        data.table,
        train,
        test,
        kind=asked_kind or inferred,
        metric=options.metric or data.settings.metric or None,
        split=data.split,
        track=options.track or data.settings.track or None,
        label=data.settings.label,
    )
    if (places.tasks / f"{task.name}.toml").exists():
        raise UsageError(f"The challenge already has a table {task.name!r}; give this one another --name.")
    write(data, places.tables / task.table, places.truth)
    write_task(places, task)
    why = f"asked for: {task.kind}" if asked_kind else why_kind
    return Added(data.table, task, tuple(_explain(task, train, test, why)), tuple(data.notes))


def newest_version(places: Places, task: Task) -> Task:
    """The task of the table as it is now: a table whose table.toml was edited is another table, and its cells are due.

    The same record comes back when nothing has changed; a new one has been written to the task's file.
    """
    from bakeoff.tables import load

    table, own = places.tables / task.table / "table.toml", places.tasks / f"{task.name}.toml"
    if not table.exists() or table.stat().st_mtime_ns <= own.stat().st_mtime_ns:
        return task
    digest = load(places.tables / task.table, places.truth).table.digest
    if digest == task.table_digest:
        return task
    newest = replace(task, table_digest=digest)
    write_task(places, newest)
    return newest


def _settings(source: Any, options: TableOptions) -> Any:
    from bakeoff.tables import Settings, settings_for

    settings: Any = options.settings or Settings()
    if options.settings is None and isinstance(source, (str, Path)):
        settings = settings_for(source)
    roles = dict(settings.roles)
    for role, names in (
        (Role.ID, (options.id,)),
        (Role.OWNER, (options.owner,)),
        (Role.TIME, (options.time,)),
        (Role.PROTECTED, options.protected),
    ):
        roles |= {name: role for name in names if name}
    given = {name: getattr(options, name) for name in ("name", "kind", "metric", "track", "label", "notes")}
    changed = {name: value for name, value in given.items() if value}
    split = settings.split
    if options.split or options.test_share or options.seed:
        base = split or Split()
        method = options.split or base.method
        column = {"owner": options.owner, "time": options.time}.get(options.split, "")
        column = column or (base.column if method == base.method else "")
        split = Split(method, column, options.test_share or base.test_share, options.seed or base.seed)
    return replace(settings, roles=roles, types={**settings.types, **options.types}, split=split, **changed)


def _explain(task: Task, train: Any, test: Any, why: str) -> list[str]:
    """What was understood, in sentences."""
    how = {
        "given": "as the files give it",
        "stratified": f"stratified by {task.target}, seed {task.split.seed}",
        "random": f"at random, seed {task.split.seed}",
        "owner": f"no {task.split.column} on both sides",
        "time": f"the latest rows by {task.split.column}",
    }[task.split.method]
    question = f"{task.kind} of {task.target}"
    if task.classes:
        question += f" into {len(task.classes)} classes"
    return [
        f"question: {question} ({why})",
        f"metric: {task.metric}",
        f"split: {len(train)} rows to learn from, {len(test)} to be asked, {how}",
    ]
