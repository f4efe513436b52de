"""What a fit is asked: columns, classes or a number, seconds, threads; told by a schema, or by the rows themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.algorithms.columns import columns_of
from bakeoff.nouns import Array, Column, ColumnType, Frame, Role, Schema

SHARE = 0.75  # of a schema's time budget is for fitting: what is left is for answers
SECONDS = 120.0  # without any word on time


@dataclass(frozen=True)
class Wishes:
    """What the estimator was made with; None leaves it to the schema, or to what is usual."""

    time_limit: float | None = None
    threads: int | None = None
    metric: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Question:
    """A fit's settings; `seconds` 0 means no limit."""

    columns: tuple[Column, ...]
    classes: bool
    metric: str
    seconds: float
    threads: int
    seed: int

    @classmethod
    def of(cls, X: Frame, y: Array, schema: Schema | None, wishes: Wishes) -> Question:
        """From the schema where there is one, else from the rows."""
        if schema is None:
            classes = _are_classes(y)
            columns = told_by(X)
            seconds, threads, seed = SECONDS, _cores(), 0
            metric = "log_loss" if classes else "rmse"
        else:
            classes = bool(schema.classes)
            hidden = set(schema.fit_only)
            columns = tuple(
                column for column in schema.columns if column.name in X.columns and column.name not in hidden
            )
            seconds, threads, seed = SHARE * schema.time_budget, schema.threads, schema.seed
            metric = schema.metric
        return cls(
            columns,
            classes,
            wishes.metric or metric,
            seconds if wishes.time_limit is None else wishes.time_limit,
            wishes.threads or threads,
            seed if wishes.seed is None else wishes.seed,
        )

    def by_type(self, X: Frame) -> Any:
        """The columns by what can be done with them."""
        schema = Schema(self.columns, "", "", self.metric, (), self.seed, self.seconds)
        return columns_of(schema, X)


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _are_classes(y: Array) -> bool:
    from bakeoff.tables.types import target_type

    kind, _ = target_type(pd.Series(y))
    return kind is ColumnType.CATEGORICAL


def told_by(X: Frame) -> tuple[Column, ...]:
    """The columns of a frame that are worth reading, typed by their values; identifiers are left out."""
    from bakeoff.tables.types import infer_types

    return tuple(column for column in infer_types(X) if column.role is not Role.ID)


def as_frame(X: Any) -> Frame:
    """A frame with texts for column names; an array's columns are x0, x1, ..."""
    if not hasattr(X, "columns"):
        array = np.asarray(X)
        return pd.DataFrame(array, columns=[f"x{place}" for place in range(array.shape[1])])
    if all(isinstance(name, str) for name in X.columns):
        return X
    return X.set_axis([str(name) for name in X.columns], axis=1)
