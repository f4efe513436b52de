"""Views: ways of turning rows into numbers, each learnt once and shared by all members and folds.

A view learns from the training rows' features alone, never from their targets, so that it may see all of them before
rows are held out. What a view gives for a row depends on that row alone: products with dense matrices are taken row by
row, since a matrix product over a batch rounds otherwise than one over a single row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from bakeoff.algorithms.columns import Columns
from bakeoff.algorithms.multimodal.meanings import Meanings
from bakeoff.algorithms.multimodal.near import NearView
from bakeoff.algorithms.multimodal.rows import Rows
from bakeoff.algorithms.multimodal.terms import Terms, TermStyle
from bakeoff.algorithms.multimodal.valued import ValuedView
from bakeoff.algorithms.table_network import MANY
from bakeoff.nouns import Array, Frame

LOW = 10  # categories of at most so many values get a feature for each
CHARACTERS = 400  # character n-grams are taken from the beginning of a text only
ENOUGH = 20_000  # rows from which directions of texts and pictures are learnt
BINS = 12


class View(Protocol):
    """Learns from training rows, then reads any: a matrix with one row each, dense float32 or sparse."""

    def fit_transform(self, rows: Rows) -> Array:
        """Learn, and give the training rows' features."""

    def transform(self, rows: Rows) -> Array:
        """Other rows' features."""


class Coded:
    """One categorical column: each value's number by frequency, the rarest and unseen ones -1."""

    def __init__(self, name: str, least: int) -> None:
        self.name = name
        self.least = least

    def fit(self, cells: Sequence[str]) -> Coded:
        """Count the values."""
        counted = sorted(Counter(cells).items(), key=lambda one: (-one[1], one[0]))
        kept = [(value, count) for value, count in counted if count >= self.least]
        self.numbers = {value: number for number, (value, _) in enumerate(kept)}
        self.shares = np.array([count / len(cells) for _, count in kept] + [0.0])
        self.distinct = len(counted)
        return self

    def codes(self, cells: Sequence[str]) -> Array:
        """Numbers int64 (rows,)."""
        find = self.numbers.get
        return np.fromiter((find(cell, -1) for cell in cells), dtype=np.int64, count=len(cells))


class Plain:
    """Numbers, dates, categories and the shape of texts, for trees; dense float32, NaN where missing."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    def fit_transform(self, rows: Rows) -> Array:
        """Learn the categories, and give the training rows' features."""
        self.coded = [Coded(name, 1).fit(rows.strings(name)) for name in self.columns.categorical]
        return self.transform(rows)

    def transform(self, rows: Rows) -> Array:
        """Features float32 (rows, features)."""
        parts = [rows.values]
        for column in self.coded:
            codes = column.codes(rows.strings(column.name))
            if column.distinct <= LOW:
                parts.append(codes[:, None] == np.arange(len(column.numbers)))
            else:
                parts.append(np.column_stack([codes, column.shares[codes]]))
        parts += [_shape(rows.strings(name)) for name in self.columns.text]
        joined = np.hstack(parts).astype(np.float32) if parts else np.zeros((len(rows), 0), dtype=np.float32)
        return joined if joined.shape[1] else np.zeros((len(rows), 1), dtype=np.float32)


def _shape(texts: Sequence[str]) -> Array:
    """Characters, blanks, digits and capitals of texts, as logarithms and shares."""
    length = np.array([len(text) for text in texts], dtype=np.float64)
    blanks = np.array([text.count(" ") for text in texts], dtype=np.float64)
    capitals = np.array([sum(map(str.isupper, text[:CHARACTERS])) for text in texts], dtype=np.float64)
    digits = np.array([sum(map(str.isdigit, text[:CHARACTERS])) for text in texts], dtype=np.float64)
    seen = np.maximum(1, np.minimum(length, CHARACTERS))
    return np.column_stack([np.log1p(length), np.log1p(blanks), capitals / seen, digits / seen])


class Worded:
    """TF-IDF of words and characters of every text and of categories of many values; the parts are kept by column."""

    def __init__(self, columns: Columns, rows: Rows) -> None:
        many = [name for name in columns.categorical if len(set(rows.strings(name))) > MANY]
        least = 2 if len(rows) > 100 else 1
        self.names = (*columns.text, *many)
        self.terms = {
            name: [Terms(TermStyle(False, least=least)), Terms(TermStyle(True, CHARACTERS, least=least))]
            for name in self.names
        }

    def fit_transform(self, rows: Rows) -> dict[str, Array]:
        """Learn the terms; sparse float32 by column."""
        return {
            name: sparse.hstack([one.fit_transform(rows.strings(name)) for one in both], format="csr")
            for name, both in self.terms.items()
        }

    def transform(self, rows: Rows) -> dict[str, Array]:
        """Other rows' terms by column."""
        return {
            name: sparse.hstack([one.transform(rows.strings(name)) for one in both], format="csr")
            for name, both in self.terms.items()
        }


class Topics:
    """The main directions of each text column's terms; dense float32 (rows, columns x size)."""

    def __init__(self, seed: int, size: int = 30) -> None:
        self.seed = seed
        self.size = size
        self.directions: dict[str, Array] = {}

    def fit_transform(self, rows: Rows, words: dict[str, Array]) -> Array:
        """Learn the directions, by a randomised singular value decomposition."""
        from sklearn.utils.extmath import randomized_svd

        for name, terms in words.items():
            size = min(self.size, min(terms.shape) - 1)
            if size < 1:
                continue
            rng = np.random.default_rng(self.seed)
            some = terms if terms.shape[0] <= ENOUGH else terms[np.sort(rng.permutation(terms.shape[0])[:ENOUGH])]
            _, _, found = randomized_svd(some, n_components=size, n_iter=3, random_state=self.seed % 2**32)
            self.directions[name] = np.ascontiguousarray(found.T, dtype=np.float32)
        return self.transform(rows, words)

    def transform(self, rows: Rows, words: dict[str, Array]) -> Array:
        """Other rows' places along the directions."""
        parts = [words[name] @ directions for name, directions in self.directions.items()]
        return np.hstack(parts).astype(np.float32) if parts else np.zeros((len(rows), 0), dtype=np.float32)


class Scaled:
    """Numbers for linear models: quantiles of a normal distribution, standard scores, bins and marks; float32."""

    def fit_transform(self, values: Array) -> Array:
        """Learn quantiles, means and spreads of columns with two different values at least."""
        known = np.isfinite(values)
        self.kept = np.array([len(np.unique(v[k])) > 1 for v, k in zip(values.T, known.T, strict=True)], dtype=bool)
        self.marked = known.any(axis=0) & ~known.all(axis=0)
        self.quantiles, self.edges = [], []
        for column in values[:, self.kept].T:
            present = column[np.isfinite(column)]
            self.quantiles.append(np.quantile(present, np.linspace(0, 1, min(200, len(present) + 1))))
            self.edges.append(np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)))[1:-1])
        kept = values[:, self.kept]
        self.centre = np.nanmean(kept, axis=0) if kept.shape[1] else np.zeros(0)
        self.spread = np.nanstd(kept, axis=0) if kept.shape[1] else np.ones(0)
        return self.transform(values)

    def transform(self, values: Array) -> Array:
        """Other rows; a missing number is 0 in all its features but its mark."""
        from scipy.special import ndtri

        parts = [(~np.isfinite(values[:, self.marked])).astype(np.float64)]
        kept = values[:, self.kept]
        for j, column in enumerate(kept.T):
            gone = ~np.isfinite(column)
            places = np.linspace(0, 1, len(self.quantiles[j]))
            # The mean of both directions gives a value that many rows share the middle of its quantiles.
            low = np.interp(column, self.quantiles[j], places)
            high = 1 - np.interp(-column, -self.quantiles[j][::-1], places)
            normal = ndtri(np.clip((low + high) / 2, 0.0014, 0.9986))
            score = np.clip((column - self.centre[j]) / self.spread[j], -4, 4)
            above = 0.5 * (column[:, None] > self.edges[j])
            block = np.column_stack([normal, score, above])
            block[gone] = 0.0
            parts.append(block)
        return np.hstack(parts).astype(np.float32)


class Wide:
    """Everything for linear models: scaled numbers, categories one by one, terms; sparse float32."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.scaled = Scaled()

    def fit_transform(self, rows: Rows, words: dict[str, Array]) -> Array:
        """Learn scales and categories."""
        scaled = self.scaled.fit_transform(rows.values)
        least = 2 if len(rows) > 500 else 1
        self.coded = [Coded(name, least).fit(rows.strings(name)) for name in self.columns.categorical]
        return self._join(rows, scaled, words)

    def transform(self, rows: Rows, words: dict[str, Array]) -> Array:
        """Other rows."""
        return self._join(rows, self.scaled.transform(rows.values), words)

    def _join(self, rows: Rows, scaled: Array, words: dict[str, Array]) -> Array:
        parts: list[Any] = [sparse.csr_matrix(scaled)]
        for column in self.coded:
            codes = column.codes(rows.strings(column.name))
            at = np.flatnonzero(codes >= 0)
            ones = np.ones(len(at), dtype=np.float32)
            parts.append(sparse.csr_matrix((ones, (at, codes[at])), shape=(len(rows), len(column.numbers))))
        parts += words.values()
        joined = sparse.hstack(parts, format="csr", dtype=np.float32)
        return joined if joined.shape[1] else sparse.csr_matrix((len(rows), 1), dtype=np.float32)


class PictureView:
    """The main directions of colour grids and gradient histograms of every picture column; dense float32."""

    def __init__(self, names: Sequence[str], seed: int, size: int = 60) -> None:
        self.names = tuple(names)
        self.seed = seed
        self.size = size
        self.directions: dict[str, tuple[Array, Array, float]] = {}

    def fit_transform(self, rows: Rows) -> Array:
        """Learn the directions of each column."""
        from sklearn.utils.extmath import randomized_svd

        described = self._described(rows)
        for name, features in described.items():
            centre = features.mean(axis=0)
            size = min(int(np.clip(len(features) // 25, 4, self.size)), min(features.shape) - 1)
            some = features[np.random.default_rng(self.seed).permutation(len(features))[:ENOUGH]]
            if size < 1:
                continue
            _, sizes, found = randomized_svd(some - centre, n_components=size, random_state=self.seed % 2**32)
            spread = float(np.sqrt((sizes**2).sum() / len(some) * len(self.names))) or 1.0
            self.directions[name] = (centre, np.ascontiguousarray(found.T), spread)
        return self._placed(described, len(rows))

    def _described(self, rows: Rows) -> dict[str, Array]:
        from bakeoff.algorithms.image import describe

        return {name: describe(rows.cells(name)) for name in self.names}

    def _placed(self, described: dict[str, Array], rows: int) -> Array:
        parts = [np.zeros((rows, 0))]
        for name, (centre, directions, spread) in self.directions.items():
            parts.append((sparse.csr_matrix(described[name] - centre) @ directions) / spread)
        return np.hstack(parts).astype(np.float32)

    def transform(self, rows: Rows) -> Array:
        """Other rows' pictures; the features of all columns together have length one on average."""
        return self._placed(self._described(rows), len(rows))


class Views:
    """All views of one table, each made when a member first asks for it.

    `train(name)` gives the training rows' features, `read(X)` those of other rows. Names: plain, topics, pictures,
    dense (these three side by side), near (each text's neighbours), valued (rows of the same value), wide, shown
    (wide and pictures), sentences, meant (wide and sentences), deep (dense and the main directions of sentences).
    `meanings` names the embedded columns.
    """

    def __init__(self, X: Frame, columns: Columns, seed: int) -> None:
        self.columns = columns
        self.seed = seed
        self.meanings = Meanings(columns.text)
        self._fitted: dict[str, Any] = {}
        self._train: Asked | None = Asked(self, Rows(X, columns))

    def train(self, name: str) -> Array:
        """The training rows' features; a view that is new is learnt."""
        assert self._train is not None, "the training rows were let go"
        return self._train.get(name)

    def strings(self, name: str) -> list[str]:
        """A column of the training rows as texts."""
        assert self._train is not None, "the training rows were let go"
        return self._train.rows.strings(name)

    def numbers(self, name: str) -> dict[str, Array]:
        """The training rows' own texts or values by column, as near or valued number them; int64 (rows,)."""
        found: dict[str, Array] = self._fitted[name].numbers
        return found

    @property
    def frame(self) -> Frame:
        """The training rows as they came."""
        assert self._train is not None, "the training rows were let go"
        return self._train.rows.frame

    def read(self, X: Frame) -> Asked:
        """Other rows, each view of them made when it is first asked for."""
        return Asked(self, Rows(X, self.columns))

    def let_go(self) -> None:
        """Forget the training rows; views can then be used but not learnt."""
        self._train = None

    def made(self, name: str, asked: Asked) -> Array:
        """The features of one view of some rows."""
        rows = asked.rows
        if name == "dense":
            return np.hstack([asked.get("plain"), asked.get("topics"), asked.get("pictures")])
        if name == "shown":
            return sparse.hstack([asked.get("wide"), sparse.csr_matrix(asked.get("pictures"))], format="csr")
        if name == "meant":
            return sparse.hstack([asked.get("wide"), sparse.csr_matrix(asked.get("sentences"))], format="csr")
        if name == "deep":
            return np.hstack([asked.get("dense"), self.meanings.main(asked.get("sentences"))])
        inputs: tuple[Any, ...] = (rows,)
        if name in ("topics", "wide", "near"):
            inputs = (rows, asked.get("words"))
        if name in self._fitted:
            return self._fitted[name].transform(*inputs)
        view = self._fresh(name, rows)
        found = view.fit_transform(*inputs)
        self._fitted[name] = view
        return found

    def _fresh(self, name: str, rows: Rows) -> Any:
        makers: dict[str, Any] = {
            "plain": lambda: Plain(self.columns),
            "words": lambda: Worded(self.columns, rows),
            "topics": lambda: Topics(self.seed),
            "wide": lambda: Wide(self.columns),
            "pictures": lambda: PictureView(self.columns.image, self.seed),
            "sentences": lambda: self.meanings,
            "near": lambda: NearView(self._fitted["words"].names),
            "valued": lambda: ValuedView(self.columns.numeric, self.columns.categorical),
        }
        return makers[name]()


class Asked:
    """Some rows and the views of them that were made so far."""

    def __init__(self, views: Views, rows: Rows) -> None:
        self.views = views
        self.rows = rows
        self._made: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, name: str) -> Any:
        """One view of these rows."""
        if name not in self._made:
            self._made[name] = self.views.made(name, self)
        return self._made[name]

    def once(self, key: Hashable, make: Callable[[], Array]) -> Array:
        """What several members need of these rows, made when the first of them asks."""
        if key not in self._made:
            self._made[key] = make()
        return np.asarray(self._made[key])
