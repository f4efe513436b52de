"""Features of a table for the baselines: wide and sparse for linear models, compact and dense for the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

from bakeoff.algorithms.columns import Columns, dates, numbers, strings
from bakeoff.nouns import Array, Frame

CHARACTERS = 400  # character n-grams are taken from the beginning of a text only: long ones cost and add little
WORD_CHARACTERS = 5_000
LOW_CARDINALITY = 40


class Scaled:
    """Numeric and datetime columns as normal quantiles with marks for missing values; float64 (rows, features)."""

    def __init__(self, columns: Columns, seed: int) -> None:
        self.columns = columns
        self.seed = seed

    def _read(self, X: Frame) -> Array:
        return np.hstack([numbers(X, self.columns.numeric), dates(X, self.columns.datetime)])

    def fit(self, X: Frame) -> Scaled:
        """Learn each column's quantiles; a column without two different values is left out."""
        values = self._read(X)
        known = np.isfinite(values)
        self.kept = np.array([len(np.unique(v[k])) > 1 for v, k in zip(values.T, known.T, strict=True)], dtype=bool)
        self.marked = known.any(axis=0) & ~known.all(axis=0)
        if self.kept.any():
            self.quantiles = QuantileTransformer(
                n_quantiles=min(1000, len(values)), output_distribution="normal", random_state=self.seed
            ).fit(values[:, self.kept])
            self.centre = np.nanmean(values[:, self.kept], axis=0)
            self.spread = np.nanstd(values[:, self.kept], axis=0)
        return self

    def transform(self, X: Frame) -> Array:
        """Quantiles clipped at 3 beside plain standard scores clipped at 4; missing values are 0 in both."""
        values = self._read(X)
        parts = [(~np.isfinite(values[:, self.marked])).astype(np.float64)]
        if self.kept.any():
            kept = values[:, self.kept]
            parts.append(np.nan_to_num(np.clip(self.quantiles.transform(kept), -3, 3)))
            parts.append(np.nan_to_num(np.clip((kept - self.centre) / self.spread, -4, 4)))
        return np.hstack(parts)


class Wide:
    """TF-IDF of words and characters, one-hot categories and scaled numbers; sparse float64 (rows, features)."""

    def __init__(self, columns: Columns, seed: int, most: int = 20_000) -> None:
        self.columns = columns
        self.scaled = Scaled(columns, seed)
        self.most = most

    def fit_transform(self, X: Frame) -> Array:
        """Learn the features from training rows and return theirs."""
        self.scaled.fit(X)
        self.texts: list[tuple[str, int, TfidfVectorizer]] = []
        for name in self.columns.text:
            for vectoriser, longest in self._vectorisers(len(X)):
                try:
                    vectoriser.fit(strings(X, name, longest))
                except ValueError:  # scikit-learn's word for a column without a single term
                    continue
                self.texts.append((name, longest, vectoriser))
        self.categories = None
        if self.columns.categorical:
            self.categories = OneHotEncoder(handle_unknown="ignore", min_frequency=2 if len(X) > 500 else None)
            self.categories.fit(self._categories(X))
        return self.transform(X)

    def _vectorisers(self, rows: int) -> list[tuple[TfidfVectorizer, int]]:
        rare = 2 if rows > 100 else 1
        shared = {"min_df": rare, "sublinear_tf": True, "max_features": self.most, "strip_accents": "unicode"}
        return [
            (TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **shared), WORD_CHARACTERS),
            (TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **shared), CHARACTERS),
        ]

    def _categories(self, X: Frame) -> Array:
        return np.array([strings(X, name) for name in self.columns.categorical], dtype=object).T

    def transform(self, X: Frame) -> Array:
        """Features of other rows; unseen categories and words are left out."""
        parts = [sparse.csr_matrix(self.scaled.transform(X))]
        parts += [vectoriser.transform(strings(X, name, longest)) for name, longest, vectoriser in self.texts]
        if self.categories is not None:
            parts.append(self.categories.transform(self._categories(X)))
        wide = sparse.hstack(parts, format="csr")
        return wide if wide.shape[1] else sparse.csr_matrix((len(X), 1))


class Compact:
    """Numbers as they are, one-hot or encoded categories, encoded texts; dense float32 (rows, features).

    A missing number stays NaN. Texts, and categories of more than 40 values, go through skrub's StringEncoder.
    """

    def __init__(self, columns: Columns, seed: int, components: int = 30) -> None:
        self.columns = columns
        self.seed = seed
        self.components = components

    def fit_transform(self, X: Frame) -> Array:
        """Learn the features from training rows and return theirs."""
        distinct = {name: len(set(strings(X, name))) for name in self.columns.categorical}
        self.low = tuple(name for name, count in distinct.items() if count <= LOW_CARDINALITY)
        self.encoded = (*self.columns.text, *(name for name in distinct if name not in self.low))
        self.categories = None
        if self.low:
            self.categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
            self.categories.fit(self._categories(X))
        parts = []
        self.encoders: dict[str, object] = {}
        for name in self.encoded:
            encoder, features = self._encode(strings(X, name, CHARACTERS))
            if encoder is not None:
                self.encoders[name] = encoder
                parts.append(features)
        return self._join(X, parts)

    def _encode(self, texts: list[str]) -> tuple[object, Array]:
        from skrub import StringEncoder

        # With fewer different texts than components the encoder falls back to raw n-grams and warns.
        components = min(self.components, len(set(texts)) - 1)
        if components < 1:
            return None, None
        encoder = StringEncoder(n_components=components, random_state=self.seed)
        try:
            return encoder, encoder.fit_transform(_column(texts)).to_numpy(dtype=np.float32)
        except ValueError:  # no n-gram at all: every text is empty or too short
            return None, None

    def _categories(self, X: Frame) -> Array:
        return np.array([strings(X, name) for name in self.low], dtype=object).T

    def _join(self, X: Frame, texts: list[Array]) -> Array:
        parts = [numbers(X, self.columns.numeric), dates(X, self.columns.datetime), *texts]
        if self.categories is not None:
            parts.append(self.categories.transform(self._categories(X)))
        joined = np.hstack(parts).astype(np.float32)
        return joined if joined.shape[1] else np.zeros((len(X), 1), dtype=np.float32)

    def transform(self, X: Frame) -> Array:
        """Features of other rows; an unseen category has no feature."""
        texts = []
        for name, encoder in self.encoders.items():
            encoded = encoder.transform(_column(strings(X, name, CHARACTERS)))  # type: ignore[attr-defined]
            texts.append(encoded.to_numpy(dtype=np.float32))
        return self._join(X, texts)


def _column(texts: list[str]) -> Frame:
    return pd.Series(texts, name="text", dtype="str")
