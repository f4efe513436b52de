"""What is kept of a part of the matrix, as arrays for ranking and as squares for showing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from bakeoff.arena.board import Estimate, GroupFigure, PrivacyStand, Square
from bakeoff.arena.board_words import one_line
from bakeoff.arena.parts import counts
from bakeoff.arena.privacy_claims import claims_told
from bakeoff.arena.privacy_stands import JUDGE as PRIVACY
from bakeoff.nouns import Array, Cell, CellResult, Entry, Finding, Outcome, Task

FOLDS = 200
LOG_LINES = 12
NOT_RUN = "not run yet"
NOT_JUDGED = "not judged yet"
EXPIRED = "not run before its table expired"
NO_NUMBER = "its score is not a number"
BATCHY = "answers depend on the batch"
NOTE_LENGTH = 120
SAID = "entry says: "
# What the house's own adapter may say of a cell. Notes come out of the box, so any other text is the entry's word.
HOUSE_NOTES = frozenset(
    {
        "wrapped by skrub's tabular_pipeline",
        "image columns left out",
        "columns shown in fit alone left out",
        "given class numbers for labels",
        "gives labels, no probabilities",
        "gaps in asked rows filled with training medians",
        "not repeatable",
        "answers cut at the longest that is allowed",
    }
)


@dataclass(frozen=True)
class Kept:
    """What a board reads: entries, tasks, seeds, and for each cell its result and its newest findings.

    `notes` holds what is to be said of a table, by its name; `newest` each team's newest submission, by team. `part`
    says which test rows count: test (all), public or private; a task whose test rows are not divided has all of them.
    `notice` is what a reader must know about that. `expired` holds by task the last day (ISO 8601) of a table on which
    nothing is run any more. `privacy` tells by (entry, task) how claims of privacy stand.
    """

    title: str
    entries: Sequence[Entry]
    tasks: Sequence[Task]
    seeds: int
    cells: Mapping[tuple[str, str, int], Cell]
    results: Mapping[str, CellResult]
    findings: Mapping[str, Sequence[Finding]]
    picks: Mapping[tuple[str, str], str]
    reference: str = "linear"
    notes: Mapping[str, str] = field(default_factory=dict)
    newest: Mapping[str, str] = field(default_factory=dict)
    part: str = "test"
    notice: str = ""
    expired: Mapping[str, str] = field(default_factory=dict)
    privacy: Mapping[tuple[str, str], PrivacyStand] = field(default_factory=dict)


class Paired:
    """One figure over (entry, task, seed) with its paired replicates (entry, task, seed, fold); nan where not run."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.values = np.full(shape, np.nan)
        self.replicates = np.full((*shape, FOLDS), np.nan)
        self.bounds = np.full((*shape, 2), np.nan)

    def put(self, at: tuple[int, int, int], value: float, finding: Finding | None = None) -> None:
        """Fill one place; without replicates the value stands in each fold."""
        self.values[at] = value
        self.replicates[at] = value if finding is None or finding.replicates is None else finding.replicates
        if finding is not None and finding.low is not None and finding.high is not None:
            self.bounds[at] = finding.low, finding.high

    def estimates(self) -> list[list[Estimate | None]]:
        """For each entry and task the mean over its seeds with the percentile interval of the mean replicates."""
        seen = ~np.isnan(self.values)
        count = np.maximum(seen.sum(axis=2), 1)
        value = np.where(seen, self.values, 0.0).sum(axis=2) / count
        folds = np.where(seen[..., None], self.replicates, 0.0).sum(axis=2) / count[..., None]
        low, high = np.quantile(folds, [0.025, 0.975], axis=-1)
        low, high = np.minimum(low, value), np.maximum(high, value)
        # Replicates of answers that are all right do not vary; the judge's own interval does.
        still = (low == high) & seen.all(axis=2) & ~np.isnan(self.bounds).any(axis=(2, 3))
        low = np.where(still, self.bounds[..., 0].mean(axis=2), low)
        high = np.where(still, self.bounds[..., 1].mean(axis=2), high)
        return [
            [
                Estimate(float(value[e, t]), float(low[e, t]), float(high[e, t])) if seen[e, t].any() else None
                for t in range(value.shape[1])
            ]
            for e in range(value.shape[0])
        ]


class Scores:
    """Normalised scores and the primary metric itself; a cell that did not get done counts as the constant, 0.

    `met` (entries, tasks, seeds) says which cells ended and need nothing more: done ones have their primary finding.
    `gaps` tells by (entry, task) why a done cell has no score. A task whose table has expired before every entry that
    met the others could meet it holds no row back and is not averaged: the rows are ranked on what all have met.
    """

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        shape = (len(kept.entries), len(kept.tasks), kept.seeds)
        self.normalised, self.raw = Paired(shape), Paired(shape)
        self.averaged = np.ones(len(kept.tasks), dtype=bool)
        self.met = np.zeros(shape, dtype=bool)
        self.gaps: dict[tuple[str, str], str] = {}
        self.reasons = [""] * len(kept.tasks)
        for e, entry in enumerate(kept.entries):
            for t, task in enumerate(kept.tasks):
                for seed in range(kept.seeds):
                    self._fill((e, t, seed), kept.cells.get((entry.name, task.name, seed)), task)
        if kept.expired:
            self._close()

    def _close(self) -> None:
        """Leave out of the average what some entry can never meet."""
        open_tasks = np.array([task.name not in self.kept.expired for task in self.kept.tasks])
        whole: Array = self.met.all(axis=2)
        able: Array = whole[:, open_tasks].all(axis=1) if open_tasks.any() else whole.any(axis=1)
        for t in np.flatnonzero(~open_tasks).tolist():
            if not whole[able, t].all():
                self.averaged[t] = False
                day = self.kept.expired[self.kept.tasks[t].name]
                self.reasons[t] = f"its table expired on {day}, and not every entry has met it"
                self.met[able, t] = True

    @property
    def values(self) -> Array:
        """Normalised scores (entries, tasks, seeds)."""
        return self.normalised.values

    @property
    def replicates(self) -> Array:
        """Their replicates (entries, tasks, seeds, folds)."""
        return self.normalised.replicates

    def _fill(self, at: tuple[int, int, int], cell: Cell | None, task: Task) -> None:
        result = self.kept.results.get(cell.id) if cell else None
        if cell is None or result is None:
            return
        if result.outcome is not Outcome.DONE:
            self.normalised.put(at, 0.0)
            self.met[at] = True
            return
        gap = NOT_JUDGED
        for finding in self.kept.findings.get(cell.id, ()):
            if finding.judge != "quality" or finding.metric != task.metric or finding.group:
                continue
            if not counts(finding, task, self.kept.part):
                continue
            known = finding.value is not None and math.isfinite(finding.value)
            if finding.variant == "normalised":
                gap = "" if known else finding.reason or NO_NUMBER
                # A task that nobody's answers can be scored on is shown with its reason, and holds no row back.
                self.met[at] = known or finding.status != "ok"
                if finding.status != "ok":
                    self.averaged[at[1]] = False
                    self.reasons[at[1]] = finding.reason
            paired = self.normalised if finding.variant == "normalised" else self.raw
            if known and finding.value is not None and finding.variant in ("", "normalised"):
                paired.put(at, finding.value, finding)
        if gap:
            self.gaps[self.kept.entries[at[0]].name, task.name] = gap

    def squares(self) -> dict[tuple[str, str], Square]:
        """Each entry on each task."""
        scores, raw = self.normalised.estimates(), self.raw.estimates()
        return {
            (entry.name, task.name): self._square(entry, task, scores[e][t], raw[e][t])
            for e, entry in enumerate(self.kept.entries)
            for t, task in enumerate(self.kept.tasks)
        }

    def _square(self, entry: Entry, task: Task, score: Estimate | None, raw: Estimate | None) -> Square:
        kept = self.kept
        cells = [kept.cells.get((entry.name, task.name, seed)) for seed in range(kept.seeds)]
        results = [kept.results[cell.id] for cell in cells if cell is not None and cell.id in kept.results]
        closed = task.name in kept.expired
        if not results:
            reason = EXPIRED if closed else NOT_RUN
            return Square(entry.name, task.name, None, reason=reason, seeds_due=kept.seeds, closed=closed)
        worst = next((result for result in results if result.outcome is not Outcome.DONE), results[0])
        done = [result for result in results if result.outcome is Outcome.DONE]
        if not done:
            score = Estimate(0.0, reason="counts as the constant")
        figures: dict[str, list[Finding]] = {}
        groups: dict[GroupFigure, list[Finding]] = {}
        for result in done:
            for finding in kept.findings.get(result.cell.id, ()):
                # Privacy stands by itself: seeds are pooled there, and verdicts corrected for all claims.
                if not counts(finding, task, kept.part) or finding.judge == PRIVACY:
                    continue
                if finding.group:
                    groups.setdefault(GroupFigure.of(finding), []).append(finding)
                else:
                    figures.setdefault(_figure_name(finding), []).append(finding)
        return Square(
            entry=entry.name,
            task=task.name,
            outcome=worst.outcome,
            score=score,
            raw=raw,
            reason=worst.reason or self.gaps.get((entry.name, task.name), ""),
            log="\n".join(worst.log.splitlines()[-LOG_LINES:]),
            seeds_done=len(done),
            seeds_due=kept.seeds - len(results),
            level=worst.level,
            wall=_median([result.measurements.wall for result in done]),
            cpu=_median([result.measurements.cpu for result in done]),
            peak_mib=_median([result.measurements.peak_mib for result in done]),
            notes=tuple(dict.fromkeys((*claims_told(entry, done), *(note for one in results for note in _notes(one))))),
            figures={name: over_seeds(found) for name, found in figures.items()},
            groups={name: over_seeds(found) for name, found in groups.items()},
            closed=closed,
            privacy=kept.privacy.get((entry.name, task.name)),
        )


def _notes(result: CellResult) -> tuple[str, ...]:
    """What a reader must know of a cell, its dependence on the batch included."""
    batchy = (BATCHY,) if result.measurements.batch_dependent else ()
    return (*(_told(note) for note in result.notes), *batchy)


def _told(note: str) -> str:
    """A note of the house as it is; any other as the entry's word, on one short line that cannot pass for several."""
    if note in HOUSE_NOTES:
        return note
    said = SAID + one_line(note).replace(";", ",")
    return said if len(said) <= NOTE_LENGTH else said[: NOTE_LENGTH - 1] + "…"


def _figure_name(finding: Finding) -> str:
    name = finding.metric if finding.judge == "quality" else f"{finding.judge}: {finding.metric}"
    return name + (f" ({finding.variant})" if finding.variant else "")


def over_seeds(findings: Sequence[Finding]) -> Estimate:
    """Several seeds' findings as one figure: their mean, and the mean of their intervals' ends.

    That interval is as wide as one seed's: cautious, since seeds share their test rows. A figure without intervals
    gets the range over seeds.
    """
    values = [finding.value for finding in findings if finding.value is not None]
    reason = next((finding.reason for finding in findings if finding.reason), "")
    if not values:
        return Estimate(float("nan"), reason=reason or "insufficient")
    lows = [finding.low for finding in findings if finding.low is not None]
    highs = [finding.high for finding in findings if finding.high is not None]
    if len(lows) == len(highs) == len(values):
        return Estimate(_mean(values), _mean(lows), _mean(highs), reason)
    if len(values) == 1:
        return Estimate(values[0], reason=reason)
    return Estimate(_mean(values), min(values), max(values), "range over seeds")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
