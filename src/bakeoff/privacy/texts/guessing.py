"""How much an attacker learns of private text: which word there was, and which text.

Attacks accuse and never acquit: another one may learn more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.texts.cutting import cut, words_of
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


def link_texts(
    texts: Sequence[str],
    rewritten: Sequence[str],
    *,
    replacer: WordReplacer | None = None,
    among: int = 100,
    seed: int = 0,
) -> Share:
    """How often a rewritten text is recognised as its own original, among so many texts.

    With the `replacer` that made them, the attacker takes the text from which they are likeliest to have come, of those
    that have the same marks and number of words; without it the one whose words are most alike (TF-IDF, cosine).
    Equally good ones count as a draw by lot. UsageError for fewer than two texts.
    """
    if len(texts) != len(rewritten) or len(texts) < 2:
        raise UsageError(f"There are {len(texts)} texts and {len(rewritten)} rewritten; give as many, and at least 2.")
    if not any(words_of(text) for text in texts):
        raise UsageError("None of the texts holds a word, so none can be told from another.")
    order = np.random.default_rng([seed, 31]).permutation(len(texts))
    compared = _alike(texts, rewritten) if replacer is None else _likely(texts, rewritten, replacer)
    right = []
    chances = []
    for begin in range(0, len(order), among):
        rows = order[begin : begin + among]
        if len(rows) < 2:
            continue
        found = compared(rows)
        best = found.max(axis=1)
        right += [[one] for one in ((np.diag(found) == best) / (found == best[:, None]).sum(axis=1)).tolist()]
        chances += [1 / len(rows)] * len(rows)
    return _share(right, float(np.mean(chances)))


def _alike(texts: Sequence[str], rewritten: Sequence[str]) -> Callable[[Array], Array]:
    """For some rows, how like each rewritten text (rows) is to each original (columns)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    reader = TfidfVectorizer(analyzer=words_of, sublinear_tf=True)
    known, asked = reader.fit_transform(texts), reader.transform(rewritten)
    return lambda rows: np.asarray((asked[rows] @ known[rows].T).todense()).round(12)


def _likely(texts: Sequence[str], rewritten: Sequence[str], replacer: WordReplacer) -> Callable[[Array], Array]:
    """For some rows, how likely it is, in logs, that each rewritten text (rows) was each original (columns)."""
    before, after = [cut(text) for text in texts], [cut(text) for text in rewritten]

    def compared(rows: Array) -> Array:
        points = sorted({word for row in rows for word in before[row][0]})
        outcomes = sorted({word for row in rows for word in after[row][0] if word in replacer.vectors.places})
        logs = replacer.mechanism.log_odds(replacer.points(points), replacer.points(outcomes))
        there, here = ({word: place for place, word in enumerate(words)} for words in (points, outcomes))
        found = np.full((len(rows), len(rows)), -np.inf)
        for one, row in enumerate(rows.tolist()):
            new, marks = after[row]
            for other, column in enumerate(rows.tolist()):
                old, same = before[column]
                if same == marks:
                    # A word that no draw can have made was kept, and is the same in both or says no.
                    found[one, other] = sum(
                        logs[there[left], here[right]] if right in here else 0.0 if left == right else -np.inf
                        for left, right in zip(old, new, strict=True)
                    )
        return found.round(9)

    return compared


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
