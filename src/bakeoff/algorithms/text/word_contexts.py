"""How likely a change of a word is, by how its ending (or its beginning) changed in words that share it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

LONGEST = 12  # letters of an ending that are looked at
DEEPEST = 5  # letters of a beginning that are looked at
BACK_OFF = 2.0  # what a change not seen in a context counts, for each that was (Witten-Bell's is 1)
LENT = 3.0  # what words of other features count in a context, all together, at most

Change = TypeVar("Change", bound=Hashable)


def before_end(word: str, shortest: int = 0) -> list[str]:
    """The endings of a word from short to long, and the word itself with a mark before it."""
    return [word[len(word) - length :] for length in range(shortest, min(LONGEST, len(word)) + 1)] + ["^" + word]


def after_start(word: str, shortest: int = 0) -> list[str]:
    """The beginnings of a word from short to long."""
    return [word[:length] for length in range(shortest, min(DEEPEST, len(word)) + 1)]


class Contexts(Generic[Change]):
    """Changes counted in contexts from long to short.

    A shorter context counts in how many longer ones a change was seen, not how often (Kneser and Ney, 1995): fifty
    words in `in` that add `nen` say no more about words in `n` than one does.
    """

    def __init__(self) -> None:
        self._seen: dict[str, dict[Change, float]] = {}

    def add(self, contexts: Sequence[str], change: Change, weight: float = 1.0) -> None:
        """Count a change in contexts, given from short to long."""
        for context in reversed(contexts):
            held = self._seen.setdefault(context, {})
            before = held.get(change, 0.0)
            held[change] = before + weight
            weight = min(1.0, before + weight) - min(1.0, before)
            if weight <= 0:
                break

    def seen(self, context: str) -> Mapping[Change, float]:
        """What was counted in this context."""
        return self._seen.get(context, {})


def blended(
    own: Contexts[Change], lent: Contexts[Change], contexts: Sequence[str], fits: Callable[[Change], bool]
) -> dict[Change, float]:
    """The probability of each change that fits, given contexts from short to long; empty where none was seen.

    Each context's counts are mixed with what shorter ones say, in proportion to how many kinds of change it knows
    (after Witten and Bell, 1991). What is `lent` counts `LENT` at most, so that a word's own features go first.
    """
    found: dict[Change, float] = {}
    for context in contexts:
        counts = dict(own.seen(context))
        others = lent.seen(context)
        share = min(1.0, LENT / sum(others.values())) if others else 0.0
        for change, count in others.items():
            counts[change] = counts.get(change, 0.0) + share * count
        counts = {change: count for change, count in counts.items() if fits(change)}
        if not counts:
            continue
        shorter = BACK_OFF * len(counts) if found else 0.0
        whole = sum(counts.values()) + shorter
        found = {change: shorter * chance / whole for change, chance in found.items()}
        for change, count in counts.items():
            found[change] = found.get(change, 0.0) + count / whole
    return found
