"""Finished cells made by hand: a table, a task, a plan, and the answers of small algorithms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from bakeoff.nouns import (
    Answered,
    Brief,
    Cell,
    CellResult,
    Column,
    ColumnType,
    Measurements,
    Outcome,
    Plan,
    Role,
    Table,
    Task,
)

COLUMNS = (
    Column("x", ColumnType.NUMERIC),
    Column("z", ColumnType.NUMERIC),
    Column("owner", ColumnType.CATEGORICAL, Role.OWNER),
    Column("y", ColumnType.CATEGORICAL, Role.TARGET),
)
RESULT = CellResult(
    Cell("mine", "e" * 64, "t", "d" * 64, 0, "", "1"),
    Outcome.DONE,
    measurements=Measurements(wall=2.0, cpu=1.5, peak_mib=80.0, fit=1.25),
)

NO_PLAN = Plan()


def frame(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"x": rng.normal(size=rows), "z": rng.normal(size=rows), "owner": rng.choice(["a", "b", "c"], rows)}
    )


def labels(data: pd.DataFrame, classes: tuple, noise: float, seed: int = 0) -> np.ndarray:
    """The class of x's place, or with the chance `noise` any class."""
    rng = np.random.default_rng([seed, 1])
    codes = np.searchsorted([-0.5, 0.5][: len(classes) - 1], data["x"].to_numpy())
    codes = np.where(rng.random(len(data)) < noise, rng.integers(0, len(classes), len(data)), codes)
    return np.array(classes, dtype=object)[codes]


def task(classes: tuple = ("high", "low", "mid"), metric: str = "accuracy") -> Task:
    kind = "classification" if classes else "regression"
    return Task("t", "t", "d" * 64, kind, "y", metric, classes)


def table(rows: int) -> Table:
    return Table("t", COLUMNS, rows, "d" * 64)


def brief(data: pd.DataFrame, y: np.ndarray, question: Task, key: int = 0, budget: int = 10_000) -> Brief:
    return Brief(question, table(len(data)), data, y, key.to_bytes(32, "big"), budget)


def answered(question: Task, truth, answers, *, y=None, plan=NO_PLAN, probes=None, **result) -> Answered:
    answers = np.asarray(answers, dtype=float)
    truth = np.asarray(truth)
    return Answered(
        result=replace(RESULT, **result),
        task=question,
        table=table(len(truth)),
        truth=truth,
        labels=truth if y is None else np.asarray(y),
        test=frame(len(truth)),
        answers=answers,
        plan=plan,
        probes=np.empty((0, answers.shape[1])) if probes is None else np.asarray(probes, dtype=float),
    )
