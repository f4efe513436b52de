"""One table, one algorithm of the house, many halves: how well its answers tell which rows it was fitted on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bakeoff.algorithms.adapters import adapt
from bakeoff.algorithms.private_trial import TrialRows
from bakeoff.errors import UsageError
from bakeoff.nouns import LINES, Array, Frame, Role, Schema
from bakeoff.privacy.attacks import (
    AttackReport,
    AttackSettings,
    SignalScale,
    attack,
    closeness_signals,
    number_signals,
    plan_halves,
    signals_of,
)
from bakeoff.tasks import kind


@dataclass(frozen=True)
class AuditWish:
    """How many fits on halves are wanted, with which seed, threads and seconds for each (0: what it needs)."""

    fits: int = 16
    seed: int = 0
    threads: int = 1
    seconds: float = 0.0


def attacked(
    rows: TrialRows,
    make: Callable[[], Any],
    wish: AuditWish,
    watch: Callable[[Iterable[int]], Iterable[int]] = lambda places: places,
) -> AttackReport:
    """Fit what `make` gives on random halves of all rows, the rows set apart too, and attack every fit.

    `watch` is given the numbers of the fits and gives them on, as a progress bar does. UsageError for a kind of task
    whose rows cannot be withheld and asked; Declined where the algorithm is for another kind.
    """
    task, judge = rows.task, kind(rows.task.kind)
    if not (judge.probes.withhold and judge.probes.ask):
        raise UsageError(f"Tasks of kind {task.kind} cannot be audited by withholding rows: {judge.probes.reason}.")
    frame, labels = _all(rows)
    codes = judge.encode(labels, task)
    classes = judge.answers != LINES and bool(task.classes)
    rng = np.random.default_rng(wish.seed)
    inside = plan_halves(len(frame), codes if classes else None, wish.fits, rng)
    schema = _schema(rows, wish)
    answered = []
    for fit in watch(range(wish.fits)):
        places = np.flatnonzero(inside[fit])
        adapted = adapt(make(), replace(schema, seed=wish.seed + fit))
        adapted.fit(frame.iloc[places].reset_index(drop=True), labels[places])
        found = judge.accept(adapted.answers(frame), task)
        answered.append(judge.closeness(codes, found, task) if judge.answers == LINES else found)
    settings = AttackSettings(seed=wish.seed)
    if judge.answers == LINES:
        return attack(inside, closeness_signals(np.stack(answered)), settings=settings)
    if classes:
        alike = np.flatnonzero(np.bincount(codes)[codes] > 1)
        return attack(inside, signals_of(np.stack(answered), codes), rows=alike, settings=settings)
    signals = number_signals(np.stack([found[:, 0] for found in answered]), codes)
    return attack(inside, signals, settings=replace(settings, scale=SignalScale.LOG_LIKELIHOOD))


def _all(rows: TrialRows) -> tuple[Frame, Array]:
    import pandas as pd

    shown = [column.name for column in _shown(rows) if column.name in rows.train.columns]
    shown = [name for name in shown if name in rows.test.columns]
    frame = pd.concat([rows.train[shown], rows.test[shown]], ignore_index=True)
    return frame, np.concatenate([rows.labels, rows.truth])


def _shown(rows: TrialRows) -> list[Any]:
    return [column for column in rows.table.columns if column.role not in (Role.TARGET, Role.ID, Role.OWNER)]


def _schema(rows: TrialRows, wish: AuditWish) -> Schema:
    task = rows.task
    return Schema(
        tuple(_shown(rows)), task.kind, task.target, task.metric, task.classes, wish.seed, wish.seconds, wish.threads
    )
