"""Fairness: how the answers to the test rows treat the groups of protected columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from bakeoff.fairness.counts import count
from bakeoff.fairness.figures import Wanted
from bakeoff.fairness.groups import GAP, SMALLEST, GroupReport, Settings, compare_groups
from bakeoff.fairness.measures import OK, Measure
from bakeoff.fairness.patterns import Grouped, by_attributes
from bakeoff.fairness.quantities import compare_errors
from bakeoff.judges.quality import test_parts
from bakeoff.nouns import Answered, Array, Brief, ColumnType, Finding, Plan, Role, digest

KINDS = ("classification", "regression", "matching")
FEW = 12  # different numbers of a protected column that are groups by themselves; more are put into quarters
MOST = 1000  # groups at once
DRAWS = 1000
SHOWN = (GAP, SMALLEST)
RIGHT = "right"


class Fairness:
    """Rates of every group of the protected columns, gaps with intervals, and the gap that chance alone would make.

    Findings of a group have it in `group` ("race: a"); those of a comparison name the column ("race"), with `variant`
    telling which: the gap, its value by chance, its p corrected for all gaps of the cell, and the smallest figure. The
    rows are the test rows, and the public and private ones apart where they are divided.
    """

    name = "fairness"
    version = "1"

    def plan(self, brief: Brief) -> Plan:
        """Nothing: the test rows are asked anyway."""
        return Plan()

    def judge(self, answered: Answered) -> Sequence[Finding]:
        """Findings by group; none for a task of another kind or a table without a protected column."""
        columns = [column for column in answered.table.columns if column.role is Role.PROTECTED]
        held = [column for column in columns if column.name in answered.test.columns]
        if answered.task.kind not in KINDS or not held:
            return ()
        seed = int(digest([answered.task.digest, "fairness"])[:8], 16)
        attributes = {column.name: _grouped(answered.test[column.name], column.type) for column in held}
        everything = np.ones(len(answered.truth), dtype=bool)
        found: list[Finding] = []
        for split, rows in (("test", everything), *test_parts(answered.public)):
            here = {name: values[rows] for name, values in attributes.items()}
            known = {name: values for name, values in here.items() if any(value is not None for value in values)}
            for names in _together(known):
                report = _report(answered, rows, by_attributes(names), Settings(draws=DRAWS, seed=seed))
                found += [] if report is None else _findings(report, split)
        return found


def _together(attributes: Mapping[str, Array]) -> list[dict[str, Array]]:
    """All attributes at once with their intersection, or each alone where that would be too many groups.

    One that alone is too many groups holds nothing that could be compared, and is left out.
    """
    if not attributes:
        return []
    met = len(set(zip(*(values.tolist() for values in attributes.values()), strict=True)))
    if met <= MOST:
        return [dict(attributes)]
    return [{name: values} for name, values in attributes.items() if len(set(values.tolist())) <= MOST]


def _grouped(column: Any, kind: ColumnType) -> Array:
    """A protected column's groups: its values, or the quarters of a number with many, missing ones apart."""
    import pandas as pd

    values = column.astype(object).where(column.notna(), None)
    if kind is not ColumnType.NUMERIC or column.nunique() <= FEW:
        return np.asarray(values, dtype=object)
    numbers = pd.to_numeric(column, errors="coerce")
    ends = np.unique(np.quantile(numbers.dropna(), [0.25, 0.5, 0.75]))
    names = [f"up to {ends[0]:.3g}", *(f"{low:.3g} to {high:.3g}" for low, high in pairwise(ends))]
    names.append(f"above {ends[-1]:.3g}")
    places = np.searchsorted(ends, numbers.to_numpy(), side="left")
    named = np.array(names, dtype=object)[np.minimum(places, len(names) - 1)]
    return np.where(numbers.isna().to_numpy(), None, named)


def _report(answered: Answered, rows: Array, grouped: Grouped, settings: Settings) -> GroupReport | None:
    truth, answers = answered.truth[rows], answered.answers[rows]
    classes = [str(label) for label in answered.task.classes]
    if not classes:
        finite = np.isfinite(answers[:, 0])
        if not finite.all() or not len(truth):
            return None
        return compare_errors(truth.astype(np.float64), answers[:, 0], grouped, settings)
    true = np.array([str(label) for label in truth.tolist()], dtype=object)
    guessed = np.array(classes, dtype=object)[np.nan_to_num(answers, nan=-1.0).argmax(1)]
    if len(classes) < 2 or not len(true):
        return None
    if len(classes) == 2:
        return compare_groups(count(true, guessed, grouped, classes=classes), settings)
    # Of many classes only who is answered rightly is told: the table of all pairs of them would be large.
    right = np.where(true == guessed, RIGHT, "wrong").astype(object)
    table = count(np.full(len(true), RIGHT, dtype=object), right, grouped, classes=(RIGHT, "wrong"))
    return compare_groups(table, replace(settings, wanted=Wanted(("accuracy",))))


def _findings(report: GroupReport, split: str) -> Iterator[Finding]:
    for one in report.groups:
        yield _finding(one, f"{one.family}: {one.group}", "", split)
    for one in report.comparisons:
        if one.group not in SHOWN:
            continue
        yield _finding(one, one.family, one.group, split)
        if one.group == GAP and one.expected is not None and one.adjusted is not None:
            for variant, value in (("gap by chance", one.expected), ("p, corrected", one.adjusted)):
                yield Finding(
                    "fairness", one.metric, value, variant=variant, group=one.family, split=split, n=round(one.n)
                )


def _finding(one: Measure, group: str, variant: str, split: str) -> Finding:
    status = "ok" if one.status == OK else "insufficient"
    return Finding(
        "fairness",
        one.metric,
        one.value,
        one.low,
        one.high,
        variant=variant,
        group=group,
        split=split,
        n=round(one.n),
        status=status,
        reason=one.reason,
    )
