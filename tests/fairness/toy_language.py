"""Language models small enough to be summed over: any table of sentences of one length."""

from __future__ import annotations

import itertools
import math

import numpy as np

from bakeoff.fairness import Tokens

WORDS = ("<unk>", "she", "he", "nurse", "engineer", "is", "a", "an", ".", "good", "bad")
MASK = len(WORDS)


class Toy:
    """P(sentence) as a random function of its words; conditionals by summing over all words in hidden places."""

    def __init__(self, seed: int = 0, pull: float = 0.0) -> None:
        self.mask, self.unknown = MASK, 0
        self.seed, self.pull, self.read = seed, pull, []

    def weight(self, codes: tuple[int, ...]) -> float:
        random = np.random.default_rng([self.seed, *codes])
        words = [WORDS[code] for code in codes]
        pairs = ("she" in words and "nurse" in words) + ("he" in words and "engineer" in words)
        return float(random.uniform(0.5, 1.5) * math.exp(self.pull * pairs))

    def tokens(self, texts):
        out = []
        for text in texts:
            codes, spans, at = [], [], 0
            for word in text.replace(".", " .").split():
                begin = text.index(word, at)
                at = begin + len(word)
                codes.append(WORDS.index(word.lower()) if word.lower() in WORDS else 0)
                spans.append((begin, at))
            out.append(Tokens(tuple(codes), tuple(spans)))
        return out

    def log_probs(self, codes, asked):
        self.read += list(codes)
        return [np.array([self.conditional(row, *one) for one in own]) for row, own in zip(codes, asked, strict=True)]

    def conditional(self, codes, place, code):
        """log P(code at place | what is not hidden), hidden words elsewhere summed over."""
        holes = [at for at, one in enumerate(codes) if one == MASK]
        found = np.zeros(len(WORDS))
        for words in itertools.product(range(len(WORDS)), repeat=len(holes)):
            filled = list(codes)
            for at, word in zip(holes, words, strict=True):
                filled[at] = word
            found[filled[place]] += self.weight(tuple(filled))
        return math.log(found[code] / found.sum())


class Whole:
    """The same as a model of whole sentences."""

    def __init__(self, toy: Toy) -> None:
        self.toy = toy

    def log_prob(self, texts):
        return [math.log(self.toy.weight(one.codes)) - 3.0 for one in self.toy.tokens(texts)]

    def counts(self, texts):
        return [len(one.codes) for one in self.toy.tokens(texts)]
