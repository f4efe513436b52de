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
        """The canary with its secret taken out; `encode` gives the numbers of a text's tokens, special ones too.

        Without `candidates` the attacker knows the canary's own; give those of the whole vocabulary for one who does
        not. UsageError where a candidate is not one token, the same one at every blank, or two share a number: then
        nothing could be told apart.
        """
        found = _Read(canary, encode)
        given = found.codes() if candidates is None else np.asarray(candidates, dtype=np.int64)
        return cls(found.tokens, found.places, given, label)

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


def secret_of(canary: Canary, encode: Encode) -> Array:
    """The numbers of a canary's secret, int64 (places,); UsageError as `Blanks.of`."""
    found = _Read(canary, encode)
    return found.tokens[list(found.places)]


class _Read:
    """A canary as tokens: its blanks are found by what changes when another candidate stands there."""

    def __init__(self, canary: Canary, encode: Encode) -> None:
        self.canary, self.encode = canary, encode
        self.tokens = _numbers(encode, canary.text)
        self.places = tuple(self._place(blank) for blank in range(len(canary.secret)))

    def codes(self) -> Array:
        """The number of each candidate, int64 (candidates,)."""
        names = self.canary.candidates
        rows = [np.array([self._with(blank, name)[place] for name in names]) for blank, place in enumerate(self.places)]
        if any((row != rows[0]).any() for row in rows):
            raise UsageError(
                f"A candidate of the canary {self.canary.text!r} has another number at another blank; give an `encode` "
                "for which it does not depend on what stands before it."
            )
        if len(np.unique(rows[0])) < len(names):
            raise UsageError(
                f"{len(names)} candidates have {len(np.unique(rows[0]))} different numbers; some are unknown to the "
                "vocabulary or hashed together, so no attack could tell them apart."
            )
        return rows[0]

    def _place(self, blank: int) -> int:
        changed = set()
        for name in self.canary.candidates:
            changed |= set(np.flatnonzero(self._with(blank, name) != self.tokens).tolist())
        if len(changed) != 1:
            raise UsageError(
                f"The secret's word {blank + 1} in {self.canary.text!r} is {len(changed)} tokens; every candidate must "
                "be exactly one, with a number of its own. Give other candidates or another `encode`."
            )
        return int(changed.pop())

    def _with(self, blank: int, name: str) -> Array:
        """The tokens with this candidate in the blank; as many as before, or UsageError."""
        secret = [*self.canary.secret[:blank], name, *self.canary.secret[blank + 1 :]]
        found = _numbers(self.encode, " ".join((*self.canary.beginning, *secret)))
        if len(found) != len(self.tokens):
            raise UsageError(
                f"With {name!r} in it the canary {self.canary.text!r} has {len(found)} tokens in place of "
                f"{len(self.tokens)}; every candidate must be exactly one. Give other candidates or another `encode`."
            )
        return found


def _numbers(encode: Encode, text: str) -> Array:
    return np.asarray(list(encode(text)), dtype=np.int64)
