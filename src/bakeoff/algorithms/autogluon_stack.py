"""The autogluon baseline: AutoGluon's tabular predictor, medium quality, told the task's metric, budget and threads."""

from __future__ import annotations

import io
import logging
import shutil
import tarfile
import tempfile
import time
import weakref
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.algorithms.columns import Columns, numbers, strings
from bakeoff.algorithms.constant import Constant
from bakeoff.algorithms.peers import columns_for, library
from bakeoff.errors import MissingExtra
from bakeoff.extras import need
from bakeoff.nouns import Array, Frame, Schema

with suppress(MissingExtra):  # imported with the entry, outside the clock; its absence is declined in fit
    need("autogluon.tabular", "autogluon")

SHARE = 0.8  # of the time budget is for fitting: AutoGluon ends a little late, and answers take time as well
TARGET = "__target__"
INSTEAD = " (it wants pandas 2), or make an entry with packages of its own: bakeoff new entry NAME --like autogluon"
METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "macro_f1": "f1_macro",
    "auc": "roc_auc_ovr_macro",
    "f1": "f1",
    "rmse": "root_mean_squared_error",
    "mae": "mean_absolute_error",
    "r2": "r2",
}


class AutoGluon:
    """AutoGluon's table models and their weighted ensemble, without bagging, so that no other process is started.

    Needs an environment of its own, since AutoGluon wants pandas 2: `bakeoff new entry NAME --like autogluon` makes an
    entry of it. Declined where AutoGluon is not installed, and for a table of images alone. `preset` is one of
    AutoGluon's; `share` of the time budget is its time limit.
    """

    def __init__(self, preset: str = "medium_quality", share: float = SHARE) -> None:
        self.preset = preset
        self.share = share

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> AutoGluon:
        """Learn from training rows; Declined when AutoGluon is missing or the table holds images alone."""
        began = time.time()
        self.columns_ = columns_for("autogluon", X, schema)
        library("autogluon.tabular", "autogluon", INSTEAD)
        y = np.asarray(y)
        frame = self._read(X)
        # AutoGluon itself stops with an error at a table that tells nothing.
        self.constant_ = None if _tells(frame, y) else Constant().fit(X, y, schema=schema)
        if self.constant_ is None:
            self._fit(frame.assign(**{TARGET: y}), schema, began)
        elif schema.classes:
            self.classes_ = self.constant_.classes_
        return self

    def _fit(self, frame: Frame, schema: Schema, began: float) -> None:
        from autogluon.tabular import TabularPredictor

        logging.getLogger("autogluon").setLevel(logging.ERROR)
        kind = ("binary" if len(set(frame[TARGET])) == 2 else "multiclass") if schema.classes else "regression"
        # No class is rare enough to be left out, as AutoGluon otherwise does below ten rows.
        learner = {"random_state": schema.seed % 2**31, "label_count_threshold": 1}
        self.predictor_ = TabularPredictor(
            TARGET,
            problem_type=kind,
            eval_metric=_metric(schema, kind),
            path=self._folder(),
            verbosity=0,
            learner_kwargs=learner if schema.classes else {"random_state": learner["random_state"]},
        )
        limit = max(1.0, self.share * schema.time_budget - (time.time() - began)) if schema.time_budget else None
        self.predictor_.fit(
            frame,
            presets=self.preset,
            time_limit=limit,
            num_cpus=schema.threads,
            num_gpus=0,
            num_bag_folds=0,
            num_stack_levels=0,
            dynamic_stacking=False,
            fit_strategy="sequential",
            raise_on_no_models_fitted=True,
        )
        # With less room it may have left models out, or ended them early, by the clock.
        self.repeatable_ = limit is None or time.time() - began < limit / 2
        self.predictor_.persist()  # models are read once, and not again at every call
        if schema.classes:
            self.classes_ = np.array(self.predictor_.class_labels, dtype=frame[TARGET].dtype)

    def _folder(self) -> str:
        """A new folder for AutoGluon's files, taken away with this object."""
        folder = tempfile.mkdtemp(prefix="autogluon-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _read(self, X: Frame) -> Frame:
        """The columns as AutoGluon is to read them; what a column means beyond its type is for AutoGluon to tell."""
        return pd.DataFrame(_cells(X, self.columns_), index=pd.RangeIndex(len(X)))

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_)."""
        if self.constant_ is not None:
            return self.constant_.predict_proba(X)
        told = self.predictor_.predict_proba(self._read(X), as_multiclass=True)
        given = told[self.classes_.tolist()].to_numpy(dtype=np.float64)
        return given / given.sum(axis=1, keepdims=True)

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        if self.constant_ is not None:
            return self.constant_.predict(X)
        if hasattr(self, "classes_"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return self.predictor_.predict(self._read(X)).to_numpy(dtype=np.float64)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if (predictor := state.pop("predictor_", None)) is not None:
            state["files_"] = _packed(predictor.path)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        files = state.pop("files_", None)
        self.__dict__.update(state)
        if files is not None:
            from autogluon.tabular import TabularPredictor

            folder = self._folder()
            with tarfile.open(fileobj=io.BytesIO(files)) as archive:
                archive.extractall(folder, filter="data")
            self.predictor_ = TabularPredictor.load(folder, verbosity=0)
            self.predictor_.persist()


def _packed(folder: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(folder, arcname=".")
    return packed.getvalue()


def _metric(schema: Schema, kind: str) -> str:
    """AutoGluon's name of the task's metric; log loss where it has none that fits."""
    if kind == "regression":
        return METRICS.get(schema.metric, "root_mean_squared_error")
    found = METRICS.get(schema.metric, "log_loss")
    if kind == "binary":
        return {"roc_auc_ovr_macro": "roc_auc"}.get(found, found)
    return "f1_macro" if found == "f1" else found


def _cells(X: Frame, columns: Columns) -> dict[str, Any]:
    told: dict[str, Any] = dict(zip(columns.numeric, numbers(X, columns.numeric).T, strict=True))
    for name in columns.datetime:
        raw = X[name] if name in X.columns else pd.Series(pd.NaT, index=X.index)
        told[name] = pd.to_datetime(raw, errors="coerce", utc=True).dt.tz_localize(None).to_numpy()
    for name in (*columns.categorical, *columns.text):
        told[name] = np.array([text or None for text in strings(X, name)], dtype=object)
    return told


def _tells(frame: Frame, y: Array) -> bool:
    """Whether some column has two different values, and the target as well."""
    return len(np.unique(y)) > 1 and any(frame[name].nunique(dropna=False) > 1 for name in frame.columns)
