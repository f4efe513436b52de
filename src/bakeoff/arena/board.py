"""The board: what the cells of a challenge say about its entries, with uncertainty, as plain records.

Nothing here draws; `board_text` shows a board in a terminal and `report` as a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bakeoff.nouns import Claim, Finding, Level, Outcome, Task


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; `low` and `high` are None when there is none and `reason` says why."""

    value: float
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class GroupFigure:
    """Which figure of which group: `group` as the finding has it, "race: a", or "race" of a comparison's `variant`."""

    judge: str
    group: str
    metric: str
    variant: str = ""

    @classmethod
    def of(cls, finding: Finding) -> GroupFigure:
        """A finding's own."""
        return cls(finding.judge, finding.group, finding.metric, finding.variant)


@dataclass(frozen=True)
class PrivacyBound:
    """What one kind of canaries shows of an entry's privacy on one task.

    `of` says which: canaries of ranked cells, halves or inserted rows of audits. Epsilon is at least `bound` (95 %) at
    `delta`, and so many coins could have shown `ceiling` at most. `verdict` is that on the claim, empty without one:
    contradicted, not contradicted (which is never verified) or insufficient; `adjusted` is its p-value, corrected for
    all claims of the challenge.
    """

    of: str
    delta: float
    bound: float | None = None
    ceiling: float | None = None
    canaries: int = 0
    verdict: str = ""
    reason: str = ""
    adjusted: float | None = None


@dataclass(frozen=True)
class PrivacyStand:
    """An entry's claim on one task, what canaries show of it, and the figures of attacks.

    The group of a figure is the kind of canaries that it is of.
    """

    claim: Claim | None = None
    bounds: tuple[PrivacyBound, ...] = ()
    figures: Mapping[GroupFigure, Estimate] = field(default_factory=dict)

    @property
    def told(self) -> PrivacyBound | None:
        """The bound that says most: one that contradicts, else the highest, else that with the highest ceiling."""
        weight = {"contradicted": 2, "not contradicted": 1}
        return max(
            self.bounds,
            key=lambda one: (weight.get(one.verdict, 0), one.bound or 0.0, one.ceiling or 0.0),
            default=None,
        )

    @property
    def verdict(self) -> str:
        """The verdict on the claim; empty where nothing was claimed."""
        return self.told.verdict if self.told is not None and self.claim is not None else ""


@dataclass(frozen=True)
class Square:
    """One entry on one task, over its seeds: the matrix's unit.

    `score` is the normalised primary metric (0 the best constant, 1 perfect), `raw` the metric itself; `figures` holds
    every other finding's estimate by name (`accuracy`, `memorisation: gap`, ...), `groups` those of groups of people;
    `wall`, `cpu` in seconds and `peak_mib` are medians over seeds. `score` is None when the cell has not run yet; an
    entry that declined or failed has the constant's score 0 and says so in `outcome`, `reason` and the last lines of
    its `log`. `seeds_due` are the seeds that have not run yet. `closed` says that a cell which has not run cannot be
    run any more. `privacy` is None where no judge looked at it.
    """

    entry: str
    task: str
    outcome: Outcome | None
    score: Estimate | None = None
    raw: Estimate | None = None
    reason: str = ""
    seeds_done: int = 0
    seeds_due: int = 0
    level: Level | None = None
    wall: float | None = None
    cpu: float | None = None
    peak_mib: float | None = None
    notes: tuple[str, ...] = ()
    figures: Mapping[str, Estimate] = field(default_factory=dict)
    groups: Mapping[GroupFigure, Estimate] = field(default_factory=dict)
    log: str = ""
    closed: bool = False
    privacy: PrivacyStand | None = None


@dataclass(frozen=True)
class Row:
    """One entry on the board; `rank` is None for a row that is not complete, which is never ranked.

    `mean` is the mean normalised score over the averaged tasks; `cost` is the geometric mean over tasks of this entry's
    go-to-answers CPU seconds divided by the reference entry's; `marks` are short remarks a reader must see
    (`2 declined`, `wrapped by skrub`, `not complete: 3 of 6`). `public_rank` is the rank on the public test rows, on a
    board of the private ones.
    """

    entry: str
    team: str
    baseline: bool
    rank: int | None
    mean: Estimate | None
    mean_rank: float | None = None
    win_rate: float | None = None
    p_first: float | None = None
    cost: float | None = None
    cpu: float | None = None
    peak_mib: float | None = None
    marks: tuple[str, ...] = ()
    kind: str = "entry"  # or "prize" for a team's final picks
    public_rank: int | None = None


@dataclass(frozen=True)
class TaskColumn:
    """One task on the board; `averaged` is False with a reason when its constant is as good as perfect.

    `part` says which test rows its figures are of: test (all), public or private. `expired` is the day (ISO 8601) after
    which nothing is run on its table any more, where that day has passed.
    """

    task: Task
    metric_title: str
    greater_is_better: bool
    averaged: bool = True
    reason: str = ""
    note: str = ""
    part: str = "test"
    expired: str = ""


@dataclass(frozen=True)
class Board:
    """Rankings over the cells of one track.

    `rows` are in board order (ranked first), `columns` in challenge order, `squares` by (entry, task). `better[a][b]`
    is P(a better than b) with ties half, `beyond[a]` the entries that a beats beyond noise (Holm). `prizes` are the
    teams' rows. `made_with` tells versions, machine, seeds, level of confinement and date. `part` is what was asked
    for: test, public or private test rows, where all test rows stand for a task that is not divided; `notice` is what a
    reader must know about that.
    """

    title: str
    track: str
    question: str
    rows: tuple[Row, ...]
    columns: tuple[TaskColumn, ...]
    squares: Mapping[tuple[str, str], Square]
    better: Mapping[str, Mapping[str, float]]
    beyond: Mapping[str, tuple[str, ...]]
    prizes: tuple[Row, ...] = ()
    reference: str = ""
    made_with: Mapping[str, Any] = field(default_factory=dict)
    part: str = "test"
    notice: str = ""


@dataclass(frozen=True)
class Duel:
    """A against B on one task: the paired difference of normalised scores (positive: A leads)."""

    task: str
    a: Estimate | None
    b: Estimate | None
    difference: Estimate | None
    winner: str = ""
    beyond_noise: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Versus:
    """A against B, task by task and overall; `p_better` is P(A better than B), ties half.

    `part` says which test rows count where they are divided: test (all), public or private.
    """

    a: str
    b: str
    duels: tuple[Duel, ...]
    overall: Estimate | None
    p_better: float | None
    beyond_noise: bool = False
    part: str = "test"
