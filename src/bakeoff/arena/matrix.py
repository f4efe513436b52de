"""Filling the matrix: which cells are due, running them, and writing down what came of them."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bakeoff.arena.answer_forms import form_of
from bakeoff.arena.audit_plans import AuditPlan
from bakeoff.arena.cellrun import Call, Job, Played
from bakeoff.arena.claims import Claims, Told
from bakeoff.arena.environments import build_environment
from bakeoff.arena.judging import (
    NO_PROBES,
    CellAnswers,
    judge_cell,
    judges,
    pack,
    plan_body,
    plan_from,
    plan_key,
    unpack,
    version_of,
)
from bakeoff.arena.linked import answer_pairs
from bakeoff.arena.plans import CellPlan, Sorted, make_plan, share_plan, sort_answers
from bakeoff.arena.runner import Due, Hooks, Runner
from bakeoff.arena.stages import Key, Stages, stage_folder
from bakeoff.arena.staging import Staged, TaskData, worker_spec
from bakeoff.arena.store.artefacts import Artefacts
from bakeoff.arena.store.database import Store
from bakeoff.arena.store.leases import LEASE_SECONDS
from bakeoff.arena.supplies import Supplies, models_listing, refusal
from bakeoff.arena.wall.confinement import Fittings, layers
from bakeoff.arena.wall.wire import CONTRACT
from bakeoff.arena.warmth import warmth
from bakeoff.errors import BakeoffError, Refused, StoreError
from bakeoff.nouns import Cell, CellResult, Entry, Finding, Judge, Level, Limits, Outcome, Task
from bakeoff.tasks import kind

Pair = tuple[Entry, Task]


class Watcher(Protocol):
    """Sees a run go by, to show its progress; called from several threads."""

    def start(self, total: int) -> None:
        """So many cells are due."""

    def began(self, cell: Cell) -> None:
        """A cell has begun."""

    def ended(self, result: CellResult) -> None:
        """A cell has ended."""

    def message(self, text: str) -> None:
        """Something a person should know."""


class Silent:
    """A watcher that shows nothing."""

    def start(self, total: int) -> None:
        """Nothing."""

    def began(self, cell: Cell) -> None:
        """Nothing."""

    def ended(self, result: CellResult) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""


@dataclass(frozen=True)
class RunSummary:
    """What a run did: cells run and kept from before, outcomes by name, and what the house failed to do.

    `stopped` are the run cells that did not get done and did not decline, and `elsewhere` counts those that were due
    and that other runs on the same store have run meanwhile. `overhead` holds for each run cell the
    house's wall seconds before the data were handed in, and from the answers until the findings were stored.
    """

    ran: int
    kept: int
    judged: int
    outcomes: Mapping[str, int]
    seconds: float
    level: Level
    troubles: tuple[str, ...] = ()
    stopped: tuple[CellResult, ...] = ()
    overhead: tuple[tuple[float, float], ...] = ()
    elsewhere: int = 0


@dataclass
class Matrix:
    """The cells of some entries and tasks, over one store; `data` gives a task's rows, kept while the matrix lives.

    Cells of a matrix whose `share` of training rows is below 1 are unranked: no board meets their plans. So are those
    of `audits`, plans by their digests; no judge reads such a cell by itself. A cell that another run holds is taken
    over when that run was silent for `lease_seconds`.
    """

    store: Store
    secret: bytes
    data: Any  # a callable: Task -> TaskData
    environments: Path
    watcher: Watcher = field(default_factory=Silent)
    share: float = 1.0
    supplies: Supplies = field(default_factory=Supplies)
    lease_seconds: float = LEASE_SECONDS
    audits: Mapping[str, AuditPlan] | None = None

    def __post_init__(self) -> None:
        self.judges: list[Judge] = judges() if self.audits is None else []
        self._plans: dict[tuple[str, int], CellPlan] = {}
        self._troubles: list[str] = []
        self._warmth: dict[str, str] = {}  # by entry's digest
        self._judged = 0

    # Cells

    def plan(self, task: Task, seed: int) -> CellPlan:
        """The judges' plan for one task and seed, made once and kept."""
        if self.share < 1:
            return self._share_plan(task, seed)
        if (found := self._plans.get((task.digest, seed))) is None:
            key = plan_key(task.digest, seed, self.judges)
            kept = self.store.plan(key)
            if kept is not None:
                found = plan_from(kept["body"])
            else:
                rows: TaskData = self.data(task)
                found = make_plan(self.judges, rows.brief, seed=seed, secret=self.secret)
                self.store.keep_plan(key, plan_body(found))
            self._plans[task.digest, seed] = found
        return found

    def _share_plan(self, task: Task, seed: int) -> CellPlan:
        if (task.digest, seed) not in self._plans:
            rows: TaskData = self.data(task)
            made = share_plan(task, rows.labels, self.share, seed=seed, secret=self.secret)
            self._plans[task.digest, seed] = made
        return self._plans[task.digest, seed]

    def cell(self, entry: Entry, task: Task, seed: int) -> Cell:
        """The cell of an entry on a task with a seed, under the current plan."""
        planned = NO_PROBES if entry.source.form == "predictions" else self.plan(task, seed)
        return Cell(entry.name, entry.digest, task.name, task.digest, seed, planned.digest, CONTRACT)

    def cells(self, entries: Sequence[Entry], tasks: Sequence[Task], seeds: int) -> dict[Cell, Pair]:
        """All cells, task by task; a baseline for other kinds than those of a task's track has none there."""
        return {
            self.cell(entry, task, seed): (entry, task)
            for task in tasks
            for seed in range(seeds)
            for entry in entries
            if entry.is_for(other for other in tasks if other.track == task.track)
        }

    def due(self, wanted: Mapping[Cell, Pair], limits: Limits, again: bool = False) -> list[Cell]:
        """The cells that must be run, each once."""
        return self._due(wanted, self.store.results(), limits, again)

    def _due(
        self, wanted: Mapping[Cell, Pair], kept: Mapping[str, CellResult], limits: Limits, again: bool
    ) -> list[Cell]:
        return list({cell.id: cell for cell in wanted if self._is_due(kept.get(cell.id), limits, again)}.values())

    def run(self, wanted: Mapping[Cell, Pair], limits: Limits, runner: Runner, again: bool = False) -> RunSummary:
        """Run the cells that are due, then let judges see kept cells that they have not judged.

        Cells that other runs on the same store have begun are waited for.
        """
        began = time.monotonic()
        tokens = self.store.tokens()  # before the results, so that what is saved in between is seen
        kept = self.store.results()
        due = self._due(wanted, kept, limits, again)
        built = self._environments({wanted[cell][0].digest: wanted[cell][0] for cell in due}, runner.level)
        due = [cell for cell in due if wanted[cell][0].digest in built]
        self.watcher.start(len(due))
        with stage_folder() as folder:
            desk = _Desk(self, {cell: wanted[cell] for cell in due}, limits, folder)
            todo = [Due(cell, self._fittings(wanted[cell][0], built, limits)) for cell in due]
            told = Told(desk.elsewhere, self.watcher.message)
            with Claims(self.store, todo, tokens, told, self.lease_seconds) as work:
                self._troubles += runner.run(work, Hooks(desk.prepare, desk.finish, self.watcher.began))
        ran = {cell.id for cell in due}
        self.judge({cell: pair for cell, pair in wanted.items() if cell.id not in ran})
        return RunSummary(
            ran=sum(desk.outcomes.values()),
            kept=sum(cell.id in kept and cell.id not in ran for cell in wanted),
            judged=self._judged,
            outcomes=dict(desk.outcomes),
            seconds=time.monotonic() - began,
            level=runner.level,
            troubles=tuple(dict.fromkeys(self._troubles)),
            stopped=tuple(desk.stopped),
            overhead=tuple(desk.overhead),
            elsewhere=desk.done_elsewhere,
        )

    def _fittings(self, entry: Entry, built: Mapping[str, Path | None], limits: Limits) -> Fittings:
        if entry.digest not in self._warmth:
            self._warmth[entry.digest] = warmth(entry)
        return Fittings(built[entry.digest], self.supplies.models, limits.threads, self._warmth[entry.digest])

    def _is_due(self, kept: CellResult | None, limits: Limits, again: bool) -> bool:
        """A done cell whose answers are gone can no longer be judged, so it is due too."""
        lost = kept is not None and kept.answers and not self.store.artefacts.has(kept.answers)
        return bool(lost) or is_due(kept, limits, again)

    def _environments(self, entries: Mapping[str, Entry], level: Level) -> dict[str, Path | None]:
        """The environments of the entries that may run at `level`; the others are named as troubles."""
        built: dict[str, Path | None] = {}
        for name, entry in entries.items():
            if why := refusal(entry, self.supplies.least, level):
                self._troubles.append(f"{entry.name} was not run, and nothing is charged: {why}")
                continue
            try:
                own = Path(entry.source.folder) if entry.environment else None
                built[name] = build_environment(own, self.environments, self.supplies, entry.name) if own else None
            except BakeoffError as error:
                self._troubles.append(f"{entry.name} was not run: {error}")
        return built

    @cached_property
    def provided(self) -> Mapping[str, Any]:
        """What the challenge provides, as it stands with each result: the shared models, if any."""
        return {"models": models_listing(self.supplies.models)} if self.supplies.models else {}

    # Judging

    def judge(self, wanted: Mapping[Cell, Pair], again: bool = False) -> int:
        """Let every judge see kept answers that it has not judged in its present version; no cell is run."""
        kept = self.store.results()
        judged = self.store.judged()
        before = self._judged
        for cell, (_, task) in wanted.items():
            result = kept.get(cell.id)
            if result is None or result.outcome is not Outcome.DONE:
                continue
            due = [j for j in self.judges if again or (cell.id, j.name, version_of(j, task)) not in judged]
            if due:
                plan = NO_PROBES if result.level is Level.PREDICTIONS else self.plan(task, cell.seed)
                rows: TaskData = self.data(task)
                try:
                    data = self.store.artefacts.get(result.answers)
                    answers = unpack(data, plan, len(rows.truth), form_of(task))
                except StoreError as error:
                    self._note(0, [f"{cell.entry} on {cell.task} could not be judged: {error}"])
                    continue
                found, troubles = judge_cell(due, result, rows, plan, answers)
                self.store.add_findings(cell.id, found, result.answers)
                self._note(len(found), troubles)
        return self._judged - before

    def _note(self, judged: int, troubles: Sequence[str]) -> None:
        self._judged += judged
        self._troubles += troubles
        for trouble in troubles:
            self.watcher.message(trouble)


def is_due(kept: CellResult | None, limits: Limits, again: bool = False) -> bool:
    """Whether a cell must be run: never run, or stopped by a limit that is higher now.

    With `again`, failed and refused cells are due too; what declined stays declined, what is done stays done.
    """
    if kept is None:
        return True
    if kept.outcome is Outcome.TIMED_OUT:
        return limits.seconds > kept.limits.seconds
    if kept.outcome is Outcome.OUT_OF_MEMORY:
        return limits.memory_mib > kept.limits.memory_mib
    return again and kept.outcome in (Outcome.FAILED, Outcome.REFUSED)


class _Desk:
    """Hands jobs to the runner and takes what it brings back; called from the runner's lanes."""

    def __init__(self, matrix: Matrix, wanted: Mapping[Cell, Pair], limits: Limits, folder: Path) -> None:
        self.matrix = matrix
        self.wanted = wanted
        self.limits = limits
        self.folder = folder
        self.outcomes: Counter[str] = Counter()
        self.overhead: list[tuple[float, float]] = []
        self.stopped: list[CellResult] = []
        self.done_elsewhere = 0
        self.tasks = {task.name: task for _, task in wanted.values()}
        self.stages = Stages(map(self._key, wanted), self._rows, matrix.secret, folder)

    def _key(self, cell: Cell) -> Key:
        """Ranked cells of a task and seed have one plan; prediction files, which have none, share its rows."""
        return cell.task, cell.seed, "" if self.matrix.audits is None else cell.plan_digest

    def _rows(self, task: str, seed: int, plan: str) -> tuple[TaskData, CellPlan]:
        asked, audits = self.tasks[task], self.matrix.audits
        return self.matrix.data(asked), self.matrix.plan(asked, seed) if audits is None else audits[plan].cells

    def prepare(self, due: Due, cores: tuple[int, ...]) -> Job:
        """The job of a due cell."""
        entry, _ = self.wanted[due.cell]
        key = self._key(due.cell)
        staged = self.stages.staged(key)
        code = Path(entry.source.folder) if entry.source.folder else None
        spec = worker_spec(entry, staged.data, due.cell.seed, self.limits)
        if entry.source.form == "predictions":
            code = code / entry.source.what if code else None
            rows = (Call(staged.rows_file, len(staged.data.truth), 1.0),)
            return Job(spec, code, None, rows, staged.form, self.limits, cores)
        linkable = self.stages.linkable(key)
        return Job(spec, code, staged.train, staged.calls, staged.form, self.limits, cores, linkable)

    def finish(self, due: Due, played: Played, answered: float) -> None:
        """Check the answers, judge them, and write everything down at once."""
        entry, _ = self.wanted[due.cell]
        staged = self.stages.staged(self._key(due.cell))
        plan = NO_PROBES if entry.source.form == "predictions" else staged.plan
        outcome, reason, kept = played.outcome, played.reason, None
        measurements = played.measurements
        if outcome is Outcome.DONE:
            try:
                answers = self._sorted(staged, played, due.cell, entry)
                self._check_written(staged, answers)
                kept = CellAnswers(answers.test, answers.probes, played.linked)
                if entry.source.form != "predictions":
                    measurements = replace(measurements, batch_dependent=answers.batch_dependent)
            except Refused as refused:
                outcome, reason = Outcome.REFUSED, str(refused)
        artefacts: Artefacts = self.matrix.store.artefacts
        result = CellResult(
            due.cell,
            outcome,
            reason,
            "" if outcome is Outcome.DONE else played.log,
            artefacts.put(pack(kept, staged.form)) if kept is not None else "",
            played.level,
            self.limits,
            measurements,
            {**made_with(played.level), **self.matrix.provided, **self._audit(due.cell)},
            played.notes,
            played.claim,
        )
        found: Mapping[tuple[str, str], Sequence[Finding]] = {}
        troubles: list[str] = []
        if kept is not None:
            found, troubles = judge_cell(self.matrix.judges, result, staged.data, plan, kept)
        result = replace(result, measurements=replace(measurements, after=time.monotonic() - answered))
        self.matrix.store.save(result, found, due.lease)
        self.stages.ended(self._key(due.cell))
        self.overhead.append((measurements.before or 0.0, time.monotonic() - answered))
        self.outcomes[outcome.value] += 1
        if outcome not in (Outcome.DONE, Outcome.DECLINED):
            self.stopped.append(result)
        self.matrix._note(len(found), troubles)
        self.matrix.watcher.ended(result)

    def _check_written(self, staged: Staged, answers: Sorted) -> None:
        """Refused where written answers do not fit their rows: only beside the truth is the number of tags known."""
        data = staged.data
        asked = kind(data.task.kind)
        if staged.form.is_written:
            asked.closeness(asked.encode(data.truth, data.task), answers.test, data.task)

    def elsewhere(self, due: Due) -> None:
        """Take note of a cell that another run has run meanwhile."""
        self.stages.ended(self._key(due.cell))
        self.done_elsewhere += 1
        for result in self.matrix.store.results([due.cell.id]).values():
            self.matrix.watcher.ended(result)

    def _audit(self, cell: Cell) -> dict[str, Any]:
        """What an audit cell is part of, so that it is never taken for a ranked one."""
        if (plan := (self.matrix.audits or {}).get(cell.plan_digest)) is None:
            return {}
        return {"audit": {"judge": plan.judge, "plan": plan.name, "quick": plan.quick}}

    def _sorted(self, staged: Staged, played: Played, cell: Cell, entry: Entry) -> Sorted:
        """The accepted answers where they belong; those of links to the test pairs where nothing more was asked."""
        data = staged.data
        if played.linked is not None and played.answers is None and data.sides is not None and data.sizes is not None:
            return Sorted(answer_pairs(played.linked, data.sides.test, data.sizes), {}, False)
        accepted = kind(data.task.kind).accept(played.answers, data.task)
        if entry.source.form == "predictions":
            return Sorted(accepted, {}, False)
        layout = staged.layout
        if played.linked is not None:
            layout = self.stages.records(self._key(cell)).layout
        ordered = np.empty_like(accepted)
        ordered[layout.asked] = accepted
        return sort_answers(layout, ordered, len(data.truth))


def made_with(level: Level) -> dict[str, Any]:
    """What a result was made with: versions, machine, Python, and what the wall at its level was made of."""
    from importlib.metadata import version

    names = ("bakeoff", "numpy", "pandas", "scikit-learn", "skrub", "lightgbm")
    return {
        "versions": {name: version(name) for name in names},
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "wall": list(layers(level)),
    }
