"""Texts with every word replaced by chance, near ones more often, with the guarantee that this has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.texts.chance import Chance
from bakeoff.privacy.texts.cutting import cut, joined
from bakeoff.privacy.texts.guarantees import Guarantee
from bakeoff.privacy.texts.mechanisms import distances_of, mechanism_of
from bakeoff.privacy.texts.vectors import Vectors

AT_ONCE = 20_000  # words between two reports to a watcher
Watcher = Callable[[int, int], None]  # texts done, texts in all


@dataclass(frozen=True)
class Replaced:
    """Texts in which words were replaced: `texts` for those there were, and the `guarantee`.

    `words` is how many there were in all; shares of them that were `unknown` to the vectors, and that came out as
    another word (`changed`), are about the texts themselves and not part of what is private.
    """

    texts: tuple[str, ...]
    guarantee: Guarantee
    words: int
    unknown: float
    changed: float

    def as_plain(self) -> dict[str, Any]:
        """All but the texts, as what JSON can hold."""
        figures = {"unknown": round(self.unknown, 4), "changed": round(self.changed, 4)}
        return {"texts": len(self.texts), "words": self.words, **figures, "guarantee": self.guarantee.as_plain()}


class WordReplacer:
    """Replaces every word of a text by one drawn from public vectors; also those that the vectors do not know.

    `method` is one of METHODS: truncated (a draw that favours near words), density (the same in units of the spacing
    around a word), laplace (noise on the vector, then the nearest word) or ranked (laplace, mended for many
    dimensions). `epsilon` is for each typical distance of two words. Words in `kept` pass as they are and are not
    protected. A `seed` makes it repeatable for tests, and then it protects nobody. UsageError for a method or an
    epsilon that is none.
    """

    def __init__(
        self,
        vectors: Vectors,
        method: str = "truncated",
        epsilon: float = 20.0,
        *,
        kept: Iterable[str] = (),
        seed: int | None = None,
    ) -> None:
        self.vectors, self.method, self.epsilon = vectors, method, epsilon
        self.mechanism = mechanism_of(method, vectors, epsilon)
        self.kept = frozenset(word for one in kept for word in cut(one)[0])
        self._chance = Chance(seed)
        self._guarantee: Guarantee | None = None

    @property
    def guarantee(self) -> Guarantee:
        """What holds for the texts that come out."""
        if self._guarantee is None:
            nearest, typical = distances_of(self.mechanism, self.vectors)
            seeded = "words were drawn from a seed, and can be drawn again"
            self._guarantee = Guarantee(
                self.method,
                self.epsilon,
                self.mechanism.metric,
                self.vectors.name,
                nearest,
                typical,
                self.mechanism.farthest,
                len(self.kept),
                (seeded,) if self._chance.seed is not None else (),
            )
        return self._guarantee

    def points(self, words: Sequence[str]) -> Array:
        """Where words are, int64 (words,): their row, or the point of unknown words."""
        places, unknown = self.vectors.places, len(self.vectors)
        return np.array([places.get(word, unknown) for word in words], dtype=np.int64)

    def rewrite(self, texts: Sequence[str], watcher: Watcher | None = None) -> Replaced:
        """Every text with its words replaced; UsageError where one is no text."""
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise UsageError(f"Text {row} is {text!r}; give strings, and an empty one where there is no text.")
        found: list[str] = []
        words = unknown = changed = 0
        pending: list[tuple[list[str], list[str]]] = []
        for place, text in enumerate(texts, 1):
            pending.append(cut(text))
            if place == len(texts) or sum(len(one) for one, _ in pending) >= AT_ONCE:
                flat = [word for own, _ in pending for word in own]
                drawn, strange = self._drawn(flat)
                found += _joined(pending, drawn)
                words, unknown = words + len(flat), unknown + strange
                changed += sum(one != other for one, other in zip(flat, drawn, strict=True))
                pending = []
                if watcher is not None:
                    watcher(place, len(texts))
        most = max(1, words)
        return Replaced(tuple(found), self.guarantee, words, unknown / most, changed / most)

    def _drawn(self, words: Sequence[str]) -> tuple[list[str], int]:
        """What each word becomes, and how many were unknown."""
        points = self.points(words)
        free = np.array([word not in self.kept for word in words], dtype=bool)
        found = list(words)
        names = self.vectors.words
        for place, outcome in zip(
            np.flatnonzero(free).tolist(), self.mechanism.draw(points[free], self._chance).tolist(), strict=True
        ):
            found[place] = names[outcome]
        return found, int((points[free] == len(self.vectors)).sum())


def _joined(cuts: Sequence[tuple[list[str], list[str]]], words: Sequence[str]) -> Iterable[str]:
    begin = 0
    for own, between in cuts:
        yield joined(words[begin : begin + len(own)], between)
        begin += len(own)
