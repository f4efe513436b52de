"""A language model that counts what followed the last characters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bakeoff.algorithms.text.characters import Alphabet, Stream
from bakeoff.algorithms.text.counting import Ladder
from bakeoff.algorithms.text.parameters import Estimator, fitted, only
from bakeoff.algorithms.text.reading import text_columns, texts_of
from bakeoff.nouns import Array, Frame, Schema
from bakeoff.tasks.language_model import CONTEXT, LanguageModel

CELLS = 2_000_000  # places times symbols that are worked on at a time


def prefixes_of(X: Frame, column: str) -> list[str]:
    """The last 500 characters written so far, in the column of the target's name, or else in the only one of text."""
    if column not in X.columns:
        found = text_columns(X)
        column = found[0] if len(found) == 1 else column
    return [text[-CONTEXT:] for text in texts_of(X, column)]


def learnt_from(y: Any, schema: Schema | None) -> tuple[list[str], tuple[str, ...], str]:
    """Texts, the classes to answer, and the name of the column that asked rows hold what was written so far in."""
    texts = [text if isinstance(text, str) else "" for text in y]
    classes = schema.classes if schema and schema.classes else LanguageModel().classes(np.array(texts, dtype=object))
    column = schema.target if schema else str(getattr(y, "name", None) or "text")
    return texts, tuple(map(str, classes)), column


class NGram(Estimator):
    """P(next character) from the last `order` - 1 characters, by interpolated modified Kneser-Ney smoothing."""

    def __init__(self, *, order: int = 8) -> None:
        self.order = order

    def fit(self, X: Any, y: Array, *, schema: Schema | None = None) -> NGram:
        """Learn from whole texts, `y`; other columns are not read. Declined for another kind of task."""
        only("language_model", schema, "ngram")
        texts, classes, self.column_ = learnt_from(y, schema)
        self.classes_ = np.array(classes, dtype=object)
        self.alphabet_ = Alphabet(classes)
        stream = Stream(self.alphabet_, texts)
        self.ladder_ = Ladder(len(classes)).fit(stream.behind(self.order - 1), stream.symbols())
        return self

    def predict_proba(self, X: Frame) -> Array:
        """P(next character) after each row's text, float64 (rows, classes)."""
        fitted(self, "ladder_")
        stream = Stream(self.alphabet_, prefixes_of(X, self.column_), prefixes=True)
        return self._asked(stream.behind(self.order - 1))

    def _asked(self, rungs: list[Array]) -> Array:
        parts = [
            self.ladder_.probabilities([rung[part] for rung in rungs])[0][-1]
            for part in parts_of(len(rungs[0]), len(self.classes_))
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes_)))

    def predict(self, X: Frame) -> Array:
        """The likeliest next character of each row, an object array (rows,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def log_prob(self, texts: Iterable[str]) -> Array:
        """The natural logarithm of each whole text's probability, its end included; float64 (texts,)."""
        fitted(self, "ladder_")
        stream = Stream(self.alphabet_, list(texts))
        found = self._asked(stream.behind(self.order - 1))
        return stream.summed(np.log(found[np.arange(len(found)), stream.symbols()]))


def parts_of(rows: int, symbols: int) -> Iterator[slice]:
    """Rows in parts that are small enough to be held as a table of probabilities."""
    step = max(1, CELLS // symbols)
    return (slice(start, start + step) for start in range(0, rows, step))
