"""Boosted members: LightGBM on the plain view, with text, or on the linear member's scores as a second layer.

All see what rows of the same value say, and all but the plain one what those of like texts do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.multimodal.linear_member import Beside, Nested, richest, scores_of
from bakeoff.algorithms.multimodal.target import as_logs, mean_outputs
from bakeoff.algorithms.multimodal.views import Asked
from bakeoff.algorithms.multimodal.votes import Voters, Votes, votes_of
from bakeoff.algorithms.multimodal.work import Behind, Deadline, Trained, Work
from bakeoff.extras import load_lightgbm
from bakeoff.nouns import Array
from bakeoff.training.clock import Clock

TRIAL = 3  # rounds from which the time of all is told
NEARLY = 5e-4  # of the loss, which the last rounds bring together
WORTH = 1_000_000  # cells from which a second thread is worth its while


@dataclass(frozen=True)
class BoostedModel:
    """One booster for each fold; their mean."""

    view: str
    boosters: tuple[Any, ...]
    rounds: int
    width: int
    scores: tuple[Beside, ...] = ()
    voters: tuple[Voters, ...] = ()

    def outputs(self, asked: Asked, fold: int | None = None) -> Array:
        """Logarithms of probabilities, or scaled numbers; float32 (rows, width)."""
        parts = []
        for k in range(len(self.boosters)) if fold is None else [fold]:
            features, begin = [asked.get(self.view)], None
            features += [one.votes(asked, fold) for one in self.voters]
            if self.scores:
                begin = self.scores[k].scores(asked)
                features.append(begin)
            parts.append(ask(self.boosters[k], np.hstack(features), begin, self.rounds, self.width))
        return mean_outputs(parts, self.width > 1)


def ask(booster: Any, features: Array, begin: Array | None, rounds: int, width: int) -> Array:
    """A booster's outputs by its first rounds, float32 (rows, width), beside what it began from (rows, scores)."""
    raw = np.asarray(booster.predict(features, num_iteration=rounds, raw_score=True, num_threads=1))
    raw = raw.reshape(len(features), -1)
    return as_logs(raw if begin is None else raw + begin, width)


@dataclass(frozen=True)
class Growth:
    """How trees grow: their leaves, the share of features each sees (None: by how many there are), and patience.

    `patience` is in rounds without a better held-out loss.
    """

    leaves: int = 15
    share: float | None = None
    patience: int = 20


class BoostedMember:
    """LightGBM on a dense view; `second` begins from the linear member's scores, and sees them beside the view."""

    def __init__(
        self,
        name: str,
        view: str,
        *,
        second: bool = False,
        growth: Growth | None = None,
        larger: tuple[int, Growth] | None = None,
    ) -> None:
        """`larger` is the growth from so many rows on."""
        self.name = name
        self.view = view
        self.second = second
        self.growth = growth or Growth()
        self.larger = larger

    def _growth(self, work: Work) -> Growth:
        return self.larger[1] if self.larger and len(work.target.values) >= self.larger[0] else self.growth

    def settings(self, work: Work, rows: int, features: int) -> dict[str, Any]:
        """LightGBM's parameters."""
        width = work.target.width
        found: dict[str, Any] = {
            "learning_rate": 0.05 if width <= 5 else 0.08,
            "num_leaves": self._growth(work).leaves,
            "min_data_in_leaf": int(np.clip(rows // 50, 5, 20)),
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "feature_fraction": self._growth(work).share or float(np.clip(40 / features, 0.25, 0.7)),
            "lambda_l2": 1.0,
            "max_bin": 127,
            "seed": work.seed % 2**31,
            # Threads that wait for each other cost more than they save where each has little to do.
            "num_threads": work.threads if rows * features >= WORTH else 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
            "feature_pre_filter": False,
        }
        if work.target.classes is None:
            return {**found, "objective": "regression"}
        if width == 2:
            return {**found, "objective": "binary"}
        return {**found, "objective": "multiclass", "num_class": width}

    def most(self, work: Work) -> int:
        """Rounds at most."""
        return int(np.clip(6_000 // (work.target.width if work.target.width > 2 else 1), 40, 1_000))

    def _view(self, work: Work) -> str:
        # Scores of a linear model tell a second layer more of the texts' meaning than their directions do.
        return self.view if self.second else richest(work, self.view)

    def estimate(self, work: Work, clock: Clock) -> float:
        """From a few rounds of the first fold."""
        lightgbm = load_lightgbm()
        features = work.views.train(self._view(work))
        rows = work.folds.learnt[0]
        settings = self.settings(work, len(rows), features.shape[1])
        data = lightgbm.Dataset(features[rows], work.target.values[rows], params=settings, free_raw_data=True)
        data.construct()
        began = clock.elapsed()
        lightgbm.train(settings, data, num_boost_round=TRIAL)
        round_ = (clock.elapsed() - began) / TRIAL
        return round_ * min(self.most(work), 60 + self._growth(work).patience) * len(work.folds) * 1.2

    def fit(self, work: Work, deadline: Deadline) -> Trained | Behind:
        """Boosters for each fold, all cut after the number of rounds that is best on average."""
        view = self._view(work)
        folds, target = work.folds, work.target
        scores = scores_of(work, deadline.part(0.5)) if self.second else None
        votes = votes_of(work, ("valued", "near") if self.view == "dense" else ("valued",))
        boosters, curves, asked = [], [], []
        cut = scores is not None and scores.cut
        for k in range(len(folds)):
            learnt, held = _parts(work, view, k, (votes, scores))
            settings = self.settings(work, *learnt.features.shape)
            limits = _Limits(self.most(work), self._growth(work).patience, deadline.part(1 / (len(folds) - k)))
            one = _boost(settings, (learnt, held), limits)
            boosters.append(one.booster)
            curves.append(one.curve)
            asked.append(held)
            cut = cut or one.cut
            if k == 0 and work.behind(min(one.curve)):
                return Behind(min(one.curve))
        rounds = _rounds(curves)
        out = np.zeros((len(target.values), target.width), dtype=np.float32)
        for k, held in enumerate(asked):
            out[folds.held[k]] = ask(boosters[k], held.features, held.begin, rounds, target.width)
        weights = scores.beside() if scores is not None else ()
        voters = tuple(one.voters for one in votes)
        model = BoostedModel(view, tuple(boosters), rounds, target.width, weights, voters)
        return Trained(model, out[folds.rows], cut)


@dataclass(frozen=True)
class _Part:
    """Some rows of a fold: features, targets, and scores (rows, outputs) that boosting begins from."""

    features: Array
    values: Array
    begin: Array | None = None

    def beginning(self, scores: Array) -> _Part:
        """The same from these scores on, which stand beside the features too."""
        return _Part(np.hstack([self.features, scores]), self.values, scores)

    def data(self, settings: dict[str, Any], reference: Any = None) -> Any:
        """As LightGBM reads it; scores of several classes stand one class after another."""
        lightgbm = load_lightgbm()
        begin = None if self.begin is None else self.begin.ravel(order="F").astype(np.float64)
        return lightgbm.Dataset(self.features, self.values, reference=reference, init_score=begin, params=settings)


def _parts(work: Work, view: str, k: int, seen: tuple[list[Votes], Nested | None]) -> tuple[_Part, _Part]:
    """What a fold learns from and what it holds out, with votes and scores where there are any."""
    features, values, (votes, scores) = work.views.train(view), work.target.values, seen
    found = []
    for learning, rows in ((True, work.folds.learnt[k]), (False, work.folds.held[k])):
        columns = [features[rows], *((one.learnt if learning else one.held)[k] for one in votes)]
        part = _Part(np.hstack(columns), values[rows])
        found.append(part if scores is None else part.beginning((scores.learnt if learning else scores.held)[k]))
    return found[0], found[1]


@dataclass(frozen=True)
class Boosting:
    """A booster, its held-out loss after each round, and whether time ended it."""

    booster: Any
    curve: list[float]
    cut: bool


@dataclass(frozen=True)
class _Limits:
    """Rounds at most, rounds without a gain, and the time."""

    most: int
    patience: int
    deadline: Deadline


def _boost(settings: dict[str, Any], parts: tuple[_Part, _Part], limits: _Limits) -> Boosting:
    lightgbm = load_lightgbm()
    data = parts[0].data(settings)
    watch = parts[1].data(settings, data)
    curve: list[float] = []
    cut = False

    def look(state: Any) -> None:
        nonlocal cut
        curve.append(float(state.evaluation_result_list[0][2]))
        cut = limits.deadline()
        late = len(curve) - int(np.argmin(curve)) > limits.patience
        if cut or late:
            raise lightgbm.callback.EarlyStopException(len(curve) - 1, state.evaluation_result_list)

    booster = lightgbm.train(settings, data, limits.most, valid_sets=[watch], callbacks=[look])
    booster.free_dataset()
    return Boosting(booster, curve, cut)


def _rounds(curves: list[list[float]]) -> int:
    """The fewest rounds with nearly the best mean over folds; a curve that ended sooner stays where it ended.

    The last rounds bring next to nothing, and each is paid for whenever a row is answered.
    """
    longest = max(map(len, curves))
    mean = np.mean([curve + [curve[-1]] * (longest - len(curve)) for curve in curves], axis=0)
    return 1 + int(np.argmax(mean <= mean.min() * (1 + NEARLY)))
