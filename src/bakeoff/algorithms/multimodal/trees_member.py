"""The member of extremely randomised trees, on the dense view with neighbours' votes and the linear member's scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.multimodal.linear_member import Beside, Nested, richest, scores_of
from bakeoff.algorithms.multimodal.target import mean_outputs
from bakeoff.algorithms.multimodal.views import Asked
from bakeoff.algorithms.multimodal.votes import Voters, votes_of
from bakeoff.algorithms.multimodal.work import Deadline, Trained, Work
from bakeoff.nouns import Array
from bakeoff.training.clock import Clock

TREES = 100
AT_ONCE = 10
MEMORY = 150_000_000  # bytes that the trees of all folds may take
MISSING = np.float32(-1e6)


@dataclass(frozen=True)
class TreesModel:
    """The trees of each fold."""

    view: str
    forests: tuple[tuple[Any, ...], ...]
    width: int
    prior: Array
    scores: tuple[Beside, ...] = ()
    voters: tuple[Voters, ...] = ()

    def outputs(self, asked: Asked, fold: int | None = None) -> Array:
        """Logarithms of probabilities, or scaled numbers; float32 (rows, width)."""
        parts = []
        for k in range(len(self.forests)) if fold is None else [fold]:
            features = [asked.get(self.view)]
            features += [one.votes(asked, fold) for one in self.voters]
            if self.scores:
                features.append(self.scores[k].scores(asked))
            parts.append(told(self.forests[k], filled(np.hstack(features)), self.prior))
        return mean_outputs(parts, self.width > 1)


def filled(features: Array) -> Array:
    """Missing values as a number below all others."""
    return np.where(np.isfinite(features), features, MISSING).astype(np.float32)


def told(trees: tuple[Any, ...], features: Array, prior: Array) -> Array:
    """The trees' mean; class shares with a little of the prior, as logarithms."""
    # The trees are asked directly: scikit-learn's checks around them cost more than they do for a single row.
    total = sum(tree.predict(features).reshape(len(features), -1) for tree in trees)
    mean = np.asarray(total) / len(trees)
    if mean.shape[1] == 1:
        return mean.astype(np.float32)
    return np.log(0.98 * mean + 0.02 * prior).astype(np.float32)


class TreesMember:
    """Extra trees (Geurts et al., 2006), as many as time and memory allow."""

    def __init__(self, name: str = "extra trees", view: str = "dense") -> None:
        self.name = name
        self.view = view

    def _forest(self, work: Work, rows: int) -> Any:
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        shared = {
            "n_estimators": 1,
            "min_samples_leaf": 2 if rows < 5_000 else 3,
            "max_features": 0.4,
            "random_state": work.seed % 2**32,
            "n_jobs": work.threads if rows >= 5_000 else 1,
            "warm_start": True,
        }
        return ExtraTreesRegressor(**shared) if work.target.classes is None else ExtraTreesClassifier(**shared)

    def estimate(self, work: Work, clock: Clock) -> float:
        """From one tree."""
        features, rows = filled(work.views.train(richest(work, self.view))), work.folds.learnt[0]
        forest = self._forest(work, len(rows))  # the first of all loads scikit-learn's
        began = clock.elapsed()
        forest.fit(features[rows], work.target.values[rows])
        return (clock.elapsed() - began) * self.count(work) * len(work.folds) * 0.8

    def count(self, work: Work) -> int:
        """Trees of a fold that memory allows: about one node for each two rows, with all classes in it."""
        rows = max(map(len, work.folds.learnt))
        bytes_ = rows * 0.6 * (8 * work.target.width + 64)
        return int(np.clip(MEMORY / bytes_ / len(work.folds), 0, TREES))

    def fit(self, work: Work, deadline: Deadline) -> Trained:
        """Trees for each fold."""
        scores: Nested | None = scores_of(work, deadline.part(0.5)) if "linear" in work.trained else None
        votes = votes_of(work, ("valued", "near"))
        view = richest(work, self.view)
        features, folds, target = work.views.train(view), work.folds, work.target
        prior = np.exp(target.constant().astype(np.float64))
        out = np.zeros((len(target.values), target.width), dtype=np.float32)
        forests = []
        cut = False
        for k in range(len(folds)):
            learnt, held = features[folds.learnt[k]], features[folds.held[k]]
            learnt = np.hstack([learnt, *(one.learnt[k] for one in votes)])
            held = np.hstack([held, *(one.held[k] for one in votes)])
            if scores is not None:
                learnt, held = np.hstack([learnt, scores.learnt[k]]), np.hstack([held, scores.held[k]])
            part = deadline.part(1 / (len(folds) - k))
            trees, short = self._grown(work, filled(learnt), target.values[folds.learnt[k]], part)
            forests.append(trees)
            cut = cut or short
            out[folds.held[k]] = told(trees, filled(held), prior)
        weights = scores.beside() if scores is not None else ()
        voters = tuple(one.voters for one in votes)
        model = TreesModel(view, tuple(forests), target.width, prior, weights, voters)
        return Trained(model, out[folds.rows], cut)

    def _grown(self, work: Work, features: Array, values: Array, deadline: Deadline) -> tuple[tuple[Any, ...], bool]:
        """Trees whose class shares are in the order of all classes, and whether time cut them off."""
        forest = self._forest(work, len(features))
        most = max(AT_ONCE, self.count(work))
        forest.fit(features, values)
        while forest.n_estimators < most:
            if deadline():
                break
            forest.n_estimators = min(most, forest.n_estimators + AT_ONCE)
            forest.fit(features, values)
        trees = tuple(tree.tree_ for tree in forest.estimators_)
        present = getattr(forest, "classes_", None)
        if present is not None and len(present) < work.target.width:
            trees = tuple(Spread(tree, present, work.target.width) for tree in trees)
        return trees, forest.n_estimators < most


@dataclass(frozen=True)
class Spread:
    """A tree that met only some classes, answering for all."""

    tree: Any
    present: Array
    width: int

    def predict(self, features: Array) -> Array:
        """Class shares float64 (rows, width)."""
        out = np.zeros((len(features), self.width))
        out[:, self.present] = self.tree.predict(features).reshape(len(features), -1)
        return out
