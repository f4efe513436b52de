"""Counterfactual texts: every word of a protected attribute in place of its counterpart.

One engine for probes, augmentation and distillation. Case is kept, regular plurals follow, and in English "her" becomes
"him" or "his", and "his" becomes "her" or "hers", by what comes after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bakeoff.errors import UsageError
from bakeoff.fairness.gendered_words import ADJECTIVES, IRREGULAR, NOT_OWNED, NOUNS, PRONOUNS, TITLES
from bakeoff.tables.word_lists import LETTERS, WORD, looked_up

OWNED = re.compile(rf"[\s\"“‘(]*({LETTERS})?", re.UNICODE)


@dataclass(frozen=True)
class Swapped:
    """A text with its words swapped, and where in the new text those words are (start, end)."""

    text: str
    places: tuple[tuple[int, int], ...]

    @property
    def changed(self) -> bool:
        """Whether any word was swapped."""
        return bool(self.places)


@dataclass(frozen=True)
class Attribute:
    """Words of a protected attribute: for each of its values the words, in the same order for all of them.

    `english` knows her, him, his and hers beside the words, which are the second value's and the first's. UsageError
    for fewer than two values, values with different numbers of words, or a word that two values share.
    """

    name: str
    values: Mapping[str, Sequence[str]]
    english: bool = False

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise UsageError(f"The attribute {self.name!r} has {len(self.values)} values; a swap needs at least two.")
        for value, words in self.values.items():
            if isinstance(words, str):
                raise UsageError(f"The words of {value!r} are one string; give a list of words.")
            odd = [word for word in words if not isinstance(word, str) or not WORD.fullmatch(word)]
            if odd:
                raise UsageError(f"{odd[0]!r} of {value!r} is no single word of letters; swaps go word by word.")
        sizes = {value: len(words) for value, words in self.values.items()}
        if len(set(sizes.values())) > 1 or not min(sizes.values()):
            told = ", ".join(f"{value!r} {size}" for value, size in sizes.items())
            raise UsageError(f"The values of {self.name!r} need equally many words in the same order, and have {told}.")
        places: dict[str, str] = {}
        for value, words in self.values.items():
            for word in words:
                if places.setdefault(looked_up(word), value) != value:
                    raise UsageError(f"{word!r} stands for {places[looked_up(word)]!r} and for {value!r}; take it out.")

    @cached_property
    def _known(self) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        for value, words in self.values.items():
            for place, word in enumerate(words):
                found.setdefault(looked_up(word), (value, place))
        return found

    def value_of(self, word: str) -> str | None:
        """Which value a word stands for; None for any other word."""
        low = looked_up(word)
        if self.english and low in ("him", "his", "her", "hers"):
            first, second = list(self.values)[:2]
            return first if low in ("him", "his") else second
        return self._known[low][0] if low in self._known else None

    def counterpart(self, word: str, value: str, after: str) -> str:
        """What a word of the attribute becomes for another value, in the same case; `after` is the text behind it."""
        low = looked_up(word)
        if self.english and low in ("him", "his", "her", "hers"):
            return _in_case(word, _pronoun(low, after)) if value != self.value_of(word) else word
        return _in_case(word, self.values[value][self._known[low][1]])


def swap(text: str, attribute: Attribute) -> Swapped:
    """Every word of the attribute's first two values in place of its counterpart; other values stay.

    UsageError for something else than a text.
    """
    first, second = list(attribute.values)[:2]
    return _replaced(text, attribute, {first: second, second: first})


def turned(text: str, attribute: Attribute, by: int = 1) -> Swapped:
    """Every word of the attribute in place of that of the value `by` places on, round about; of two values a swap.

    UsageError for something else than a text.
    """
    values = list(attribute.values)
    return _replaced(text, attribute, {value: values[(at + by) % len(values)] for at, value in enumerate(values)})


def variants(text: str, attribute: Attribute) -> dict[str, Swapped]:
    """The text for each value, all its words of the attribute being of that value; empty where it has none of them."""
    if not any(attribute.value_of(found[0]) for found in WORD.finditer(_text(text))):
        return {}
    return {value: _replaced(text, attribute, dict.fromkeys(attribute.values, value)) for value in attribute.values}


def gender(names: Iterable[tuple[str, str]] = ()) -> Attribute:
    """English words of gender, male and female, with pairs of first names or other words where given (male, female).

    Where a pair that is given has a word of ours, it goes by the pair that is given.
    """
    ours = list(PRONOUNS + ADJECTIVES + TITLES)
    for male, female in NOUNS:
        ours += [(male, female), (plural(male), plural(female))]
    given = [(male.lower(), female.lower()) for male, female in names]
    males, females = ({pair[side] for pair in given} for side in (0, 1))
    first: dict[str, str] = {}
    second: dict[str, str] = {}
    for male, female in (*given, *(pair for pair in ours if pair[0] not in females and pair[1] not in males)):
        # A word with two counterparts (lady: gentleman, lord) goes by the first.
        first.setdefault(male, female)
        second.setdefault(female, male)
    both = dict.fromkeys([*first.items(), *((male, female) for female, male in second.items())])
    words = zip(*both, strict=True)
    return Attribute("gender", dict(zip(("male", "female"), words, strict=True)), english=True)


def plural(noun: str) -> str:
    """The plural of an English noun by rule."""
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if noun.endswith("man") and noun != "human":
        return noun[:-3] + "men"
    if noun.endswith(("s", "ch", "sh", "x")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun == "hero" else "s")


def _replaced(text: str, attribute: Attribute, becomes: Mapping[str, str]) -> Swapped:
    out: list[str] = []
    places: list[tuple[int, int]] = []
    end = length = 0
    for found in WORD.finditer(_text(text)):
        value = attribute.value_of(found[0])
        if value is None or value not in becomes:
            continue
        word = attribute.counterpart(found[0], becomes[value], text[found.end() :])
        if word == found[0]:
            continue
        before = text[end : found.start()]
        out += [before, word]
        length += len(before)
        places.append((length, length + len(word)))
        length += len(word)
        end = found.end()
    return Swapped("".join([*out, text[end:]]), tuple(places))


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise UsageError(f"{given!r} is no text; give a string.")
    return given


def _pronoun(word: str, after: str) -> str:
    """The counterpart of her, him, his or hers, by whether something owned follows."""
    if word == "him":
        return "her"
    if word == "hers":
        return "his"
    owned = _owns(after)
    if word == "her":
        return "his" if owned else "him"
    return "her" if owned else "hers"


def _owns(after: str) -> bool:
    """Whether the next word can be something owned: there is one before any other mark, and it is no small word."""
    found = OWNED.match(after)
    following = (found[1] or "").lower() if found else ""
    return bool(following) and following not in NOT_OWNED


def _in_case(like: str, word: str) -> str:
    if len(like) > 1 and like.isupper():
        return word.upper()
    if like[:1].isupper():
        return word[:1].upper() + word[1:]
    return word.lower() if like.islower() else word
