"""Several ways of counting characters side by side, each with its own probabilities for what comes next."""

from __future__ import annotations

import numpy as np

from bakeoff.algorithms.text.characters import Alphabet, Stream, windows
from bakeoff.algorithms.text.counting import Ladder
from bakeoff.algorithms.text.ngram import parts_of
from bakeoff.algorithms.text.reading import held_out
from bakeoff.algorithms.text.recency import ORDERS, recent
from bakeoff.nouns import Array
from bakeoff.tasks.language_model import CONTEXT

SHARE, LARGEST = 0.1, 400  # of the texts are held out for the weights, and at most so many
CUT = 200  # characters that a text must have for its own end to be held out, where texts are few
WEIGHED = 30_000_000  # places times models times symbols that weights are learnt from, at most
TINY = 1e-12


class Counts:
    """Kneser-Ney over the last characters at every length below `order` and over words, and what a text said before."""

    def __init__(self, alphabet: Alphabet, order: int) -> None:
        self.alphabet = alphabet
        self.order = order

    @property
    def models(self) -> int:
        """How many probabilities there are for each place."""
        return self.order - 1 + Stream.RUNGS + len(ORDERS)

    @property
    def best(self) -> int:
        """The model to take alone: Kneser-Ney over all the characters."""
        return self.order - 2

    @property
    def buckets(self) -> int:
        """How many sorts of places there are, by the longest context that is known."""
        return self.order + 1

    def fit(self, texts: list[str]) -> Counts:
        """Count in whole texts."""
        stream = Stream(self.alphabet, texts)
        symbols, size = stream.symbols(), len(self.alphabet.classes)
        self.characters_ = Ladder(size).fit(stream.behind(self.order - 1), symbols)
        self.words_ = Ladder(size).fit(stream.words(), symbols)
        return self

    def logs(self, stream: Stream, places: Array) -> tuple[Array, Array]:
        """Logarithms of every model's probabilities, float32 (places, models, symbols), and the places' buckets."""
        size = len(self.alphabet.classes)
        out = np.empty((len(places), self.models, size), dtype=np.float32)
        buckets = np.zeros(len(places), dtype=np.int64)
        behind, words = stream.behind(self.order - 1), stream.words()
        for part in parts_of(len(places), size):
            some = places[part]
            by_characters, buckets[part] = self.characters_.probabilities([rung[some] for rung in behind])
            by_words, _ = self.words_.probabilities([rung[some] for rung in words])
            told = recent(*windows(stream, some, CONTEXT), by_characters[-1])
            every = [*by_characters[1:], *by_words[1:], *told]
            for model, found in enumerate(every):
                out[part, model] = np.log(np.maximum(found, TINY))
        return out, buckets


def divided(texts: list[str], seed: int) -> tuple[list[str], list[str]]:
    """Texts to learn from and texts to hold out; of few texts the last tenth of each long one is held out."""
    learn, held = held_out(len(texts), SHARE, seed, LARGEST)
    if len(held):
        return [texts[row] for row in learn], [texts[row] for row in held]
    cuts = [round(0.9 * len(text)) if len(text) >= CUT else len(text) for text in texts]
    pairs = list(zip(texts, cuts, strict=True))
    return [text[:cut] for text, cut in pairs], [text[cut:] for text, cut in pairs if cut < len(text)]


def weighed(stream: Stream, cells: int, most: int, seed: int) -> Array:
    """Places to learn weights from, drawn at random and in order; `cells` are those of one place."""
    count = len(stream.asked)
    most = min(most, max(1, WEIGHED // cells))
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
