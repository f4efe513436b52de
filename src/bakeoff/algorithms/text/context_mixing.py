"""A language model that mixes several ways of counting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bakeoff.algorithms.text.characters import Alphabet, Stream
from bakeoff.algorithms.text.counts import Counts, divided, weighed
from bakeoff.algorithms.text.mixing import Mixing
from bakeoff.algorithms.text.ngram import learnt_from, parts_of, prefixes_of
from bakeoff.algorithms.text.parameters import Estimator, fitted, only, seed_of
from bakeoff.nouns import Array, Frame, Schema

PLACES = 20_000  # of held-out text that weights are learnt from, at most


class ContextMixing(Estimator):
    """P(next character) from several ways of counting, mixed with weights from held-out text (after Mahoney, 2005).

    Mixed are Kneser-Ney over the last characters at every length up to `order` - 1, Kneser-Ney over the word begun and
    the two words before it, and what followed the same characters earlier in the same text. The weights are learnt on
    a tenth of the training texts, and then everything is counted again on all of them.
    """

    def __init__(self, *, order: int = 10, random_state: int | None = None) -> None:
        self.order = order
        self.random_state = random_state

    def fit(self, X: Any, y: Array, *, schema: Schema | None = None) -> ContextMixing:
        """Learn from whole texts, `y`; other columns are not read. Declined for another kind of task."""
        only("language_model", schema, "context_mixing")
        texts, classes, self.column_ = learnt_from(y, schema)
        seed = seed_of(self.random_state, schema)
        self.classes_ = np.array(classes, dtype=object)
        alphabet = Alphabet(classes)
        learn, held = divided(texts, seed)
        counts = Counts(alphabet, self.order).fit(learn)
        stream = Stream(alphabet, held)
        places = weighed(stream, counts.models * len(classes), PLACES, seed)
        mixing = Mixing(counts.buckets)
        if len(places):
            mixing.fit(*counts.logs(stream, places), stream.symbols()[places])
        else:
            mixing.only(counts.models, counts.best)
        self.mixing_, self.counts_ = mixing, counts.fit(texts)
        return self

    def _mixed(self, stream: Stream) -> Array:
        counts, mixing = fitted(self, "counts_"), self.mixing_
        out = np.zeros((len(stream.asked), len(self.classes_)))
        for part in parts_of(len(out), counts.models * len(self.classes_)):
            out[part] = mixing.probabilities(*counts.logs(stream, np.arange(len(out))[part]))
        return out

    def predict_proba(self, X: Frame) -> Array:
        """P(next character) after each row's text, float64 (rows, classes)."""
        alphabet = fitted(self, "counts_").alphabet
        return self._mixed(Stream(alphabet, prefixes_of(X, self.column_), prefixes=True))

    def predict(self, X: Frame) -> Array:
        """The likeliest next character of each row, an object array (rows,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def log_prob(self, texts: Iterable[str]) -> Array:
        """The natural logarithm of each whole text's probability, its end included; float64 (texts,)."""
        stream = Stream(fitted(self, "counts_").alphabet, list(texts))
        found = self._mixed(stream)
        return stream.summed(np.log(found[np.arange(len(found)), stream.symbols()]))
