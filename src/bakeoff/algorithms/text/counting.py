"""Counts of what followed which context, smoothed from the shortest context to the longest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array

ABSENT = -1  # the key of a context that reaches back beyond the text's beginning
PRIME = np.uint64(0x9E3779B97F4A7C15)


def mixed(keys: Array, symbols: Array) -> Array:
    """Keys of contexts that are longer by one symbol each: 64-bit hashes, int64 and never negative.

    Two of a million contexts share a key with a probability of about 1e-7.
    """
    h = (keys.astype(np.uint64) ^ (symbols.astype(np.uint64) + np.uint64(1)) * PRIME) * np.uint64(0xBF58476D1CE4E5B9)
    h ^= h >> np.uint64(29)
    h *= np.uint64(0x94D049BB133111EB)
    h ^= h >> np.uint64(32)
    return (h >> np.uint64(1)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Level:
    """Contexts of one length: their keys in order, and for each the symbols that followed it, with discounted counts.

    `starts` int64 (contexts + 1,) are the bounds of each context in `symbols` and `shares`; `rest` is what discounts
    leave to the shorter context.
    """

    keys: Array
    starts: Array
    symbols: Array
    shares: Array
    rest: Array


class Ladder:
    """Interpolated modified Kneser-Ney smoothing (Chen and Goodman, 1998, section 3) over any chain of contexts.

    Each rung of contexts refines the one before it: characters further back, or whole words. Shorter contexts count
    in how many longer ones a symbol followed them, and not how often.
    """

    def __init__(self, alphabet: int) -> None:
        self.alphabet = alphabet

    def fit(self, rungs: list[Array], symbols: Array) -> Ladder:
        """Learn from the contexts' keys, the shortest first, each int64 (places,), and what stands at each place."""
        levels: list[Level] = []
        finer: tuple[Array, Array] | None = None
        for rung in reversed(rungs):
            there = rung != ABSENT
            keys, places = np.unique(rung[there], return_inverse=True)
            pairs, first, counts = np.unique(
                places * self.alphabet + symbols[there], return_index=True, return_counts=True
            )
            if finer is not None:
                counts = self._continued(rung, keys, pairs, counts, finer)
            # Which place shows each pair first: through it the shorter context finds its own key.
            finer = (np.flatnonzero(there)[first], symbols)
            levels.append(self._level(keys, pairs, counts))
        self.levels = levels[::-1]
        return self

    def _continued(self, rung: Array, keys: Array, pairs: Array, counts: Array, finer: tuple[Array, Array]) -> Array:
        """In how many longer contexts each pair occurred; its own count where none is long enough."""
        shown, symbols = finer
        shown = shown[rung[shown] != ABSENT]
        own = np.searchsorted(keys, rung[shown]) * self.alphabet + symbols[shown]
        found = np.bincount(np.searchsorted(pairs, own), minlength=len(pairs))
        return np.where(found > 0, found, counts)

    def _level(self, keys: Array, pairs: Array, counts: Array) -> Level:
        of = pairs // self.alphabet
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        totals = np.bincount(of, weights=counts, minlength=len(keys))
        left = np.bincount(of, weights=discounts, minlength=len(keys))
        starts = np.searchsorted(of, np.arange(len(keys) + 1))
        shares = ((counts - discounts) / totals[of]).astype(np.float32)
        return Level(keys, starts, (pairs % self.alphabet).astype(np.int32), shares, (left / totals).astype(np.float32))

    def probabilities(self, rungs: list[Array]) -> tuple[list[Array], Array]:
        """P(symbol) by every rung in turn, each float64 (places, alphabet), and on how many each place was found."""
        found = np.full((len(rungs[0]), self.alphabet), 1.0 / self.alphabet)
        out, deep = [], np.zeros(len(rungs[0]), dtype=np.int64)
        for level, rung in zip(self.levels, rungs, strict=True):
            found, known = _refined(level, rung, found)
            deep += known
            out.append(found)
        return out, deep


def _refined(level: Level, rung: Array, coarse: Array) -> tuple[Array, Array]:
    at = np.minimum(np.searchsorted(level.keys, rung), max(0, len(level.keys) - 1))
    known = (level.keys[at] == rung) if len(level.keys) else np.zeros(len(rung), dtype=bool)
    rows, own = np.flatnonzero(known), at[known]
    fine = coarse.copy()
    fine[rows] *= level.rest[own, None]
    lengths = level.starts[own + 1] - level.starts[own]
    ends = np.cumsum(lengths)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(level.starts[own] - (ends - lengths), lengths)
    fine[np.repeat(rows, lengths), level.symbols[places]] += level.shares[places]
    return fine, known


def _discounts(counts: Array) -> Array:
    """What is taken from counts of 0, 1, 2 and more, float64 (4,): Chen and Goodman's equation 26, kept in bounds."""
    n = np.bincount(np.minimum(counts, 4), minlength=5).astype(float)
    if not n[1] or not n[2]:
        return np.array([0.0, 0.5, 0.5, 0.5])
    y = n[1] / (n[1] + 2 * n[2])
    raw = [k - (k + 1) * y * n[k + 1] / n[k] if n[k] else 0.5 * k for k in (1, 2, 3)]
    return np.array([0.0, *np.clip(raw, [0.1, 0.2, 0.3], [0.95, 1.9, 2.85])])
