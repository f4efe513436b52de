"""What answers say of who was in training: the canaries of a cell, and how much each looks like a member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import LINES, Answered, Array, Brief, Frame, Plan, Table, Task, Visibility
from bakeoff.privacy.attacks import SignalScale, closeness_signals, number_signals, signals_of
from bakeoff.tasks import kind

FEWEST = 20


@dataclass(frozen=True, eq=False)
class Asked:
    """Canaries of one cell: the training `rows` (canaries,), which were `inside`, and their `signals`; float64."""

    rows: Array
    inside: Array
    signals: Array


def canaries_of(answered: Answered) -> Asked | str:
    """The training rows that were asked, with coins and signals; or why there are none to judge by."""
    plan = answered.plan
    rows = np.array([probe.row for probe in plan.ask], dtype=int)
    if not len(rows) or len(answered.probes) != len(rows):
        return plan.reason or "no canaries were asked"
    inside = was_inside(plan, rows, len(answered.labels))
    kept = int(inside.sum())
    if len(rows) < FEWEST or min(kept, len(rows) - kept) < 2:
        return f"{kept} canaries were kept and {len(rows) - kept} withheld; {FEWEST} are needed, two of each"
    codes = kind(answered.task.kind).encode(np.asarray(answered.labels)[rows], answered.task)
    return Asked(rows, inside, signals_for(answered.task, codes, [answered.probes])[0])


def was_inside(plan: Plan, rows: Array, training: int) -> Array:
    """Which of these training rows, of so many in all, the plan left in training: bool (rows,)."""
    left = np.ones(training, dtype=bool)
    left[np.array(plan.withhold, dtype=int)] = False
    inside: Array = left[rows]
    return inside


def signals_for(task: Task, codes: Array, answers: Sequence[Array]) -> Array:
    """How much each row looks like a member of each fit, float64 (fits, rows); see `scale_of` for the scale.

    `codes` (rows,) are the true targets as the kind encodes them, `answers` one array of answers to these rows per fit.
    """
    asked = kind(task.kind)
    accepted = [asked.accept(one, task) for one in answers]
    if asked.answers == LINES:
        close = np.stack([asked.closeness(codes, one, task) for one in accepted])
        return closeness_signals(close) if _is_share(close) else close - close.max(initial=0.0)
    if task.classes:
        return signals_of(np.stack(accepted), codes)
    return number_signals(np.stack([one[:, 0] for one in accepted]), codes)


def scale_of(signals: Array, task: Task) -> SignalScale:
    """The scale that attacks read these signals on."""
    odds = bool(task.classes) or bool((signals > 0).any())
    return SignalScale.LOG_ODDS if odds else SignalScale.LOG_LIKELIHOOD


def without_twins(table: Table, train: Frame, task: Task) -> Array:
    """Positions of training rows of which entries see no second one like it, int (rows,)."""
    seen = [
        column.name
        for column in table.columns
        if column.name in train.columns and task.see.get(column.role) is Visibility.BOTH
    ]
    return np.flatnonzero(~train[seen].duplicated(keep=False).to_numpy()) if seen else np.array([], dtype=int)


def class_sizes(brief: Brief) -> Array:
    """How many training rows have each row's class, int (rows,); all of them where there are no classes."""
    if not by_class(brief.task):
        return np.full(len(brief.labels), len(brief.labels))
    _, codes, counts = np.unique(np.asarray(brief.labels), return_inverse=True, return_counts=True)
    sizes: Array = counts[codes]
    return sizes


def by_class(task: Task) -> bool:
    """Whether each row of the task has one class."""
    return bool(task.classes) and kind(task.kind).answers != LINES


def _is_share(close: Array) -> bool:
    return bool(((close >= 0) & (close <= 1)).all())
