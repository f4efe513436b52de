"""Texts as codes of characters, and the contexts before each place: characters further back, or whole words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bakeoff.algorithms.text.counting import ABSENT, mixed
from bakeoff.nouns import Array
from bakeoff.tasks.language_model import CONTEXT, END, OTHER

FACTOR, MASK = 1_000_003, (1 << 60) - 1


class Alphabet:
    """Codes of characters: their place among the classes; the beginning of a text has a code beyond them."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self._places = {one: place for place, one in enumerate(self.classes)}
        self.other, self.end = self._places[OTHER], self._places[END]
        self.begin = len(self.classes)

    def codes(self, text: str) -> list[int]:
        """The code of each character; a text that holds the very word `<end>` has five codes for it, and not one."""
        return [self._places.get(one, self.other) for one in text]


class Stream:
    """Texts one after the other: the codes of all characters, and before and behind each text its bounds.

    `codes` holds for each text its beginning, its characters and its end; `asked` are the places of characters and
    ends, or with `prefixes` the last place of each text alone, where what comes next is not known.
    """

    RUNGS = 3  # of words: what is begun, with the word before it, with the two words before it

    def __init__(self, alphabet: Alphabet, texts: Sequence[str], prefixes: bool = False) -> None:
        codes: list[int] = []
        starts: list[int] = []
        lasts: list[int] = []
        for text in texts:
            starts.append(len(codes))
            # A prefix as long as may be shown was cut, and does not tell how its text began.
            codes.append(alphabet.begin if len(text) < CONTEXT or not prefixes else alphabet.other)
            codes += alphabet.codes(text)
            codes.append(alphabet.end)
            lasts.append(len(codes) - 1)
        self.alphabet = alphabet
        self.texts = texts
        self.codes = np.array(codes, dtype=np.int64)
        self.starts = np.array(starts, dtype=np.int64)
        lengths = np.diff(np.append(self.starts, len(codes)))
        self.start_of = np.repeat(self.starts, lengths)
        whole = np.ones(len(codes), dtype=bool)
        whole[self.starts] = False
        self.asked = np.array(lasts, dtype=np.int64) if prefixes else np.flatnonzero(whole)

    def symbols(self) -> Array:
        """What stands at each asked place."""
        return self.codes[self.asked]

    def summed(self, values: Array) -> Array:
        """The sum over each text of what stands at its asked places, float64 (texts,)."""
        texts = np.searchsorted(self.starts, self.asked, side="right") - 1
        return np.bincount(texts, weights=values, minlength=len(self.starts))

    def behind(self, order: int) -> list[Array]:
        """Keys of the contexts of 0 to `order` characters before each asked place."""
        at, first = self.asked, self.start_of[self.asked]
        rungs = [np.zeros(len(at), dtype=np.int64)]
        for back in range(1, order + 1):
            there = (at - back >= first) & (rungs[-1] != ABSENT)
            keys = mixed(np.maximum(rungs[-1], 0), self.codes[np.maximum(at - back, 0)])
            rungs.append(np.where(there, keys, ABSENT))
        return rungs

    def words(self) -> list[Array]:
        """Keys of nothing, of what is begun at each asked place (a word in lower case, or what stands between words),

        of that with the word before it, and with the two words before it.
        """
        state = np.array(self._begun(), dtype=np.int64).reshape(-1, self.RUNGS)[self.asked]
        rungs = [np.zeros(len(state), dtype=np.int64)]
        for back in range(self.RUNGS):
            rungs.append(mixed(rungs[-1], state[:, back]))
        return rungs

    def _begun(self) -> list[tuple[int, int, int]]:
        kinds = [_kind(one) for one in self.alphabet.classes]
        out: list[tuple[int, int, int]] = []
        word, last, earlier, within = 0, 0, 0, False
        for code in self.codes.tolist():
            out.append((word, last, earlier))
            letter = kinds[code] if code < len(kinds) else 0
            if code >= self.alphabet.end:
                word, last, earlier, within = code, 0, 0, False
            elif letter:
                word, within = ((word if within else 0) * FACTOR + letter) & MASK, True
            else:
                if within:
                    last, earlier, word = word, last, 0
                word, within = (word * FACTOR + code + 1) & MASK, False
        return out


def windows(stream: Stream, places: Array, width: int) -> tuple[Array, Array]:
    """The last `width` characters of the same text before each of these asked places.

    int64 (places, width), aligned at the right with zeros before, and how many there are, int64 (places,).
    """
    at = stream.asked[places]
    lengths = np.minimum(at - stream.start_of[at] - 1, width)
    back = at[:, None] - np.arange(width, 0, -1)
    there = np.arange(width) >= width - lengths[:, None]
    return np.where(there, stream.codes[np.maximum(back, 0)], 0), lengths


def _kind(character: str) -> int:
    """A number for what can be part of a word, 0 for what cannot."""
    return ord(character.lower()[0]) + 1 if len(character) == 1 and (character.isalnum() or character == "'") else 0
