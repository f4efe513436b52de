"""Learning curves: a few entries fitted again on shares of the training rows, in cells that no board meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.arena.board import Estimate
from bakeoff.arena.judging import version_of
from bakeoff.arena.matrix import Matrix, Silent
from bakeoff.arena.owner.answers import KeptAnswers, Paired, paired
from bakeoff.arena.owner.words import alike, amount, moved
from bakeoff.arena.withheld import is_kept, withheld
from bakeoff.nouns import Array, Cell, CellResult, Entry, Finding, Outcome
from bakeoff.stats.learning import Doubling, next_doubling
from bakeoff.tasks import Score

if TYPE_CHECKING:
    from bakeoff.arena.challenge import Challenge

SHARES = (0.25, 0.5)
MISSING = "run `bakeoff table report {table} --curve{option}` for the cells that are missing"


@dataclass(frozen=True)
class Point:
    """The score of an entry that learned from so many rows; `reason` says why there is none."""

    share: float
    rows: int
    score: Estimate | None
    reason: str = ""


@dataclass(frozen=True)
class EntryCurve:
    """One entry's points, from few rows to all, and why it was chosen: best, best baseline, reference, asked for."""

    entry: str
    chosen: str
    points: tuple[Point, ...]


@dataclass(frozen=True, eq=False)
class Curve:
    """Learning curves, and of the best entry what the last doubling of its rows brought and the next one would.

    Gains are positive where more rows are better. `next` is None where no gain can be seen beyond noise: a curve that
    is flat within noise says nothing of what comes. `power_law` tells a forecast by a power law from one that repeats
    the last doubling. `due` are cells that were not run yet. `replicates` are those of `next`.
    """

    curves: tuple[EntryCurve, ...]
    entry: str = ""
    last: Estimate | None = None
    next: Estimate | None = None
    power_law: bool = False
    verdict: str = ""
    due: int = 0
    replicates: Array | None = None


class Learning:
    """The curve cells of a few entries on one task."""

    def __init__(self, challenge: Challenge, kept: KeptAnswers, names: Sequence[str] = (), watcher: Any = None) -> None:
        self.challenge = challenge
        self.kept = kept
        self.watcher = watcher or Silent()
        self.chosen = _chosen(challenge, kept, names)
        self.matrices = {share: self._matrix(share) for share in SHARES}

    def _matrix(self, share: float) -> Matrix:
        places = self.challenge.places
        return Matrix(
            self.challenge.store,
            places.secret(),
            self.challenge.data,
            places.environments,
            _Within(self.watcher),
            share=share,
            supplies=self.challenge.supplies(),
        )

    def _cells(self, matrix: Matrix) -> dict[Cell, tuple[Entry, Any]]:
        """Cells with the seeds that the entry's ranked cells have, so that no board counts a seed that was not run."""
        entries = [entry for entry in self.kept.entries if entry.name in self.chosen]
        if not entries:
            return {}
        wanted = matrix.cells(entries, [self.kept.task], 1 + max(self.kept.seeds))
        return {cell: pair for cell, pair in wanted.items() if (cell.entry, cell.seed) in self.kept.answers}

    def due(self) -> int:
        """How many cells are still to be run."""
        limits = self.challenge.rules.limits
        return sum(len(matrix.due(self._cells(matrix), limits)) for matrix in self.matrices.values())

    def run(self) -> tuple[str, ...]:
        """Run the cells that are missing, and give one sentence for each that the house failed to run."""
        from bakeoff.arena.runner import LocalRunner

        limits = self.challenge.rules.limits
        self.watcher.start(self.due())
        troubles: list[str] = []
        for matrix in self.matrices.values():
            cells = self._cells(matrix)
            if matrix.due(cells, limits):
                troubles += matrix.run(cells, limits, LocalRunner(0, limits.threads)).troubles
        return tuple(dict.fromkeys(troubles))

    def curve(self) -> Curve:
        """What is known so far."""
        whole = self._matrix(1.0)
        steps = [*self.matrices.items(), (1.0, whole)]
        rows: dict[float, int] = {}
        scores: dict[tuple[str, float], Paired | None] = {}
        reasons: dict[tuple[str, float], str] = {}
        for share, matrix in steps:
            cells = self._cells(matrix)
            matrix.judge(cells)
            withheld = [len(matrix.plan(self.kept.task, seed).withheld) for seed in self.kept.seeds]
            rows[share] = round(len(self.kept.data.labels) - float(np.mean(withheld)))
            for name in self.chosen:
                mine = [cell for cell in cells if cell.entry == name]
                scores[name, share], reasons[name, share] = self._score(mine)
        curves = tuple(
            EntryCurve(name, why, tuple(_point(s, rows[s], scores[name, s], reasons[name, s]) for s, _ in steps))
            for name, why in self.chosen.items()
        )
        return self._forecast(Curve(curves, due=self.due()), rows, scores)

    def _score(self, cells: Sequence[Cell]) -> tuple[Paired | None, str]:
        """The primary metric over these cells' seeds, or the reason why there is none."""
        ids = [cell.id for cell in cells]
        results: Mapping[str, CellResult] = self.challenge.store.results(ids)
        stopped = next((result for result in results.values() if result.outcome is not Outcome.DONE), None)
        if stopped is not None and is_kept(self.challenge.places, self.challenge.rules, self.kept.task):
            stopped = withheld(stopped)
        if stopped is not None:
            return None, f"{stopped.outcome.value}: {stopped.reason}" if stopped.reason else stopped.outcome.value
        if not ids or len(results) < len(ids):
            return None, "not run yet"
        found = [self._primary(findings) for findings in self.challenge.store.findings(ids).values()]
        if any(finding is None or finding.value is None for finding in found):
            return None, "its score is not a number"
        return paired([Score(f.value, f.replicates) for f in found if f and f.value is not None], _key(self.kept)), ""

    def _primary(self, findings: Sequence[tuple[str, Finding]]) -> Finding | None:
        """The newest finding of the primary metric on all test rows."""
        task = self.kept.task
        versions = {judge.name: version_of(judge, task) for judge in self.matrices[SHARES[0]].judges}
        for version, finding in findings:
            whole = not finding.variant and not finding.group and finding.split == "test"
            newest = versions.get(finding.judge) == version
            if finding.judge == "quality" and newest and whole and finding.metric == task.metric:
                return finding
        return None

    def _forecast(
        self, curve: Curve, rows: Mapping[float, int], scores: Mapping[tuple[str, float], Paired | None]
    ) -> Curve:
        """What the next doubling would bring to the best entry that has a curve."""
        sign = 1.0 if self.kept.metric.greater_is_better else -1.0
        for name in self.chosen:
            points = [(rows[s], found) for s in (*SHARES, 1.0) if (found := scores[name, s]) is not None]
            sizes = np.array([size for size, _ in points])
            folds = [found.replicates for _, found in points if found.replicates is not None]
            if len(points) < 2 or len(folds) < len(points) or (np.diff(sizes) <= 0).any() or sizes[-1] != rows[1.0]:
                continue
            made = next_doubling(sizes, sign * np.array([each.value for _, each in points]), sign * np.stack(folds))
            return forecast(self.kept, curve, name, rows[1.0], made)
        missing = MISSING.format(table=self.kept.task.table, option=self.challenge.places.option)
        reason = missing if curve.due else "no entry has two points of a curve"
        return replace(curve, verdict=f"There is no learning curve yet; {reason}.")


def _key(kept: KeptAnswers) -> str:
    return kept.task.digest


def _point(share: float, rows: int, score: Paired | None, reason: str) -> Point:
    if score is None:
        return Point(share, rows, None, reason)
    return Point(share, rows, score.estimate, score.estimate.reason)


def _chosen(challenge: Challenge, kept: KeptAnswers, names: Sequence[str]) -> dict[str, str]:
    """The entries of the curve with why they are in it, best first; files of predictions cannot learn from less."""
    able = {entry.name: entry for entry in kept.entries if entry.source.form != "predictions"}
    standing = [name for name in kept.standing if name in able]
    if names:
        return {name: "asked for" for name in standing if name in names}
    found: dict[str, str] = {}
    if standing:
        found[standing[0]] = "best"
    baseline = next((name for name in standing if able[name].baseline), "")
    for name, why in ((baseline, "best baseline"), (challenge.rules.reference, "reference")):
        if name in standing:
            found.setdefault(name, why)
    return {name: found[name] for name in standing if name in found}


def forecast(kept: KeptAnswers, curve: Curve, name: str, rows: int, made: Doubling) -> Curve:
    """The curve with what it tells of entry `name`, which learned from `rows` rows in the end."""
    last, ahead = (Estimate(*gain) for gain in (made.last, made.next))
    if not made.next[1] > 0:
        verdict = (
            f"The curve of {name} is flat within noise: the last doubling of its rows, to {rows:,}, "
            f"{moved(kept.metric, last, alike(last))}. There is no forecast of the next."
        )
        return replace(curve, entry=name, last=last, verdict=verdict)
    digits = alike(last, ahead)
    verdict = (
        f"{name} still learns: the last doubling of its rows, to {rows:,}, {moved(kept.metric, last, digits)}, and "
        f"the next would bring about {amount(ahead, digits)}."
    )
    known = replace(curve, entry=name, last=last, next=ahead, verdict=verdict)
    return replace(known, power_law=made.power_law, replicates=made.replicates)


class _Within:
    """Passes a run's progress on, but for its own count: the whole curve was counted before."""

    def __init__(self, watcher: Any) -> None:
        self.watcher = watcher

    def start(self, total: int) -> None:
        """Nothing: the curve as a whole has begun."""

    def began(self, cell: Cell) -> None:
        """A cell has begun."""
        self.watcher.began(cell)

    def ended(self, result: CellResult) -> None:
        """A cell has ended."""
        self.watcher.ended(result)

    def message(self, text: str) -> None:
        """Something a person should know."""
        self.watcher.message(text)
