"""Texts cut into words and what stands between them, so that nothing but plain marks can pass unseen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

PLAIN = '.,;:!?()"-'  # marks that may stay as they are; any other sign is a word of its own
WORD = re.compile(rf"\w+(?:'\w+)*|[^\w\s{re.escape(PLAIN)}]")
SPACE = re.compile(r"\s+")


def cut(text: str) -> tuple[list[str], list[str]]:
    """The words of a text in lower case, and what stands before, between and after them (one more than words).

    Compatibility forms are folded. Between words only plain marks, single spaces and line ends are left, and at least
    one of them: emojis, currency signs and control characters are words, since they can tell as much as one.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    words: list[str] = []
    between: list[str] = []
    end = 0
    for found in WORD.finditer(plain):
        # What follows a sign at once would run into the word that takes its place.
        between.append(_spaced(plain[end : found.start()]) or (" " if words else ""))
        words.append(found.group())
        end = found.end()
    between.append(_spaced(plain[end:]))
    return words, between


def joined(words: Sequence[str], between: Sequence[str]) -> str:
    """A text again; `between` is one longer than `words`."""
    return "".join(part for pair in zip(between, [*words, ""], strict=True) for part in pair)


def words_of(text: str) -> list[str]:
    """The words alone."""
    return cut(text)[0]


def _spaced(marks: str) -> str:
    return SPACE.sub(lambda found: "\n" if "\n" in found.group() else " ", marks)
