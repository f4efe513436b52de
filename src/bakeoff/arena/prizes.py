"""A team's row: the mean over its final picks, where what is missing or did not get done counts as the constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bakeoff.arena.board import Estimate, Row
from bakeoff.arena.scores import FOLDS, NOT_JUDGED, NOT_RUN, Kept, Scores
from bakeoff.nouns import Array, Outcome, Task, digest
from bakeoff.stats import standings


@dataclass
class _Team:
    """One team's scores over the averaged tasks: values (tasks, seeds), replicates (tasks, seeds, folds).

    `constant` counts tasks without a single score of the pick's own, `stopped` those where some seeds did not get
    done, `ran` those that have begun and `met` those with a score; `due` counts the seeds without one on the latter.
    """

    name: str
    values: Array
    replicates: Array
    picks: list[str] = field(default_factory=list)
    constant: int = 0
    stopped: int = 0
    due: int = 0
    ran: int = 0
    met: int = 0


def prizes(scores: Scores, question: str) -> list[Row]:
    """The teams' rows, best first, then the teams of whose picks nothing has run, with a mark and without a rank."""
    kept = scores.kept
    tasks = [t for t in range(len(kept.tasks)) if scores.averaged[t]]
    names = dict.fromkeys(entry.team for entry in kept.entries if entry.team and not entry.baseline)
    teams = [_team(scores, name, tasks) for name in names]
    placed = [team for team in teams if team.met]
    rows = []
    if placed:
        standing = standings(
            np.stack([team.replicates for team in placed]),
            np.stack([team.values for team in placed]),
            question=question,
            key=tasks_key(kept.tasks),
        )
        rows = [_ranked(team, i, standing) for i, team in enumerate(placed)]
        rows.sort(key=lambda row: (row.rank or 0, -(row.mean.value if row.mean else 0.0)))
    why = "not ranked: no task can be averaged"
    for team in teams:
        if not team.met:
            mark = (NOT_JUDGED if team.ran else NOT_RUN) if tasks else why
            rows.append(Row(team.name, team.name, False, None, None, marks=(mark,), kind="prize"))
    return rows


def _team(scores: Scores, name: str, tasks: Sequence[int]) -> _Team:
    kept = scores.kept
    place = {entry.name: e for e, entry in enumerate(kept.entries) if entry.team == name and not entry.baseline}
    newest = kept.newest.get(name, "")
    default = newest if newest in place else list(place)[-1]
    shape = (len(tasks), kept.seeds)
    team = _Team(name, np.full(shape, np.nan), np.full((*shape, FOLDS), np.nan))
    for i, t in enumerate(tasks):
        task = kept.tasks[t].name
        pick = kept.picks.get((name, task), default)
        if pick in place:
            team.values[i] = scores.values[place[pick], t]
            team.replicates[i] = scores.replicates[place[pick], t]
            _count(team, kept, pick, task)
        missing = np.isnan(team.values[i])
        if missing.all():
            team.values[i], team.replicates[i] = 0.0, 0.0
            team.constant += 1
        else:
            # Seeds that others have run ahead of this team are no failure of its own.
            team.met += 1
            team.due += int(missing.sum())
            team.picks.append(pick)
    return team


def _count(team: _Team, kept: Kept, pick: str, task: str) -> None:
    """How the pick's seeds on a task ended."""
    cells = [kept.cells.get((pick, task, seed)) for seed in range(kept.seeds)]
    ends = [kept.results[cell.id].outcome for cell in cells if cell is not None and cell.id in kept.results]
    lost = sum(end is not Outcome.DONE for end in ends)
    team.ran += bool(ends)
    team.constant += bool(ends) and lost == len(ends)
    team.stopped += 0 < lost < len(ends)


def _ranked(team: _Team, i: int, standing: Any) -> Row:
    tasks = len(team.values)
    marks = _picked(team)
    marks += [f"{team.constant} of {tasks} tasks count as the constant"] if team.constant else []
    marks += [f"{team.stopped} of {tasks} tasks count as the constant on some seeds"] if team.stopped else []
    marks += [f"{team.due} seeds not run yet"] if team.due else []
    return Row(
        entry=team.name,
        team=team.name,
        baseline=False,
        rank=int(standing.rank[i]),
        mean=triple(standing.value[i], standing.low[i], standing.high[i]),
        mean_rank=float(standing.mean_rank[i]),
        win_rate=known(standing.win_rate[i]),
        p_first=known(standing.p_first[i]),
        marks=tuple(marks),
        kind="prize",
    )


def _picked(team: _Team) -> list[str]:
    return [f"picks: {', '.join(dict.fromkeys(team.picks))}"] if team.picks else []


def triple(value: float, low: float, high: float) -> Estimate:
    """A figure with its interval, or with the reason why there is none."""
    if np.isnan(low) or np.isnan(high):
        return Estimate(float(value), reason="too few tables to say anything of a new one")
    return Estimate(float(value), float(low), float(high))


def known(value: float) -> float | None:
    """A figure, or None where there is none."""
    return None if np.isnan(value) else float(value)


def tasks_key(tasks: Sequence[Task]) -> str:
    """The key of all draws about these tasks."""
    return digest([task.digest for task in tasks])
