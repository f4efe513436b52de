"""Small tables of every shape an algorithm may meet."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from bakeoff.nouns import Array, Column, ColumnType, Frame, Schema

NUMERIC, CATEGORICAL, TEXT = ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.TEXT
IMAGE, DATETIME = ColumnType.IMAGE, ColumnType.DATETIME
WORDS = ("amber", "birch", "cedar", "dune", "elm", "fern", "gorse", "heath")


@dataclass(frozen=True)
class Shape:
    train: Frame
    labels: Array
    test: Frame
    truth: Array
    schema: Schema
    learnable: bool = True


def png(level: int, rng: np.random.Generator) -> bytes:
    pixels = np.clip(rng.normal(30 + 60 * level, 12, (12, 12, 3)), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def cells(kind: ColumnType, codes: Array, rng: np.random.Generator) -> list[object]:
    if kind is NUMERIC:
        return list(codes + rng.normal(0, 0.3, len(codes)))
    if kind is CATEGORICAL:
        return [f"value {code}" for code in codes]
    if kind is TEXT:
        return [f"{WORDS[code % 8]} {rng.choice(WORDS)} number {code}, {rng.choice(WORDS)}" for code in codes]
    if kind is IMAGE:
        return [png(int(code) % 4, rng) for code in codes]
    return list(pd.Timestamp("2024-01-01") + pd.to_timedelta(codes * 40 + rng.integers(0, 9, len(codes)), unit="D"))


def made(kinds: tuple[ColumnType, ...], classes: int = 3, rows: int = 120, regression: bool = False) -> Shape:
    """A table whose every column tells the class; a quarter of the rows is the test."""
    rng = np.random.default_rng(len(kinds) * 1000 + classes)
    codes = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    frame = pd.DataFrame({f"{kind.value} {i}": cells(kind, codes, rng) for i, kind in enumerate(kinds)})
    columns = tuple(Column(f"{kind.value} {i}", kind) for i, kind in enumerate(kinds))
    labels = (
        codes * 2.5 + rng.normal(0, 0.1, rows)
        if regression
        else np.array([f"class {c:02d}" for c in codes], dtype=object)
    )
    known = () if regression else tuple(np.unique(labels).tolist())
    kind = "regression" if regression else "classification"
    schema = Schema(columns, kind, "target", "rmse" if regression else "accuracy", known, 7, 600.0)
    cut = rows * 3 // 4
    return Shape(frame[:cut], labels[:cut], frame[cut:].reset_index(drop=True), labels[cut:], schema)


def with_gaps() -> Shape:
    shape = made((NUMERIC, CATEGORICAL, TEXT, DATETIME))
    rng = np.random.default_rng(5)
    train, test = shape.train.copy(), shape.test.copy()
    for frame in (train, test):
        for name in frame.columns:
            frame.loc[rng.random(len(frame)) < 0.2, name] = None
    return Shape(train, shape.labels, test, shape.truth, shape.schema)


def with_empty_columns() -> Shape:
    shape = made((NUMERIC, NUMERIC, CATEGORICAL, TEXT, DATETIME))
    train, test = shape.train.copy(), shape.test.copy()
    for frame in (train, test):
        for name in frame.columns[1:]:
            frame[name] = pd.Series([None] * len(frame), index=frame.index, dtype=frame[name].dtype)
    return Shape(train, shape.labels, test, shape.truth, shape.schema)


def all_empty() -> Shape:
    shape = with_empty_columns()
    train, test = shape.train.copy(), shape.test.copy()
    train["numeric 0"] = np.nan
    test["numeric 0"] = np.nan
    return Shape(train, shape.labels, test, shape.truth, shape.schema, learnable=False)


def with_unseen_values() -> Shape:
    shape = made((CATEGORICAL, TEXT, NUMERIC))
    test = shape.test.copy()
    test["categorical 0"] = "never seen"
    test["text 1"] = "zzz \u2603 \u00e9t\u00e9"
    test.loc[0, "numeric 2"] = np.inf
    return Shape(shape.train, shape.labels, test, shape.truth, shape.schema, learnable=False)


def with_integer_labels() -> Shape:
    shape = made((NUMERIC, TEXT), classes=2)
    labels = {name: number for number, name in zip((3, 11), shape.schema.classes, strict=True)}
    schema = Schema(shape.schema.columns, "classification", "target", "auc", (3, 11), 7, 600.0)
    train, truth = ([labels[label] for label in part.tolist()] for part in (shape.labels, shape.truth))
    return Shape(shape.train, np.array(train), shape.test, np.array(truth), schema)


def seen_in_fit_alone() -> Shape:
    shape = made((NUMERIC, CATEGORICAL, TEXT))
    return Shape(shape.train, shape.labels, shape.test[["text 2"]], shape.truth, shape.schema, learnable=False)


def few_rows() -> Shape:
    shape = made((NUMERIC, CATEGORICAL, TEXT), classes=2, rows=8)
    return Shape(shape.train, shape.labels, shape.test, shape.truth, shape.schema, learnable=False)


SHAPES: dict[str, Callable[[], Shape]] = {
    "every type": lambda: made((NUMERIC, NUMERIC, CATEGORICAL, TEXT, DATETIME, IMAGE)),
    "every type, regression": lambda: made((NUMERIC, CATEGORICAL, TEXT, DATETIME, IMAGE), regression=True),
    "text only": lambda: made((TEXT,)),
    "text only, regression": lambda: made((TEXT,), regression=True),
    "images only": lambda: made((IMAGE,)),
    "images only, regression": lambda: made((IMAGE,), classes=4, regression=True),
    "one number": lambda: made((NUMERIC,)),
    "one category": lambda: made((CATEGORICAL,)),
    "one date": lambda: made((DATETIME,)),
    "two classes": lambda: made((NUMERIC, TEXT), classes=2),
    "fifty classes": lambda: made((NUMERIC, CATEGORICAL, TEXT), classes=50, rows=400),
    "gaps": with_gaps,
    "empty columns": with_empty_columns,
    "nothing but gaps": all_empty,
    "unseen values": with_unseen_values,
    "integer labels": with_integer_labels,
    "columns seen in fit alone": seen_in_fit_alone,
    "few rows": few_rows,
}
