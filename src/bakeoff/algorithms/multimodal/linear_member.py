"""The linear member: softmax, logistic or ridge regression on the wide view, its penalty chosen on held-out rows."""

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
KEPT = 20_000_000  # weights of single folds that are kept to explain the model
EVALUATIONS = 30  # that a descent to one strength takes


@dataclass(frozen=True)
class LinearModel:
    """The weights of each fold, and their mean: one product answers for all folds together."""

    view: str
    mean: Weights
    folds: tuple[Weights, ...]
    width: int
    strength: float

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
        return step * EVALUATIONS * (3 + len(work.folds))

    def fit(self, work: Work, deadline: Deadline) -> Trained:
        """Weights for each fold; the first one's best strength and its neighbours are tried in the others."""
        features, values, width = work.views.train(self.view), work.target.values, work.target.width
        folds = work.folds
        tried: list[dict[float, Weights]] = []
        sums: dict[float, float] = {}
        strengths = self.strengths
        cut = False
        for k in range(len(folds)):
            part = deadline.part(1 / (len(folds) - k))
            found, short = _path(
                Descent(features[folds.learnt[k]], values[folds.learnt[k]], width),
                (features[folds.held[k]], values[folds.held[k]]),
                strengths,
                part,
            )
            cut = cut or short
            tried.append({strength: weights for strength, (weights, _) in found.items()})
            for strength, (_, loss) in found.items():
                sums[strength] = sums.get(strength, 0.0) + loss
            strengths = _near(found, len(values) <= FEW)
        shared = [strength for strength in sums if all(strength in one for one in tried)] or [min(tried[0])]
        best = min(shared, key=lambda strength: sums[strength])
        chosen = [one.get(best) or one[max(one)] for one in tried]
        out = np.zeros((len(values), width), dtype=np.float32)
        for k, weights in enumerate(chosen):
            out[folds.held[k]] = as_logs(weights.outputs(features[folds.held[k]]), width)
        small = sum(one.slopes.size for one in chosen) <= KEPT
        model = LinearModel(self.view, mean_weights(chosen), tuple(chosen) if small else (), width, best)
        return Trained(model, out[folds.rows], cut)


def _path(
    descent: Descent, held: tuple[Array, Array], strengths: tuple[float, ...], deadline: Deadline
) -> tuple[dict[float, tuple[Weights, float]], bool]:
    """Weights and held-out loss by strength, each begun where the last one ended, until it gets worse."""
    found: dict[float, tuple[Weights, float]] = {}
    weights = descent.start()
    best = np.inf
    for strength in strengths:
        weights, cut = descent.fit(strength, weights, deadline, STEPS)
        scores = as_logs(weights.outputs(held[0]), 1 if descent.numbers else max(2, descent.width))
        loss = float(losses(scores, held[1], not descent.numbers).mean())
        if cut and found and loss > best:
            return found, True
        found[strength] = (weights, loss)
        if cut:
            return found, True
        if loss > best * PATIENCE:
            break
        best = min(best, loss)
    return found, False


def _near(found: dict[float, tuple[Weights, float]], few: bool) -> tuple[float, ...]:
    """The best strength, on few rows with its neighbours: one fold of many tells it well enough."""
    order = sorted(found)
    place = min(range(len(order)), key=lambda i: found[order[i]][1])
    return tuple(order[max(0, place - 1) : place + 2]) if few else (order[place],)


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


def nested(work: Work, view: str, strength: float, deadline: Deadline) -> Nested:
    """Every fold's learnt rows in parts, each scored by a model that saw neither the part nor the fold.

    A model without two folds serves both, so that five folds need ten models and not twenty.
    """
    parts = _parts(work)
    models = _Models(work, view, strength, deadline, len({pair for pairs in parts for pair, _, _ in pairs}))
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
        work.shared["scores"] = nested(work, linear.view, linear.strength, deadline)
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


def _parts(work: Work) -> list[list[Part]]:
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

    def __init__(self, work: Work, view: str, strength: float, deadline: Deadline, count: int) -> None:
        self.work, self.view, self.strength, self.deadline = work, view, strength, deadline
        self.count = count
        self.cut = False
        self.found: dict[tuple[int, int], Weights] = {}

    def get(self, pair: tuple[int, int], rows: Array) -> Weights:
        """The model of this pair."""
        if pair not in self.found:
            target = self.work.target
            descent = Descent(self.work.views.train(self.view)[rows], target.values[rows], target.width)
            part = self.deadline.part(1 / (self.count - len(self.found)))
            self.found[pair], cut = descent.fit(self.strength, descent.start(), part)
            self.cut = self.cut or cut
        return self.found[pair]


def centred(scores: Array) -> Array:
    """Scores of several classes less their mean, which a softmax would not see either."""
    return scores - scores.mean(axis=1, keepdims=True) if scores.shape[1] > 1 else scores
