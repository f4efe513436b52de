"""Words in the sentences that hold them: where contextual tests take their vectors from, in a corpus of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.encodings import Encode, WordSets
from bakeoff.nouns import Array

# texts and, in each, the first character of a word and the one after its last, to an array (texts, width)
EncodeSpans = Callable[[Sequence[str], Sequence[tuple[int, int]]], Any]
SENTENCES = ("This is {}.", "That is {}.", "There is {}.", "Here is {}.", "It is {}.", "{} is here.", "{} is there.")


@dataclass(frozen=True)
class Context:
    """A text, and where a word begins and ends in it, in characters."""

    text: str
    begin: int
    end: int


def word_contexts(
    texts: Iterable[str], words: Sequence[str], *, most: int = 100, reach: int = 200, seed: int = 0
) -> dict[str, tuple[Context, ...]]:
    """For each word up to `most` texts that hold it, drawn by chance, cut to `reach` characters on either side.

    Words are found whole and in any case; of a text that holds a word several times the first place counts. A word
    that no text holds has no contexts, and `contextual_association` tells which those are.
    """
    if most < 1 or reach < 1:
        raise UsageError("Contexts need at least 1 text of a word and 1 character on either side.")
    names = {word.casefold(): word for word in words}
    found: dict[str, list[Context]] = {word: [] for word in words}
    seen = dict.fromkeys(words, 0)
    random = np.random.default_rng([seed % 2**32, 18])
    if not names:
        return {}
    longest = sorted(map(re.escape, names), key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(longest)})(?!\w)", re.IGNORECASE)
    for text in texts:
        there: set[str] = set()
        for hit in pattern.finditer(text):
            word = names.get(hit.group().casefold())
            if word is None or word in there:
                continue
            there.add(word)
            seen[word] += 1
            # Every text has the same chance to stay, however many there are (Vitter, 1985, algorithm R).
            place = len(found[word]) if len(found[word]) < most else int(random.integers(0, seen[word]))
            if place < most:
                found[word][place : place + 1] = [_cut(text, hit.span(), reach)]
    return {word: tuple(held) for word, held in found.items()}


def _cut(text: str, span: tuple[int, int], reach: int) -> Context:
    """Whole words alone: what is cut is cut at blanks where there are any."""
    begin, end = span
    first, last = max(0, begin - reach), min(len(text), end + reach)
    if first:
        blank = text.find(" ", first, begin)
        first = first if blank < 0 else blank + 1
    if last < len(text):
        blank = text.rfind(" ", end, last)
        last = last if blank < 0 else blank
    return Context(text[first:last], begin - first, end - first)


def context_pools(encode_spans: EncodeSpans, contexts: Mapping[str, Sequence[Context]]) -> dict[str, Array]:
    """The vector of each word in each of its contexts, by word, float64 (contexts, width).

    UsageError where the encoder gives another shape than one vector for each context, or numbers that are none.
    """
    flat = [one for held in contexts.values() for one in held]
    if not flat:
        raise UsageError("None of the words stands in any of the texts; give other texts or other words.")
    given = np.asarray(
        encode_spans([one.text for one in flat], [(one.begin, one.end) for one in flat]), dtype=np.float64
    )
    if given.ndim != 2 or len(given) != len(flat):
        raise UsageError(
            f"The encoder gave an array of shape {given.shape} for {len(flat)} words in their contexts; it must give "
            "one vector each."
        )
    wrong = np.flatnonzero(~np.isfinite(given).all(axis=1))
    if len(wrong):
        raise UsageError(
            f"The encoder gave numbers that are none for {len(wrong)} contexts, such as {flat[wrong[0]].text[:60]!r}."
        )
    ends = np.cumsum([len(held) for held in contexts.values()])
    return dict(zip(contexts, np.split(given, ends[:-1]), strict=True))


def in_sentences(sets: WordSets, templates: Sequence[str] = SENTENCES) -> WordSets:
    """Every word in every template, as SEAT tests sentences.

    As published, p then takes each sentence for a case of its own, although those of one word are much alike; with
    `averaged` words stay the cases. UsageError for a template without one place {} for the word.
    """
    _checked(templates)
    filled = {
        name: tuple(dict.fromkeys(_put(template, word) for word in words for template in templates))
        for name, words in vars(sets).items()
    }
    return WordSets(**filled)


def averaged(encode: Encode, templates: Sequence[str] = SENTENCES) -> Encode:
    """An encoder of words by a sentence encoder: the mean of a word's vectors over templates, each of length one."""
    from bakeoff.fairness.encodings import encoded

    _checked(templates)

    def of_words(words: Sequence[str]) -> Array:
        texts = [_put(template, word) for word in words for template in templates]
        found = encoded(encode, texts)
        return np.asarray(found.reshape(len(words), len(templates), -1).mean(1))

    return of_words


def _checked(templates: Sequence[str]) -> None:
    for template in templates:
        if template.count("{}") != 1:
            raise UsageError(f"The template {template!r} must hold one place {{}} for the word.")
    if not templates:
        raise UsageError("There is no template; give at least one with a place {} for the word.")


def _put(template: str, word: str) -> str:
    text = template.replace("{}", word)
    return text[:1].upper() + text[1:]
