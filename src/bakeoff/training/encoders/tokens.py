"""Texts as tokens: words and marks, and a vocabulary that is known, taken from the rows, or hashed."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from bakeoff.training.preparation import Preparation

PADDING, UNSEEN, EMPTY, FIRST = 0, 1, 2, 3
WORD = re.compile(r"\w+|[^\w\s]")


def words(text: str) -> list[str]:
    """Lower-case words and single marks of a text, compatibility forms folded and accents kept."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


class Vocabulary:
    """Tokens with their numbers: 0 is padding, 1 an unseen token, 2 stands in a text without any.

    Tokens of at least `least` texts are kept, the `most` frequent; with `slots` they are hashed into so many numbers.
    """

    def __init__(self, *, least: int = 2, most: int = 20_000, slots: int = 0) -> None:
        self.least = least
        self.most = most
        self.slots = slots
        self.places: dict[str, int] | None = None

    def __len__(self) -> int:
        return FIRST + (self.slots if self.places is None else len(self.places))

    def learn(self, column: str, texts: Iterable[Sequence[str]], preparation: Preparation) -> None:
        """From what is known of the column, from its tokenised texts, or from nothing when it is hashed."""
        given = preparation.known.vocabularies.get(column)
        if given is not None:
            kept = list(dict.fromkeys(map(str, given)))
            preparation.public("vocabulary", column, len(kept))
        elif self.slots:
            preparation.public("vocabulary", column, self.slots, "hashed")
            return
        else:
            counts: Counter[str] = Counter()
            rows = 0
            for text in texts:
                counts.update(set(text))
                rows += 1
            ranked = sorted((token for token, count in counts.items() if count >= self.least), key=_rank(counts))
            kept = ranked[: self.most]
            preparation.taken("vocabulary", column, len(kept), rows, f"in at least {self.least} texts")
        self.places = {token: FIRST + place for place, token in enumerate(kept)}

    def codes(self, tokens: Sequence[str]) -> list[int]:
        """The numbers of a text's tokens; a text without tokens is one EMPTY."""
        if not tokens:
            return [EMPTY]
        if self.places is None:
            return [FIRST + zlib.crc32(token.encode()) % self.slots for token in tokens]
        places = self.places
        return [places.get(token, UNSEEN) for token in tokens]


def _rank(counts: Counter[str]) -> Callable[[str], tuple[int, str]]:
    return lambda token: (-counts[token], token)
