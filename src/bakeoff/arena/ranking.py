"""From kept findings to a board: every row with its uncertainty, and no unfinished row ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bakeoff.arena.board import Board, Duel, Estimate, Row, Square, TaskColumn, Versus
from bakeoff.arena.scores import FOLDS, NOT_RUN, Kept, Scores
from bakeoff.nouns import Entry, Level, Outcome, Task, digest
from bakeoff.stats import interval, standings, versus
from bakeoff.tasks import kind


def rank(kept: Kept, track: str, question: str) -> Board:
    """The board of one track."""
    scores = Scores(kept)
    squares = scores.squares()
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
    if complete and not scores.averaged.any():
        rows = [_unranked(row, whole[place[row.entry]]) for row in rows]
    columns = tuple(_column(kept, task, scores.averaged[t], scores.reasons[t]) for t, task in enumerate(kept.tasks))
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


def _unranked(row: Row, whole: bool) -> Row:
    """A row that is whole but has no task that can be averaged says so."""
    return replace(row, marks=("not ranked: no task can be averaged", *row.marks)) if whole else row


def _column(kept: Kept, task: Task, averaged: bool, reason: str) -> TaskColumn:
    metric = kind(task.kind).metrics[task.metric]
    if not averaged:
        reason = reason or "its constant answer is nearly perfect"
    return TaskColumn(
        task, metric.title, metric.greater_is_better, bool(averaged), reason, kept.notes.get(task.table, "")
    )


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
    squares = scores.squares()
    seen = ~np.isnan(scores.values).any(axis=(0, 2))
    duels = [Duel(task.name, None, None, None, reason=NOT_RUN) for task in kept.tasks]
    if not seen.any():
        return Versus(a, b, tuple(duels), None, None)
    found = versus(scores.replicates[:, seen], scores.values[:, seen], key=_key(kept.tasks), question=question)
    for i, t in enumerate(np.flatnonzero(seen).tolist()):
        pair = [squares[name, kept.tasks[t].name] for name in (a, b)]
        difference = _triple(found.difference[i], found.difference_low[i], found.difference_high[i])
        stopped = [
            f"{square.entry} {square.outcome.value}" for square in pair if square.outcome not in (None, Outcome.DONE)
        ]
        winner = "" if difference.value == 0 else a if difference.value > 0 else b
        duels[t] = Duel(
            kept.tasks[t].name,
            pair[0].score,
            pair[1].score,
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
