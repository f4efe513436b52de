"""Fitting: members one after another while time lasts, each calibrated, then chosen and weighted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bakeoff.algorithms.multimodal.folds import Folds
from bakeoff.algorithms.multimodal.roster import SECOND
from bakeoff.algorithms.multimodal.selection import Selection, select
from bakeoff.algorithms.multimodal.target import as_logs, mean_outputs
from bakeoff.algorithms.multimodal.views import Asked
from bakeoff.algorithms.multimodal.work import Answering, Behind, Deadline, Member, Trained, Work
from bakeoff.nouns import Array
from bakeoff.training.calibration import Temperature
from bakeoff.training.clock import Clock

THINNEST = 0.15  # share of the rows below which a member is left out
ROUGH = 1.5  # what an estimate may be wrong by
SHORT = 0.05  # of the budget is kept for calibration and selection
DRAWN = ((600, 3), (2_000, 2))  # rows times outputs up to which folds are drawn so often: never by how fast it went
CELLS = 2_000_000  # probabilities that a temperature is found on


@dataclass(frozen=True)
class Calibrated:
    """A fitted member with its temperature."""

    name: str
    model: Answering
    temperature: Temperature
    classes: bool

    def outputs(self, asked: Asked, fold: int | None = None) -> Array:
        """Calibrated logarithms of probabilities, or scaled numbers."""
        found = self.model.outputs(asked, fold)
        return as_logs(found / self.temperature.value, found.shape[1]) if self.classes else found


@dataclass(frozen=True)
class Several:
    """One member fitted on several drawings of folds; the mean of all."""

    models: tuple[Answering, ...]
    classes: bool

    def outputs(self, asked: Asked, fold: int | None = None) -> Array:
        """Logarithms of probabilities, or scaled numbers; a single fold is one of the first drawing."""
        if fold is not None:
            return self.models[0].outputs(asked, fold)
        return mean_outputs([model.outputs(asked) for model in self.models], self.classes)


@dataclass
class Course:
    """How a fit went: seconds and remarks by member, the ensemble's loss after each, and the loss of those behind."""

    seconds: dict[str, float] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    unfitted: dict[str, float] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    behind: dict[str, float] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ensemble:
    """Members with weights; `scores` is each member's loss on held-out rows, `loss` the ensemble's."""

    members: tuple[Calibrated, ...]
    weights: Array
    temperature: Temperature
    scores: dict[str, float]
    loss: float
    held_out: Array

    def outputs(self, asked: Asked, fold: int | None = None) -> Array:
        """Logarithms of probabilities float64 (rows, classes), or scaled numbers (rows, 1)."""
        total: Any = 0.0
        classes = self.members[0].classes
        for member, weight in zip(self.members, self.weights, strict=True):
            if weight:
                found = member.outputs(asked, fold).astype(np.float64)
                total = total + weight * (np.exp(found) if classes else found)
        return self.sure(np.log(np.maximum(total, 1e-30))) if classes else np.asarray(total)

    def sure(self, logs: Array) -> Array:
        """Logarithms of probabilities after the last temperature."""
        return as_logs(logs / self.temperature.value, logs.shape[1]).astype(np.float64)

    def needed(self) -> Ensemble:
        """Without members that have no weight."""
        kept = [k for k, weight in enumerate(self.weights) if weight > 0]
        return replace(self, members=tuple(self.members[k] for k in kept), weights=self.weights[kept])


class Fitting:
    """One fit in progress."""

    def __init__(self, work: Work, clock: Clock) -> None:
        self.work = work
        self.clock = clock
        self.course = Course()
        self.rows = work.folds.rows
        self.trained: dict[str, Trained] = {}
        self._temperatures: dict[str, tuple[Trained, Temperature]] = {}

    def run(self, members: list[Member]) -> Ensemble:
        """All members that fit in; further drawings of folds where rows are few and time is plenty."""
        for member in members:
            self._one(member)
        if not self.course.unfitted and not self.course.cut:
            self._again(members)
        return self.chosen()

    def _usable(self) -> float:
        """Seconds that are left for members."""
        return self.clock.left() - SHORT * self.clock.seconds

    def _one(self, member: Member) -> None:
        """Fit one member, on fewer rows where it must be; or leave it out and note what it would have taken."""
        began = self.clock.elapsed()
        if member.name in SECOND and "linear" not in self.work.trained:
            return
        wanted = self._estimated(member)
        room = self._usable()
        # The linear member comes first and stops wherever it is: a descent cut short still answers better than none.
        share = min(1.0, room / (wanted * ROUGH)) if wanted and member.name != "linear" else 1.0
        if (room <= 0 and member.name != "constant") or share < THINNEST:
            self.course.unfitted[member.name] = wanted
            self.course.remarks[member.name] = "no time"
            return
        work = self.work if share == 1.0 else self.work.thinned(share)
        found = member.fit(work, Deadline(self.clock, room if np.isfinite(room) else 1e9))
        self.course.seconds[member.name] = self.clock.elapsed() - began
        if isinstance(found, Behind):
            self.course.behind[member.name] = found.loss
            self.course.remarks[member.name] = "far behind on its first fold"
            return
        self.work.trained[member.name] = self.trained[member.name] = found
        if share < 1.0:
            self.course.remarks[member.name] = f"on {share:.0%} of the rows"
            self.course.unfitted[member.name] = wanted
        if found.short:
            self.course.remarks[member.name] = found.short
            self.course.unfitted[member.name] = wanted
        if found.cut:
            self.course.cut.append(member.name)
            self.course.remarks[member.name] = "cut short by the clock"
            self.course.unfitted.setdefault(member.name, wanted)
        self.course.losses.append(self.chosen().loss)

    def _estimated(self, member: Member) -> float:
        if member.name == "constant" or self._usable() <= 0 or not self.clock.seconds:
            return 0.0
        return member.estimate(self.work, self.clock)

    def _again(self, members: list[Member]) -> None:
        """Draw folds again, so that each row is judged by more models and more models answer."""
        target = self.work.target
        size = len(target.values) * target.width
        rounds = next((count for most, count in DRAWN if size <= most), 1)
        taken = sum(self.course.seconds.values())
        weights = self._weights() if rounds > 1 else set()
        for number in range(1, rounds):
            if self._usable() < 1.5 * taken:
                self.course.cut.append("further folds")
                return
            folds = Folds.of(target.values, target.classes is not None, self.work.seed + 7919 * number)
            work = replace(self.work, folds=folds, trained=dict(self.work.trained), shared=dict(self.work.shared))
            for made in ("scores", ("votes", "near"), ("votes", "valued")):
                work.shared.pop(made, None)
            for member in members:
                if member.name not in weights:
                    continue
                began = self.clock.elapsed()
                found = member.fit(work, Deadline(self.clock, min(self._usable(), 1e9)))
                if isinstance(found, Behind):
                    continue
                if found.cut:
                    self.course.cut.append(member.name)
                    return
                work.trained[member.name] = found
                if member.name in self.trained:
                    self._join(member.name, found)
                self.course.seconds[member.name] += self.clock.elapsed() - began

    def _weights(self) -> set[str]:
        """Names of the members that have a weight so far."""
        found = self.chosen()
        return {member.name for member, weight in zip(found.members, found.weights, strict=True) if weight}

    def _join(self, name: str, found: Trained) -> None:
        before = self.trained[name]
        classes = self.work.target.classes is not None
        models = before.model.models if isinstance(before.model, Several) else (before.model,)
        parts = [before.held_out] * len(models) + [found.held_out]
        self.trained[name] = Trained(Several((*models, found.model), classes), mean_outputs(parts, classes))

    def chosen(self) -> Ensemble:
        """The ensemble of all members so far."""
        target = self.work.target
        classes = target.classes is not None
        truth = target.values[self.rows]
        members, told, scores = [], [], {}
        for name, one in self.trained.items():
            temperature = self._temperature(name, one)
            members.append(Calibrated(name, one.model, temperature, classes))
            outputs = as_logs(one.held_out / temperature.value, target.width) if classes else one.held_out
            told.append(np.exp(outputs[np.arange(len(truth)), truth].astype(np.float64)) if classes else outputs[:, 0])
            scores[name] = float(target.losses(outputs, self.rows).mean())
        found = select(np.column_stack(told), None if classes else truth, self.work.seed)
        return self._weighted(tuple(members), found, scores)

    def _temperature(self, name: str, one: Trained) -> Temperature:
        """A member's temperature, found once for what it held out."""
        if self.work.target.classes is None or name == "constant":
            return Temperature()
        if name not in self._temperatures or self._temperatures[name][0] is not one:
            self._temperatures[name] = one, self._found(one.held_out)
        return self._temperatures[name][1]

    def _found(self, logs: Array) -> Temperature:
        """The temperature of held-out logarithms, on as many rows as it takes."""
        step = max(1, logs.size // CELLS)
        return Temperature.found(logs[::step], self.work.target.values[self.rows][::step])

    def _weighted(self, members: tuple[Calibrated, ...], found: Selection, scores: dict[str, float]) -> Ensemble:
        target = self.work.target
        classes = target.classes is not None
        total: Any = 0.0
        for member, weight in zip(members, found.weights, strict=True):
            if weight:
                held = self.trained[member.name].held_out
                outputs = as_logs(held / member.temperature.value, target.width) if classes else held
                total = total + weight * (np.exp(outputs.astype(np.float64)) if classes else outputs)
        if not classes:
            return Ensemble(members, found.weights, Temperature(), scores, found.loss, np.asarray(total))
        logs = np.log(np.maximum(total, 1e-30))
        temperature = self._found(logs)
        held_out = as_logs(logs / temperature.value, target.width)
        return Ensemble(members, found.weights, temperature, scores, found.loss, held_out)
