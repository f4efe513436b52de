"""The linear member: softmax, logistic or ridge regression on the wide view; held-out rows choose penalty and steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.algorithms.multimodal.descent import STEPS, Descent, Weights
from bakeoff.algorithms.multimodal.target import as_logs, losses
from bakeoff.algorithms.multimodal.views import Asked
from bakeoff.algorithms.multimodal.work import Deadline, Trained, Work
from bakeoff.nouns import Array
from bakeoff.training.clock import Clock

STRENGTHS = (0.15, 0.4, 1.0, 2.5, 6.0, 15.0)
FEW = 3_000  # rows up to which every fold tries several strengths
PATIENCE = 1.001  # a stronger fit that is worse by this factor ends the search
PATIENT = 10  # steps without a better held-out loss end a descent
SEARCHING = 0.6  # of the time, at most, for finding the strength and the steps
KEPT = 20_000_000  # weights of single folds that are kept to explain the model
EVALUATIONS = 20  # that a descent to one strength takes


@dataclass(frozen=True)
class LinearModel:
    """The weights of each fold, and their mean: one product answers for all folds together."""

    view: str
    mean: Weights
    folds: tuple[Weights, ...]
    width: int
    strength: float
    steps: int

    def outputs(self, asked: Asked, fold: int | None = None) -> Array:
        """Logarithms of probabilities, or scaled numbers; float32 (rows, width)."""
        weights = self.mean if fold is None or not self.folds else self.folds[fold]
        return as_logs(weights.outputs(asked.get(self.view)), self.width)


class LinearMember:
    """One linear model for each fold."""

    def __init__(self, name: str = "linear", view: str = "wide", strengths: tuple[float, ...] = STRENGTHS) -> None:
        self.name = name
        self.view = view
        self.strengths = strengths

    def estimate(self, work: Work, clock: Clock) -> float:
        """From one step, times the steps, strengths and folds."""
        features = work.views.train(self.view)
        some = work.folds.learnt[0][:2_000]
        descent = Descent(features[some], work.target.values[some], work.target.width)
        began = clock.elapsed()
        descent.fit(1.0, descent.start(), lambda: False, steps=1)
        step = (clock.elapsed() - began) / 3 * len(work.folds.learnt[0]) / len(some)
        return step * EVALUATIONS * (len(self.strengths) - 1 + len(work.folds))

    def fit(self, work: Work, deadline: Deadline) -> Trained:
        """Weights for each fold, by the strength and the number of steps that are best on held-out rows."""
        folds, values, width = work.folds, work.target.values, work.target.width
        search = _Search(work, self.view, deadline.part(SEARCHING))
        curves = search.whole(self.strengths)
        strength, steps = _best(curves)
        if search.cut and len(curves) == 1 and steps == len(curves[0][strength]):
            steps = STEPS  # time ended the descent that was watched, and not the held-out rows
        chosen: list[Weights] = []
        cut = search.cut
        out = np.zeros((len(values), width), dtype=np.float32)
        for k in range(len(folds)):
            descent = search.descent(k)
            found, short = descent.fit(strength, descent.start(), deadline.part(1 / (len(folds) - k)), steps)
            cut = cut or short
            chosen.append(found)
            out[folds.held[k]] = as_logs(found.outputs(work.views.train(self.view)[folds.held[k]]), width)
        small = sum(one.slopes.size for one in chosen) <= KEPT
        kept = tuple(chosen) if small else ()
        return Trained(LinearModel(self.view, mean_weights(chosen), kept, width, strength, steps), out[folds.rows], cut)


class _Search:
    """Descents that are watched on held-out rows; those of few rows are kept for when the best is known."""

    def __init__(self, work: Work, view: str, deadline: Deadline) -> None:
        self.work, self.view, self.deadline = work, view, deadline
        self.cut = False
        self._kept: dict[int, Descent] = {}

    def descent(self, k: int) -> Descent:
        """Of the rows that fold k learns from."""
        if k in self._kept:
            return self._kept[k]
        rows, target = self.work.folds.learnt[k], self.work.target
        found = Descent(self.work.views.train(self.view)[rows], target.values[rows], target.width)
        if k == 0 or len(target.values) <= FEW:
            self._kept[k] = found
        return found

    def whole(self, strengths: tuple[float, ...]) -> list[dict[float, list[float]]]:
        """Curves of the first fold, and where rows are few of the others that time does not cut off."""
        curves = [self.curves(0, strengths)]
        if len(self.work.target.values) <= FEW:
            near = _near(curves[0])
            for k in range(1, len(self.work.folds)):
                found = {} if self.cut else self.curves(k, near)
                if self.cut:
                    break
                curves.append(found)
        return curves

    def curves(self, k: int, strengths: tuple[float, ...]) -> dict[float, list[float]]:
        """Held-out losses after each step, by strength, until a stronger fit is worse; at least of the first one."""
        held, target = self.work.folds.held[k], self.work.target
        features, truth = self.work.views.train(self.view)[held], target.values[held]
        found: dict[float, list[float]] = {}
        for strength in strengths:
            curve: list[float] = []

            def watch(weights: Weights, curve: list[float] = curve) -> bool:
                outputs = as_logs(weights.outputs(features), target.width)
                curve.append(float(losses(outputs, truth, target.classes is not None).mean()))
                return len(curve) - 1 - int(np.argmin(curve)) >= PATIENT

            descent = self.descent(k)
            _, self.cut = descent.fit(strength, descent.start(), self.deadline, STEPS, watch)
            # A strength that time cut off counts only where there is no other to go by.
            if curve and not (self.cut and found):
                found[strength] = curve
            if self.cut or min(curve, default=np.inf) > PATIENCE * min(map(min, found.values())):
                break
        return found or {strengths[0]: [np.inf]}


def _near(curves: dict[float, list[float]]) -> tuple[float, ...]:
    """The best strength and its neighbours."""
    order = sorted(curves)
    place = min(range(len(order)), key=lambda i: min(curves[order[i]]))
    return tuple(order[max(0, place - 1) : place + 2])


def _best(curves: list[dict[float, list[float]]]) -> tuple[float, int]:
    """The strength and the steps with the least mean loss, of strengths that every fold tried.

    A curve that ended sooner stays where it ended.
    """
    shared = [strength for strength in curves[0] if all(strength in one for one in curves)] or [min(curves[0])]
    found = []
    for strength in shared:
        tried = [one[strength] for one in curves if strength in one]
        longest = max(map(len, tried))
        mean = np.mean([curve + [curve[-1]] * (longest - len(curve)) for curve in tried], axis=0)
        found.append((float(mean.min()), strength, 1 + int(np.argmin(mean))))
    return min(found)[1:]


def mean_weights(parts: list[Weights]) -> Weights:
    """The mean of several models of the same features."""
    slopes = np.mean([part.slopes for part in parts], axis=0, dtype=np.float32)
    return Weights(slopes, np.mean([part.bases for part in parts], axis=0, dtype=np.float32))


@dataclass(frozen=True)
class Nested:
    """Linear scores for a second layer, made so that no row's score has seen the row, nor the fold held out.

    `learnt[k]` float32 (rows of fold k's learnt part, width) and `held[k]` for its held-out part; `weights[k]` score
    any other row, as `view` shows it, as fold k's second layer knows it.
    """

    view: str
    learnt: list[Array]
    held: list[Array]
    weights: list[Weights]
    cut: bool

    def beside(self) -> tuple[Beside, ...]:
        """For each fold, what answers other rows."""
        return tuple(Beside(self.view, weights) for weights in self.weights)


def nested(work: Work, view: str, strength: float, deadline: Deadline, steps: int = STEPS) -> Nested:
    """Every fold's learnt rows in parts, each scored by a model that saw neither the part nor the fold.

    A model without two folds serves both, so that five folds need ten models and not twenty.
    """
    parts = parts_of(work)
    models = _Models(work, (view, strength, steps), deadline, len({pair for pairs in parts for pair, _, _ in pairs}))
    features = work.views.train(view)
    scores = np.zeros((len(work.target.values), work.target.inner), dtype=np.float32)
    learnt, held, means = [], [], []
    for k, pairs in enumerate(parts):
        mine = []
        for pair, rows, within in pairs:
            mine.append(models.get(pair, rows))
            scores[within] = mine[-1].outputs(features[within])
        means.append(mean_weights(mine))
        learnt.append(centred(scores[work.folds.learnt[k]]))
        held.append(centred(means[-1].outputs(features[work.folds.held[k]])))
    return Nested(view, learnt, held, means, models.cut)


def scores_of(work: Work, deadline: Deadline) -> Nested:
    """Nested scores of the best linear member so far, made by the first second-layer member that needs them."""
    if "scores" not in work.shared:
        linear = best_linear(work)
        work.shared["scores"] = nested(work, linear.view, linear.strength, deadline, linear.steps)
    found: Nested = work.shared["scores"]
    return found


def best_linear(work: Work) -> LinearModel:
    """The linear model with the least loss on held-out rows, of those fitted so far."""
    fitted = [one for one in work.trained.values() if isinstance(one.model, LinearModel)]
    best = min(fitted, key=lambda one: float(work.target.losses(one.held_out, work.folds.rows).mean()))
    assert isinstance(best.model, LinearModel)
    return best.model


def richest(work: Work, view: str) -> str:
    """The view "deep" in place of "dense" where embeddings made the best linear member."""
    return "deep" if view == "dense" and "sentences" in work.trained and best_linear(work).view == "meant" else view


@dataclass(frozen=True)
class Beside:
    """What a second layer's fold asks of the linear model below it: its weights, and the view they are for."""

    view: str
    weights: Weights

    def scores(self, asked: Asked) -> Array:
        """Centred scores, float32 (rows, outputs)."""
        return centred(self.weights.outputs(asked.get(self.view)))


Part = tuple[tuple[int, int], Array, Array]  # a key, the rows to learn from, and the rows to score


def parts_of(work: Work) -> list[list[Part]]:
    """For each fold the parts of its learnt rows: the other folds, or thirds where there is one fold alone."""
    folds = work.folds
    if len(folds) == 1:
        rows = np.random.default_rng([work.seed % 2**32, 5]).permutation(folds.learnt[0])
        thirds = [np.sort(rows[start::3]) for start in range(3)]
        return [[((0, j + 1), np.setdiff1d(rows, third), third) for j, third in enumerate(thirds)]]
    found: list[list[Part]] = []
    for k in range(len(folds)):
        parts: list[Part] = []
        for j in range(len(folds)):
            if j != k:
                both = np.intersect1d(folds.learnt[j], folds.learnt[k])
                parts.append(((min(j, k), max(j, k)), both, np.intersect1d(folds.held[j], folds.learnt[k])))
        found.append(parts)
    return found


class _Models:
    """Linear models by the pair of folds that they did not see, each fitted once."""

    def __init__(self, work: Work, how: tuple[str, float, int], deadline: Deadline, count: int) -> None:
        self.work, self.deadline = work, deadline
        self.view, self.strength, self.steps = how
        self.count = count
        self.cut = False
        self.found: dict[tuple[int, int], Weights] = {}

    def get(self, pair: tuple[int, int], rows: Array) -> Weights:
        """The model of this pair."""
        if pair not in self.found:
            target = self.work.target
            descent = Descent(self.work.views.train(self.view)[rows], target.values[rows], target.width)
            part = self.deadline.part(1 / (self.count - len(self.found)))
            self.found[pair], cut = descent.fit(self.strength, descent.start(), part, self.steps)
            self.cut = self.cut or cut
        return self.found[pair]


def centred(scores: Array) -> Array:
    """Scores of several classes less their mean, which a softmax would not see either."""
    return scores - scores.mean(axis=1, keepdims=True) if scores.shape[1] > 1 else scores
