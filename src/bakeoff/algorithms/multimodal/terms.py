"""Terms of texts, counted without a Python loop over characters: hashed n-grams of words and of characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from bakeoff.nouns import Array

SLOTS = 22  # bits of a term's number before the frequent ones are kept: two terms rarely share one
PIECE = 2_000_000  # characters that are worked on at once
PRIME = np.uint64(0x9E3779B97F4A7C15)
BASE = 0xD1342543DE82EF95
INVERSE = np.uint64(pow(BASE, -1, 2**64))


@dataclass(frozen=True)
class TermStyle:
    """Which terms: words and pairs of words, or with `characters` 2- to 4-grams within words.

    Of the first `longest` characters of a text; the `most` frequent that at least `least` texts have.
    """

    characters: bool = False
    longest: int = 5_000
    most: int = 20_000
    least: int = 2


class Terms:
    """TF-IDF of one column's terms: (1 + ln count) (1 + ln((1 + n) / (1 + texts with it))), rows of length one."""

    def __init__(self, style: TermStyle) -> None:
        self.style = style
        self.kept = np.zeros(0, dtype=np.int64)
        self.rarity = np.zeros(0, dtype=np.float32)

    def fit_transform(self, texts: Sequence[str]) -> Array:
        """Learn which terms to keep; float32 sparse (texts, kept terms)."""
        counts = self._counts(texts)
        having = np.bincount(counts.indices, minlength=2**SLOTS)
        kept = np.flatnonzero(having >= self.style.least)
        if len(kept) > self.style.most:
            frequent = np.argsort(-having[kept], kind="stable")[: self.style.most]
            kept = np.sort(kept[frequent])
        self.kept = kept
        self.rarity = (1 + np.log((1 + len(texts)) / (1 + having[kept]))).astype(np.float32)
        return self._weigh(counts)

    def transform(self, texts: Sequence[str]) -> Array:
        """Other texts; terms that were not kept are left out."""
        return self._weigh(self._counts(texts))

    def _counts(self, texts: Sequence[str]) -> Array:
        parts = [_counted(piece, self.style) for piece in _pieces(texts, self.style.longest)]
        if not parts:
            return sparse.csr_matrix((0, 2**SLOTS), dtype=np.float32)
        return sparse.vstack(parts, format="csr") if len(parts) > 1 else parts[0]

    def _weigh(self, counts: Array) -> Array:
        rows, size = counts.shape[0], len(self.kept)
        if not size:
            return sparse.csr_matrix((rows, 0), dtype=np.float32)
        places = np.searchsorted(self.kept, counts.indices)
        places[places == size] = 0
        known = self.kept[places] == counts.indices
        owner = np.repeat(np.arange(rows), np.diff(counts.indptr))[known]
        places = places[known]
        values = (1 + np.log(counts.data[known])) * self.rarity[places]
        norms = np.sqrt(np.bincount(owner, weights=values.astype(np.float64) ** 2, minlength=rows))
        values = (values / norms[owner]).astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=rows))])
        return sparse.csr_matrix((values, places.astype(np.int32), starts), shape=(rows, size))


def cleaned(text: str, longest: int) -> str:
    """Small letters without accents, words apart by one blank, and a blank at both ends."""
    text = text[:longest].lower()
    if not text.isascii():
        text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return f" {' '.join(text.split())} "


def _pieces(texts: Sequence[str], longest: int) -> Iterator[list[str]]:
    piece: list[str] = []
    size = 0
    for text in texts:
        piece.append(cleaned(text, longest))
        size += len(piece[-1])
        if size > PIECE:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _counted(texts: list[str], style: TermStyle) -> Array:
    """How often each text has each term, float32 sparse (texts, slots)."""
    signs = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    row = np.repeat(np.arange(len(texts), dtype=np.uint64), [len(text) for text in texts])
    owners, terms = _characters(signs, row) if style.characters else _words(signs, row)
    slots = (terms * PRIME) >> np.uint64(64 - SLOTS)
    keys = np.sort((owners << np.uint64(SLOTS)) | slots)
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, dtype=int)
    counts = np.diff(np.append(first, len(keys))).astype(np.float32)
    keys = keys[first]
    starts = np.searchsorted(keys >> np.uint64(SLOTS), np.arange(len(texts) + 1, dtype=np.uint64))
    columns = (keys & np.uint64(2**SLOTS - 1)).astype(np.int32)
    return sparse.csr_matrix((counts, columns, starts), shape=(len(texts), 2**SLOTS))


def _characters(signs: Array, row: Array) -> tuple[Array, Array]:
    """Windows of 2 to 4 signs that begin and end anywhere in a word or at its edge; a blank only at their ends."""
    blank = signs == 32
    owners, terms = [], []
    window = signs
    inside = np.zeros(len(signs), dtype=bool)  # whether a blank stands within the window, its ends apart
    for size in (2, 3, 4):
        count = len(signs) - size + 1
        if count <= 0:
            break
        window = window[:count] * PRIME + signs[size - 1 :]
        if size > 2:
            inside = inside[:count] | blank[size - 2 : size - 2 + count]
        good = ~inside[:count] & (row[:count] == row[size - 1 :])
        if size == 2:
            good &= ~(blank[:count] & blank[1:])
        owners.append(row[:count][good])
        terms.append(window[good] + np.uint64(size))
    return _joined(owners), _joined(terms)


def _words(signs: Array, row: Array) -> tuple[Array, Array]:
    """Runs of letters and digits, and pairs of neighbours in one text."""
    if not len(signs):
        return signs, signs
    different, places = np.unique(signs, return_inverse=True)
    letter = np.array([chr(int(sign)).isalnum() or sign == 95 for sign in different])[places]
    edges = np.diff(np.concatenate([[0], letter.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(starts):
        return row[:0], signs[:0]
    # A polynomial of the signs modulo 2^64, by prefix sums; dividing by the power at its start forgets where it stands.
    powers = np.full(len(signs), BASE, dtype=np.uint64)
    powers[0] = 1
    backwards = np.full(len(signs), INVERSE, dtype=np.uint64)
    backwards[0] = 1
    with np.errstate(over="ignore"):
        sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(signs * np.cumprod(powers))])
        words = (sums[ends] - sums[starts]) * np.cumprod(backwards)[starts]
        owner = row[starts]
        beside = owner[1:] == owner[:-1]
        pairs = words[:-1] * PRIME + words[1:] + np.uint64(1)
    return _joined([owner, owner[1:][beside]]), _joined([words, pairs[beside]])


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
