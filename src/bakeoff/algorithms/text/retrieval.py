"""Generation by looking up: the text of the nearest training source."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from bakeoff.algorithms.text.parameters import Estimator, fitted, only
from bakeoff.algorithms.text.reading import as_objects, source_columns, sources_of
from bakeoff.algorithms.tfidf import TfIdf
from bakeoff.nouns import Array, Frame, Schema

ROWS = 512  # asked at a time
TRIED = 200  # training sources that swapping is tried on


class Retrieval(Estimator):
    """The text that was written for the nearest training source, by the cosine of TF-IDF weighted words.

    With `swap`, values of the nearest source (what stands between bars, brackets or commas) give way in its text to
    those that stand in the same places of the asked one; None does so where it brings training sources nearer to their
    own texts. Of the texts of one source, the one that shares most words with the others is taken.
    """

    def __init__(self, *, swap: bool | None = None) -> None:
        self.swap = swap

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None) -> Retrieval:
        """Keep sources and texts; Declined for another kind of task, or without text."""
        only("generation", schema, "retrieval")
        self.columns_ = source_columns(X, schema)
        texts: dict[str, list[str]] = {}
        for source, text in zip(sources_of(X, self.columns_), y, strict=True):
            texts.setdefault(source, []).append(str(text))
        self.sources_ = list(texts)
        self.texts_ = [_middle(given) for given in texts.values()]
        spread = [_spread(source) for source in self.sources_]
        self.weights_ = TfIdf("words").fit(spread)
        self.known_ = self.weights_.transform(spread)
        self.swap_ = self._helps(list(texts.values())) if self.swap is None else self.swap
        return self

    def _helps(self, texts: list[list[str]]) -> bool:
        """Whether swapped texts of the nearest other source have more words of a source's own texts."""
        gained = 0.0
        rows = np.random.default_rng(0).permutation(len(texts))[:TRIED]
        for row in rows.tolist() if len(texts) > 1 else ():
            likeness = (self.known_[[row]] @ self.known_.T).toarray()[0]
            likeness[row] = -1.0
            nearest = int(np.argmax(np.round(likeness, 5)))
            plain = self.texts_[nearest]
            changed = swapped(plain, self.sources_[nearest], self.sources_[row])
            own = Counter(" ".join(texts[row]).lower().split())
            gained += _shared(Counter(changed.lower().split()), own) - _shared(Counter(plain.lower().split()), own)
        return gained > 0

    def predict(self, X: Frame) -> Array:
        """Texts, an object array (rows,)."""
        fitted(self, "known_")
        asked = sources_of(X, self.columns_)
        found: list[str] = []
        for start in range(0, len(asked), ROWS):
            some = asked[start : start + ROWS]
            likeness = self.weights_.transform([_spread(source) for source in some]) @ self.known_.T
            for source, row in zip(some, likeness.toarray(), strict=True):
                # Rounded, so that the order of additions in a batch decides nothing.
                nearest = int(np.argmax(np.round(row, 5)))
                found.append(self._told(source, nearest))
        return as_objects(found)

    def _told(self, source: str, nearest: int) -> str:
        text = self.texts_[nearest]
        return swapped(text, self.sources_[nearest], source) if self.swap_ else text


def _spread(source: str) -> str:
    """Words as readers see them: joined ones (`Aarhus_Airport`, `cityServed`) apart, in lower case."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", source.replace("_", " ")).lower()


def _middle(texts: list[str]) -> str:
    """The text whose words the others share most, by the mean of their F1."""
    if len(texts) < 3:
        return texts[0]
    counts = [Counter(text.lower().split()) for text in texts[:20]]
    shared = [sum(_shared(mine, other) for other in counts) for mine in counts]
    return texts[int(np.argmax(shared))]


def _shared(mine: Counter[str], other: Counter[str]) -> float:
    """The F1 of two bags of words."""
    return 2 * (mine & other).total() / max(1, mine.total() + other.total())


def values(source: str) -> list[str]:
    """The values that a source holds: what stands between bars, brackets, commas or lines, underscores as blanks."""
    return [
        part.strip(' "').replace("_", " ") for part in re.split(r"[|\[\]\n;]|, (?=\w+\[)", source) if part.strip(' "')
    ]


def swapped(text: str, old: str, new: str) -> str:
    """A text with the values of `old` replaced by those of `new` in the same places, where both have as many."""
    mine, wanted = values(old), values(new)
    if len(mine) != len(wanted):
        return text
    pairs = {before: after for before, after in zip(mine, wanted, strict=True) if before != after and before in text}
    if not pairs:
        return text
    # All at once, the longest first, so that what was put in is not replaced again.
    pattern = "|".join(re.escape(before) for before in sorted(pairs, key=lambda one: (-len(one), one)))
    return re.sub(pattern, lambda found: pairs[found[0]], text)
