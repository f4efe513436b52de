"""How alike two cells are: texts, numbers, dates and pictures, pair by pair; NaN where a cell is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler

from bakeoff.algorithms.matching.alignment import Alignment
from bakeoff.algorithms.records import first_number, numbered, plain, words
from bakeoff.algorithms.tfidf import TfIdf, cosines, places
from bakeoff.nouns import Array, Frame

STRINGS = (
    (fuzz.ratio, 100.0),
    (fuzz.token_set_ratio, 100.0),
    (fuzz.token_sort_ratio, 100.0),
    (fuzz.partial_ratio, 100.0),
    (JaroWinkler.normalized_similarity, 1.0),
)


class Texts:
    """Similarities of two texts; TF-IDF weights come from the training pairs' own texts."""

    def __init__(self, aligned: bool = False) -> None:
        """`aligned` adds which words find a partner: more to learn from, and the costliest of all."""
        self.aligned = aligned

    def fit(self, left: list[str], right: list[str]) -> Texts:
        """Learn the weights of words and characters from the different texts of both sides."""
        different = list(dict.fromkeys([*map(plain, left), *map(plain, right)]))
        self.words_ = TfIdf("words").fit(different)
        self.characters_ = TfIdf("characters").fit(different)
        self.alignment_ = Alignment().fit(different) if self.aligned else None
        return self

    def score(self, left: list[str], right: list[str]) -> Array:
        """All similarities, float64 (pairs, features)."""
        first, second = list(map(plain, left)), list(map(plain, right))
        known = np.array([bool(a) and bool(b) for a, b in zip(first, second, strict=True)], dtype=bool)
        weighted = [cosines(first, second, self.words_), cosines(first, second, self.characters_)]
        scores = np.hstack([np.column_stack(weighted), strings(first, second), shared_words(first, second)])
        scores[~known] = np.nan
        parts = [scores, shared_numbers(left, right)]
        return np.hstack([*parts, self.alignment_.score(left, right)] if self.alignment_ else parts)


def strings(left: list[str], right: list[str]) -> Array:
    """Indel ratio, token set, token sort and partial ratio, and Jaro-Winkler, each 0 to 1: float64 (pairs, 5)."""
    # dtype float64, since the default float32 would differ from the scorers asked one by one.
    return np.column_stack(
        [
            process.cpdist(left, right, scorer=scorer, dtype=np.float64, workers=1) / full if left else np.zeros(0)
            for scorer, full in STRINGS
        ]
    )


def shared_words(left: list[str], right: list[str]) -> Array:
    """Jaccard, overlap coefficient, share of each side's words in the other, equality, ratio of lengths; (pairs, 6)."""
    out = np.zeros((len(left), 6))
    first, second = _sets(left, str.split), _sets(right, str.split)
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        if a and b:
            both = len(a & b)
            smaller = min(len(a), len(b))
            out[row, :4] = both / (len(a) + len(b) - both), both / smaller, both / len(a), both / len(b)
    out[:, 4] = [a == b for a, b in zip(left, right, strict=True)]
    sizes = np.array([(len(a), len(b)) for a, b in zip(left, right, strict=True)], dtype=np.float64).reshape(-1, 2)
    out[:, 5] = sizes.min(axis=1) / np.maximum(sizes.max(axis=1), 1)
    return out


def shared_numbers(left: list[str], right: list[str]) -> Array:
    """Words with a digit: how many are shared, left alone and right alone, and whether any is; (pairs, 4).

    A word also counts as shared when the other text, all separators taken out, contains it and it has three signs or
    more: models are written with and without blanks. The last is NaN when a side has no such word.
    """
    out = np.zeros((len(left), 4))
    first, second = _sets(left, numbered), _sets(right, numbered)
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        if not a and not b:
            out[row, 3] = np.nan
            continue
        squeezed_left, squeezed_right = left[row].translate(SEPARATORS), right[row].translate(SEPARATORS)
        there = {token for token in a if token in b or (len(token) > 2 and token in squeezed_right)}
        here = {token for token in b if token in a or (len(token) > 2 and token in squeezed_left)}
        out[row, :3] = len(there | here), len(a - there), len(b - here)
        out[row, 3] = float(bool(there or here)) if a and b else np.nan
    return out


SEPARATORS = {ord(sign): None for sign in " -./_"}


def _sets(texts: list[str], split: Any) -> list[set[str]]:
    at, different = places(texts)
    sets = [set(split(text)) for text in different]
    return [sets[place] for place in at.tolist()]


def contained(parts: list[str], wholes: list[str]) -> Array:
    """The share of a cell's words that stand in the other record, NaN for an empty cell; float64 (pairs,)."""
    out = np.full(len(parts), np.nan)
    first, second = _sets(parts, words), _sets(wholes, words)
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        if a:
            out[row] = len(a & b) / len(a)
    return out


def numbers(left: Array, right: Array) -> Array:
    """Absolute and relative difference, and equality: float64 (pairs, 3)."""
    apart = np.abs(left - right)
    larger = np.maximum(np.abs(left), np.abs(right))
    with np.errstate(invalid="ignore"):
        relative = apart / np.where(larger > 0, larger, 1.0)
    equal = np.where(np.isnan(apart), np.nan, apart == 0)
    return np.column_stack([apart, relative, equal])


def first_numbers(texts: list[str]) -> Array:
    """The first number of each text, float64 (texts,); NaN where there is none."""
    at, different = places(texts)
    found = np.array([first_number(text) for text in different], dtype=np.float64)
    return found[at] if len(at) else np.zeros(0)


def days(cells: Frame) -> Array:
    """Dates as days since 1970, float64 (rows,); NaN where missing."""
    read: Any = pd.to_datetime(cells, errors="coerce", utc=True)
    when = pd.DatetimeIndex(read)
    return np.asarray((when - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta(days=1), dtype=np.float64)


def pictures(left: list[Any], right: list[Any]) -> Array:
    """Cosine and Euclidean distance of picture descriptions, and whether the files are the same: float64 (pairs, 3)."""
    from bakeoff.algorithms.image import describe

    different = {cell: place for place, cell in enumerate(dict.fromkeys(filter(_picture, [*left, *right])))}
    out = np.full((len(left), 3), np.nan)
    if not different:
        return out
    described = describe(list(different))
    broken = ~described.any(axis=1)
    for row, (a, b) in enumerate(zip(left, right, strict=True)):
        if not (_picture(a) and _picture(b)):
            continue
        x, y = different[a], different[b]
        if not (broken[x] or broken[y]):
            size = float(np.linalg.norm(described[x]) * np.linalg.norm(described[y]))
            out[row] = described[x] @ described[y] / size, np.linalg.norm(described[x] - described[y]), a == b
    return out


def _picture(cell: Any) -> bool:
    return isinstance(cell, bytes)
