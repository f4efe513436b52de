"""All columns as one list of weighted terms, for linear models: bins, values and words side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Frame
from bakeoff.training.encoders.categories import Categories
from bakeoff.training.encoders.dates import calendar
from bakeoff.training.encoders.numeric import Numeric, NumericStyle
from bakeoff.training.encoders.texts import Bag, BagStyle
from bakeoff.training.preparation import Preparation
from bakeoff.training.reading import moments
from bakeoff.training.records import Ragged

ALWAYS = 1  # a term that every record has; 0 is padding


@dataclass(frozen=True)
class SparseStyle:
    """`bins` of each number, `slots` that values of unknown categories and terms of texts are hashed into."""

    bins: int = 16
    value_slots: int = 64
    text_slots: int = 1 << 13


@dataclass(frozen=True)
class ByType:
    """The columns that are read, by type."""

    numeric: Sequence[str] = ()
    datetime: Sequence[str] = ()
    categorical: Sequence[str] = ()
    text: Sequence[str] = ()


class Sparse:
    """A number as its share of the way between two bin edges, a category as its value, a text as its hashed terms.

    Each column weighs equally much, and a record's weights have a length of about 1, so no record's gradient of a
    linear model is much longer than another's. `outputs` numbers come out of its layers for each record.
    """

    name = "sparse"

    def __init__(self, columns: ByType, outputs: int, style: SparseStyle | None = None) -> None:
        self.style = style or SparseStyle()
        self.outputs = outputs
        numbers = NumericStyle(bins=self.style.bins)
        self.columns = columns
        self.numeric = Numeric(columns.numeric, numbers)
        self.elapsed = Numeric(columns.datetime, numbers)
        self.categories = Categories(columns.categorical, slots=self.style.value_slots)
        self.texts = [Bag(name, BagStyle(slots=self.style.text_slots)) for name in columns.text]

    def learn(self, X: Frame, preparation: Preparation) -> None:
        """Bins and categories, as known or of the rows; texts are hashed."""
        if self.columns.numeric:
            self.numeric.learn(X, preparation)
        if self.columns.datetime:
            self.elapsed.learn_values(moments(X, self.columns.datetime), preparation)
            for name in self.columns.datetime:
                preparation.public("calendar", name, 8)
        self.categories.learn(X, preparation)
        for bag in self.texts:
            bag.learn(X, preparation)
        self._blocks = max(1, len(self.columns.numeric) + 2 * len(self.columns.datetime))
        self._blocks += len(self.columns.categorical) + len(self.texts)

    def read(self, X: Frame) -> Mapping[str, Ragged]:
        """`terms` (0 is padding) and `weights` of each record, Ragged int64 and float32."""
        from scipy import sparse

        parts: list[Any] = [sparse.csr_matrix((len(X), 1), dtype=np.float32)]
        parts.append(sparse.csr_matrix(np.ones((len(X), 1), dtype=np.float32)))
        if self.columns.numeric:
            parts.append(_binned(self.numeric.read(X), self._edges(self.numeric)))
        if self.columns.datetime:
            days = moments(X, self.columns.datetime)
            parts.append(_binned(self.elapsed.read_values(days), self._edges(self.elapsed)))
            parts.append(sparse.csr_matrix(0.5 * calendar(days)))
        if self.columns.categorical:
            parts.append(_one_of(self.categories.read(X)["codes"], self._values()))
        parts += [_terms(bag.read(X), self._size(bag)) for bag in self.texts]
        joined = sparse.hstack(parts, format="csr")
        joined.data *= np.float32((1 + self._blocks) ** -0.5)
        offsets = joined.indptr.astype(np.int64)
        return {
            "terms": Ragged(joined.indices.astype(np.int64), offsets),
            "weights": Ragged(joined.data.astype(np.float32), offsets),
        }

    def _edges(self, numeric: Numeric) -> list[Array]:
        return [np.asarray(scale.edges) for scale in numeric.scales]

    def _values(self) -> list[int]:
        places = self.categories.places
        return [
            2 + (len(places[name]) if name in places else self.style.value_slots) for name in self.columns.categorical
        ]

    def _size(self, bag: Bag) -> int:
        return 1 + sum(count for _, _, count in bag.counters)

    def size(self) -> int:
        """How many different terms there are, padding included."""
        found = 2 + sum(len(edges) + 2 for numeric in (self.numeric, self.elapsed) for edges in self._learnt(numeric))
        found += 8 * len(self.columns.datetime)
        return found + sum(self._values()) + sum(map(self._size, self.texts))

    def _learnt(self, numeric: Numeric) -> list[Array]:
        return self._edges(numeric) if numeric.columns else []

    def layers(self) -> Any:
        """A weighted sum of each term's own numbers, which begin at zero."""
        from bakeoff.training.layers.sparse import SparseLayers

        return SparseLayers(self.size(), self.outputs)


def _binned(parts: Mapping[str, Array], edges: Sequence[Array]) -> Any:
    """For each column a weight for the edges to either side, one for the scaled value, and one for missing."""
    from scipy import sparse

    found = []
    for column, own in enumerate(edges):
        missing = parts["missing"][:, column]
        values = np.clip(parts["values"][:, column], -3.0, 3.0)
        dense = np.zeros((len(values), len(own) + 2), dtype=np.float32)
        if len(own):
            place = np.clip(np.searchsorted(own, values, side="right") - 1, 0, len(own) - 2)
            share = np.clip((values - own[place]) / (own[place + 1] - own[place]), 0, 1)
            rows = np.arange(len(values))
            dense[rows, place] = 1 - share
            dense[rows, place + 1] = share
        dense[:, -2] = values / 3.0
        dense[missing] = 0.0
        dense[missing, -1] = 1.0
        found.append(sparse.csr_matrix(dense))
    return sparse.hstack(found, format="csr")


def _one_of(codes: Array, sizes: Sequence[int]) -> Any:
    from scipy import sparse

    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rows = np.repeat(np.arange(len(codes)), codes.shape[1])
    ones = np.ones(codes.size, dtype=np.float32)
    return sparse.csr_matrix((ones, (rows, (codes + starts).ravel())), shape=(len(codes), sum(sizes)))


def _terms(parts: Mapping[str, Ragged], size: int) -> Any:
    from scipy import sparse

    terms, weights = parts["terms"], parts["weights"]
    scaled = weights.values * np.float32(0.5**0.5)  # words and parts of words have a length of 1 each
    return sparse.csr_matrix((scaled, terms.values, terms.offsets), shape=(len(terms), size))
