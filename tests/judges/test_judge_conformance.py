"""Every installed judge keeps the contract: legal plans, the same each time; pure, picklable findings of any cell.

Ours are found exactly as anyone else's, so the same tests hold for a judge from another package that is installed.
"""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bakeoff.arena.audit_plans import audit_plans
from bakeoff.arena.judging import judges
from bakeoff.arena.plans import WITHHELD_SHARE, key_for, make_plan
from bakeoff.nouns import (
    Answered,
    Auditor,
    Brief,
    Cell,
    CellResult,
    Claim,
    Column,
    ColumnType,
    Finding,
    Judge,
    Measurements,
    Outcome,
    Plan,
    Probe,
    Role,
    Table,
    Task,
)
from bakeoff.tasks import kind

ROWS, TESTS = 1500, 400
INSTALLED = judges()
AUDITORS = [judge for judge in INSTALLED if isinstance(judge, Auditor)]
KINDS = {
    "classification": ("accuracy", ("no", "yes")),
    "many": ("accuracy", ("a", "b", "c")),
    "regression": ("rmse", ()),
}


def rows(count, seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=count),
            "colour": rng.choice(["red", "blue", "green"], count),
            "note": [f"he sold item {i} to her" for i in rng.integers(0, 10**9, count)],
            "group": rng.choice(["east", "west"], count),
        }
    )
    return frame, frame["size"].to_numpy() + rng.normal(0, 0.5, count)


def question(name):
    """A brief without key and budget, and the truth of its test rows."""
    metric, classes = KINDS[name]
    (train, y), (test, truth) = rows(ROWS, 0), rows(TESTS, 1)
    task = Task("t", "t", "d" * 64, "classification" if classes else "regression", "y", metric, classes)
    columns = (
        Column("size", ColumnType.NUMERIC),
        Column("colour", ColumnType.CATEGORICAL),
        Column("note", ColumnType.TEXT),
        Column("group", ColumnType.CATEGORICAL, Role.PROTECTED),
        Column("y", ColumnType.CATEGORICAL if classes else ColumnType.NUMERIC, Role.TARGET),
    )
    if classes:
        ends = np.linspace(-0.5, 0.5, len(classes) - 1) if len(classes) > 2 else [0.0]
        y, truth = (np.array(classes, dtype=object)[np.searchsorted(ends, values)] for values in (y, truth))
    return Brief(task, Table("t", columns, ROWS, "d" * 64), train, y, b"", 0, test), truth


def answers_to(known, frame, rng):
    """Plausible answers to rows."""
    score = frame["size"].to_numpy()[:, None] + rng.normal(size=(len(frame), 1))
    if not known.task.classes:
        return score
    scores = np.concatenate([score * place for place in range(len(known.task.classes))], axis=1)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def asked_of(known, plan):
    """The rows that a plan asks."""
    sides = {"train": known.train, "test": known.test}
    made = []
    for probe in plan.ask:
        offered = plan.offered[probe.row] if probe.part == "inserted" else None
        row = known.train.iloc[offered.row] if offered else sides[probe.part].iloc[probe.row]
        made.append({**row.to_dict(), **(offered.changes if offered else {}), **probe.changes})
    return pd.DataFrame(made, columns=known.train.columns)


def cell(known, truth, plan, **more):
    """A finished cell under a plan, `of` another judge's already resolved."""
    rng = np.random.default_rng(5)
    result = CellResult(
        Cell("e", "e" * 64, "t", "d" * 64, 0, "p" * 64, "1"),
        Outcome.DONE,
        measurements=Measurements(wall=1.0, cpu=1.0, peak_mib=90.0, fit=0.5, predict=0.5, batch_dependent=False),
        **more,
    )
    width = max(1, len(known.task.classes))
    probes = answers_to(known, asked_of(known, plan), rng) if plan.ask else np.empty((0, width))
    answers = answers_to(known, known.test, rng)
    given = (result, known.task, known.table, truth, known.labels, known.test, answers, plan, probes)
    return Answered(*given)


def plans_of(known):
    """What all judges plan together, each with the plan that it reads."""
    made = make_plan(INSTALLED, known, seed=0, secret=b"s" * 32)
    return {
        name: replace(made.plans[plan.of], of=plan.of) if plan.of in made.plans else plan
        for name, plan in made.plans.items()
    }


def alike(first, second):
    """Whether two findings are the same, replicates and missing figures included."""
    return pickle.dumps(first) == pickle.dumps(second) or repr(first) == repr(second)


def problems(finding, judge):
    """What is wrong with a finding."""
    found = []
    if not isinstance(finding, Finding) or finding.judge != judge.name:
        return ["it is no finding of this judge"]
    if finding.status not in ("ok", "insufficient"):
        found.append(f"its status is {finding.status}")
    if finding.status == "insufficient" and not finding.reason:
        found.append("it is insufficient without a reason")
    if finding.value is not None and finding.low is not None and not finding.low <= finding.value + 1e-9:
        found.append("its interval begins above it")
    if finding.value is not None and finding.high is not None and not finding.value <= finding.high + 1e-9:
        found.append("its interval ends below it")
    numbers = [finding.value, finding.low, finding.high]
    if not all(number is None or isinstance(float(number), float) for number in numbers) or finding.n < 0:
        found.append("a figure is no number")
    return found


def test_judges_are_installed_under_their_names():
    names = [judge.name for judge in INSTALLED]
    assert {"quality", "cost", "memorisation", "privacy", "fairness"} <= set(names)
    assert len(names) == len(set(names))
    assert AUDITORS


@pytest.mark.parametrize("judge", INSTALLED, ids=lambda judge: judge.name)
def test_a_judge_has_a_name_a_version_and_both_methods(judge):
    assert isinstance(judge, Judge)
    assert judge.name == judge.name.strip().lower()
    assert judge.version
    assert judge.plan.__doc__
    assert judge.judge.__doc__


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("judge", INSTALLED, ids=lambda judge: judge.name)
def test_plans_are_legal_and_the_same_each_time(judge, name):
    known, _ = question(name)
    for budget in (1300, 40, 0):
        brief = replace(known, key=key_for(b"s" * 32, known.task, 0, judge.name), budget=budget)
        plan = judge.plan(brief)
        assert isinstance(plan, Plan)
        assert plan == judge.plan(brief) == type(judge)().plan(brief)
        assert len(plan.ask) <= budget
        assert len(set(plan.withhold)) == len(plan.withhold) <= WITHHELD_SHARE * ROWS
        assert all(0 <= row < ROWS for row in plan.withhold)
        bounds = {"train": ROWS, "test": TESTS}
        assert all(isinstance(probe, Probe) and 0 <= probe.row < bounds[probe.part] for probe in plan.ask)
        assert all(set(probe.changes) <= set(known.train.columns) for probe in plan.ask)
        assert not (plan.offered or plan.insert), "ranked cells only withhold"
        assert pickle.loads(pickle.dumps(plan)) == plan
        if known.task.classes:
            kept = np.setdiff1d(np.arange(ROWS), plan.withhold)
            assert set(known.labels[kept]) == set(known.labels)


@pytest.mark.parametrize("judge", INSTALLED, ids=lambda judge: judge.name)
def test_the_key_alone_decides_chance(judge):
    known, _ = question("classification")
    first, second = (judge.plan(replace(known, key=bytes([byte]) * 32, budget=1300)) for byte in (1, 2))
    assert first != second or not (first.ask or first.withhold)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("judge", INSTALLED, ids=lambda judge: judge.name)
def test_findings_are_pure_and_whole(judge, name):
    known, truth = question(name)
    plan = plans_of(known)[judge.name]
    answered = cell(known, truth, plan)
    before = pickle.dumps(answered)
    found = list(judge.judge(answered))
    assert pickle.dumps(answered) == before, "a judge changes nothing that it reads"
    assert len(found) == len(again := list(type(judge)().judge(pickle.loads(before))))
    assert all(alike(one, other) for one, other in zip(found, again, strict=True))
    assert [problem for finding in found for problem in problems(replace(finding, judge=judge.name), judge)] == []
    assert len(pickle.dumps(found)) < 20_000_000
    keys = [(f.metric, f.variant, f.group, f.split) for f in found]
    assert len(keys) == len(set(keys)), "two findings cannot be told apart"


@pytest.mark.parametrize("judge", INSTALLED, ids=lambda judge: judge.name)
def test_a_cell_without_probes_is_judged_too(judge):
    """Prediction files and cells of other plans: what needs probes says so, and nothing else is lost."""
    known, truth = question("classification")
    found = list(judge.judge(cell(known, truth, Plan(reason="a prediction file is asked no other rows"))))
    assert [problem for one in found for problem in problems(replace(one, judge=judge.name), judge)] == []
    claimed = list(judge.judge(cell(known, truth, Plan(), claim=Claim(1.0, 1e-5))))
    assert [problem for one in claimed for problem in problems(replace(one, judge=judge.name), judge)] == []


@pytest.mark.parametrize("quick", [True, False], ids=["quick", "deep"])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("judge", AUDITORS, ids=lambda judge: judge.name)
def test_audit_plans_are_legal_and_the_same_each_time(judge, name, quick):
    known, _ = question(name)
    first, second = (audit_plans(judge, known, seed=0, secret=b"s" * 32, quick=quick) for _ in range(2))
    assert first.plans == second.plans
    assert first.plans or first.reason
    other = audit_plans(judge, known, seed=1, secret=b"s" * 32, quick=quick)
    mine = {plan.cells.digest for plan in first.plans.values()}
    assert not mine & {plan.cells.digest for plan in other.plans.values()}
    assert len(mine) == len(first.plans), "two names for one cell"


@pytest.mark.parametrize("judge", AUDITORS, ids=lambda judge: judge.name)
def test_audits_are_judged_purely_also_where_cells_are_missing(judge):
    known, truth = question("classification")
    planned = audit_plans(judge, known, seed=0, secret=b"s" * 32, quick=False).plans
    audited = {name: cell(known, truth, plan.plan) for name, plan in planned.items()}
    before = pickle.dumps(audited)
    found = list(judge.judge_audit(audited))
    assert pickle.dumps(audited) == before
    again = list(type(judge)().judge_audit(pickle.loads(before)))
    assert all(alike(one, other) for one, other in zip(found, again, strict=True))
    for some in (dict(list(audited.items())[:1]), dict(list(audited.items())[-1:]), dict(list(audited.items())[3:7])):
        for finding in judge.judge_audit(some):
            assert problems(replace(finding, judge=judge.name), judge) == []


class Sloppy:
    """A judge that keeps nothing of the contract, so that these tests are seen to fail."""

    name, version = "sloppy", "1"
    calls = 0

    def plan(self, brief):
        type(self).calls += 1
        return Plan(ask=(Probe(type(self).calls),))

    def judge(self, answered):
        type(self).calls += 1
        return [Finding("sloppy", "x", 1.0, 2.0, status="insufficient", n=self.calls)]


def test_the_tests_see_what_is_wrong():
    known, truth = question("classification")
    sloppy = Sloppy()
    assert sloppy.plan(known) != sloppy.plan(known)
    (one,) = sloppy.judge(cell(known, truth, Plan()))
    (other,) = sloppy.judge(cell(known, truth, Plan()))
    assert not alike(one, other)
    assert problems(one, sloppy) == ["it is insufficient without a reason", "its interval begins above it"]
    assert problems(replace(one, judge="quality"), sloppy) == ["it is no finding of this judge"]
    assert kind("classification").probes.ask, "the partner of tasks that may not be asked"
