"""What an attacker knows: a text as numbers, the places that are blank, what may stand there, and the label."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.extraction.canaries import Canary

Encode = Callable[[str], Sequence[int]]  # a text to the numbers of its tokens


@dataclass(frozen=True)
class Blanks:
    """A text with blanks.

    `tokens` int64 (length,) are the numbers of its tokens, and what stands at the blank `places` does not matter;
    any of `candidates` int64 (candidates,) may stand at any blank; `label` is the class, counted from 0. UsageError
    where places lie outside of the text or repeat, or there are fewer than 2 different candidates.
    """

    tokens: Array
    places: tuple[int, ...]
    candidates: Array
    label: int

    def __post_init__(self) -> None:
        length = len(self.tokens)
        if not self.places or len(set(self.places)) < len(self.places):
            raise UsageError(f"The blank places {self.places} are none, or one stands there twice; give each once.")
        if min(self.places) < 0 or max(self.places) >= length:
            raise UsageError(f"The blank places {self.places} do not all lie in a text of {length} tokens.")
        if len(self.candidates) < 2 or len(np.unique(self.candidates)) < len(self.candidates):
            raise UsageError(
                f"There are {len(self.candidates)} candidates for a blank, {len(np.unique(self.candidates))} of them "
                "different; give at least 2, each once."
            )
        if self.label < 0:
            raise UsageError(f"The label of a text with blanks is its class's number from 0, and not {self.label}.")

    @classmethod
    def of(
        cls, canary: Canary, encode: Encode, label: int, *, candidates: Sequence[int] | Array | None = None
    ) -> Blanks:
        """The canary with its secret taken out; `encode` gives the numbers of a text's tokens.

        Without `candidates` the attacker knows the canary's own; give those of the whole vocabulary for one who does
        not. UsageError where a candidate is not one token, or two share a number: then nothing could be told apart.
        """
        tokens, blank = _numbers(encode, canary.text), _numbers(encode, " ".join(canary.beginning))
        if len(tokens) != len(canary.beginning) + len(canary.secret) or len(blank) != len(canary.beginning):
            raise UsageError(
                f"The canary {canary.text!r} has {len(canary.beginning) + len(canary.secret)} words and {len(tokens)} "
                "tokens; give an `encode` that makes one token of each of its words, or Blanks of your own."
            )
        known = codes_of(canary.candidates, encode)
        given = known if candidates is None else np.asarray(candidates, dtype=np.int64)
        return cls(tokens, canary.places, given, label)

    @property
    def space(self) -> int:
        """How many fillings there are."""
        return int(len(self.candidates) ** len(self.places))

    @property
    def form(self) -> tuple[int, tuple[int, ...], bytes]:
        """What texts must share to be attacked in one batch."""
        return len(self.tokens), self.places, self.candidates.tobytes()

    def filled(self, fillings: Array) -> Array:
        """Texts int64 (fillings, length), the numbers of `fillings` (fillings, places) in the blanks."""
        texts = np.repeat(self.tokens[None, :], len(fillings), axis=0)
        texts[:, list(self.places)] = fillings
        return texts

    def all_fillings(self, at_once: int) -> Iterator[Array]:
        """Every filling, in order, int64 (at most `at_once`, places) at a time."""
        for begin in range(0, self.space, at_once):
            yield self.numbered(np.arange(begin, min(begin + at_once, self.space)))

    def numbered(self, numbers: Array) -> Array:
        """The fillings with these numbers, counted from 0 with the last blank turning fastest."""
        base = len(self.candidates)
        powers = np.array([base**power for power in reversed(range(len(self.places)))], dtype=np.int64)
        return self.candidates[numbers[:, None] // powers % base]

    def drawn(self, count: int, random: np.random.Generator) -> Array:
        """Fillings drawn evenly from all, int64 (count, places)."""
        return self.candidates[random.integers(len(self.candidates), size=(count, len(self.places)))]

    def check(self, filling: Sequence[int] | Array) -> Array:
        """A secret as int64 (places,); UsageError where it is no filling of these blanks."""
        secret = np.asarray(filling, dtype=np.int64)
        if secret.shape != (len(self.places),) or not np.isin(secret, self.candidates).all():
            raise UsageError(
                f"The secret {secret.tolist()} is no filling of {len(self.places)} blanks with the candidates given."
            )
        return secret


def codes_of(words: Sequence[str], encode: Encode) -> Array:
    """The number of each word, int64 (words,); UsageError where a word is not one token, or two share a number."""
    found = [_numbers(encode, word) for word in words]
    wrong = [word for word, codes in zip(words, found, strict=True) if len(codes) != 1]
    if wrong:
        raise UsageError(f"The candidate {wrong[0]!r} is not one token; give candidates that are, or an own `encode`.")
    codes = np.concatenate(found)
    if len(np.unique(codes)) < len(codes):
        raise UsageError(
            f"{len(codes)} candidates have {len(np.unique(codes))} different numbers; some are unknown to the "
            "vocabulary or hashed together, so no attack could tell them apart."
        )
    return codes


def secret_of(canary: Canary, encode: Encode) -> Array:
    """The numbers of a canary's secret, int64 (places,)."""
    return np.concatenate([_numbers(encode, word) for word in canary.secret])


def _numbers(encode: Encode, text: str) -> Array:
    return np.asarray(list(encode(text)), dtype=np.int64)
