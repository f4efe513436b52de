"""Neighbours: for every text the training texts of its column that share most rare terms with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from bakeoff.algorithms.multimodal.rows import Rows
from bakeoff.nouns import Array

PLACES = 20  # neighbours of a text that are kept
FAINT = 0.05  # likeness below which a text is no neighbour
COMMON = 0.03  # of a column's texts: a term that more of them have tells no two apart
FEW = 50  # texts that may have a term in any case
PRODUCTS = 300_000_000  # of terms that two texts share, in all columns together
CHUNK = 2_000
TEXTS = 30_000  # different texts of a column from which no neighbours are sought: it would take too much of the time


@dataclass(frozen=True)
class Near:
    """Neighbours of some rows, by column: `places` int64 (rows, PLACES) among the column's different training texts.

    The likest first, -1 where there are no more; `likeness` float32 is 1 for the same text, which always comes first.
    """

    places: dict[str, Array]
    likeness: dict[str, Array]


class NearView:
    """Learns the different texts of each column; the likeness of two is the cosine of their rarer terms."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.known: dict[str, dict[str, int]] = {}
        self.numbers: dict[str, Array] = {}
        self._kept: dict[str, Array] = {}
        self._turned: dict[str, Any] = {}

    def fit_transform(self, rows: Rows, words: dict[str, Array]) -> Near:
        """Learn each column of fewer than TEXTS texts, and give the training rows' neighbours.

        `numbers` are then the rows' own texts.
        """
        places, likeness = {}, {}
        self.names = tuple(name for name in self.names if len(set(rows.strings(name))) < TEXTS)
        for name in self.names:
            texts = rows.strings(name)
            known: dict[str, int] = {}
            own = np.fromiter((known.setdefault(text, len(known)) for text in texts), np.int64, len(texts))
            _, first = np.unique(own, return_index=True)
            terms = words[name][first]
            self.known[name], self.numbers[name] = known, own
            self._kept[name] = _telling(terms, PRODUCTS // len(self.names))
            self._turned[name] = terms[:, self._kept[name]].T.tocsr()
            found = self._nearest(name, terms, np.arange(len(known)))
            places[name], likeness[name] = found[0][own], found[1][own]
        return Near(places, likeness)

    def transform(self, rows: Rows, words: dict[str, Array]) -> Near:
        """Other rows' neighbours."""
        places, likeness = {}, {}
        for name in self.names:
            find = self.known[name].get
            own = np.fromiter((find(text, -1) for text in rows.strings(name)), np.int64, len(rows))
            places[name], likeness[name] = self._nearest(name, words[name], own)
        return Near(places, likeness)

    def _nearest(self, name: str, terms: Array, own: Array) -> tuple[Array, Array]:
        """Places and likeness (rows, PLACES) of texts of which some are known by their numbers `own`."""
        places = np.full((len(own), PLACES), -1, dtype=np.int64)
        likeness = np.zeros((len(own), PLACES), dtype=np.float32)
        terms = terms[:, self._kept[name]]
        for start in range(0, len(own), CHUNK):
            mine = own[start : start + CHUNK]
            # Each text's words have length one, and its characters too: their mean lies between 0 and 1.
            found = (terms[start : start + CHUNK] @ self._turned[name]) * np.float32(0.5)
            row = np.repeat(np.arange(len(mine)), np.diff(found.indptr))
            good = (found.data >= FAINT) & (found.indices != mine[row])
            there = np.flatnonzero(mine >= 0)
            row = np.concatenate([row[good], there])
            column = np.concatenate([found.indices[good], mine[there]])
            alike = np.concatenate([np.minimum(found.data[good], 0.999), np.ones(len(there), dtype=np.float32)])
            order = np.lexsort((column, -alike, row))
            row, column, alike = row[order], column[order], alike[order]
            rank = np.arange(len(row)) - np.searchsorted(row, row)
            few = rank < PLACES
            places[start + row[few], rank[few]] = column[few]
            likeness[start + row[few], rank[few]] = alike[few]
        return places, likeness


def _telling(terms: Array, products: int) -> Array:
    """The terms to compare texts by: not the common ones, and of the others the rarest that fit into the products."""
    having = np.bincount(terms.indices, minlength=terms.shape[1])
    order = np.argsort(having, kind="stable")
    pairs = np.cumsum(having[order].astype(np.float64) ** 2)
    good = (having[order] <= max(FEW, COMMON * terms.shape[0])) & (pairs <= products)
    return np.sort(order[good])


def weighed(weights: Array, places: Array, counts: Array) -> Array:
    """The sum of `counts` (texts, width) at each row's places, by its weights: float64 (rows, width)."""
    good = (weights > 0) & (places >= 0)
    starts = np.concatenate([[0], np.cumsum(good.sum(axis=1))])
    shape = (len(places), counts.shape[0])
    return np.asarray((sparse.csr_matrix((weights[good], places[good], starts), shape=shape) @ counts).toarray())
