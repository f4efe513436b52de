"""From kept findings to a board: every row with its uncertainty, and no unfinished row ranked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bakeoff.arena.board import Board, Duel, Estimate, Row, Square, TaskColumn, Versus
from bakeoff.arena.parts import PRIVATE, PUBLIC, shown
from bakeoff.arena.privacy_words import contradicted_mark
from bakeoff.arena.prizes import known, prizes, tasks_key, triple
from bakeoff.arena.scores import BATCHY, EXPIRED, HOUSE_NOTES, NOT_RUN, Kept, Scores
from bakeoff.nouns import Array, Entry, Level, Outcome, Task
from bakeoff.stats import standings, versus
from bakeoff.tasks import kind


def rank(kept: Kept, track: str, question: str) -> Board:
    """The board of one track; on the private test rows each row also has its rank on the public ones."""
    board = _ranked(kept, track, question)
    if kept.part != PRIVATE or not any(task.split.public_share for task in kept.tasks):
        return board
    before = _ranked(replace(kept, part=PUBLIC), track, question)
    return replace(
        board, rows=_with_public_rank(board.rows, before.rows), prizes=_with_public_rank(board.prizes, before.prizes)
    )


def _with_public_rank(rows: Sequence[Row], before: Sequence[Row]) -> tuple[Row, ...]:
    ranks = {row.entry: row.rank for row in before}
    return tuple(replace(row, public_rank=ranks.get(row.entry)) for row in rows)


def _ranked(kept: Kept, track: str, question: str) -> Board:
    scores = Scores(kept)
    squares = scores.squares()
    whole: Array = scores.met.all(axis=(1, 2))
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
            key=tasks_key(kept.tasks),
        )
        rows = [_row(scores, squares, entry, i, standing) for i, entry in enumerate(complete)]
        names = [entry.name for entry in complete]
        better = {a: {b: float(standing.better[i, j]) for j, b in enumerate(names)} for i, a in enumerate(names)}
        beyond = {a: tuple(b for j, b in enumerate(names) if standing.significant[i, j]) for i, a in enumerate(names)}
    rows.sort(key=lambda row: (row.rank or 0, -(row.mean.value if row.mean else 0.0)))
    ranked = {row.entry for row in rows}
    rows += [_row(scores, squares, entry, None, None) for entry in kept.entries if entry.name not in ranked]
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
        prizes=tuple(prizes(scores, question)),
        reference=kept.reference if kept.reference in place else "",
        made_with=_made_with(kept),
        part=kept.part,
        notice=kept.notice,
    )


def _row(scores: Scores, squares: Mapping[tuple[str, str], Square], entry: Entry, i: int | None, standing: Any) -> Row:
    kept = scores.kept
    mine = [squares[entry.name, task.name] for task in kept.tasks]
    gaps = [scores.gaps[entry.name, task.name] for task in kept.tasks if (entry.name, task.name) in scores.gaps]
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
        marks=_marks(mine, gaps),
    )
    if i is None or standing is None:
        return row
    return replace(
        row,
        rank=int(standing.rank[i]),
        mean=_mean(triple(standing.value[i], standing.low[i], standing.high[i]), scores, mine),
        mean_rank=float(standing.mean_rank[i]),
        win_rate=known(standing.win_rate[i]),
        p_first=known(standing.p_first[i]),
    )


def _mean(mean: Estimate, scores: Scores, squares: Sequence[Square]) -> Estimate:
    """The mean; where its replicates never varied, as with answers that are all right, its tasks' own intervals."""
    mine = [square.score for t, square in enumerate(squares) if scores.averaged[t]]
    ends = [(one.low, one.high) for one in mine if one is not None and one.low is not None and one.high is not None]
    if mean.low is None or mean.low != mean.high or len(ends) != len(mine):
        return mean
    low, high = (sum(side) / len(ends) for side in zip(*ends, strict=True))
    return replace(mean, low=min(low, mean.value), high=max(high, mean.value))


def _cost_ratio(kept: Kept, squares: Mapping[tuple[str, str], Square], name: str) -> float | None:
    """Geometric mean over tasks of CPU seconds divided by the reference entry's, where both were measured."""
    ratios = []
    for task in kept.tasks:
        mine, reference = squares[name, task.name], squares.get((kept.reference, task.name))
        if reference is not None and _timed(mine.cpu) and _timed(reference.cpu):
            ratios.append(math.log(mine.cpu or 1.0) - math.log(reference.cpu or 1.0))
    return math.exp(sum(ratios) / len(ratios)) if ratios else None


def _timed(seconds: float | None) -> bool:
    return seconds is not None and math.isfinite(seconds) and seconds > 0


def _marks(squares: Sequence[Square], gaps: Sequence[str]) -> tuple[str, ...]:
    """What a reader must see of a row, in the house's words alone; an entry's own notes stand on its scorecard."""
    marks = []
    due = [square for square in squares if square.outcome is None or square.seeds_due]
    unfinished = [square for square in due if not square.closed]
    if unfinished:
        asked = len(squares) - len(due) + len(unfinished)
        marks.append(f"not complete: {asked - len(unfinished)} of {asked} tasks")
    for outcome in Outcome:
        count = sum(square.outcome is outcome for square in squares)
        if outcome is not Outcome.DONE and count:
            marks.append(f"{count} {outcome.value}")
    marks += [f"{gap}: {count} of {len(squares)} tasks" for gap, count in Counter(gaps).items()]
    if accused := contradicted_mark([square.privacy for square in squares]):
        marks.append(accused)
    notes = dict.fromkeys(note for square in squares for note in square.notes)
    marks += [note for note in notes if note in HOUSE_NOTES or note == BATCHY]
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
    note = kept.notes.get(task.table, "")
    part = shown(task, kept.part)
    expired = kept.expired.get(task.name, "")
    return TaskColumn(task, metric.title, metric.greater_is_better, bool(averaged), reason, note, part, expired)


def compare_two(kept: Kept, a: str, b: str, question: str) -> Versus:
    """A against B: who wins each table, by how much, and whether that is beyond noise."""
    two = replace(kept, entries=[entry for name in (a, b) for entry in kept.entries if entry.name == name])
    scores = Scores(two)
    squares = scores.squares()
    seen = ~np.isnan(scores.values).any(axis=(0, 2))
    duels = [Duel(task.name, None, None, None, reason=_why_not(squares, (a, b), task.name)) for task in kept.tasks]
    if not seen.any():
        return Versus(a, b, tuple(duels), None, None, part=kept.part)
    found = versus(scores.replicates[:, seen], scores.values[:, seen], key=tasks_key(kept.tasks), question=question)
    for i, t in enumerate(np.flatnonzero(seen).tolist()):
        pair = [squares[name, kept.tasks[t].name] for name in (a, b)]
        difference = triple(found.difference[i], found.difference_low[i], found.difference_high[i])
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
        return Versus(a, b, tuple(duels), None, None, part=kept.part)
    if usable.sum() < seen.sum():
        key = tasks_key(kept.tasks)
        found = versus(scores.replicates[:, usable], scores.values[:, usable], key=key, question=question)
    return Versus(
        a, b, tuple(duels), triple(*found.overall), known(found.p_better), bool(found.overall_beyond), kept.part
    )


def _why_not(squares: Mapping[tuple[str, str], Square], names: Sequence[str], task: str) -> str:
    """Why two entries cannot be compared on a task: what is still due, or why a done cell has no score."""
    pair = [squares[name, task] for name in names]
    if any(square.outcome is None and square.closed for square in pair):
        return EXPIRED
    due = any(square.outcome is None or square.seeds_due for square in pair)
    reasons = [square.reason for square in pair if square.outcome is Outcome.DONE and square.reason]
    return NOT_RUN if due or not reasons else reasons[0]


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
