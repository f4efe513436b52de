"""Fairness: how answers treat the groups of protected columns, and how they move between a row and its twin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bakeoff.fairness.columns import groups_of
from bakeoff.fairness.counts import count
from bakeoff.fairness.figures import Wanted
from bakeoff.fairness.groups import GAP, SMALLEST, GroupReport, Settings, compare_groups
from bakeoff.fairness.measures import OK, Measure
from bakeoff.fairness.patterns import Grouped, by_attributes
from bakeoff.fairness.quantities import compare_errors
from bakeoff.judges.fairness_twins import judge_twins, plan_twins
from bakeoff.judges.memorisation import generator
from bakeoff.judges.quality import test_parts
from bakeoff.nouns import Answered, Array, Brief, ColumnType, Finding, Plan, Role, digest

KINDS = ("classification", "regression", "matching")
MOST = 1000  # groups at once
DRAWS = 1000
SHOWN = (GAP, SMALLEST)
RIGHT = "right"


class Fairness:
    """Rates of every group of the protected columns, gaps with intervals, and the gap that chance alone would make.

    Findings of a group have it in `group` ("race: a"); those of a comparison name the column ("race"), with `variant`
    telling which: the gap, its value by chance, its p corrected for all gaps of the cell, and the smallest figure. The
    rows are the test rows, and the public and private ones apart where they are divided.

    Test rows are asked once more as twins: with another value of a protected column that entries see, or with English
    words of gender swapped in texts and tokens. How far answers move between the two has the split "twins"; no label
    counts in it. Swaps of neutral words stand beside, as any swap moves answers.
    """

    name = "fairness"
    version = "3"

    def plan(self, brief: Brief) -> Plan:
        """Twins of test rows, at most half of the probe rows that are left; none, with the reason, without any."""
        return plan_twins(brief, generator(brief.key, "twins"))

    def judge(self, answered: Answered) -> Sequence[Finding]:
        """Findings by group and of twins; none for a task of another kind, or without a protected column or text."""
        return [*_of_groups(answered), *judge_twins(answered)]


def _of_groups(answered: Answered) -> Sequence[Finding]:
    columns = [column for column in answered.table.columns if column.role is Role.PROTECTED]
    held = [column for column in columns if column.name in answered.test.columns]
    if answered.task.kind not in KINDS or not held:
        return ()
    seed = int(digest([answered.task.digest, "fairness"])[:8], 16)
    attributes = {
        column.name: groups_of(answered.test[column.name], column.type is ColumnType.NUMERIC) for column in held
    }
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
