"""From kept findings to a board: every row with its uncertainty, and no unfinished row ranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

import numpy as np

from bakeoff.arena.board import Board, Duel, Estimate, Row, Square, TaskColumn, Versus
from bakeoff.nouns import Array, Cell, CellResult, Entry, Finding, Level, Outcome, Task, digest
from bakeoff.stats import interval, standings, versus
from bakeoff.tasks import kind

FOLDS = 200
NOT_RUN = "not run yet"


@dataclass(frozen=True)
class Kept:
    """What the board reads: entries, tasks, seeds, and for each cell its result and its newest findings."""

    title: str
    entries: Sequence[Entry]
    tasks: Sequence[Task]
    seeds: int
    cells: Mapping[tuple[str, str, int], Cell]
    results: Mapping[str, CellResult]
    findings: Mapping[str, Sequence[Finding]]
    picks: Mapping[tuple[str, str], str]
    reference: str = "linear"


class Scores:
    """Normalised scores and their replicates as arrays over (entry, task, seed), nan where a cell has not run."""

    def __init__(self, kept: Kept) -> None:
        shape = (len(kept.entries), len(kept.tasks), kept.seeds)
        self.values = np.full(shape, np.nan)
        self.replicates = np.full((*shape, FOLDS), np.nan)
        self.averaged = np.ones(len(kept.tasks), dtype=bool)
        self.reasons = [""] * len(kept.tasks)
        for e, entry in enumerate(kept.entries):
            for t, task in enumerate(kept.tasks):
                for seed in range(kept.seeds):
                    self._fill(kept, (e, t, seed), kept.cells.get((entry.name, task.name, seed)), task)

    def _fill(self, kept: Kept, at: tuple[int, int, int], cell: Cell | None, task: Task) -> None:
        result = kept.results.get(cell.id) if cell else None
        if cell is None or result is None:
            return
        if result.outcome is not Outcome.DONE:
            self.values[at], self.replicates[at] = 0.0, 0.0
            return
        finding = primary(kept.findings.get(cell.id, ()), task)
        if finding is None or finding.value is None:
            return
        self.values[at] = finding.value
        self.replicates[at] = finding.value if finding.replicates is None else finding.replicates
        if finding.status != "ok":
            self.averaged[at[1]] = False
            self.reasons[at[1]] = finding.reason


def primary(findings: Iterable[Finding], task: Task) -> Finding | None:
    """The normalised finding of a task's primary metric."""
    wanted = ("quality", task.metric, "normalised", "")
    return next((f for f in findings if (f.judge, f.metric, f.variant, f.group) == wanted), None)


def rank(kept: Kept, track: str, question: str) -> Board:
    """The board of one track."""
    scores = Scores(kept)
    squares = {
        (entry.name, task.name): _square(kept, scores, (e, t))
        for e, entry in enumerate(kept.entries)
        for t, task in enumerate(kept.tasks)
    }
    whole = ~np.isnan(scores.values).any(axis=(1, 2))
    place = {entry.name: e for e, entry in enumerate(kept.entries)}
    complete = [entry for entry in kept.entries if whole[place[entry.name]]]
    rows: list[Row] = []
    better: dict[str, dict[str, float]] = {}
    beyond: dict[str, tuple[str, ...]] = {}
    if complete and scores.averaged.any():
        chosen = [place[entry.name] for entry in complete]
        standing = standings(
            scores.replicates[np.ix_(np.array(chosen), scores.averaged)],
            scores.values[np.ix_(np.array(chosen), scores.averaged)],
            question=question,
            key=_key(kept.tasks),
        )
        rows = [_row(kept, squares, entry, i, standing) for i, entry in enumerate(complete)]
        names = [entry.name for entry in complete]
        better = {a: {b: float(standing.better[i, j]) for j, b in enumerate(names)} for i, a in enumerate(names)}
        beyond = {a: tuple(b for j, b in enumerate(names) if standing.significant[i, j]) for i, a in enumerate(names)}
    rows.sort(key=lambda row: (row.rank or 0, -(row.mean.value if row.mean else 0.0)))
    ranked = {row.entry for row in rows}
    rows += [_row(kept, squares, entry, None, None) for entry in kept.entries if entry.name not in ranked]
    columns = tuple(_column(task, scores.averaged[t], scores.reasons[t], kept) for t, task in enumerate(kept.tasks))
    return Board(
        title=kept.title,
        track=track,
        question=question,
        rows=tuple(rows),
        columns=columns,
        squares=squares,
        better=better,
        beyond=beyond,
        prizes=tuple(_prizes(kept, scores)),
        reference=kept.reference if kept.reference in place else "",
        made_with=_made_with(kept),
    )


def _square(kept: Kept, scores: Scores, at: tuple[int, int]) -> Square:
    entry, task = kept.entries[at[0]], kept.tasks[at[1]]
    cells = [kept.cells.get((entry.name, task.name, seed)) for seed in range(kept.seeds)]
    results = [kept.results[cell.id] for cell in cells if cell is not None and cell.id in kept.results]
    if not results:
        return Square(entry.name, task.name, None, reason=NOT_RUN, seeds_due=kept.seeds)
    worst = next((result for result in results if result.outcome is not Outcome.DONE), results[0])
    done = [result for result in results if result.outcome is Outcome.DONE]
    found = [finding for result in done for finding in kept.findings.get(result.cell.id, ())]
    figures: dict[str, list[Finding]] = {}
    for finding in found:
        figures.setdefault(_figure_name(finding), []).append(finding)
    raw = figures.get(task.metric)
    return Square(
        entry=entry.name,
        task=task.name,
        outcome=worst.outcome,
        score=_score(scores.values[at], scores.replicates[at], worst.outcome),
        raw=_estimate(raw) if raw else None,
        reason=worst.reason,
        seeds_done=len(done),
        seeds_due=kept.seeds - len(results),
        level=worst.level,
        wall=_median([result.measurements.wall for result in done]),
        cpu=_median([result.measurements.cpu for result in done]),
        peak_mib=_median([result.measurements.peak_mib for result in done]),
        notes=tuple(dict.fromkeys(note for result in results for note in result.notes)),
        figures={name: _estimate(group) for name, group in figures.items() if name},
    )


def _figure_name(finding: Finding) -> str:
    name = finding.metric if finding.judge == "quality" else f"{finding.judge}: {finding.metric}"
    name += f" ({finding.variant})" if finding.variant else ""
    return name + (f" [{finding.group}]" if finding.group else "")


def _score(values: Array, replicates: Array, outcome: Outcome) -> Estimate | None:
    seen = ~np.isnan(values)
    if not seen.any():
        return None
    value = float(values[seen].mean())
    if outcome is not Outcome.DONE and seen.all() and not values.any():
        return Estimate(0.0, reason="counts as the constant")
    low, high = interval(replicates[seen].mean(axis=0))
    return Estimate(value, float(low), float(high))


def _estimate(findings: Sequence[Finding]) -> Estimate:
    """Several seeds' findings as one: the mean, with the mean replicates' interval where there are replicates."""
    values = [finding.value for finding in findings if finding.value is not None]
    reason = next((finding.reason for finding in findings if finding.reason), "")
    if not values:
        return Estimate(float("nan"), reason=reason or "insufficient")
    replicates = [finding.replicates for finding in findings if finding.replicates is not None]
    if len(replicates) == len(findings) and len(findings) > 1:
        low, high = interval(np.mean(replicates, axis=0))
        return Estimate(float(np.mean(values)), float(low), float(high), reason)
    if len(findings) == 1:
        return Estimate(values[0], findings[0].low, findings[0].high, reason)
    lows = [finding.low for finding in findings if finding.low is not None]
    highs = [finding.high for finding in findings if finding.high is not None]
    if len(lows) == len(highs) == len(values):
        # The mean of the seeds' intervals is as wide as one seed's: cautious, since seeds share their test rows.
        return Estimate(float(np.mean(values)), float(np.mean(lows)), float(np.mean(highs)), reason)
    return Estimate(float(np.mean(values)), float(min(values)), float(max(values)), "range over seeds")


def _row(kept: Kept, squares: Mapping[tuple[str, str], Square], entry: Entry, i: int | None, standing: Any) -> Row:
    mine = [squares[entry.name, task.name] for task in kept.tasks]
    cpu = [square.cpu for square in mine if square.cpu is not None]
    peaks = [square.peak_mib for square in mine if square.peak_mib is not None]
    row = Row(
        entry=entry.name,
        team=entry.team,
        baseline=entry.baseline,
        rank=None,
        mean=None,
        cost=_cost_ratio(kept, squares, entry.name),
        cpu=sum(cpu) if cpu else None,
        peak_mib=max(peaks) if peaks else None,
        marks=_marks(mine),
    )
    if i is None or standing is None:
        return row
    return replace(
        row,
        rank=int(standing.rank[i]),
        mean=_triple(standing.value[i], standing.low[i], standing.high[i]),
        mean_rank=float(standing.mean_rank[i]),
        win_rate=_known(standing.win_rate[i]),
        p_first=_known(standing.p_first[i]),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _cost_ratio(kept: Kept, squares: Mapping[tuple[str, str], Square], name: str) -> float | None:
    """Geometric mean over tasks of CPU seconds divided by the reference entry's."""
    ratios = []
    for task in kept.tasks:
        mine, reference = squares[name, task.name], squares.get((kept.reference, task.name))
        if reference is not None and mine.cpu and reference.cpu:
            ratios.append(mine.cpu / reference.cpu)
    return float(np.exp(np.mean(np.log(ratios)))) if ratios else None


def _marks(squares: Sequence[Square]) -> tuple[str, ...]:
    marks = []
    unfinished = [square for square in squares if square.outcome is None or square.seeds_due]
    if unfinished:
        marks.append(f"not complete: {len(squares) - len(unfinished)} of {len(squares)} tasks")
    for outcome in Outcome:
        count = sum(square.outcome is outcome for square in squares)
        if outcome is not Outcome.DONE and count:
            marks.append(f"{count} {outcome.value}")
    marks += [note for note in dict.fromkeys(note for square in squares for note in square.notes)]
    if any(square.level is Level.PREDICTIONS for square in squares):
        marks.append("prediction files")
    if any(square.level is Level.PROCESS for square in squares):
        marks.append("not walled in")
    return tuple(marks)


def _column(task: Task, averaged: bool, reason: str, kept: Kept) -> TaskColumn:
    metric = kind(task.kind).metrics[task.metric]
    if not averaged:
        reason = reason or "its constant answer is nearly perfect"
    return TaskColumn(task, metric.title, metric.greater_is_better, bool(averaged), reason)


def _prizes(kept: Kept, scores: Scores) -> list[Row]:
    """For each team the mean over its final picks, where a missing or declined task counts as the constant."""
    rows = []
    teams = [entry.team for entry in kept.entries if entry.team and not entry.baseline]
    place = {entry.name: e for e, entry in enumerate(kept.entries)}
    for team in dict.fromkeys(teams):
        own = [entry.name for entry in kept.entries if entry.team == team]
        values, replicates, missing, chosen = [], [], 0, []
        for t, task in enumerate(kept.tasks):
            if not scores.averaged[t]:
                continue
            pick = kept.picks.get((team, task.name), own[-1])
            at = place.get(pick)
            if at is None or np.isnan(scores.values[at, t]).any():
                missing += 1
                values.append(0.0)
                replicates.append(np.zeros(FOLDS))
                continue
            result = kept.results.get(kept.cells[pick, task.name, 0].id)
            missing += result is not None and result.outcome is not Outcome.DONE
            chosen.append(pick)
            values.append(float(scores.values[at, t].mean()))
            replicates.append(scores.replicates[at, t].mean(axis=0))
        if not values:
            continue
        low, high = interval(np.mean(replicates, axis=0))
        marks = [f"picks: {', '.join(dict.fromkeys(chosen))}"] if chosen else []
        marks += [f"{missing} of {len(values)} tasks count as the constant"] if missing else []
        mean = Estimate(float(np.mean(values)), float(low), float(high))
        rows.append(Row(team, team, False, None, mean, marks=tuple(marks), kind="prize"))
    return sorted(rows, key=lambda row: -(row.mean.value if row.mean else 0.0))


def compare_two(kept: Kept, a: str, b: str, question: str) -> Versus:
    """A against B: who wins each table, by how much, and whether that is beyond noise."""
    two = replace(kept, entries=[entry for name in (a, b) for entry in kept.entries if entry.name == name])
    scores = Scores(two)
    seen = ~np.isnan(scores.values).any(axis=(0, 2))
    duels = [Duel(task.name, None, None, None, reason=NOT_RUN) for task in kept.tasks]
    if not seen.any():
        return Versus(a, b, tuple(duels), None, None)
    found = versus(scores.replicates[:, seen], scores.values[:, seen], key=_key(kept.tasks), question=question)
    for i, t in enumerate(np.flatnonzero(seen).tolist()):
        squares = [_square(two, scores, (e, t)) for e in (0, 1)]
        difference = _triple(found.difference[i], found.difference_low[i], found.difference_high[i])
        stopped = [
            f"{square.entry} {square.outcome.value}" for square in squares if square.outcome not in (None, Outcome.DONE)
        ]
        winner = "" if difference.value == 0 else a if difference.value > 0 else b
        duels[t] = Duel(
            kept.tasks[t].name,
            squares[0].score,
            squares[1].score,
            difference,
            winner,
            bool(found.beyond[i]),
            "; ".join(stopped),
        )
    usable = seen & scores.averaged
    if not usable.any():
        return Versus(a, b, tuple(duels), None, None)
    if usable.sum() < seen.sum():
        key = _key(kept.tasks)
        found = versus(scores.replicates[:, usable], scores.values[:, usable], key=key, question=question)
    return Versus(a, b, tuple(duels), _triple(*found.overall), _known(found.p_better), bool(found.overall_beyond))


def _triple(value: float, low: float, high: float) -> Estimate:
    """A figure with its interval, or with the reason why there is none."""
    if np.isnan(low) or np.isnan(high):
        return Estimate(float(value), reason="one table says nothing of a new one")
    return Estimate(float(value), float(low), float(high))


def _made_with(kept: Kept) -> dict[str, Any]:
    results = list(kept.results.values())
    made = dict(results[-1].made_with) if results else {}
    levels = sorted({result.level.value for result in results})
    return {
        **made,
        "seeds": kept.seeds,
        "confinement": levels,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _key(tasks: Sequence[Task]) -> str:
    return digest([task.digest for task in tasks])


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
