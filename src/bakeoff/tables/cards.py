"""The data card: what a table holds, as plain values that a page can draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType, Frame, Role
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
        return {
            "bins": _bins(present.to_numpy(dtype=np.float64)),
            "median": _plain(np.quantile(present, 0.5, method="nearest")),
        }
    if kind is ColumnType.DATETIME:
        seconds = present.to_numpy().astype("datetime64[s]").astype(np.int64).astype(np.float64)
        bins = _bins(seconds)
        dates = [str(np.datetime64(int(edge), "s"))[:10] for edge in bins["edges"]]
        return {"bins": {**bins, "edges": dates}}
    if kind in (ColumnType.TEXT, ColumnType.TOKENS):
        words = present.str.count(r"\S+").to_numpy(dtype=np.float64)
        return {"words": {"mean": float(words.mean()), "longest": int(words.max()), "bins": _bins(words)}}
    return {"top": _top(present)}


def _bins(values: Array) -> dict[str, Any]:
    # Beyond the 1st and 99th percentile a few extremes would leave all else in one bar.
    low, high = np.quantile(values, [0.01, 0.99] if len(values) > 100 else [0, 1], method="nearest")
    if low == high:
        low, high = values.min(), values.max()
    edges = _edges(low, high)
    return {"edges": list(map(_plain, edges)), "counts": _counts(np.clip(values, low, high), edges)}


def _edges(low: float, high: float) -> Array:
    """Edges of equal bins; of one bin when floating point has no room for more between `low` and `high`."""
    share = np.linspace(0.0, 1.0, BINS + 1)
    edges = low * (1 - share) + high * share
    return edges if (edges[1:] > edges[:-1]).all() else np.array([low, high])


def _counts(values: Array, edges: Array) -> list[int]:
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return list(map(int, np.bincount(bins, minlength=len(edges) - 1)))


def _top(present: Any) -> list[list[Any]]:
    counts = present.value_counts().head(TOP)
    return [[_plain(value), int(count)] for value, count in counts.items()]


def _targets(target: Column, train: Any, test: Any) -> dict[str, Any]:
    if target.type is ColumnType.NUMERIC:
        parts = {"train": train.to_numpy(np.float64), "test": test.to_numpy(np.float64)}
        both = np.concatenate(list(parts.values()))
        edges = _edges(both.min(), both.max())
        counts = {part: _counts(values, edges) for part, values in parts.items()}
        return {"edges": list(map(_plain, edges)), "counts": counts}
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
