"""Spans without a network: the sentence that shares most words with the question."""

from __future__ import annotations

import re

from bakeoff.algorithms.text.parameters import Estimator, fitted, only
from bakeoff.algorithms.text.reading import as_objects, passage_columns, texts_of
from bakeoff.nouns import Array, Frame, Schema

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case."""
    return _WORD.findall(text.lower())


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text begin and end, blanks around them left out; at least one."""
    bounds, begin = [], 0
    for gap in _SENTENCE.finditer(text):
        bounds.append((begin, gap.start()))
        begin = gap.end()
    return [*bounds, (begin, len(text))] if begin < len(text) or not bounds else bounds


class Overlap(Estimator):
    """The sentence of the context with most different words of the question; the first of several."""

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None) -> Overlap:
        """Nothing is learnt but which columns are read; Declined for another kind of task, or without two texts."""
        only("span", schema, "overlap")
        self.columns_ = passage_columns(X, schema)
        return self

    def predict(self, X: Frame) -> Array:
        """Answers, an object array (rows,) of text."""
        context, question = fitted(self, "columns_")
        pairs = zip(texts_of(X, context), texts_of(X, question), strict=True)
        return as_objects([_nearest(text, set(words_of(asked))) for text, asked in pairs])


def _nearest(context: str, asked: set[str]) -> str:
    begin, end = max(sentences(context), key=lambda bounds: len(asked & set(words_of(context[bounds[0] : bounds[1]]))))
    return context[begin:end]
