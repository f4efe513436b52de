"""The data card: what a table holds, what was found in it, and how train and test differ, as plain values to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType, Frame, Role
from bakeoff.tables.annotations import LANGUAGE_MODEL
from bakeoff.tables.images import dimensions, thumbnail
from bakeoff.tables.remarks import Remark
from bakeoff.tables.standard import TableData
from bakeoff.tables.types import SEVERAL

EXAMPLES = 5
PIXELS = 96
TOP = 8
BINS = 12
LONG = 300  # characters of an example's text
PICTURES = 500  # pictures whose size is looked at, the first of the training rows
PICTURE_BYTES = 2**26  # no further picture is read after that many
MOST = 200_000  # training rows whose values are drawn; they stand in random order, so the first are a sample


def card(data: TableData) -> dict[str, Any]:
    """The data card of a table, as what JSON can hold.

    `columns`: name, type, trait, role, why, missing (share), distinct, and `bins` (edges and counts), `top` (value and
    count), `words` or `sizes` (of at most 500 pictures) by type, of the training rows; of the first 200,000 where there
    are more, and `sampled` says so.
    `target`: name, type and its distribution in each part, or what `annotated_cards.annotated` tells. `examples`: the
    first training rows, images as data URIs of at most 96 pixels. `remarks`: check, text, column and rows of what the
    checks found, `checked` the names of all checks that looked. `drift`: what the two-sample test between train and
    test found.
    """
    learnt, whole = data.span("train"), len(data.parts)
    target = next(column for column in data.table.columns if column.role is Role.TARGET)
    about = {**data.table.about, "terms": data.settings.terms, "expires": data.settings.expires}
    return {
        "name": data.table.name,
        "digest": data.table.digest,
        "rows": {"all": whole, "train": learnt[1], "test": whole - learnt[1], **_halves(data)},
        "split": {"method": data.split.method, "column": data.split.column, "seed": data.split.seed},
        "about": {key: value for key, value in about.items() if value},
        "columns": [_column(column, data.cells.cut(column.name, *learnt)) for column in data.table.columns],
        "sampled": MOST if learnt[1] > MOST else 0,
        "target": {
            "name": target.name,
            "type": str(target.type),
            **_targets(data, target),
        },
        "examples": _examples(data, data.cells.piece(0, min(EXAMPLES, learnt[1]))),
        "records": _records(data),
        "notes": list(data.notes),
        "remarks": [_remark(remark) for remark in data.remarks],
        "checked": list(data.checked),
        "drift": _drift(data),
    }


def _halves(data: TableData) -> dict[str, int]:
    if data.public is None:
        return {}
    return {"public": int(np.sum(data.public)), "private": int(np.sum(~np.asarray(data.public, dtype=bool)))}


def _records(data: TableData) -> dict[str, Any]:
    """How many records and pairs stand behind a matching table; empty for any other."""
    if data.sides is None:
        return {}
    right = None if data.sides.right is None else len(data.sides.right)
    return {
        "left": len(data.sides.left),
        "right": right,
        "complete": data.sides.complete,
        "ignored": list(data.settings.ignore),
    }


def _remark(remark: Remark) -> dict[str, Any]:
    return {"check": remark.check, "text": remark.text, "column": remark.column, "rows": list(remark.rows)}


def _drift(data: TableData) -> dict[str, Any]:
    """The two-sample test on as many rows of each part as it looks at; rows stand in random order within a part."""
    from bakeoff.tables.drift import MOST_ROWS, Drift, drift

    # A split by a column makes the parts differ in it; that is no news.
    columns = [column for column in data.table.columns if column.name != data.split.column]
    if data.settings.kind == LANGUAGE_MODEL:
        # The texts are what is learnt from and what is asked about.
        columns = [replace(one, role=Role.FEATURE) if one.role is Role.TARGET else one for one in columns]
    names = [column.name for column in columns if column.role in (Role.FEATURE, Role.PROTECTED)]
    spans = [data.span(part) for part in ("train", "test")]
    if data.sides is None:
        train, test = (data.cells.piece(start, min(stop, start + MOST_ROWS), names) for start, stop in spans)
        found = drift(train, test, columns, data.split.seed)
    else:
        # A record learnt from one pair is known again in the next, whatever the parts are like.
        found = Drift(None, None, 0, reason="pairs share records, so their rows are not independent")
    return {
        "auc": None if found.auc is None else _plain(found.auc),
        "p": None if found.p is None else _plain(found.p),
        "rows": found.rows,
        "differs": found.differs,
        "columns": [{"name": each.name, "auc": _plain(each.auc), "p": _plain(each.p)} for each in found.columns],
        "told": found.told(),
    }


def _column(column: Column, series: Any) -> dict[str, Any]:
    missing = float(series.isna().mean()) if len(series) else 0.0
    present = series.iloc[:MOST].dropna()
    return {
        "name": column.name,
        "type": str(column.type),
        "trait": column.trait,
        "role": str(column.role),
        "why": column.why,
        "missing": missing,
        "distinct": int(present.nunique()),
        **_shape(column.type, present),
    }


def _shape(kind: ColumnType, present: Any) -> Mapping[str, Any]:
    if not len(present) or kind is ColumnType.ANNOTATION:
        return {}
    if kind is ColumnType.IMAGE:
        return {"sizes": _sizes(present)}
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
        words = _words(present)
        return {"words": {"mean": float(words.mean()), "longest": int(words.max()), "bins": _bins(words)}}
    return {"top": _top(present)}


def _sizes(pictures: Any) -> dict[str, Any]:
    """How large pictures are: `width` and `height` from and to in pixels, and `bins` of their longer sides.

    Where all are of one size, the bins are of their bytes; `of` says which, `looked` at how many pictures.
    """
    sides, lengths = [], []
    for cell in pictures.iloc[:PICTURES]:
        data = bytes(cell)
        sides.append(dimensions(data))
        lengths.append(len(data))
        if sum(lengths) > PICTURE_BYTES:
            break
    wide, high = np.array(sides).T
    one_size = bool((wide == wide[0]).all() and (high == high[0]).all())
    shown = np.array(lengths) if one_size else np.maximum(wide, high)
    return {
        "width": [int(wide.min()), int(wide.max())],
        "height": [int(high.min()), int(high.max())],
        "of": "bytes" if one_size else "longer side",
        "looked": len(sides),
        "bins": _bins(shown.astype(np.float64)),
    }


def _words(texts: Any) -> Array:
    """How many words each text has: float64 (n,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pa.array(texts, pa.large_string(), from_pandas=True)
    return pc.count_substring_regex(cells, r"[^\s\p{Z}]+").to_numpy(zero_copy_only=False).astype(np.float64)


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


def _targets(data: TableData, target: Column) -> dict[str, Any]:
    if target.type in SEVERAL:
        from bakeoff.tables.annotated_cards import annotated

        return annotated(data)
    train, test = (data.cells.cut(target.name, *data.span(part)) for part in ("train", "test"))
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
    held: list[dict[str, Any]] = rows.to_dict("records")
    if kinds[data.target] in SEVERAL:
        from bakeoff.tables.annotated_cards import kind_of, readable

        asked = kind_of(data)
        held = [{**row, data.target: readable(asked, row[data.target])} for row in held]
    return [{name: _cell(cell, kinds[name]) for name, cell in row.items()} for row in held]


def _cell(cell: Any, kind: ColumnType) -> Any:
    import pandas as pd

    if kind is ColumnType.IMAGE:
        return None if cell is None else thumbnail(cell, PIXELS)
    if pd.isna(cell):
        return None
    if kind is ColumnType.DATETIME:
        return pd.Timestamp(cell).isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(cell, str):
        return cell if len(cell) <= LONG else f"{cell[: LONG - 1]}…"
    return _plain(cell)


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    # Whole numbers keep every digit: they may be identifiers.
    return float(f"{value:.6g}") if isinstance(value, float) and not value.is_integer() else value
