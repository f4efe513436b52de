"""The data card: what a table holds, as plain values that a page can draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bakeoff.nouns import Column, ColumnType, Frame, Role
from bakeoff.tables.images import thumbnail
from bakeoff.tables.standard import TableData

EXAMPLES = 5
PIXELS = 96
TOP = 8
BINS = 12
LONG = 300  # characters of an example's text


def card(data: TableData) -> dict[str, Any]:
    """The data card of a table, as what JSON can hold.

    `columns`: name, type, role, why, missing (share), distinct, and `bins` (edges and counts), `top` (value and count)
    or `words` by type, of the training rows. `target`: name, type and its distribution in each part. `examples`: the
    first training rows, images as data URIs of at most 96 pixels.
    """
    train = data.frame.loc[data.parts == "train"]
    test = data.frame.loc[data.parts == "test"]
    target = next(column for column in data.table.columns if column.role is Role.TARGET)
    return {
        "name": data.table.name,
        "digest": data.table.digest,
        "rows": {"all": len(data.frame), "train": len(train), "test": len(test)},
        "split": {"method": data.split.method, "column": data.split.column, "seed": data.split.seed},
        "about": dict(data.table.about),
        "columns": [_column(column, train[column.name]) for column in data.table.columns],
        "target": {
            "name": target.name,
            "type": str(target.type),
            **_targets(target, train[target.name], test[target.name]),
        },
        "examples": _examples(data, train.head(EXAMPLES)),
        "notes": list(data.notes),
    }


def _column(column: Column, series: Any) -> dict[str, Any]:
    present = series.dropna()
    return {
        "name": column.name,
        "type": str(column.type),
        "role": str(column.role),
        "why": column.why,
        "missing": float(series.isna().mean()) if len(series) else 0.0,
        "distinct": int(present.nunique()),
        **_shape(column.type, present),
    }


def _shape(kind: ColumnType, present: Any) -> Mapping[str, Any]:
    if not len(present) or kind is ColumnType.IMAGE:
        return {}
    if kind is ColumnType.NUMERIC:
        return {"bins": _bins(present.to_numpy(dtype=np.float64)), "median": float(present.median())}
    if kind is ColumnType.DATETIME:
        seconds = present.to_numpy().astype("datetime64[s]").astype(np.int64).astype(np.float64)
        bins = _bins(seconds)
        dates = [str(np.datetime64(int(edge), "s"))[:10] for edge in bins["edges"]]
        return {"bins": {**bins, "edges": dates}}
    if kind in (ColumnType.TEXT, ColumnType.TOKENS):
        words = present.str.count(r"\S+").to_numpy(dtype=np.float64)
        return {"words": {"mean": float(words.mean()), "longest": int(words.max()), "bins": _bins(words)}}
    return {"top": _top(present)}


def _bins(values: Any) -> dict[str, Any]:
    # Beyond the 1st and 99th percentile a few extremes would leave all else in one bar.
    low, high = np.quantile(values, [0.01, 0.99]) if len(values) > 100 else (values.min(), values.max())
    if low == high:
        low, high = values.min(), values.max()
    counts, edges = np.histogram(np.clip(values, low, high), bins=BINS if low < high else 1)
    return {"edges": [float(f"{edge:.6g}") for edge in edges], "counts": counts.tolist()}


def _top(present: Any) -> list[list[Any]]:
    counts = present.value_counts().head(TOP)
    return [[_plain(value), int(count)] for value, count in counts.items()]


def _targets(target: Column, train: Any, test: Any) -> dict[str, Any]:
    if target.type is ColumnType.NUMERIC:
        both = np.concatenate([train.to_numpy(np.float64), test.to_numpy(np.float64)])
        edges = np.histogram_bin_edges(both, bins=BINS)
        counts = {part: np.histogram(rows, edges)[0].tolist() for part, rows in (("train", train), ("test", test))}
        return {"edges": [float(f"{edge:.6g}") for edge in edges], "counts": counts}
    held, asked = train.value_counts(), test.value_counts()
    classes = list(held.index)
    return {
        "classes": [_plain(name) for name in classes],
        "counts": {
            "train": [int(held[name]) for name in classes],
            "test": [int(asked.get(name, 0)) for name in classes],
        },
    }


def _examples(data: TableData, rows: Frame) -> list[dict[str, Any]]:
    kinds = {column.name: column.type for column in data.table.columns}
    return [{name: _cell(cell, kinds[name]) for name, cell in row.items()} for row in rows.to_dict("records")]


def _cell(cell: Any, kind: ColumnType) -> Any:
    import pandas as pd

    if kind is ColumnType.IMAGE:
        return thumbnail(cell, PIXELS) if isinstance(cell, bytes) else None
    if pd.isna(cell):
        return None
    if kind is ColumnType.DATETIME:
        return pd.Timestamp(cell).isoformat(sep=" ")
    if isinstance(cell, str):
        return cell if len(cell) <= LONG else f"{cell[: LONG - 1]}…"
    return _plain(cell)


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return float(f"{value:.6g}") if isinstance(value, float) else value
