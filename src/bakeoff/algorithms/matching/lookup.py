"""Blocking of large tables: records meet over shared rare words, cells, pairs of them and n-grams, never one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from bakeoff.algorithms.matching import grams, keys, search
from bakeoff.algorithms.matching.reading import Records
from bakeoff.algorithms.tfidf import SLOTS, TfIdf
from bakeoff.nouns import Array

LAST_RESORT = 10  # budgets that a record without any rare key may spend


class Lookup:
    """The nearest records across by the cosine of TF-IDF vectors, among those that share a rare key.

    Time and memory grow with the records, not with their product: a record looks at `effort.budget` others over its
    words, cells and pairs of them and as many again over its n-grams, and the cosine is taken of the `effort.depth`
    that share the most. `sides` are the vectors under the fitted
    `weights`, sparse float32 (records, slots), one of one table.
    """

    def __init__(self, records: Records, effort: search.Effort) -> None:
        self.records, self.effort = records, effort
        self.words = words_of(records.texts)
        self.sides = self._vectors()
        self.found: dict[int, tuple[Array, Array, Array]] = {}

    @property
    def apart(self) -> bool:
        """Whether there is one table, where a record is no candidate of its own."""
        return len(self.sides) == 1

    def _vectors(self) -> list[Any]:
        matrix, different = self.words
        counted = matrix @ grams.counts(different)
        found = [self.records.of(side) @ counted for side in range(len(self.records.cells))]
        records = sum(side.shape[0] for side in found)
        seen = sum(np.bincount(side.indices, minlength=SLOTS) for side in found)
        self.weights = TfIdf("characters")
        self.weights.weights_ = np.log1p((records - seen + 0.5) / (seen + 0.5)).astype(np.float32)
        return [grams.weigh(side, self.weights.weights_) for side in found]

    def nearest(self, side: int, k: int) -> tuple[Array, Array, Array]:
        """Positions of the asked and of the found records (int64) and cosines, sorted by asked and falling cosine.

        Every pair is sought from the left table: the nearest of a right record are among those that looked at it.
        """
        rows, columns, scores = self._pairs(max(self.effort.depth, k))
        if side:
            rows, columns = columns, rows
        elif self.apart:
            rows, columns, scores = _both_ways(rows, columns, scores)
        order = np.lexsort((columns, -scores, rows))
        rows, columns, scores = rows[order], columns[order], scores[order]
        kept = search.ranks(rows) < k
        return rows[kept], columns[kept], scores[kept]

    def _pairs(self, depth: int) -> tuple[Array, Array, Array]:
        if depth not in self.found:
            rows, columns = self._gather(search.Effort(self.effort.budget, depth, self.effort.threads))
            scores = search.measured(self.sides[0], self.sides[-1], rows, columns, self.effort.threads)
            near = scores > 0
            self.found[depth] = rows[near], columns[near], scores[near]
        return self.found[depth]

    def _gather(self, effort: search.Effort) -> tuple[Array, Array]:
        found = keys.terms(self.records, self.words[0])
        sizes = tuple(side.shape[0] for side in self.sides)
        queries, lists = search.listed(keys.keyed(self.records, found, effort.budget), sizes, effort)
        more_queries, more_lists = search.listed(self._grams(effort.budget), sizes, effort)
        queries = sparse.hstack([queries, more_queries], format="csr")
        lists = sparse.vstack([lists, more_lists], format="csr")
        parts = list(search.gathered(queries, lists, effort, self.apart))
        missed = np.ones(sizes[0], dtype=bool)
        for rows, _ in parts:
            missed[rows] = False
        missed &= np.diff(self.sides[0].indptr) > 0
        if missed.any():
            parts += self._common(found, np.flatnonzero(missed), effort)
        rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
        return rows, columns

    def _grams(self, budget: int) -> list[tuple[Array, Array]]:
        """Each record's n-grams that at most `budget` records across have, as entries (record, slot)."""
        often = [np.bincount(side.indices, minlength=SLOTS) for side in self.sides]
        out = []
        for side, across in zip(self.sides, reversed(often), strict=True):
            at = np.flatnonzero(((across > self.apart) & (across <= budget))[side.indices])
            row = np.searchsorted(side.indptr, at, side="right") - 1
            out.append((row, side.indices[at].astype(np.int64)))
        return out

    def _common(self, found: keys.Terms, missed: Array, effort: search.Effort) -> list[tuple[Array, Array]]:
        """Candidates of records whose every key is common: from the first records that have their two rarest terms."""
        row, _, term = keys.told(self.records.cells[0][missed], found.of)
        known = found.across[0][term] > 0
        row, term = row[known], term[known]
        order = np.lexsort((term, row))
        row, term = row[order], term[order]
        few = search.ranks(row) < 2
        row, term = row[few], term[few]
        wanted = np.zeros(len(found.whole), dtype=bool)
        wanted[term] = True
        most = LAST_RESORT * effort.budget
        index = self._first(found, wanted, most)
        wide = search.Effort(4 * most, effort.depth, effort.threads)
        size = self.sides[-1].shape[0]
        queries, lists = search.listed([(missed[row], term), index], (self.sides[0].shape[0], size), wide)
        return list(search.gathered(queries, lists, wide, self.apart))

    def _first(self, found: keys.Terms, wanted: Array, most: int) -> tuple[Array, Array]:
        rows, terms = [], []
        cells = self.records.cells[-1]
        for start in range(0, len(cells), keys.ROWS):
            row, _, term = keys.told(cells[start : start + keys.ROWS], found.of)
            at = wanted[term]
            rows.append(row[at] + start)
            terms.append(term[at])
        row, term = np.concatenate(rows), np.concatenate(terms)
        order = np.lexsort((row, term))
        row, term = row[order], term[order]
        few = search.ranks(term) < most
        return row[few], term[few]


def words_of(texts: list[str]) -> tuple[Any, list[str]]:
    """How often each different word stands in each text, sparse float32 (texts, words), and the different words."""
    spoken = np.fromiter((text.count(" ") + 1 if text else 0 for text in texts), np.int64, len(texts))
    said = " ".join(filter(None, texts)).split(" ") if spoken.any() else []
    ids, different = pd.factorize(np.array(said, dtype=object))
    starts = np.concatenate([[0], np.cumsum(spoken)])
    matrix = sparse.csr_matrix((np.ones(len(ids), np.float32), ids, starts), shape=(len(texts), len(different)))
    matrix.sum_duplicates()
    return matrix, list(different)


def _both_ways(rows: Array, columns: Array, scores: Array) -> tuple[Array, Array, Array]:
    """Each pair of one table from both of its ends, once."""
    pairs = np.concatenate([rows << 32 | columns, columns << 32 | rows])
    pairs, first = np.unique(pairs, return_index=True)
    return pairs >> 32, pairs & 0xFFFFFFFF, np.concatenate([scores, scores])[first]
