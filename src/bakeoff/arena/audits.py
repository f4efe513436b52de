"""Deep judgements: further fits of an entry in audit cells that no board ranks, and what judges read from all of them.

Answers are kept like any others, so nothing is run twice: a run that was interrupted goes on where it was, and a newer
judge with the same plans reads what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bakeoff.arena.answer_forms import form_of
from bakeoff.arena.audit_plans import AuditPlan, Planned, audit_plans
from bakeoff.arena.board import PrivacyStand
from bakeoff.arena.judging import judges, unpack, version_of
from bakeoff.arena.matrix import Matrix, RunSummary, Silent
from bakeoff.arena.staging import TaskData
from bakeoff.arena.wall.wire import CONTRACT
from bakeoff.errors import BakeoffError, StoreError, UsageError
from bakeoff.nouns import Answered, Auditor, Cell, CellResult, Entry, Finding, Outcome, Task, digest

if TYPE_CHECKING:
    from bakeoff.arena.challenge import AuditRequest, Challenge

FITS = "fits"


@dataclass(frozen=True)
class Audited:
    """What audits found of one entry.

    `fits` counts the audit cells that were wanted and `done` those that ended well; `stopped` says of the others how
    they ended. `reason` says why there are no findings.
    """

    entry: str
    task: str
    seed: int
    quick: bool
    fits: int
    done: int
    findings: tuple[Finding, ...] = ()
    stopped: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class AuditSummary:
    """An audit's run and what it found, entry by entry; `stands` tells by entry how its claim of privacy stands now."""

    audited: tuple[Audited, ...]
    run: RunSummary
    troubles: tuple[str, ...] = ()
    stands: Mapping[str, PrivacyStand] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditId:
    """Under what an audit's findings are kept, as those of a cell that was put together from several."""

    judge: str
    entry_digest: str
    task_digest: str
    seed: int
    quick: bool

    @property
    def id(self) -> str:
        """The key in the store."""
        return digest(["audit", self.judge, self.entry_digest, self.task_digest, self.seed, self.quick, CONTRACT])


def audit_of(result: CellResult) -> AuditId | None:
    """Which audit a cell was run for, None for any other cell."""
    told = result.made_with.get("audit")
    if not isinstance(told, Mapping):
        return None
    cell = result.cell
    return AuditId(str(told["judge"]), cell.entry_digest, cell.task_digest, cell.seed, bool(told["quick"]))


def audits_kept(results: Iterable[CellResult]) -> set[AuditId]:
    """The audits that any of these cells were run for; an audit may share cells with its quick form."""
    found = {audit for result in results if (audit := audit_of(result)) is not None}
    return found | {replace(audit, quick=not audit.quick) for audit in found}


@dataclass
class Audits:
    """The audit cells of some entries on one task and seed."""

    challenge: Challenge
    request: AuditRequest
    watcher: Any = field(default_factory=Silent)

    def __post_init__(self) -> None:
        challenge, request = self.challenge, self.request
        self.entries, self.task = _chosen(challenge, request)
        self.limits = request.limits or challenge.rules.limits
        self.data: TaskData = challenge.data(self.task)
        self.planned = self._plan()
        plans = [plan for one in self.planned for plan in one.plans.values()]
        self.plans = {plan.cells.digest: plan for plan in plans}
        self.declined = self._declined()
        self._troubles: list[str] = []

    def _plan(self) -> list[Planned]:
        auditors = [judge for judge in judges() if isinstance(judge, Auditor)]
        if not auditors:
            raise UsageError("No installed judge audits entries; the judge of privacy does, and comes with Bakeoff.")
        secret, request = self.challenge.places.secret(), self.request
        told: dict[str, Any] = {"seed": request.seed, "secret": secret, "quick": request.quick}
        return [audit_plans(judge, self.data.brief, **told) for judge in auditors]

    def _declined(self) -> dict[str, str]:
        """Entries whose ranked cell declined the task, with the reason they gave: audits would hear the same.

        One that declines fewer or other rows alone, as in an audit cell, is asked all the same.
        """
        from bakeoff.arena.kept import Reader

        found: dict[str, str] = {}
        reader = Reader(self.challenge)
        for result in reader.ranked():
            cell = result.cell
            if result.outcome is not Outcome.DECLINED or cell.task_digest != self.task.digest:
                continue
            if cell.plan_digest == reader.matrix.plan(self.task, cell.seed).digest:
                found[cell.entry_digest] = result.reason or "it gave no reason"
        return {entry.name: found[entry.digest] for entry in self.entries if entry.digest in found}

    # Cells

    def cell(self, entry: Entry, plan: AuditPlan) -> Cell:
        """The audit cell of an entry under one plan."""
        task, seed = self.task, self.request.seed
        return Cell(entry.name, entry.digest, task.name, task.digest, seed, plan.cells.digest, CONTRACT)

    @property
    def cells(self) -> dict[Cell, tuple[Entry, Task]]:
        """All audit cells, plan by plan, so that the files of few plans lie there at once."""
        able = [entry for entry in self.entries if entry.name not in self.declined]
        return {self.cell(entry, plan): (entry, self.task) for plan in self.plans.values() for entry in able}

    def due(self) -> list[Cell]:
        """The audit cells that would be run."""
        return self._matrix().due(self.cells, self.limits, self.request.again)

    def _matrix(self) -> Matrix:
        challenge = self.challenge
        given = (challenge.store, challenge.places.secret(), challenge.data, challenge.places.environments)
        return Matrix(*given, self.watcher, supplies=challenge.supplies(), audits=self.plans)

    def run(self) -> AuditSummary:
        """Run the audit cells that are due, then let the judges read all that are there."""
        from bakeoff.arena.runner import LocalRunner

        self.watcher.message(self.forecast())
        runner = LocalRunner(self.request.workers, self.limits.threads)
        ran = self._matrix().run(self.cells, self.limits, runner, self.request.again)
        audited = tuple(self._audited(entry) for entry in self.entries)
        troubles = tuple(dict.fromkeys((*ran.troubles, *self._troubles)))
        kept = self.challenge._kept(self.task.track)
        stands = {one.entry: kept.privacy.get((one.entry, self.task.name)) for one in audited}
        return AuditSummary(audited, ran, troubles, {name: stand for name, stand in stands.items() if stand})

    def judge(self) -> int:
        """Let the judges read what is there, without running anything; gives how many audits they could judge."""
        made = sum(bool(self._audited(entry).findings) for entry in self.entries)
        for trouble in self._troubles:
            self.watcher.message(trouble)
        return made

    def forecast(self) -> str:
        """One sentence on what an audit will take: its fits, those kept from before, and about how long."""
        due, all_ = len(self.due()), len(self.cells)
        names = ", ".join(entry.name for entry in self.entries if entry.name not in self.declined)
        if not all_:
            return f"There is nothing to run on {self.task.name}."
        kept = f", {all_ - due} kept from before" if due < all_ else ""
        said = f"An audit of {names} on {self.task.name} takes {_fits(all_)}{kept}"
        seconds = self._seconds()
        long = f", about {_long(seconds)} of one core" if due and seconds else ""
        return f"{said}; {_fits(due)} will run now{long}." if due else f"{said}; nothing has to run."

    def _seconds(self) -> float:
        """About what the due fits take, as long each as the entry's ranked cells on this task; 0 where unknown."""
        took: dict[str, list[float]] = {}
        for result in self.challenge.store.results().values():
            if result.cell.task_digest == self.task.digest and result.measurements.wall is not None:
                took.setdefault(result.cell.entry_digest, []).append(result.measurements.wall)
        each = [took.get(cell.entry_digest) for cell in self.due()]
        known = [sum(walls) / len(walls) for walls in each if walls]
        return sum(known) if len(known) == len(each) else 0.0

    # Judging

    def _audited(self, entry: Entry) -> Audited:
        """What the judges find in an entry's audit cells, kept in the store; read from there where it is not new."""
        store, task, request = self.challenge.store, self.task, self.request
        about = (entry.name, task.name, request.seed, request.quick)
        if entry.name in self.declined:
            return Audited(*about, 0, 0, reason=f"it declined the task: {self.declined[entry.name]}")
        results = store.results([self.cell(entry, plan).id for plan in self.plans.values()])
        done = {id_: result for id_, result in results.items() if result.outcome is Outcome.DONE}
        stopped = [f"{one.outcome.value}: {one.reason}" for one in results.values() if one.cell.id not in done]
        findings: list[Finding] = []
        for planned in self.planned:
            mine = {name: self.cell(entry, plan).id for name, plan in planned.plans.items()}
            there = {name: done[cell] for name, cell in mine.items() if cell in done}
            if there:
                findings += self._judged(planned, entry, there)
        reasons = [planned.reason for planned in self.planned if planned.reason]
        if not reasons and not done:
            reasons = ["none of its fits ended well" if results else "none of its fits has run"]
        why = "" if findings else "; ".join(reasons) or "no judge could read its answers"
        stopped = list(dict.fromkeys(stopped))
        return Audited(*about, len(self.plans), len(done), tuple(findings), tuple(stopped), why)

    def _judged(self, planned: Planned, entry: Entry, there: Mapping[str, CellResult]) -> list[Finding]:
        judge, store = planned.judge, self.challenge.store
        version = version_of(judge, self.task)
        audit = AuditId(judge.name, entry.digest, self.task.digest, self.request.seed, self.request.quick).id
        # A cell that was run anew has lost its mark, and so the audit is due again.
        marks = {(result.cell.id, _mark(judge, audit), version) for result in there.values()}
        if not self.request.again and {*marks, (audit, judge.name, version)} <= store.judged():
            return [found for of, found in store.findings([audit])[audit] if of == version]
        try:
            answered = self._answered(planned, there)
            found = [replace(one, judge=judge.name) for one in judge.judge_audit(answered)]
        except Exception as error:  # a judge is a stranger's code, and its failure is never the entry's
            said = str(error) if isinstance(error, BakeoffError) else f"{type(error).__name__}: {error}"
            self._troubles.append(f"the judge {judge.name} could not audit {entry.name} on {self.task.name}: {said}")
            return []
        found.append(Finding(judge.name, FITS, float(len(answered)), split="audit", n=len(planned.plans)))
        store.add_findings(audit, {(judge.name, version): found})
        for result in there.values():
            store.add_findings(result.cell.id, {(_mark(judge, audit), version): []}, result.answers)
        return found

    def _answered(self, planned: Planned, there: Mapping[str, CellResult]) -> dict[str, Answered]:
        """The cells' kept answers as the judge reads them."""
        data, form = self.data, form_of(self.task)
        found: dict[str, Answered] = {}
        for name, result in there.items():
            plan = planned.plans[name]
            try:
                kept = unpack(self.challenge.store.artefacts.get(result.answers), plan.cells, len(data.truth), form)
            except StoreError as error:
                self._troubles.append(f"an audit cell of {result.cell.entry} on {self.task.name} is not read: {error}")
                continue
            found[name] = Answered(
                result,
                data.task,
                data.table,
                data.truth,
                data.labels,
                data.test,
                kept.test,
                plan.plan,
                kept.probes.get(planned.judge.name, form.none()),
                data.public,
                data.sides,
                None if kept.linked is None else kept.linked.values,
            )
        return found


def judge_kept(challenge: Challenge, watcher: Any = None, again: bool = False) -> int:
    """Judge the kept answers of audits that a judge has not read in its present version; no fit is run.

    Gives how many audits were judged. Audits of entries or tasks that are no longer here stay as they are.
    """
    from bakeoff.arena.challenge import AuditRequest
    from bakeoff.arena.versions import expired

    store = challenge.store
    judged = {(of, judge): version for of, judge, version in store.judged()}
    known = {audit for audit in audits_kept(store.results().values()) if (audit.id, audit.judge) in judged}
    entries = {entry.digest: entry.name for entry in challenge.entries()}
    tasks = {task.digest: task for task in challenge.tasks() if not expired(challenge.places, task.table)}
    versions = {judge.name: judge for judge in judges()}
    made = 0
    for audit in sorted(known, key=lambda one: one.id):
        task, judge = tasks.get(audit.task_digest), versions.get(audit.judge)
        if task is None or judge is None or audit.entry_digest not in entries:
            continue
        if again or (audit.id, judge.name, version_of(judge, task)) not in store.judged():
            name = entries[audit.entry_digest]
            request = AuditRequest((name,), task.name, audit.quick, audit.seed, again=again)
            made += Audits(challenge, request, watcher or Silent()).judge()
    return made


def _mark(judge: Auditor, audit: str) -> str:
    """Under what it is noted beside a cell that an audit has read it."""
    return f"{judge.name} audit {audit[:16]}"


def _chosen(challenge: Challenge, request: AuditRequest) -> tuple[list[Entry], Task]:
    from bakeoff.arena.versions import expired

    if not request.entries:
        raise UsageError("Name the entries to audit, such as: bakeoff judge --deep ENTRY --on TABLE")
    if request.seed < 0:
        raise UsageError(f"The seed is {request.seed}; it must be 0 or more.")
    task = challenge._chosen("task", (request.task,), challenge.tasks())[0]
    if said := expired(challenge.places, task.table):
        raise UsageError(said)
    entries = challenge._chosen("entry", dict.fromkeys(request.entries), challenge.entries())
    others = [other for other in challenge.tasks() if other.track == task.track]
    for entry in entries:
        if entry.source.form == "predictions":
            raise UsageError(f"{entry.name} is a file of predictions: there is nothing to fit again, so no audit.")
        if not entry.is_for(others):
            raise UsageError(f"{entry.name} takes no part in {task.name}, which is a {task.kind} task.")
    return entries, task


def _fits(count: int) -> str:
    return f"{count} fit{'s' * (count != 1)}"


def _long(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
