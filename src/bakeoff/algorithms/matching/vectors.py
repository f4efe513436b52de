"""Records that are pictures or embeddings: nearest ones by cosine, and chances from how the cosines fall into two."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.algorithms.matching import growing
from bakeoff.algorithms.matching.growing import Found, Growth, Nearest, Tables, same
from bakeoff.algorithms.matching.known import Labels
from bakeoff.nouns import Array, ColumnType, Frame, Schema

LEAST_WIDTH = 4  # numbers in a list from which it is read as an embedding
COMPONENTS = 64
NEAR = 5  # neighbours that tell how crowded a record's surroundings are
CELLS = 8_000_000
ROUNDS = 200
SMALLEST = 1e-9
_NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def vector_columns(schema: Schema, left: Frame, right: Frame | None) -> list[str]:
    """The columns of both sides whose cells are lists of numbers of one length."""
    tables = [left] if right is None else [left, right]
    shared = [name for name in left.columns if all(name in table.columns for table in tables)]
    named = {column.name for column in schema.columns}
    kept = [name for name in shared if name not in schema.ignored and (not named or name in named)]
    return [name for name in kept if _width([cell for table in tables for cell in table[name].head(50)])]


def _width(cells: list[Any]) -> int:
    """The length of the lists of numbers that all cells are, 0 where they are anything else."""
    widths = set()
    for cell in cells:
        if cell is None or (isinstance(cell, float) and np.isnan(cell)):
            continue
        if not isinstance(cell, (list, tuple, np.ndarray)) or len(cell) < LEAST_WIDTH:
            return 0
        array = np.asarray(cell)
        if array.ndim != 1 or array.dtype.kind not in "iuf":
            return 0
        widths.add(len(array))
    return widths.pop() if len(widths) == 1 else 0


def picture_columns(schema: Schema, left: Frame, right: Frame | None) -> list[str]:
    """The picture columns of both sides, known by the schema or by cells that are bytes."""
    tables = [left] if right is None else [left, right]
    known = {column.name: column.type for column in schema.columns}
    found = []
    for name in left.columns:
        if name in schema.ignored or not all(name in table.columns for table in tables):
            continue
        cells = [cell for table in tables for cell in table[name].head(50) if isinstance(cell, (bytes, bytearray))]
        if known.get(name) is ColumnType.IMAGE or (not known and cells):
            found.append(name)
    return found


class Read:
    """Tables and their records' unit vectors, float32 (records, width) by side, with the lists of nearest so far."""

    def __init__(self, tables: Tables, sides: list[Array]) -> None:
        self.tables, self.sides = tables, sides
        self.found: dict[tuple[int, int], Found] = {}

    @property
    def apart(self) -> bool:
        """Whether there is one table, where a record is no neighbour of its own."""
        return len(self.sides) == 1

    def nearest(self, side: int, k: int) -> Found:
        """The k nearest across from each record of a side: rows, rows across (int64), cosines; sorted by the first."""
        if (side, k) not in self.found:
            parts = list(nearest_vectors(self.sides[side], self.sides[self._across(side)], k, apart=self.apart))
            rows, columns, cosines = (np.concatenate(part) for part in zip(*parts, strict=True)) if parts else _NOTHING
            order = np.lexsort((columns, -cosines, rows))
            self.found[side, k] = rows[order], columns[order], cosines[order]
        return self.found[side, k]

    def _across(self, side: int) -> int:
        return 0 if self.apart else 1 - side

    @cached_property
    def crowds(self) -> list[Array]:
        """The mean cosine of each record's nearest across, float64 (records,) by side."""
        means = []
        for side, queries in enumerate(self.sides):
            rows, _, cosines = self.nearest(side, NEAR)
            others = len(self.sides[self._across(side)]) - self.apart
            sums = np.bincount(rows, weights=cosines, minlength=len(queries))
            means.append(sums / max(1, min(NEAR, others)))
        return means

    def grown(self, growth: Growth, new: Array) -> Read:
        """What is read after a growth by records of `new` vectors (new, width)."""
        sides = [*self.sides]
        sides[growth.side] = np.vstack([sides[growth.side], new])
        made = Read(growth.after, sides)
        lists = {key: Nearest.of(found, len(self.sides[key[0]]), key[1]) for key, found in self.found.items()}
        across = sides[self._across(growth.side)]
        own = growth.first if self.apart else None
        lists = growing.grown(lists, growth, _products(across, new, own))
        made.found = {key: near.found() for key, near in lists.items()}
        return made


def _products(across: Array, new: Array, own: int | None) -> Iterator[tuple[int, Array]]:
    """Cosines of records with new ones, as `growing.grown` takes them; `own` is where the new ones stand across."""
    empty = [~side.any(axis=1) for side in (across, new)]
    step = max(1, CELLS // max(1, len(new)))
    for start in range(0, len(across), step):
        part = (across[start : start + step] @ new.T).astype(np.float64)
        part[empty[0][start : start + step]] = -np.inf
        part[:, empty[1]] = -np.inf
        if own is not None:
            at = np.arange(own, own + len(new)) - start
            here = (at >= 0) & (at < len(part))
            part[at[here], np.flatnonzero(here)] = -np.inf
        yield start, part


class Vectors:
    """Cosines of centred vectors, less the mean cosine of either record's nearest (after Conneau et al., 2018).

    Their measure takes twice the cosine; the crowd weighs less here, since a record with many matches is crowded too.

    Chances come from two normal distributions fitted by expectation maximisation to the scores of each record's
    nearest, or, with labels of both kinds, from a logistic curve. Several columns count alike.
    """

    def __init__(self, schema: Schema, columns: list[str], pictures: list[str]) -> None:
        self.schema, self.columns, self.pictures = schema, columns, pictures
        self.held_out_: Array | None = None

    def fit(self, left: Frame, right: Frame | None, labels: Labels | None = None) -> Vectors:
        """Learn the centre of the vectors and the curve from scores to chances."""
        self.read_: dict[str, tuple[Any, Array]] = {}
        tables = [left] if right is None else [left, right]
        for name in (*self.columns, *self.pictures):
            raw = np.vstack([self._raw(table, name) for table in tables])
            known = np.isfinite(raw).all(axis=1)
            centre = raw[known].mean(axis=0) if known.any() else np.zeros(raw.shape[1])
            self.read_[name] = (self._axes(raw[known] - centre) if name in self.pictures else None, centre)
        self._kept = [Read((left, right), [self._vectors(table) for table in tables])]
        if labels is not None and labels.rarer >= 2:
            self._curve_from(labels)
        else:
            found = self.candidates(left, right, 2 * NEAR)
            self._mixture(self._scores(found[["left", "right"]].to_numpy(dtype=np.int64), self._kept[0]))
        return self

    def _raw(self, table: Frame, name: str) -> Array:
        cells = table[name].tolist()
        if name in self.pictures:
            from bakeoff.algorithms.image import describe

            given = describe([bytes(cell) if isinstance(cell, (bytes, bytearray)) else None for cell in cells])
            given[~given.any(axis=1)] = np.nan
            return given
        width = next((len(cell) for cell in cells if isinstance(cell, (list, tuple, np.ndarray))), 1)
        width = len(self.read_[name][1]) if name in self.read_ else width
        held = np.full((len(cells), width), np.nan)
        for row, cell in enumerate(cells):
            if isinstance(cell, (list, tuple, np.ndarray)) and len(cell) == width:
                held[row] = np.asarray(cell, dtype=np.float64)
        return held

    def _axes(self, centred: Array) -> Any:
        from sklearn.decomposition import PCA

        count = min(COMPONENTS, *centred.shape)
        return PCA(count, random_state=self.schema.seed % 2**32, whiten=True).fit(centred) if count > 1 else None

    def _vectors(self, table: Frame) -> Array:
        """Unit vectors float32 (records, all columns' width), a missing one all zeros; columns weigh alike."""
        parts = []
        for name, (axes, centre) in self.read_.items():
            raw = self._raw(table, name) - centre
            known = np.isfinite(raw).all(axis=1)
            raw[~known] = 0.0
            made = axes.transform(raw) if axes is not None else raw
            made[~known] = 0.0
            parts.append(made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), SMALLEST))
        joined = np.hstack(parts)
        return np.asarray(
            joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), SMALLEST), dtype=np.float32
        )

    def _scores(self, positions: Array, of: Read) -> Array:
        """Three times the cosine less how crowded both records' surroundings are: float64 (pairs,)."""
        one, other = positions.T
        cosine = np.einsum("ij,ij->i", of.sides[0][one], of.sides[-1][other], dtype=np.float64)
        return np.asarray(3 * cosine - of.crowds[0][one] - of.crowds[-1][other])

    def _mixture(self, scores: Array) -> None:
        """Two normals, the upper one the matches; EM from the two halves of the scores' range."""
        self.slope_, self.offset_ = 0.0, -4.0
        if len(scores) < 4 or np.ptp(scores) < SMALLEST:
            return
        high = scores > (scores.min() + scores.max()) / 2
        upper = np.where(high, 0.95, 0.05)
        for _ in range(ROUNDS):
            share = float(np.clip(upper.mean(), 1e-3, 0.999))
            means = [float(np.average(scores, weights=weight)) for weight in (1 - upper, upper)]
            # One spread for both keeps the odds a straight line in the score: unequal ones would turn at the ends.
            spread = (
                float(np.sqrt(np.mean((1 - upper) * (scores - means[0]) ** 2 + upper * (scores - means[1]) ** 2)))
                or SMALLEST
            )
            slope = (means[1] - means[0]) / spread**2
            offset = np.log(share / (1 - share)) - slope * (means[0] + means[1]) / 2
            after = 1 / (1 + np.exp(-np.clip(slope * scores + offset, -30, 30)))
            done = np.abs(after - upper).max() < 1e-5
            upper = after
            if done:
                break
        self.slope_, self.offset_ = float(slope), float(offset)

    def _curve_from(self, labels: Labels) -> None:
        """A logistic curve of the labelled pairs' scores; held-out chances by five folds."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold

        scores = self._scores(labels.positions, self._kept[0])[:, None]
        self.held_out_ = np.zeros(len(scores))
        folds = StratifiedKFold(min(5, labels.rarer), shuffle=True, random_state=self.schema.seed % 2**32)
        for learnt, held in folds.split(scores, labels.matches):
            curve = LogisticRegression(C=10.0).fit(scores[learnt], labels.matches[learnt])
            self.held_out_[held] = curve.predict_proba(scores[held])[:, 1]
        curve = LogisticRegression(C=10.0).fit(scores, labels.matches)
        self.slope_, self.offset_ = float(curve.coef_[0, 0]), float(curve.intercept_[0])

    def _of(self, left: Frame, right: Frame | None) -> Read:
        """What is read of these tables; of the fitted ones and of the last ones it is kept."""
        for read in self._kept:
            if same((left, right), read.tables):
                return read
        tables = [left] if right is None else [left, right]
        read = Read((left, right), [self._vectors(table) for table in tables])
        self._kept = [self._kept[0], read]
        return read

    def grown(self, growth: Growth) -> Vectors:
        """The same for tables that grew; what was read of the records that were there is kept."""
        made = copy(self)
        made._kept = [self._kept[0], self._of(*growth.before).grown(growth, self._vectors(growth.more))]
        return made

    def chances(self, left: Frame, right: Frame | None, positions: Array) -> Array:
        """Chances of a match, float64 (pairs,), of pairs of the fitted tables or of others."""
        if not len(positions):
            return np.zeros(0)
        scores = self._scores(np.asarray(positions), self._of(left, right))
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slope_ * scores + self.offset_, -30, 30))))

    def candidates(self, left: Frame, right: Frame | None, k: int = 10, growth: Growth | None = None) -> Frame:
        """The k nearest right records of each left one by cosine, as Blocker.candidates gives them."""
        one, other, score = self._of(left, right).nearest(0, k)
        if growth is not None:
            new = growth.has_new(one, other)
            one, other, score = one[new], other[new], score[new]
        frame = pd.DataFrame({"left": one, "right": other, "score": score})
        if right is None:
            frame["left"], frame["right"] = frame[["left", "right"]].min(axis=1), frame[["left", "right"]].max(axis=1)
            frame = frame.drop_duplicates(["left", "right"])
        return frame.sort_values(["left", "score", "right"], ascending=[True, False, True], ignore_index=True)

    def importance(self) -> dict[str, float]:
        """Every column counts alike."""
        return {name: 1 / len(self.read_) for name in self.read_}


def nearest_vectors(
    queries: Array, index: Array, k: int, *, apart: bool = False, cells: int = CELLS
) -> Iterator[tuple[Array, Array, Array]]:
    """For each row of `queries` the k rows of `index` with the largest dot product, chunk by chunk.

    Rows of both, int64, and products from -1 to 1; an empty (all-zero) row has no neighbour and is none. `apart` leaves
    out the row of the same place.
    """
    filled = np.flatnonzero(np.abs(index).sum(axis=1) > 0)
    step = max(1, cells // max(1, len(filled)))
    for start in range(0, len(queries), step):
        part = queries[start : start + step]
        products = part @ index[filled].T
        if apart:
            own = np.searchsorted(filled, np.arange(start, start + len(part)))
            there = (
                (own < len(filled)) & (filled[np.minimum(own, len(filled) - 1)] == np.arange(start, start + len(part)))
                if len(filled)
                else np.zeros(len(part), bool)
            )
            products[np.flatnonzero(there), own[there]] = -np.inf
        count = min(k, products.shape[1])
        if not count:
            continue
        best = np.argpartition(-products, count - 1, axis=1)[:, :count]
        rows = np.repeat(np.arange(len(part)), count)
        scores = np.take_along_axis(products, best, axis=1).ravel().astype(np.float64)
        kept = np.isfinite(scores) & (np.abs(part).sum(axis=1) > 0)[rows]
        yield rows[kept] + start, filled[best.ravel()[kept]].astype(np.int64), scores[kept]
