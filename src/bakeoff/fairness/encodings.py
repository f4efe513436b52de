"""Vectors of words and texts, from whatever encodes them; what cannot be a vector is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.arrays import numbers
from bakeoff.nouns import Array

Encode = Callable[[Sequence[str]], Any]  # texts to an array (texts, width)


@dataclass(frozen=True)
class WordSets:
    """Two sets of targets and two of attributes: is `first` nearer to `one`, and `second` to `other`?

    UsageError for an empty set, or a word on both sides.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    one: tuple[str, ...]
    other: tuple[str, ...]

    def __post_init__(self) -> None:
        for name, words in vars(self).items():
            if not words:
                raise UsageError(f"The set {name!r} of an association test holds no word; give at least one.")
        for left, right in (("first", "second"), ("one", "other")):
            both = sorted(set(getattr(self, left)) & set(getattr(self, right)))
            if both:
                raise UsageError(f"{both[0]!r} is in {left!r} and in {right!r}; each word belongs to one side.")

    @property
    def all(self) -> tuple[str, ...]:
        """Every word once."""
        return tuple(dict.fromkeys((*self.first, *self.second, *self.one, *self.other)))

    def among(self, known: Mapping[str, Any]) -> WordSets:
        """The words that are known; UsageError that names the words of a set of which none is."""
        kept = {name: tuple(word for word in words if word in known) for name, words in vars(self).items()}
        for name, words in kept.items():
            if not words:
                sought = ", ".join(getattr(self, name)[:3])
                raise UsageError(f"None of the words of {name!r} ({sought}, ...) has a vector; give another list.")
        return WordSets(**kept)


def encoded(encode: Encode, texts: Sequence[str]) -> Array:
    """Vectors of unit length, float64 (texts, width).

    UsageError where the encoder gives another shape than one vector for each text, numbers that are none, or a vector
    of zeros.
    """
    given = numbers(encode(list(texts)), "What the encoder gave")
    if given.ndim != 2 or len(given) != len(texts):
        raise UsageError(
            f"The encoder gave an array of shape {given.shape} for {len(texts)} texts; it must give one vector each."
        )
    wrong = np.flatnonzero(~np.isfinite(given).all(axis=1))
    if len(wrong):
        raise UsageError(f"The encoder gave numbers that are none for {len(wrong)} texts, such as {texts[wrong[0]]!r}.")
    lengths = np.linalg.norm(given, axis=1, keepdims=True)
    if not lengths.all():
        nothing = texts[int(np.argmin(lengths))]
        raise UsageError(f"The encoder gave a vector of zeros for {nothing!r}, which has no direction; leave it out.")
    return given / lengths


def looked_up(vectors: Mapping[str, Any]) -> Encode:
    """An encoder that looks words up in a table of vectors; UsageError for one that is not in it."""

    def encode(words: Sequence[str]) -> Array:
        missing = [word for word in words if word not in vectors]
        if missing:
            told = ", ".join(map(repr, missing[:3]))
            raise UsageError(
                f"There is no vector for {told} ({len(missing)} of {len(words)} words); take WordSets.among(vectors)."
            )
        return numbers([numbers(vectors[word], f"The vector of {word!r}") for word in words], "The table of vectors")

    return encode
