"""Character 3- and 4-grams of many words at once: what scikit-learn's hashing counts, computed on whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from bakeoff.algorithms.tfidf import SLOTS, TfIdf
from bakeoff.nouns import Array

AT_ONCE = 500_000  # words whose letters are held at once
BLANK = 32
FIRST, SECOND = np.uint32(0xCC9E2D51), np.uint32(0x1B873593)


def counts(words: list[str]) -> Any:
    """How often each hashed 3- and 4-gram occurs in each padded word, sparse float32 (words, SLOTS).

    Equal to scikit-learn's HashingVectorizer with the analyser `char_wb`, which a loop over texts would take ten times
    as long for. Words are without blanks; a gram that occurs twice in a word stands twice.
    """
    parts = [_ascii(words[start : start + AT_ONCE]) for start in range(0, len(words), AT_ONCE)]
    return sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, SLOTS), dtype=np.float32)


def _ascii(words: list[str]) -> Any:
    spaced = "".join(f" {word} " for word in words)
    if not spaced.isascii():
        return TfIdf("characters")._count(words)
    letters = np.frombuffer(spaced.encode(), dtype=np.uint8).astype(np.uint32)
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words)) + 2
    ends = np.cumsum(lengths)
    left = np.repeat(ends, lengths) - np.arange(len(letters))  # signs from here to the end of the word
    owner = np.repeat(np.arange(len(words)), lengths)
    three, four = np.flatnonzero(left >= 3), np.flatnonzero(left >= 4)
    low = letters[three] | letters[three + 1] << 8 | letters[three + 2] << 16
    high = letters[four] | letters[four + 1] << 8 | letters[four + 2] << 16 | letters[four + 3] << 24
    slots = np.concatenate([_slots(low, 3), _slots(high, 4)])
    rows = np.concatenate([owner[three], owner[four]])
    ones = np.ones(len(slots), dtype=np.float32)
    shape = (len(words), SLOTS)
    order = np.argsort(rows, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(words)))])
    return sparse.csr_matrix((ones, slots[order].astype(np.int32), starts), shape=shape)


def _slots(grams: Array, length: int) -> Array:
    """MurmurHash3 (Appleby, 2011; x86, 32 bit, seed 0) of keys of 3 or 4 bytes, as places among SLOTS."""
    with np.errstate(over="ignore"):
        key = grams * FIRST
        key = (key << 15 | key >> 17) * SECOND
        if length == 4:
            key = (key << 13 | key >> 19) * np.uint32(5) + np.uint32(0xE6546B64)
        key ^= np.uint32(length)
        key = (key ^ key >> 16) * np.uint32(0x85EBCA6B)
        key = (key ^ key >> 13) * np.uint32(0xC2B2AE35)
        key ^= key >> 16
    return np.abs(key.view(np.int32).astype(np.int64)) % SLOTS


def weigh(found: Any, weights: Array) -> Any:
    """Rows of length one of counts under a fitted TfIdf's `weights_`; `found` is changed in place."""
    found.sum_duplicates()
    found.data = (1 + np.log(found.data)) * weights[found.indices]
    many = np.diff(found.indptr)
    some = many > 0  # an empty row would be given the next one's first square
    lengths = np.sqrt(np.add.reduceat(found.data**2, found.indptr[:-1][some])) if some.any() else np.zeros(0)
    found.data /= np.repeat(np.maximum(lengths, 1e-12).astype(np.float32), many[some])
    return found
