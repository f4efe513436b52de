"""How a pair stands among its rivals: the other pairs that its two records could be in, seen in several views."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from bakeoff.algorithms.matching.growing import Growth
from bakeoff.algorithms.records import SIDES, TEXTLIKE, Fields, fields_of, numbered, plain, side_cells, wholes
from bakeoff.algorithms.tfidf import TfIdf
from bakeoff.nouns import Array, ColumnType, Frame, Schema

NEAREST = 24  # rivals of a record that are kept: ranks and counts end there
CELLS = 8_000_000  # similarities held at once, 4 bytes each
WHOLE = 40_000  # rows up to which a table is compared in full
WORK = 1_000  # records that a record meets in a larger one, on average
CLOSE = 0.9  # a rival is near when it has this share of the best similarity
SAME = 1e-5  # similarities this close are equal: sums of the same products differ with their order
FEATURES = 12


@dataclass(frozen=True, eq=False)
class View:
    """Records under one weighting: sparse rows of length one of the left and of the right table, and its name."""

    name: str
    left: Any
    right: Any
    weights: TfIdf | None = None

    def sides(self, side: int) -> tuple[Any, Any]:
        """The rows of a side and those across from it."""
        return (self.left, self.right) if side == 0 else (self.right, self.left)

    def grown(self, texts: list[str], side: int, apart: bool) -> View:
        """The same with the rows of further texts below one side; within one table (`apart`) below both."""
        assert self.weights is not None
        new = self.weights.transform(texts)
        below = sparse.vstack([self.right if side else self.left, new], format="csr")
        left, right = (below, below) if apart else ((self.left, below) if side else (below, self.right))
        return replace(self, left=left, right=right)


class Context:
    """Standing of pairs in several views of two whole tables, or of one; memory is bounded by `cells` at once."""

    def __init__(self, schema: Schema, name: str | None = None, cells: int = CELLS) -> None:
        """`name` is the column that names a record; None: chosen from the tables, and then kept as `name_`."""
        self.schema = schema
        self.name = name
        self.cells = cells

    def fit(self, left: Frame, right: Frame | None) -> Context:
        """Read the records; no label is looked at."""
        self.apart_ = right is None
        tables = [left] if right is None else [left, right]
        sides, fields = self._read(tables)
        self.name_ = name_column(left, right, fields) if self.name is None else self.name
        self.views_ = views(*self._texts(sides, fields))
        return self

    def grown(self, growth: Growth) -> Context:
        """The same with new records, which alone are read; terms keep their weights."""
        made = copy(self)
        texts = self._texts(*self._read([table for table in growth.alone if table is not None]))
        made.views_ = [
            view.grown(sides[growth.side], growth.side, self.apart_)
            for view, (_, _, sides) in zip(self.views_, spoken(*texts), strict=True)
        ]
        return made

    def _read(self, tables: list[Frame]) -> tuple[list[tuple[str, Frame]], Fields]:
        sides = [(side, table.add_prefix(f"{side}_")) for side, table in zip(SIDES, tables, strict=False)]
        return sides, fields_of(self.schema, pd.concat([table.iloc[:0] for _, table in sides], axis=1))

    def _texts(self, sides: list[tuple[str, Frame]], fields: Fields) -> list[list[list[str]]]:
        """The records and their names as clean texts, of each table."""
        records = [wholes(table, side, fields) for side, table in sides]
        return [
            records,
            [side_cells(table, self.name_, side, fields) for side, table in sides] if self.name_ else records,
        ]

    def standing(self, positions: Array) -> Array:
        """Features of pairs int64 (pairs, 2), float64 (pairs, FEATURES of each view); see `standing`."""
        return np.hstack([standing(view, positions, self.apart_, self.cells) for view in self.views_])


def views(records: list[list[str]], names: list[list[str]]) -> list[View]:
    """Records and their names by words and by characters, and words with digits, from each table's clean texts."""
    return [_view(*said) for said in spoken(records, names)]


def spoken(records: list[list[str]], names: list[list[str]]) -> list[tuple[str, str, list[list[str]]]]:
    """For each view its name, its terms (words or characters) and what each table's records say in it."""
    found = []
    for what, both in (("record", records), ("name", names)):
        flat = [[plain(text) for text in side] for side in both]
        found += [(f"{what} {terms}", terms, flat) for terms in ("words", "characters")]
    digits = [[" ".join(numbered(text)) for text in side] for side in records]
    return [*found, ("numbers", "words", digits)]


def _view(name: str, terms: str, texts: list[list[str]]) -> View:
    weights = TfIdf(terms).fit([text for side in texts for text in side])
    rows = [weights.transform(side) for side in texts]
    return View(name, rows[0], rows[-1], weights)


def name_column(left: Frame, right: Frame | None, fields: Fields) -> str:
    """The shared text column whose cells tell records apart best: the largest share of different cells, in tenths.

    Among equals the first. Empty where the tables share no column of text, or have one column in all.
    """
    shared = [field for field in fields.shared if field.type in TEXTLIKE]
    texts = [field for field in shared if field.type is ColumnType.TEXT] or shared
    if len(fields.seen) < 2 or not texts:
        return ""
    tables = [left] if right is None else [left, right]

    def distinct(name: str) -> float:
        return float(
            np.mean(
                [
                    table[name].astype(str).where(table[name].notna()).nunique() / max(1, len(table))
                    for table in tables
                    if name in table.columns
                ]
            )
        )

    shares = {field.name: round(distinct(field.name), 1) for field in texts}
    return max(shares, key=lambda name: shares[name])


def standing(view: View, positions: Array, apart: bool, cells: int = CELLS) -> Array:
    """One view's features of pairs, float64 (pairs, FEATURES).

    The cosine; then for the left record and for the right one: 1 / rank among all partners, the lead over the best
    other partner (negative where another is nearer), the ratio to the best partner, how many partners are near the
    best, and how many lie between; last whether both are each other's best.
    """
    products = view.left[positions[:, 0]].multiply(view.right[positions[:, 1]])
    score = np.asarray(products.sum(axis=1), dtype=np.float64).ravel()
    parts = [score]
    first = []
    for side in range(2):
        asked, place = np.unique(positions[:, side], return_inverse=True)
        rows, across = view.sides(side)
        found, scores = nearest(rows[asked], across, NEAREST, cells, asked if apart else None)
        parts += _beside(score, positions[:, 1 - side], found[place], scores[place])
        first.append(parts[-5] == 1)
    parts.append((first[0] & first[1]).astype(np.float64))
    return np.column_stack(parts)


def _beside(score: Array, partner: Array, found: Array, scores: Array) -> list[Array]:
    others = np.where((found == partner[:, None]) | (found < 0), -np.inf, scores)
    better = (others > score[:, None] + SAME).sum(axis=1)
    rival = np.maximum(others.max(axis=1), 0.0)
    top = np.maximum(np.maximum(rival, score), 1e-9)
    near = (others >= CLOSE * top[:, None]).sum(axis=1)
    level = (np.abs(others - score[:, None]) <= SAME).sum(axis=1)
    return [1.0 / (1 + better), score - rival, score / top, near.astype(np.float64), level.astype(np.float64)]


def nearest(queries: Any, index: Any, k: int, cells: int, own: Array | None = None) -> tuple[Array, Array]:
    """The k index rows with the largest dot products above 0 of each query row: rows and products (queries, k).

    Missing ones are -1 and 0. `own` (queries,) are index rows that are left out, one for each query. Among equal
    products at the end of the list any may be kept. An index of more than WHOLE rows is searched by its rarer terms,
    so that a record with nothing but common ones may miss some.
    """
    k = min(k, index.shape[0])
    if index.shape[0] > WHOLE:
        return by_rare_terms(queries, index, k, cells, own)
    turned = index.T.tocsr()
    found = np.full((queries.shape[0], k), -1, dtype=np.int64)
    scores = np.zeros((queries.shape[0], k))
    step = max(1, cells // max(1, index.shape[0]))
    for start in range(0, queries.shape[0], step):
        products = (queries[start : start + step] @ turned).toarray()
        here = np.arange(len(products))
        if own is not None:
            products[here, own[start : start + step]] = 0.0
        best = np.argpartition(products, index.shape[0] - k, axis=1)[:, index.shape[0] - k :]
        value = products[here[:, None], best]
        found[start : start + step] = np.where(value > 0, best, -1)
        scores[start : start + step] = value
    return found, scores


def by_rare_terms(
    queries: Any, index: Any, k: int, cells: int, own: Array | None = None, work: int = WORK
) -> tuple[Array, Array]:
    """What `nearest` gives, from products over the rarest terms alone; the products told are whole.

    So many terms are looked at, rarest first, that a row of the index would meet `work` others on average (what else is
    asked makes no difference); of those that a query meets the 2 k nearest over these terms are compared in full.
    Memory is bounded by `cells` meetings and one query's.
    """
    common = np.bincount(index.indices, minlength=index.shape[1])
    order = np.argsort(common, kind="stable")
    met = np.cumsum(common[order].astype(np.float64) ** 2)
    rare = np.zeros(index.shape[1], dtype=bool)
    rare[order[met <= work * index.shape[0]]] = True
    turned = _only(index, rare).T.tocsr()
    few = _only(queries, rare)
    found = np.full((queries.shape[0], k), -1, dtype=np.int64)
    scores = np.zeros((queries.shape[0], k))
    step = max(1, cells // (4 * work))
    for start in range(0, queries.shape[0], step):
        part = slice(start, min(start + step, queries.shape[0]))
        products = (few[part] @ turned).tocoo()
        row, column = products.row.astype(np.int64), products.col.astype(np.int64)
        if own is not None:
            kept = column != own[part][row]
            row, column, data = row[kept], column[kept], products.data[kept]
        else:
            data = products.data
        row, column = _first(row, column, data, 2 * k)
        full = queries[part][row].multiply(index[column]).sum(axis=1)
        value = np.asarray(full, dtype=np.float64).ravel()
        best = np.lexsort((column, -value, row))
        row, column, value = row[best], column[best], value[best]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        kept = rank < k
        found[start + row[kept], rank[kept]] = column[kept]
        scores[start + row[kept], rank[kept]] = value[kept]
    return found, scores


def _first(row: Array, column: Array, data: Array, count: int) -> tuple[Array, Array]:
    order = np.lexsort((column, -data, row))
    row, column = row[order], column[order]
    kept = np.arange(len(row)) - np.searchsorted(row, row) < count
    return row[kept], column[kept]


def _only(rows: Any, terms: Array) -> Any:
    """The rows with no other terms than these, bool (terms,)."""
    kept = rows.copy()
    kept.data = kept.data * terms[kept.indices]
    kept.eliminate_zeros()
    return kept
