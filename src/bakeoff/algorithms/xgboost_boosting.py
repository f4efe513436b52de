"""The xgboost baseline: XGBoost on numbers, categories as categories, and encoded texts."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np

from bakeoff.algorithms.constant import Constant
from bakeoff.algorithms.peers import Coded, Target, columns_for, held_out, library
from bakeoff.errors import MissingExtra
from bakeoff.extras import need
from bakeoff.nouns import Array, Frame, Schema
from bakeoff.training.clock import Clock

with suppress(MissingExtra):  # imported with the entry, outside the clock; its absence is declined in fit
    need("xgboost", "xgboost")

SHARE = 0.8  # of the time budget is for fitting
ROUNDS = 1_000
UNWATCHED = 100  # rounds where no row can be held out
PATIENCE = 30


class XGBoost:
    """Gradient-boosted trees that stop when held-out rows, or the time budget, say so; texts as skrub encodes them.

    Declined where XGBoost is not installed, and for a table of images alone. `parameters` are XGBoost's own.
    """

    def __init__(self, **parameters: Any) -> None:
        self.parameters = parameters

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> XGBoost:
        """Learn from training rows; Declined when XGBoost is missing or the table holds images alone."""
        clock = Clock(SHARE * schema.time_budget)
        columns = columns_for("xgboost", X, schema)
        library("xgboost", "xgboost")
        target = Target.of(y, schema)
        if target.classes is not None:
            self.classes_ = target.classes
        self.constant_ = Constant().fit(X, y, schema=schema) if target.single else None
        if self.constant_ is None:
            self.features_ = Coded(columns, schema.seed)
            self._learn(self.features_.fit_transform(X), target, schema, clock)
        return self

    def _learn(self, features: Array, target: Target, schema: Schema, clock: Clock) -> None:
        import xgboost

        kept, held = held_out(target, schema.seed)

        def matrix(rows: Array) -> Any:
            return xgboost.DMatrix(
                features[rows],
                label=target.values[rows],
                feature_types=self.features_.types,
                enable_categorical=True,
                nthread=schema.threads,
            )

        watched = [(matrix(held), "held")] if len(held) else []
        until = _until(clock)
        ends: list[Any] = [xgboost.callback.EarlyStopping(rounds=PATIENCE)] if watched else []
        learnt = xgboost.train(
            {**settings(schema, target), **self.parameters},
            matrix(kept),
            num_boost_round=ROUNDS if watched else UNWATCHED,
            evals=watched,
            verbose_eval=False,
            callbacks=[*ends, until],
        )
        best = learnt.best_iteration + 1 if watched else learnt.num_boosted_rounds()
        self.booster_ = learnt[:best]
        self.repeatable_ = not until.cut
        self.booster_.set_param({"nthread": 1})

    def _ask(self, X: Frame) -> Array:
        import xgboost

        asked = xgboost.DMatrix(
            self.features_.transform(X), feature_types=self.features_.types, enable_categorical=True, nthread=1
        )
        return self.booster_.predict(asked).astype(np.float64)

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_)."""
        if self.constant_ is not None:
            return self.constant_.predict_proba(X)
        told = self._ask(X)
        told = np.column_stack([1 - told, told]) if told.ndim == 1 else told
        return told / told.sum(axis=1, keepdims=True)

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        if hasattr(self, "classes_"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return self._ask(X) if self.constant_ is None else self.constant_.predict(X)


def settings(schema: Schema, target: Target) -> dict[str, Any]:
    """XGBoost's parameters for a task."""
    told: dict[str, Any]
    if target.classes is None:
        told = {"objective": "reg:absoluteerror" if schema.metric == "mae" else "reg:squarederror"}
    elif len(target.classes) == 2:
        told = {"objective": "binary:logistic", "eval_metric": "logloss"}
    else:
        told = {"objective": "multi:softprob", "eval_metric": "mlogloss", "num_class": len(target.classes)}
    shape = {"max_depth": 6, "min_child_weight": 1, "subsample": 0.8, "colsample_bytree": 0.5, "max_bin": 127}
    running = {"eta": 0.08, "tree_method": "hist", "seed": schema.seed % 2**31, "nthread": schema.threads}
    return {**told, **shape, **running, "verbosity": 0}


def _until(clock: Clock) -> Any:
    """Ends training when another round might not fit into what is left."""
    from xgboost.callback import TrainingCallback

    class Until(TrainingCallback):  # type: ignore[misc, unused-ignore]
        longest = 0.0
        cut = False

        def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            self.began = time.monotonic()
            return False

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            self.longest = max(self.longest, time.monotonic() - self.began)
            self.cut = clock.left() < 2 * self.longest
            return self.cut

    return Until()
