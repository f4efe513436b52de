"""Text columns: as a bag of weighted terms, or as a sequence of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Frame
from bakeoff.training.encoders.tokens import Vocabulary, words
from bakeoff.training.preparation import Preparation
from bakeoff.training.reading import strings
from bakeoff.training.records import Ragged

KINDS = ("convolution", "recurrent", "transformer")


@dataclass(frozen=True)
class BagStyle:
    """Which terms a bag holds: words and pairs of words of the first `word_characters` of a text, and 2- to 4-grams of
    the first `gram_characters`; the `most` frequent of each that `least` texts have, or hashed into `slots`.

    `width` is the number of features; `spread` the standard deviation of a term's first features; `dropout` the share
    of terms that are left out of a text whenever it is learnt from, so that no term relies on those beside it.
    """

    width: int = 64
    most: int = 20_000
    least: int = 2
    slots: int = 0
    word_characters: int = 5_000
    gram_characters: int = 400
    spread: float = 0.1
    dropout: float = 0.5


class Bag:
    """A text as the weighted sum of its terms' embeddings, weighted by TF-IDF; without a term it is all zeros.

    Where the vocabulary is known or hashed, nothing is counted in the rows and terms are weighted by their frequency in
    the text alone.
    """

    def __init__(self, column: str, style: BagStyle | None = None) -> None:
        self.column = column
        self.name = f"bag of {column}"
        self.style = style or BagStyle()

    def learn(self, X: Frame, preparation: Preparation) -> None:
        """The terms and how rare each is, unless they are known or hashed."""
        given = preparation.known.vocabularies.get(self.column)
        self.counters: list[tuple[int, Any, int]] = []
        for longest, settings in self._terms():
            counter = self._counter(given, settings)
            size = self.style.slots
            if given is not None or not size:
                try:
                    counter.fit(strings(X, self.column, longest))
                except ValueError:  # scikit-learn's word for a column without a single term
                    continue
                size = len(counter.vocabulary_)
            self.counters.append((longest, counter, size))
        size = sum(count for _, _, count in self.counters)
        if given is not None or self.style.slots:
            preparation.public("vocabulary", self.column, size, "hashed" if given is None else "")
        else:
            preparation.taken("vocabulary", self.column, size, len(X), f"in at least {self.style.least} texts")
            preparation.taken("term weights", self.column, size, len(X), "inverse document frequency")

    def _terms(self) -> list[tuple[int, dict[str, Any]]]:
        return [
            (self.style.word_characters, {"ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"}),
            (self.style.gram_characters, {"analyzer": "char_wb", "ngram_range": (2, 4)}),
        ]

    def _counter(self, given: Any, settings: dict[str, Any]) -> Any:
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer

        settings = {**settings, "strip_accents": "unicode", "dtype": np.float32}
        if given is not None:
            return TfidfVectorizer(vocabulary=list(dict.fromkeys(given)), use_idf=False, sublinear_tf=True, **settings)
        if self.style.slots:
            return HashingVectorizer(n_features=self.style.slots, alternate_sign=False, norm="l2", **settings)
        most, least = self.style.most, self.style.least
        return TfidfVectorizer(min_df=least, max_features=most, sublinear_tf=True, **settings)

    def read(self, X: Frame) -> Mapping[str, Any]:
        """`terms` (0 is padding) and `weights` of each text, Ragged int64 and float32."""
        from scipy import sparse

        found = [counter.transform(strings(X, self.column, longest)) for longest, counter, _ in self.counters]
        joined = sparse.hstack([sparse.csr_matrix((len(X), 1), dtype=np.float32), *found], format="csr")
        offsets = joined.indptr.astype(np.int64)
        return {
            "terms": Ragged(joined.indices.astype(np.int64), offsets),
            "weights": Ragged(joined.data.astype(np.float32), offsets),
        }

    def layers(self) -> Any:
        """The weighted sum of embeddings."""
        from bakeoff.training.layers.texts import BagLayers

        return BagLayers(1 + sum(count for _, _, count in self.counters), self.style)


@dataclass(frozen=True)
class SequenceStyle:
    """How a sequence of tokens is read: `kind` is convolution, recurrent (a BiLSTM) or transformer.

    `longest` tokens of a text are read, `embedding` features for each token, `width` features of the text; `depth`
    blocks and `heads` are the transformer's, `reach` tokens the convolution's kernels.
    """

    kind: str = "convolution"
    embedding: int = 64
    width: int = 128
    longest: int = 128
    depth: int = 2
    heads: int = 4
    reach: tuple[int, ...] = (2, 3, 5)
    dropout: float = 0.1
    least: int = 2
    most: int = 20_000
    slots: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"There is no encoder of texts called {self.kind!r}; there are {', '.join(KINDS)}.")


class Sequence:
    """A text as a sequence of words and marks."""

    def __init__(self, column: str, style: SequenceStyle | None = None) -> None:
        self.column = column
        self.name = f"tokens of {column}"
        self.style = style or SequenceStyle()
        self.vocabulary = Vocabulary(least=self.style.least, most=self.style.most, slots=self.style.slots)

    def _tokens(self, X: Frame) -> list[list[str]]:
        return [words(text)[: self.style.longest] for text in strings(X, self.column)]

    def learn(self, X: Frame, preparation: Preparation) -> None:
        """The vocabulary."""
        self.vocabulary.learn(self.column, self._tokens(X), preparation)

    def read(self, X: Frame) -> Mapping[str, Array]:
        """`tokens`, Ragged int64, 0 is padding; each text holds at least one."""
        return {"tokens": Ragged.of([self.vocabulary.codes(tokens) for tokens in self._tokens(X)], np.int64)}

    def layers(self) -> Any:
        """The layers that the style names."""
        from bakeoff.training.layers.texts import SequenceLayers

        return SequenceLayers(len(self.vocabulary), self.style)
