"""What auditors want of audit cells: plans of further fits, checked, each with a digest that no ranked cell has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.arena.plans import CellPlan, key_for
from bakeoff.errors import BakeoffError
from bakeoff.nouns import Array, Auditor, Brief, Plan, digest


@dataclass(frozen=True)
class AuditPlan:
    """One audit cell of any entry: what judge `judge` calls `name`, in its quick form or not."""

    judge: str
    name: str
    quick: bool
    cells: CellPlan

    @property
    def plan(self) -> Plan:
        """The judge's own plan."""
        return self.cells.plans[self.judge]


@dataclass(frozen=True)
class Planned:
    """All audit cells that one judge wants, by name; `reason` says why where there are none."""

    judge: Auditor
    plans: Mapping[str, AuditPlan]
    reason: str = ""


def audit_plans(judge: Auditor, known: Brief, *, seed: int, secret: bytes, quick: bool) -> Planned:
    """Ask an auditor for its audit cells on one task and seed; `known` is a brief without key and budget.

    A plan that holds a reason and no more is told and not run. Raises BakeoffError when the auditor breaks the
    contract: a class loses all its rows, a row is not there, or a plan reads another judge's rows.
    """
    key = key_for(secret, known.task, seed, f"{judge.name} audit")
    layout = key_for(secret, known.task, seed, "layout").hex()
    named = judge.plan_audit(replace(known, key=key, budget=len(known.labels)), quick)
    found: dict[str, AuditPlan] = {}
    reasons = []
    for name, plan in named.items():
        if not (plan.withhold or plan.ask or plan.insert):
            reasons.append(plan.reason or f"the judge {judge.name} planned nothing")
            continue
        _check(f"The judge {judge.name}, in its audit plan {name!r},", plan, known)
        of = digest(["audit", judge.name, plan.withhold, plan.ask, plan.offered, plan.insert, layout])
        inserted = tuple(plan.offered[place] for place in plan.insert)
        cells = CellPlan({judge.name: plan}, tuple(sorted(set(plan.withhold))), of, inserted)
        found[name] = AuditPlan(judge.name, name, quick, cells)
    reason = "; ".join(dict.fromkeys(reasons)) or f"the judge {judge.name} has nothing to audit here"
    return Planned(judge, found, "" if found else reason)


def _check(who: str, plan: Plan, known: Brief) -> None:
    rows, offered = len(known.labels), len(plan.offered)
    if plan.of:
        raise BakeoffError(f"{who} reads the rows of {plan.of}; an audit cell has rows of its own alone.")
    bounds = {"train": rows, "inserted": offered, "test": 0 if known.test is None else len(known.test)}
    asked = [(probe.row, bounds.get(probe.part, 0), f"asks {probe.part} row") for probe in plan.ask]
    named = [(row, rows, "withholds training row") for row in plan.withhold]
    named += [(one.row, rows, "makes a row of training row") for one in plan.offered]
    named += [(place, offered, "inserts offered row") for place in plan.insert]
    for row, most, what in (*named, *asked):
        if not 0 <= row < most:
            raise BakeoffError(f"{who} {what} {row}, where there are {most:,}.")
    unknown = {name for one in plan.offered for name in one.changes} - set(known.train.columns)
    if unknown:
        raise BakeoffError(f"{who} changes the column {min(unknown)!r}, which the table does not have.")
    if len(set(plan.insert)) < len(plan.insert):
        raise BakeoffError(f"{who} inserts an offered row twice.")
    kept = np.setdiff1d(np.arange(rows), np.asarray(plan.withhold, dtype=int))
    if not len(kept) or (known.task.classes and _values(known.labels[kept]) != _values(known.labels)):
        raise BakeoffError(f"{who} withholds all rows of a class; each must keep one.")


def _values(labels: Array) -> set[object]:
    return set(np.asarray(labels).tolist())
