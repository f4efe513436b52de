"""Blocking: which pairs of records are worth a look, and how each pair stands among its rivals."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from bakeoff.algorithms.matching import growing, reading
from bakeoff.algorithms.matching.growing import Found, Growth, Nearest, largest
from bakeoff.algorithms.matching.lookup import Lookup
from bakeoff.algorithms.matching.reading import read
from bakeoff.algorithms.matching.search import Effort, effort_for
from bakeoff.algorithms.tfidf import TfIdf
from bakeoff.nouns import Array, Frame, Schema

CELLS = 8_000_000  # similarities held at once, 4 bytes each
EXACT = 400_000_000  # pairs of records up to which all are compared
NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


class Blocker:
    """Nearest records by the cosine of their joined texts, under TF-IDF of character 3- and 4-grams of both tables.

    Tables of up to 20,000 records each (`EXACT` pairs) are searched exactly; memory is bounded by `cells` similarities
    at once, never left times right. Larger ones are searched over shared rare words, cells, pairs of these and n-grams
    (`Lookup`), in time and memory that grow with the records: nearly all of the nearest are found, not all.
    `how_` is `exact` or `keys` after fitting.
    """

    def __init__(self, schema: Schema | None = None, cells: int = CELLS, effort: Effort | None = None) -> None:
        """Without a schema every column but pictures is read; an `effort` makes the search one over keys."""
        self.schema = schema or Schema((), "matching", "label", "f1", (0, 1), 0, 0.0)
        self.cells = cells
        self.effort = effort

    def fit(self, left: Frame, right: Frame | None = None) -> Blocker:
        """Read the records; `right` is None where pairs are sought within one table."""
        many = len(left) * len(left if right is None else right)
        self.how_ = "keys" if self.effort or many > EXACT else "exact"
        self.__dict__.pop("best_", None)
        self.found_: dict[tuple[int, int], Found] = {}
        self.lookup_: Lookup | None = None
        self.records_ = read(left, right, self.schema)
        if self.how_ == "keys":
            most = max(len(left), len(left if right is None else right))
            self.lookup_ = Lookup(self.records_, self.effort or effort_for(most, max(1, self.schema.threads)))
            self.sides_, self.weights_ = self.lookup_.sides, self.lookup_.weights
            return self
        self.weights_ = TfIdf("characters").fit([text for side in self.texts_ for text in side])
        self.sides_ = [self.weights_.transform(side) for side in self.texts_]
        return self

    def grown(self, growth: Growth) -> Blocker:
        """A blocker of the fitted tables and the new records after them, which alone are read and searched.

        Terms keep their weights, so that what was alike stays so; all pairs with a new record are compared. Of more
        than `EXACT` such pairs everything is fitted anew.
        """
        new = len(growth.more)
        sides = [*self.sides_]
        if new * (sides[0 if self.apart else 1 - growth.side].shape[0] + new) > EXACT:
            return Blocker(self.schema, self.cells, self.effort).fit(*growth.after)
        made = copy(self)
        made.__dict__.pop("best_", None)
        made.records_ = reading.grown(self.records_, growth, self.schema)
        fresh = self.weights_.transform(made.records_.joined(growth.side, growth.first))
        sides[growth.side] = sparse.vstack([sides[growth.side], fresh], format="csr")
        made.sides_ = sides
        across = sides[0 if self.apart else 1 - growth.side]
        lists = {key: Nearest.of(found, self.sides_[key[0]].shape[0], key[1]) for key, found in self.found_.items()}
        lists = growing.grown(lists, growth, self._products(across, fresh))
        made.found_ = {key: near.found() for key, near in lists.items()}
        made.lookup_ = None
        return made

    def _products(self, across: Any, fresh: Any) -> Iterator[tuple[int, Array]]:
        """Cosines of records with the new ones, as `growing.grown` takes them."""
        turned = fresh.T.tocsr()
        step = max(1, self.cells // max(1, fresh.shape[0]))
        for start in range(0, across.shape[0], step):
            part = (across[start : start + step] @ turned).toarray().astype(np.float64)
            part = np.where(part > 0, np.minimum(part, 1.0), -np.inf)
            if self.apart:
                own = np.arange(across.shape[0] - fresh.shape[0], across.shape[0])
                here = (own >= start) & (own < start + len(part))
                part[own[here] - start, np.flatnonzero(here)] = -np.inf
            yield start, part

    @property
    def texts_(self) -> list[list[str]]:
        """Each table's records as one text per record; one list when there is one table."""
        return [self.records_.joined(side) for side in range(len(self.records_.cells))]

    @property
    def apart(self) -> bool:
        """Whether there is one table, where a record is no candidate of its own."""
        return len(self.sides_) == 1

    def _nearest(self, side: int, k: int) -> Found:
        """Positions of the asked and of the found records, and cosines, of the k nearest across from one side.

        What was found is kept, and grows with the tables.
        """
        if (side, k) not in self.found_:
            self.found_[side, k] = self._search(side, k)
        return self.found_[side, k]

    def _search(self, side: int, k: int) -> Found:
        if self.how_ == "keys":
            if self.lookup_ is None:
                most = max(map(len, self.records_.cells))
                self.lookup_ = Lookup(self.records_, self.effort or effort_for(most, max(1, self.schema.threads)))
            return self.lookup_.nearest(side, k)
        queries, index = self.sides_[side], self.sides_[0 if self.apart else 1 - side]
        found = list(nearest(queries, index, k, self.cells, self.apart))
        rows, columns, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True)) if found else NOTHING
        return rows, columns, cosines

    def candidates(self, k: int = 10, growth: Growth | None = None) -> Frame:
        """The k nearest right records of each left record: `left`, `right` (positions, int64) and `score` (0 to 1).

        Sorted by left and falling score. Within one table each pair stands once, the smaller position left. A record
        without text, and one that shares no n-gram with any other, has no candidate. Of a `growth` only those pairs
        that hold a new record.
        """
        left, right, score = self._nearest(0, k)
        if growth is not None:
            new = growth.has_new(left, right)
            left, right, score = left[new], right[new], score[new]
        frame = pd.DataFrame({"left": left.astype(np.int64), "right": right.astype(np.int64), "score": score})
        if self.apart:
            frame["left"], frame["right"] = frame[["left", "right"]].min(axis=1), frame[["left", "right"]].max(axis=1)
            frame = frame.drop_duplicates(["left", "right"])
        return frame.sort_values(["left", "score", "right"], ascending=[True, False, True], ignore_index=True)

    def standing(self, positions: Array, score: Array | None = None) -> Array:
        """How pairs stand among their rivals, float64 (pairs, 7) for positions int64 (pairs, 2).

        `score` are the pairs' cosines where they are known already. The cosine; then for the left record and for the
        right one the lead over the best other partner (negative where another is nearer), the ratio to the best
        partner, and whether this is the best.
        """
        if not hasattr(self, "best_"):
            self.best_ = [self._best(side) for side in range(len(self.sides_))]
        sides, bests = (self.sides_ * 2)[:2], (self.best_ * 2)[:2]
        if score is None:
            products = sides[0][positions[:, 0]].multiply(sides[1][positions[:, 1]])
            score = np.asarray(products.sum(axis=1), dtype=np.float64).ravel()
        parts = [score]
        for place, (partner, cosine) in enumerate(bests):
            here, across = positions[:, place], positions[:, 1 - place]
            rival = np.where(partner[here, 0] == across, cosine[here, 1], cosine[here, 0])
            top = np.maximum(cosine[here, 0], 1e-9)
            parts += [score - rival, score / top, (score >= top - 1e-6).astype(np.float64)]
        return np.column_stack(parts)

    def _best(self, side: int) -> tuple[Array, Array]:
        """The two nearest across from each record of a side: positions (-1: none) and cosines, each (records, 2)."""
        asked, found, scores = self._nearest(side, 2)
        rank = np.arange(len(asked)) - np.searchsorted(asked, asked)
        partner = np.full((self.sides_[side].shape[0], 2), -1, dtype=np.int64)
        cosine = np.zeros(partner.shape)
        partner[asked, rank], cosine[asked, rank] = found, scores
        return partner, cosine


def candidates(left: Frame, right: Frame | None = None, k: int = 10, schema: Schema | None = None) -> Frame:
    """The candidates between two tables or within one, as Blocker.candidates gives them."""
    return Blocker(schema).fit(left, right).candidates(k)


def record_texts(left: Frame, right: Frame | None, schema: Schema) -> list[list[str]]:
    """Each table's records as one text per record; one list when there is one table."""
    records = read(left, right, schema)
    return [records.joined(side) for side in range(len(records.cells))]


def nearest(
    queries: Any, index: Any, k: int, cells: int = CELLS, apart: bool = False
) -> Iterator[tuple[Array, Array, Array]]:
    """For each row of a sparse matrix the k rows of another with the largest dot products above 0, chunk by chunk.

    Gives query rows, index rows (int64) and products at most 1, falling within each query row; of equal products the
    earlier row comes first. `apart` leaves out the row of the same place. At most `cells` products, or those of one
    row, are held at once.
    """
    turned = index.T.tocsr()
    step = max(1, cells // max(1, index.shape[0]))
    for start in range(0, queries.shape[0], step):
        products = (queries[start : start + step] @ turned).toarray()
        if apart:
            own = np.arange(len(products))
            products[own, own + start] = 0.0
        rows, columns, scores = largest(products, k)
        yield rows + start, columns, np.minimum(scores.astype(np.float64), 1.0)
