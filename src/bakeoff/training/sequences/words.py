"""Sentences that come as tokens: each token as a word of a vocabulary, and by parts that unknown words have too."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.nouns import Array
from bakeoff.training.encoders.tokens import Vocabulary
from bakeoff.training.preparation import Preparation
from bakeoff.training.records import Ragged

PREFIXES, SUFFIXES = (1, 2, 3, 4), (1, 2, 3, 4, 5)
AFFIXES = len(PREFIXES) + len(SUFFIXES) + 3  # the word itself and two shapes beside them
FURTHEST = 0x250  # characters up to here have a number of their own, the others share 64

Sentences = Sequence[Sequence[str]]


@dataclass(frozen=True)
class WordStyle:
    """How a token is read: as a case-folded word of `embedding` features, which at least `least` texts have.

    The `most` frequent words are kept, or words are hashed into `hashed` numbers (0: not). Prefixes, suffixes and
    shapes are hashed into `slots` numbers of `affixes` features, and `characters` kernels look at the first `longest`
    characters (0: no such part); neither takes anything from data. While learning, the share `unseen` of the words is
    taken for unknown, and the share `dropout` of a token's features is left out. With `model`, a folder with a Hugging
    Face encoder and its tokenizer, that encoder's last layer takes the place of all this; where it is `tuned`, it
    learns with the rest at a hundredth of the rate.
    """

    embedding: int = 100
    affixes: int = 50
    characters: int = 0
    least: int = 2
    most: int = 30_000
    hashed: int = 0
    slots: int = 1 << 14
    longest: int = 20
    unseen: float = 0.1
    dropout: float = 0.4
    model: str = ""
    tuned: bool = True


class Words:
    """Sentences as records; `name` is what their vocabulary is called in `Known`."""

    def __init__(self, name: str = "tokens", style: WordStyle | None = None) -> None:
        self.name = name
        self.style = style or WordStyle()
        self.vocabulary = Vocabulary(least=self.style.least, most=self.style.most, slots=self.style.hashed)
        self._affixes: dict[str, Array] = {}
        self._characters: dict[str, Array] = {}

    def learn(self, sentences: Sentences, preparation: Preparation) -> Words:
        """The vocabulary, unless it is known or hashed."""
        self.vocabulary.learn(self.name, [[word.casefold() for word in one] for one in sentences], preparation)
        return self

    def read(self, sentences: Sentences) -> Mapping[str, Ragged]:
        """`words`, `affixes` and `characters`, Ragged int32 over tokens; a sentence without tokens holds one EMPTY."""
        given = [list(map(str, one)) or [""] for one in sentences]
        words = [self.vocabulary.codes([word.casefold() for word in one]) for one in given]
        found = {"words": Ragged.of(words, np.int32)}
        flat = [word for one in given for word in one]
        if self.style.affixes:
            found["affixes"] = Ragged(
                _looked_up(flat, self._affixes, self._affix_codes, AFFIXES), found["words"].offsets
            )
        if self.style.characters:
            codes = _looked_up(flat, self._characters, self._character_codes, self.style.longest)
            found["characters"] = Ragged(codes, found["words"].offsets)
        return found

    def _affix_codes(self, word: str) -> Array:
        folded = word.casefold()
        parts = [f"<{folded[:size]}" if len(folded) >= size else "" for size in PREFIXES]
        parts += [f"{folded[-size:]}>" if len(folded) >= size else "" for size in SUFFIXES]
        parts += [f"<{folded}>", f"={_shape(word)}", f"~{_outline(word)}"]
        slots = self.style.slots
        return np.array([1 + zlib.crc32(part.encode()) % slots if part else 0 for part in parts], dtype=np.int32)

    def _character_codes(self, word: str) -> Array:
        codes = np.zeros(self.style.longest, dtype=np.int32)
        some = [1 + (ord(one) if ord(one) < FURTHEST else FURTHEST + ord(one) % 64) for one in word]
        codes[: len(some)] = some[: self.style.longest]
        return codes

    def layers(self) -> Any:
        """Features of every token."""
        from bakeoff.training.sequences.layers import WordLayers

        return WordLayers(len(self.vocabulary), self.style)

    def state(self) -> dict[str, Any]:
        """What was learnt, as plain values."""
        places = self.vocabulary.places
        return {"name": self.name, "words": None if places is None else list(places)}

    def restore(self, state: Mapping[str, Any]) -> Words:
        """Take up what was learnt before."""
        from bakeoff.training.encoders.tokens import FIRST

        self.name = state["name"]
        kept = state["words"]
        self.vocabulary.places = None if kept is None else {word: FIRST + place for place, word in enumerate(kept)}
        return self


def words_for(name: str, style: WordStyle) -> Any:
    """Words of one's own, or those of the Hugging Face encoder that the style names."""
    if not style.model:
        return Words(name, style)
    from bakeoff.training.sequences.pretrained import PretrainedWords

    return PretrainedWords(name, style)


CHARACTERS = 1 + FURTHEST + 64


def _looked_up(words: Sequence[str], found: dict[str, Array], code: Any, width: int) -> Array:
    for word in set(words):
        if word not in found:
            found[word] = code(word)
    if not words:
        return np.zeros((0, width), dtype=np.int32)
    return np.stack([found[word] for word in words])


def _shape(word: str) -> str:
    """Each character by its kind: Xxxx-00."""
    return "".join(_kind(one) for one in word[:12])


def _outline(word: str) -> str:
    """The kinds of characters as they change: Xx-0."""
    kinds = [_kind(one) for one in word]
    return "".join(kind for place, kind in enumerate(kinds) if not place or kinds[place - 1] != kind)[:8]


def _kind(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isalpha():
        return "X" if character.isupper() else "x"
    return character
