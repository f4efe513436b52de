"""Where two entries differ: slices of the test rows by value, size, absence, length, owner and protected group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.arena.board import Estimate
from bakeoff.arena.board_words import counted
from bakeoff.arena.owner.answers import KeptAnswers, kept_answers
from bakeoff.arena.owner.rows import Example, example, label_word
from bakeoff.arena.owner.words import amount, metric_word
from bakeoff.nouns import Array, Column, ColumnType, Role
from bakeoff.stats.slices import slice_differences

if TYPE_CHECKING:
    from bakeoff.arena.challenge import Challenge

FEWEST = 20  # rows of a slice
MOST_SHARE = 0.95  # of all rows: a larger slice is the whole under another name
MOST_VALUES = 20  # values of a column, the most frequent ones
FEW_NUMBERS = 8  # a number with so many values is taken value by value
EXAMPLES = 3
SHOWN = 8
BY_LABEL = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "f1", "precision", "recall", "best_f1"})
KINDS = {Role.OWNER: "owner", Role.PROTECTED: "protected group", Role.TARGET: "label"}


@dataclass(frozen=True, eq=False)
class Slice:
    """Some test rows by what they have in common; `rows` are positions."""

    column: str
    what: str
    kind: str
    rows: Array

    @property
    def words(self) -> str:
        """The slice in words: `colour is red`, `size is 3 to 5`."""
        return f"{self.column} {self.what}"


@dataclass(frozen=True)
class SliceDifference:
    """One slice: A's mean score less B's with its interval, and that on all other rows.

    `a` and `b` are the mean scores themselves, `p` is corrected for all slices that were looked at (Holm), `apart` is
    whether the difference is unlike that on the other rows, and `examples` are the rows on which it is largest.
    """

    slice: str
    kind: str
    size: int
    a: float
    b: float
    difference: Estimate
    rest: float | None
    p: float
    apart: bool
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class TaskSlices:
    """Where A and B differ on one task.

    `unit` says what is compared row by row. `slices` are those beyond noise, first the ones that are unlike the rest;
    `tried` is how many were looked at. `reason` says why a task was not looked at.
    """

    task: str
    a: str
    b: str
    unit: str = ""
    overall: Estimate | None = None
    slices: tuple[SliceDifference, ...] = ()
    tried: int = 0
    verdict: str = ""
    reason: str = ""


def slices_between(
    challenge: Challenge, a: str, b: str, *, track: str | None = None, part: str = ""
) -> list[TaskSlices]:
    """For each task the slices on which entries `a` and `b` differ beyond noise.

    `part` is test, public or private, and what the rules show when empty: private rows must not show beside a public
    board.
    """
    part = part or challenge.rules.shows
    names = [entry.name for entry in challenge.entries()]
    first, second = challenge._named("entry", a, names), challenge._named("entry", b, names)
    return [task_slices(kept_answers(challenge, task).of_part(part), first, second) for task in challenge.tasks(track)]


def task_slices(kept: KeptAnswers, a: str, b: str, shown: int = SHOWN) -> TaskSlices:
    """The slices of one task on which two entries differ, with example rows."""
    answered = {name for name, _ in kept.answers}
    lacking = [name for name in (a, b) if name not in answered]
    if not kept.is_counted:
        reason = f"answers to a task of {kept.task.kind} are not yet compared row by row"
        return TaskSlices(kept.task.name, a, b, reason=reason, verdict=f"Not compared: {reason}.")
    if lacking:
        reason = f"{' and '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no answers here"
        return TaskSlices(kept.task.name, a, b, reason=reason, verdict=f"Not compared: {reason}.")
    scores, unit = row_scores(kept, a), _unit(kept)
    others = row_scores(kept, b)
    difference = scores - others
    slices = list(slices_of(kept))
    overall = slice_differences(difference, [np.arange(len(difference))])
    whole = Estimate(float(overall.mean[0]), float(overall.low[0]), float(overall.high[0]))
    found = slice_differences(difference, [each.rows for each in slices])
    told: list[SliceDifference] = []
    for place in found.order:
        if not found.beyond[place] or len(told) == shown:
            break
        rows = slices[place].rows
        most = rows[np.argsort(-difference[rows] * np.sign(found.mean[place]), kind="stable")][:EXAMPLES]
        told.append(
            SliceDifference(
                slices[place].words,
                slices[place].kind,
                int(found.size[place]),
                float(scores[rows].mean()),
                float(others[rows].mean()),
                Estimate(float(found.mean[place]), float(found.low[place]), float(found.high[place])),
                float(found.rest[place]) if np.isfinite(found.rest[place]) else None,
                float(found.p[place]),
                bool(found.apart[place]),
                tuple(example(kept, int(row), (a, b)) for row in most),
            )
        )
    verdict = _verdict(a, b, told, int(found.beyond.sum()), len(slices))
    return TaskSlices(kept.task.name, a, b, unit, whole, tuple(told), len(slices), verdict)


def row_scores(kept: KeptAnswers, entry: str) -> Array:
    """How good an entry's answer to each test row is, averaged over its seeds: (rows,), more is better.

    Right or wrong where the task's metric is of labels; the probability of the true class where it is of
    probabilities; the negative absolute error for a quantity.
    """
    each = [found for (name, _), found in sorted(kept.answers.items()) if name == entry]
    return np.mean([_scored(kept, answers) for answers in each], axis=0)


def _scored(kept: KeptAnswers, answers: Array) -> Array:
    if not kept.task.classes:
        return -np.abs(answers[:, 0] - kept.truth)
    if kept.task.metric in BY_LABEL:
        return (answers.argmax(axis=1) == kept.truth).astype(np.float64)
    return np.asarray(answers[np.arange(len(answers)), kept.truth])


def _unit(kept: KeptAnswers) -> str:
    if not kept.task.classes:
        return f"absolute error of {kept.task.target}, less is better"
    if kept.task.metric in BY_LABEL:
        return "share of rows answered rightly"
    return f"probability given to the true class (the task's metric, {metric_word(kept.metric.title)}, has no rows)"


def slices_of(kept: KeptAnswers) -> Iterator[Slice]:
    """Every slice of the test rows that is large enough, and small enough to differ from the whole."""
    test = kept.data.test
    for column in kept.data.table.columns:
        if column.name in test.columns and column.role is not Role.ID:
            yield from _large(_of_column(column, test[column.name]), len(test))
    target = next((each for each in kept.data.table.columns if each.role is Role.TARGET), None)
    if target is not None:
        yield from _large(_of_target(kept, target), len(test))


def _large(slices: Iterator[Slice], rows: int) -> Iterator[Slice]:
    return (each for each in slices if FEWEST <= len(each.rows) <= MOST_SHARE * rows)


def _of_column(column: Column, cells: Any) -> Iterator[Slice]:
    kind = KINDS.get(column.role, "")
    gone = cells.isna().to_numpy(dtype=bool)
    yield Slice(column.name, "is missing", kind or "missing", np.flatnonzero(gone))
    if column.type is ColumnType.CATEGORICAL or column.role in (Role.OWNER, Role.PROTECTED):
        numeric = cells.dtype.kind in "iufM" and cells.nunique() > MOST_VALUES
        yield from _by_size(column.name, cells, kind) if numeric else _by_value(column.name, cells, kind or "value")
    elif column.type in (ColumnType.NUMERIC, ColumnType.DATETIME):
        yield from _by_size(column.name, cells, kind)
    elif column.type in (ColumnType.TEXT, ColumnType.TOKENS):
        words = cells.astype(object).where(~gone, None).map(lambda text: len(str(text).split()), na_action="ignore")
        for each in _by_size(column.name, words.astype(float), kind or "length"):
            yield Slice(each.column, f"{each.what} words".replace(" is ", " has "), each.kind, each.rows)


def _by_value(name: str, cells: Any, kind: str) -> Iterator[Slice]:
    values = cells.astype(object)
    for value in values.value_counts().index[:MOST_VALUES]:
        yield Slice(name, f"is {value}", kind, np.flatnonzero((values == value).fillna(False).to_numpy(dtype=bool)))


def _by_size(name: str, cells: Any, kind: str) -> Iterator[Slice]:
    """Quarters of a number's or a time's values; value by value where there are few."""
    present = cells.dropna()
    if present.nunique() <= FEW_NUMBERS:
        if present.nunique() > 1:
            plainly = cells.map(lambda value: f"{value:g}" if isinstance(value, float) else value)
            yield from _by_value(name, plainly, kind or "value")
        return
    order = cells.to_numpy()
    if cells.dtype.kind == "M":
        order = order.astype("datetime64[us]").astype(np.int64)
    known = np.flatnonzero(cells.notna().to_numpy(dtype=bool))
    values = np.asarray(order, dtype=np.float64)[known]
    edges = np.quantile(values, [0.25, 0.5, 0.75])
    part = np.searchsorted(edges, values, side="left")
    for number in range(4):
        rows = known[part == number]
        if len(rows):
            low, high = cells.iloc[rows].min(), cells.iloc[rows].max()
            yield Slice(name, f"is {_end(low)} to {_end(high)}", kind or "quarter", rows)


def _end(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:10]
    return f"{value:,.4g}" if isinstance(value, (float, np.floating)) else f"{value:,}"


def _of_target(kept: KeptAnswers, target: Column) -> Iterator[Slice]:
    import pandas as pd

    truth = pd.Series(kept.data.truth)
    if kept.task.classes:
        yield from _by_value(target.name, truth.map(label_word), KINDS[Role.TARGET])
    else:
        yield from _by_size(target.name, truth, KINDS[Role.TARGET])


def _verdict(a: str, b: str, told: Sequence[SliceDifference], beyond: int, tried: int) -> str:
    if not told:
        return f"{a} and {b} differ beyond noise on none of {counted(tried, 'slice')}."
    first = told[0]
    ahead, behind = (a, b) if first.difference.value > 0 else (b, a)
    gap = first.difference if first.difference.value > 0 else _turned(first.difference)
    others = f" They differ beyond noise on {counted(beyond, 'slice')} of {tried:,}" if beyond > 1 else ""
    if others:
        unlike = sum(each.apart for each in told)
        others += "." if unlike else ", on none of them more than on the others."
    return f"{ahead} is ahead of {behind} most where {first.slice}: by {amount(gap)} on {first.size:,} rows.{others}"


def _turned(estimate: Estimate) -> Estimate:
    low, high = estimate.low, estimate.high
    return Estimate(-estimate.value, None if high is None else -high, None if low is None else -low)
