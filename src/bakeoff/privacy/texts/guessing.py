"""How much an attacker learns of private text: which word there was, and which text.

Attacks accuse and never acquit: another one may learn more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.texts.cutting import words_of
from bakeoff.privacy.texts.replacing import WordReplacer

GUESSES = 4_000  # words that the attacker thinks of, the most frequent of public text
SPREAD = 1.96


@dataclass(frozen=True)
class Share:
    """How often an attack is right, with an interval at 95 % that respects that words of a text belong together.

    `chance` is what is right without having seen what came out; `of` how many guesses were made, in `texts` texts.
    """

    value: float
    low: float
    high: float
    chance: float
    of: int
    texts: int

    def as_plain(self) -> dict[str, Any]:
        """As what JSON can hold."""
        return asdict(self)


def guess_words(replacer: WordReplacer, texts: Sequence[str], rewritten: Sequence[str], public: Iterable[str]) -> Share:
    """How often the word there was is the likeliest one, given the word that came out and public frequencies.

    The attacker knows the method, its vectors and epsilon, and guesses each word by itself; words that are not among
    the frequent ones of `public` texts are never guessed. UsageError where texts do not have as many words as before.
    """
    prior = Counter(word for text in public for word in words_of(text) if word in replacer.vectors.places)
    known = [word for word, _ in prior.most_common(GUESSES)]
    if not known:
        raise UsageError("No word of the public texts has a vector, so nothing can be guessed; give other texts.")
    before, after = [words_of(text) for text in texts], [words_of(text) for text in rewritten]
    if [len(one) for one in before] != [len(one) for one in after]:
        raise UsageError("A rewritten text has another number of words; guess_words is for words that were replaced.")
    outcomes = sorted({word for one in after for word in one if word in replacer.vectors.places})
    guesses = _likeliest(replacer, known, [prior[word] for word in known], outcomes)
    right = [[guesses.get(new, new) == old for old, new in zip(*pair, strict=True)] for pair in _pairs(before, after)]
    blind = known[0]
    told = [[old == blind for old in one] for one in before]
    whole = max(1, sum(len(one) for one in told))
    return _share(right, sum(map(sum, told)) / whole)


def link_texts(texts: Sequence[str], rewritten: Sequence[str], *, among: int = 100, seed: int = 0) -> Share:
    """How often a rewritten text is most like its own original, among so many texts (TF-IDF of words, cosine).

    Equally like ones count as a draw by lot. UsageError for fewer than two texts.
    """
    if len(texts) != len(rewritten) or len(texts) < 2:
        raise UsageError(f"There are {len(texts)} texts and {len(rewritten)} rewritten; give as many, and at least 2.")
    from sklearn.feature_extraction.text import TfidfVectorizer

    reader = TfidfVectorizer(analyzer=words_of, sublinear_tf=True)
    try:
        known = reader.fit_transform(texts)
    except ValueError:
        raise UsageError("None of the texts holds a word, so none can be told from another.") from None
    asked = reader.transform(rewritten)
    order = np.random.default_rng([seed, 31]).permutation(len(texts))
    right = []
    chances = []
    for begin in range(0, len(order), among):
        rows = order[begin : begin + among]
        if len(rows) < 2:
            continue
        alike = np.asarray((asked[rows] @ known[rows].T).todense()).round(12)
        best = alike.max(axis=1)
        right += [[one] for one in ((np.diag(alike) == best) / (alike == best[:, None]).sum(axis=1)).tolist()]
        chances += [1 / len(rows)] * len(rows)
    return _share(right, float(np.mean(chances)))


def _likeliest(
    replacer: WordReplacer, known: Sequence[str], prior: Sequence[int], outcomes: Sequence[str]
) -> dict[str, str]:
    """The word that each outcome most likely was."""
    points, seen = replacer.points(known), replacer.points(outcomes)
    weights = np.log(np.array(prior, dtype=np.float64))[:, None]
    best: Array = np.full(len(seen), -np.inf)
    guess = np.zeros(len(seen), dtype=np.int64)
    size = max(1, 2_000_000 // max(1, len(replacer.vectors)))
    for begin in range(0, len(points), size):
        part = slice(begin, begin + size)
        odds = replacer.mechanism.log_odds(points[part], seen) + weights[part]
        place = odds.argmax(axis=0)
        value = odds[place, np.arange(len(seen))]
        better = value > best
        best[better], guess[better] = value[better], begin + place[better]
    return {outcome: known[place] for outcome, place in zip(outcomes, guess.tolist(), strict=True)}


def _pairs(before: Sequence[list[str]], after: Sequence[list[str]]) -> Iterable[tuple[list[str], list[str]]]:
    return zip(before, after, strict=True)


def _share(right: Sequence[Sequence[float]], chance: float) -> Share:
    """Of guesses grouped by text: their mean, with the error of a ratio of sums over texts."""
    sums = np.array([float(sum(one)) for one in right])
    sizes = np.array([len(one) for one in right], dtype=np.float64)
    whole = sizes.sum()
    value = float(sums.sum() / whole) if whole else 0.0
    error = math.sqrt(float(((sums - value * sizes) ** 2).sum())) / whole if whole else 0.0
    # Where nothing or all was right, one more text of the other kind might still come.
    error = max(error, 1 / (2 * max(1, len(right))))
    low, high = max(0.0, float(value - SPREAD * error)), min(1.0, float(value + SPREAD * error))
    return Share(value, low, high, chance, int(whole), len(right))
