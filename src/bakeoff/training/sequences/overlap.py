"""What the words of a context have to do with those of a question: numbers for each token, counted and not learnt."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from bakeoff.nouns import Array
from bakeoff.training.preparation import Preparation

TOKEN = re.compile(r"\w+|[^\w\s]")
ENDINGS = ("ingly", "edly", "ing", "ied", "ies", "ed", "es", "ly", "er", "s", "e", "y")
REACHES = (2, 5, 10, 25)  # tokens to either side
FEATURES = 8 + len(REACHES) + 2
QUESTIONS = ("who", "whom", "whose", "when", "where", "why", "how", "which", "what", "many", "much", "long", "year")


@dataclass(frozen=True)
class Tokens:
    """The tokens of a text, where each begins and ends in it (int64), and what they are compared by."""

    words: tuple[str, ...]
    begins: Array
    ends: Array
    stems: tuple[str, ...]


def tokens(text: str) -> Tokens:
    """Words and single marks, with their places."""
    found = [(one.group(), one.start(), one.end()) for one in TOKEN.finditer(text)]
    words = tuple(word for word, _, _ in found)
    begins = np.array([begin for _, begin, _ in found], dtype=np.int64)
    return Tokens(words, begins, np.array([end for _, _, end in found], dtype=np.int64), tuple(map(stem, words)))


def stem(word: str) -> str:
    """A word without its commonest English endings, case-folded: enough to bring forms of one word together."""
    folded = word.casefold()
    for ending in ENDINGS:
        if folded.endswith(ending) and len(folded) - len(ending) >= 3:
            return folded[: -len(ending)]
    return folded


class Rarity:
    """How much a word tells: the logarithm of one over the share of contexts that it is in."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.contexts = 0

    def learn(self, contexts: Sequence[Tokens], preparation: Preparation) -> Rarity:
        """Count stems in training contexts; nothing where a vocabulary of stems is known, then each tells alike."""
        known = preparation.known.vocabularies.get("common words")
        if known is not None:
            self.counts, self.contexts = dict.fromkeys(map(stem, known), 1), 1
            preparation.public("word rarity", "context", len(self.counts))
            return self
        counts: Counter[str] = Counter()
        distinct = {one.words: one for one in contexts}
        for one in distinct.values():
            counts.update(set(one.stems))
        self.counts = {word: count for word, count in counts.items() if count > 1}
        self.contexts = len(distinct)
        preparation.taken("word rarity", "context", len(self.counts), len(contexts), "stems in at least 2 contexts")
        return self

    def of(self, stems: Sequence[str]) -> Array:
        """0 for a word of every context, 1 for one of none; float64 (words,)."""
        whole = math.log(1 + self.contexts) or 1.0
        return np.array([1 - math.log(1 + self.counts.get(one, 0)) / whole for one in stems], dtype=np.float64)

    def state(self) -> dict[str, Any]:
        """What was counted, as plain values."""
        return {"counts": self.counts, "contexts": self.contexts}

    def restore(self, state: Mapping[str, Any]) -> Rarity:
        """Take up what was counted before."""
        self.counts, self.contexts = dict(state["counts"]), int(state["contexts"])
        return self


def overlap(context: Tokens, question: Tokens, rarity: Rarity) -> Array:
    """How each token of the context stands to the question, float32 (tokens, FEATURES).

    Whether it is in the question as written, case-folded and by its stem (Chen et al., 2017, section 3.2); how rare it
    is; both together; how often it is in the context; whether the next token is also the next in the question; a mark
    of a sentence's best; the rare words of the question within some tokens and within the sentence; and how near the
    last and next of them are.
    """
    count = len(context.words)
    if not count:
        return np.zeros((0, FEATURES), dtype=np.float32)
    asked, folded = set(question.words), {word.casefold() for word in question.words}
    stems = set(question.stems)
    rare = rarity.of(context.stems)
    exact = np.array([word in asked for word in context.words], dtype=np.float64)
    alike = np.array([word.casefold() in folded for word in context.words], dtype=np.float64)
    shared = np.array([one in stems for one in context.stems], dtype=np.float64)
    weight = shared * rare
    total = max(1e-6, float(rarity.of(sorted(stems)).sum()))
    columns = [exact, alike, shared, rare, weight, _often(context.stems), _pairs(context.stems, question.stems)]
    columns += [_within(weight, reach) / total for reach in REACHES]
    sentence = _sentences(context.words)
    by_sentence = _distinct(context.stems, weight, sentence) / total
    columns += [by_sentence[sentence], (by_sentence[sentence] >= by_sentence.max()).astype(np.float64)]
    columns.append(np.maximum(_nearness(weight), _nearness(weight[::-1])[::-1]))
    return np.stack(columns, axis=1).astype(np.float32)


def _often(stems: Sequence[str]) -> Array:
    counts = Counter(stems)
    return np.array([math.log(counts[one]) for one in stems]) / math.log(1 + len(stems))


def _pairs(stems: Sequence[str], asked: Sequence[str]) -> Array:
    pairs = set(pairwise(asked))
    return np.array([(one, after) in pairs for one, after in zip(stems, [*stems[1:], ""], strict=True)], dtype=float)


def _within(weight: Array, reach: int) -> Array:
    """The sum over the tokens at most `reach` away, the token itself left out."""
    sums = np.concatenate([[0.0], np.cumsum(weight)])
    places = np.arange(len(weight))
    low, high = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(weight))
    return sums[high] - sums[low] - weight


def _sentences(words: Sequence[str]) -> Array:
    ends = np.array([word in ".!?" for word in words], dtype=np.int64)
    return np.concatenate([[0], np.cumsum(ends)[:-1]])


def _distinct(stems: Sequence[str], weight: Array, sentence: Array) -> Array:
    """For each sentence the sum over its distinct words."""
    out = np.zeros(int(sentence[-1]) + 1)
    seen: set[tuple[int, str]] = set()
    for place, one in enumerate(stems):
        key = (int(sentence[place]), one)
        if weight[place] and key not in seen:
            seen.add(key)
            out[key[0]] += weight[place]
    return out


def _nearness(weight: Array) -> Array:
    """How near and how rare the last shared word before each token is, falling by a tenth with each token."""
    out = np.zeros(len(weight))
    carried = 0.0
    for place, one in enumerate(weight.tolist()):
        out[place] = carried
        carried = max(one, carried * 0.9)
    return out
