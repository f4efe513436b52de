"""Which words of two texts find a partner: the words left over say more about two records than those they share."""

from __future__ import annotations

from typing import Any

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler, LCSseq

from bakeoff.algorithms.records import plain
from bakeoff.nouns import Array

WORDS = 48  # words of a text that are aligned
NEAR = 0.88  # Jaro-Winkler similarity from which two words are taken for spellings of one
JOINED = 0.95  # worth of a word that the other text writes apart or within another
SHORT = 0.7  # worth of an initial, an abbreviation or an acronym
FEATURES = 20


class Alignment:
    """Words of two texts paired exactly, by spelling, by joining and by abbreviation, weighed by their rarity.

    After Cohen, Ravikumar and Fienberg, "A comparison of string distance metrics for name-matching tasks" (2003):
    soft TF-IDF with Jaro-Winkler as the inner measure.
    """

    def fit(self, texts: list[str]) -> Alignment:
        """Learn how rare each word is among different clean texts: ln(1 + (n - df + 0.5) / (df + 0.5))."""
        counts: dict[str, int] = {}
        different = set(map(plain, texts))
        for text in different:
            for word in set(text.split()):
                counts[word] = counts.get(word, 0) + 1
        size = len(different)
        self.unseen_ = float(np.log1p((size + 0.5) / 0.5))
        self.weights_ = {word: float(np.log1p((size - df + 0.5) / (df + 0.5))) for word, df in counts.items()}
        return self

    def score(self, left: list[str], right: list[str]) -> Array:
        """Features of pairs of clean texts, float64 (pairs, FEATURES); NaN where a text has no word.

        For left and right each: the weighted share of partnered words, the heaviest word left over and the weight
        left over (both in units of an unseen word's), how many are left over, the heaviest number left over, and the
        partnered share of the first and of the second half. Then the soft TF-IDF cosine, the share of words in common
        order, the longest common run, the words both begin with, and words partnered by spelling and by abbreviation.
        """
        known: dict[tuple[str, str], Array] = {}
        out = np.empty((len(left), FEATURES))
        for row, pair in enumerate(zip(left, right, strict=True)):
            if pair not in known:
                known[pair] = self._one(*[plain(text).split()[:WORDS] for text in pair])
            out[row] = known[pair]
        return out

    def _one(self, first: list[str], second: list[str]) -> Any:
        if not first or not second:
            return np.full(FEATURES, np.nan)
        weights = [np.array([self.weights_.get(word, self.unseen_) for word in side]) for side in (first, second)]
        worths = partners(first, second)
        features: list[float] = []
        for side, weight, worth in zip((first, second), weights, worths, strict=True):
            features += self._side(side, weight, worth)
        norm = float(np.linalg.norm(weights[0]) * np.linalg.norm(weights[1]))
        shared = float((weights[0] ** 2 * worths[0]).sum() + (weights[1] ** 2 * worths[1]).sum()) / 2
        spelt = sum(int(((worth >= NEAR) & (worth < 1)).sum()) for worth in worths)
        short = sum(int((worth == SHORT).sum()) for worth in worths)
        return np.array([*features, shared / norm, *order(first, second), spelt, short])

    def _side(self, words: list[str], weight: Array, worth: Array) -> list[float]:
        lost = weight * (1 - worth)
        numbers = [gone for word, gone in zip(words, lost, strict=True) if any(sign.isdigit() for sign in word)]
        half = (len(words) + 1) // 2
        ends = [
            float((worth * weight)[part].sum() / weight[part].sum())
            for part in (slice(half), slice(half, None))
            if weight[part].size
        ]
        return [
            float((worth * weight).sum() / weight.sum()),
            float(lost.max()) / self.unseen_,
            float(lost.sum()) / self.unseen_,
            float((worth == 0).sum()),
            max(numbers, default=0.0) / self.unseen_,
            ends[0],
            ends[-1],
        ]


def partners(first: list[str], second: list[str]) -> tuple[Array, Array]:
    """How well each word is found on the other side, two float64 arrays of 0 to 1: 1 the same word, 0 none.

    A word counts JOINED where the other text has it with a neighbour or inside a longer word (four signs and more),
    its Jaro-Winkler similarity from NEAR on, and SHORT where one word begins with the other (three signs, or a single
    one) or is made of the first letters of words that follow each other there.
    """
    there, here = set(second), set(first)
    worths = [np.array([float(word in other) for word in side]) for side, other in ((first, there), (second, here))]
    for place, (side, other) in enumerate(((first, second), (second, first))):
        lone = [at for at, worth in enumerate(worths[place]) if not worth]
        rest = [word for word, worth in zip(other, worths[1 - place], strict=True) if not worth]
        if lone:
            _near([side[at] for at in lone], lone, rest, "".join(other), worths[place])
            _acronyms(side, other, worths, place)
    return worths[0], worths[1]


def _near(words: list[str], at: list[int], rest: list[str], joined: str, worth: Array) -> None:
    spelling = (
        process.cdist(words, rest, scorer=JaroWinkler.similarity, score_cutoff=NEAR, dtype=np.float64) if rest else None
    )
    for row, word in enumerate(words):
        best = 0.0
        if spelling is not None and not any(sign.isdigit() for sign in word):
            best = float(spelling[row].max())
        if len(word) > 3 and word in joined:
            best = max(best, JOINED)
        if not best and any(_short(word, other) for other in rest):
            best = SHORT
        worth[at[row]] = min(best, 0.99)


def _short(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    return (len(shorter) == 1 or len(shorter) >= 3) and shorter.isalpha() and longer.startswith(shorter)


def _acronyms(side: list[str], other: list[str], worths: list[Array], place: int) -> None:
    initials = "".join(word[0] for word in other)
    for at, word in enumerate(side):
        if not worths[place][at] and 2 <= len(word) <= 6 and word.isalpha():
            start = initials.find(word)
            if start >= 0:
                worths[place][at] = SHORT
                run = worths[1 - place][start : start + len(word)]
                run[run == 0] = SHORT


def order(first: list[str], second: list[str]) -> tuple[float, float, float]:
    """Words in common order and the longest common run, as shares of the shorter text, and common first words."""
    shorter = min(len(first), len(second))
    same = int(LCSseq.similarity(first, second))
    longest = 0
    while longest < shorter and _runs(first, longest + 1) & _runs(second, longest + 1):
        longest += 1
    begin = 0
    while begin < shorter and first[begin] == second[begin]:
        begin += 1
    return same / shorter, longest / shorter, float(begin)


def _runs(words: list[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + size]) for at in range(len(words) - size + 1)}
