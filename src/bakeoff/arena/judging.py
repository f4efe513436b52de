"""Judges meet kept answers: what came out of a cell becomes findings, now or years later, without running it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from bakeoff.arena.answer_forms import AnswerForm, form_of
from bakeoff.arena.linked import Linked, pack_links, unpack_links
from bakeoff.arena.plans import CellPlan
from bakeoff.arena.staging import TaskData
from bakeoff.errors import BakeoffError, Refused, StoreError
from bakeoff.nouns import (
    Answered,
    Array,
    CellResult,
    Finding,
    Judge,
    Level,
    Plan,
    Probe,
    Task,
    digest,
)

NO_PROBES = CellPlan({}, (), "")
UNPLANNED = Plan(reason="a prediction file is asked no other rows")
LINKS_UNPLANNED = "an entry that links tables is asked no other pairs"


@dataclass(frozen=True, eq=False)
class CellAnswers:
    """A cell's kept answers: to the test rows in order, to each judge's probes, and what a linkage entry linked."""

    test: Array
    probes: Mapping[str, Array] = field(default_factory=dict)
    linked: Linked | None = None


def judges() -> list[Judge]:
    """The installed judges, from the entry-point group `bakeoff.judges`, in order of name."""
    return sorted((point.load()() for point in entry_points(group="bakeoff.judges")), key=lambda judge: judge.name)


def version_of(judge: Judge, task: Task) -> str:
    """The version under which a judge's findings on a task are kept; each corrected truth makes it another one."""
    return f"{judge.version}+truth.{task.truth}" if task.truth else judge.version


def plan_body(plan: CellPlan) -> dict[str, Any]:
    """A plan as JSON for the store."""
    plans = {
        name: {
            "withhold": list(made.withhold),
            "ask": [[probe.row, probe.part, dict(probe.changes), probe.apart] for probe in made.ask],
            "reason": made.reason,
            "of": made.of,
        }
        for name, made in plan.plans.items()
    }
    return {"plans": plans, "withheld": list(plan.withheld), "digest": plan.digest}


def plan_from(body: Mapping[str, Any]) -> CellPlan:
    """A plan back from JSON."""
    plans = {
        name: Plan(
            tuple(made["withhold"]),
            tuple(Probe(row, part, changes, apart) for row, part, changes, apart in made["ask"]),
            made["reason"],
            made.get("of", ""),
        )
        for name, made in body["plans"].items()
    }
    return CellPlan(plans, tuple(body["withheld"]), body["digest"])


def plan_key(task_digest: str, seed: int, present: Sequence[Judge]) -> str:
    """The key under which a plan is kept: the same judges make the same plan."""
    return digest(["plan", task_digest, seed, [[judge.name, judge.version] for judge in present]])


def pack(kept: CellAnswers, form: AnswerForm) -> bytes:
    """Answers as kept bytes: the test rows in order, each judge's probes in order of the judge's name, the links."""
    parts = [kept.test, *(kept.probes[name] for name in sorted(kept.probes))]
    answers = form.pack(np.concatenate(parts))
    return answers if kept.linked is None else answers + pack_links(kept.linked)


def unpack(data: bytes, plan: CellPlan, tests: int, form: AnswerForm) -> CellAnswers:
    """Answers back from kept bytes; an entry that linked was asked no probes. StoreError when they are cut off."""
    whole = 8 * tests * form.width
    linked = None if form.is_written else unpack_links(data[whole:])
    if linked is not None:
        return CellAnswers(form.read(data[:whole], tests), linked=linked)
    asked = tests + sum(len(made.ask) for made in plan.plans.values())
    try:
        array = form.read(data, asked)
    except Refused as refused:
        raise StoreError("The kept answers of a cell are not whole; run the cell again.") from refused
    probes, at = {}, tests
    for name in sorted(name for name, made in plan.plans.items() if made.ask):
        count = len(plan.plans[name].ask)
        probes[name] = array[at : at + count]
        at += count
    return CellAnswers(array[:tests], probes)


def judge_cell(
    present: Sequence[Judge], result: CellResult, data: TaskData, plan: CellPlan, kept: CellAnswers
) -> tuple[dict[tuple[str, str], Sequence[Finding]], list[str]]:
    """Findings of each judge by (name, version), and one sentence for each judge that failed.

    A judge that fails is the house's fault: its findings stay due, and the cell is kept all the same.
    """
    found: dict[tuple[str, str], Sequence[Finding]] = {}
    troubles = []
    unplanned = UNPLANNED if result.level is Level.PREDICTIONS else Plan()
    for judge in present:
        planned, rows_of = _planned(plan, judge.name, unplanned)
        if kept.linked is not None and planned.ask:
            planned = Plan(planned.withhold, reason=LINKS_UNPLANNED, of=planned.of)
        answered = Answered(
            result,
            data.task,
            data.table,
            data.truth,
            data.labels,
            data.test,
            kept.test,
            planned,
            kept.probes.get(rows_of, form_of(data.task).none()),
            data.public,
            data.sides,
            None if kept.linked is None else kept.linked.values,
        )
        try:
            found[judge.name, version_of(judge, data.task)] = [
                replace(finding, judge=judge.name) for finding in judge.judge(answered)
            ]
        except BakeoffError as error:
            troubles.append(
                f"the judge {judge.name} could not judge {result.cell.entry} on {result.cell.task}: {error}"
            )
        except Exception as error:
            troubles.append(
                f"the judge {judge.name} failed on {result.cell.entry} on {result.cell.task}: "
                f"{type(error).__name__}: {error}"
            )
    return found, troubles


def _planned(plan: CellPlan, judge: str, unplanned: Plan) -> tuple[Plan, str]:
    """What was planned for a judge, and the name of the judge whose probes are meant."""
    planned = plan.plans.get(judge, unplanned)
    if not planned.of:
        return planned, judge
    other = plan.plans.get(planned.of, unplanned)
    return replace(other, reason=planned.reason or other.reason, of=planned.of), planned.of
