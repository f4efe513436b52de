"""TF-IDF of words or character n-grams in which a term that was never seen before weighs the most."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from bakeoff.nouns import Array

SLOTS = 2**20  # hashed terms: two of a few hundred thousand rarely meet, and the vocabulary needs no memory
ANALYSERS: dict[str, dict[str, Any]] = {
    "words": {"analyzer": "word", "token_pattern": r"(?u)\b\w+\b", "ngram_range": (1, 1)},
    "characters": {"analyzer": "char_wb", "ngram_range": (3, 4)},
}


class TfIdf:
    """Weights 1 + ln(tf) times ln(1 + (n - df + 0.5) / (df + 0.5)), rows of length one.

    The second factor is Robertson's and Spärck Jones's, kept above 0 as in Lucene: a term that most texts have weighs
    next to nothing. A fitted vocabulary would leave out a term that only asked rows have, a new model number for
    example, and two records that differ in it alone would look the same.
    """

    def __init__(self, terms: str) -> None:
        """`terms` is words, or characters (3- and 4-grams within words)."""
        self.terms = terms

    def fit(self, texts: list[str]) -> TfIdf:
        """Learn in how many of the texts each term occurs."""
        counts = self._count(texts)
        seen = np.bincount(counts.indices, minlength=SLOTS)
        self.weights_ = np.log1p((len(texts) - seen + 0.5) / (seen + 0.5)).astype(np.float32)
        return self

    def _count(self, texts: list[str]) -> Any:
        if not texts:
            return sparse.csr_matrix((0, SLOTS), dtype=np.float32)
        hashing = HashingVectorizer(
            n_features=SLOTS,
            alternate_sign=False,
            norm=None,
            lowercase=False,
            dtype=np.float32,
            **ANALYSERS[self.terms],
        )
        return hashing.transform(texts)

    def transform(self, texts: list[str]) -> Any:
        """Sparse float32 (texts, SLOTS); a text without a term is an empty row."""
        counts = self._count(texts)
        counts.data = (1 + np.log(counts.data)) * self.weights_[counts.indices]
        return normalize(counts, copy=False) if texts else counts


def cosines(left: list[str], right: list[str], weights: TfIdf) -> Array:
    """The cosine of each left text with the right text of the same place, float64 (texts,); 0 where one is empty."""
    (left_places, lefts), (right_places, rights) = places(left), places(right)
    first, second = weights.transform(lefts), weights.transform(rights)
    out = np.zeros(len(left))
    for start in range(0, len(left), 10_000):
        part = slice(start, start + 10_000)
        out[part] = np.asarray(first[left_places[part]].multiply(second[right_places[part]]).sum(axis=1)).ravel()
    return np.clip(out, 0.0, 1.0)


def places(texts: list[str]) -> tuple[Array, list[str]]:
    """Where each text stands among the different ones, int64 (texts,), and the different ones."""
    found: dict[str, int] = {}
    at = np.fromiter((found.setdefault(text, len(found)) for text in texts), dtype=np.int64, count=len(texts))
    return at, list(found)
