"""What a CRF is told of each token of a context when a question is asked about it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bakeoff.algorithms.text.overlap import sentences
from bakeoff.algorithms.text.word_features import EDGE, shape

_TOKEN = re.compile(r"\w+(?:[.,:'’]\w+)*|[^\w\s]")
ASKING = ("who", "whom", "whose", "what", "which", "when", "where", "why", "how")
STEM = 5  # letters in which words of question and context must agree
FREQUENT = 5  # training rows that a question must have to be known as a whole


@dataclass(frozen=True)
class Passage:
    """A context's tokens with their first and last characters, and the sentence that each stands in."""

    words: list[str]
    bounds: list[tuple[int, int]]
    sentence: list[int]


def passage(context: str) -> Passage:
    """A context cut into words, numbers and signs."""
    found = list(_TOKEN.finditer(context))
    ends = [end for _, end in sentences(context)]
    sentence, at = [], 0
    for match in found:
        while at < len(ends) - 1 and match.start() >= ends[at]:
            at += 1
        sentence.append(at)
    return Passage([match[0] for match in found], [match.span() for match in found], sentence)


@dataclass
class SpanFeatures:
    """Questions known as a whole, and how rare words are; learnt from training rows."""

    questions: set[str] = field(default_factory=set)
    rarity: dict[str, float] = field(default_factory=dict)
    rarest: float = 1.0

    def learn(self, contexts: Sequence[str], questions: Sequence[str]) -> SpanFeatures:
        """Which questions come often, and in how many different contexts each stem occurs."""
        self.questions = {text for text, count in Counter(questions).items() if count >= FREQUENT}
        different = sorted(set(contexts))
        seen = Counter(stem for text in different for stem in {one[:STEM] for one in _stems(passage(text).words)})
        self.rarity = {stem: math.log(1 + len(different) / count) for stem, count in seen.items()}
        self.rarest = math.log(1 + len(different))
        return self

    def _asked(self, question: str) -> tuple[str, dict[str, float]]:
        """What kind of question it is, and its stems with their rarity."""
        words = [word.lower() for word in passage(question).words if word[0].isalnum()]
        if question in self.questions:
            kind = question
        else:
            places = [place for place, word in enumerate(words) if word in ASKING]
            kind = " ".join(words[places[0] : places[0] + (2 if words[places[0]] == "how" else 1)]) if places else "?"
        return kind, {stem: self.rarity.get(stem, self.rarest) for stem in _stems(words)}

    def of(self, text: Passage, question: str) -> list[list[str]]:
        """One list of features for each token."""
        kind, asked = self._asked(question)
        known_whole = question in self.questions
        stems = _stems(text.words)
        near = _nearness(stems, text.sentence, asked)
        ranks = _ranks(stems, text.sentence, asked)
        noun = _asked_for(question)
        known = [(word.lower(), shape(word)) for word in text.words]
        padded = [(EDGE, EDGE), (EDGE, EDGE), *known, (EDGE, EDGE), (EDGE, EDGE)]
        out = []
        for place, (word, form) in enumerate(known):
            (back2, _), (back, back_form) = padded[place], padded[place + 1]
            (on, on_form), (on2, _) = padded[place + 3], padded[place + 4]
            rank, (before, behind) = ranks[text.sentence[place]], near[place]
            inside = "q" if stems[place] in asked else "-"
            own = (
                f"w={word}",
                f"s={form}",
                f"e={word[-3:]}",
                f"w-1={back}",
                f"w+1={on}",
                f"s-1={back_form}",
                f"s+1={on_form}",
            )
            told = [f"{kind}|{one}" for one in own]
            if known_whole:
                told += [*own, f"{kind}|w-2={back2}", f"{kind}|w+2={on2}"]
                told += [f"{kind}|w01={word}|{on}", f"{kind}|w-10={back}|{word}"]
            told += [
                f"r={rank}",
                f"in={inside}|{rank}",
                f"b={before}|{rank}",
                f"a={behind}|{rank}",
                f"ba={before}{behind}",
            ]
            told += [f"{kind}|r={rank}|s={form}", f"{kind}|in={inside}", f"n={noun}|s={form}", f"n={noun}|w={word}"]
            out.append(told)
        return out


def _stems(words: Sequence[str]) -> list[str]:
    return [word.lower()[:STEM] if word[:1].isalnum() else "" for word in words]


def _asked_for(question: str) -> str:
    """The word behind what, which or how: the kind of thing that is asked for."""
    words = [word.lower() for word in passage(question).words]
    return next((after for word, after in pairwise(words) if word in ASKING), "")


def _nearness(stems: list[str], sentence: list[int], asked: dict[str, float]) -> list[tuple[str, str]]:
    """How far back and how far on in its sentence each token has a word of the question that is not common."""
    rare = {stem for stem, weight in asked.items() if stem and weight > 1.5}

    def steps(order: range) -> list[str]:
        out = [""] * len(stems)
        last, at = None, None
        for place in order:
            if sentence[place] != at:
                last, at = None, sentence[place]
            out[place] = "no" if last is None else str(min(6, abs(place - last)))
            if stems[place] in rare:
                last = place
        return out

    return list(zip(steps(range(len(stems))), steps(range(len(stems) - 1, -1, -1)), strict=True))


def _ranks(stems: list[str], sentence: list[int], asked: dict[str, float]) -> list[str]:
    """Each sentence's rank by the rarity of the question's words in it, 0 for the best, 3 and above cut."""
    count = max(sentence, default=0) + 1
    held: list[set[str]] = [set() for _ in range(count)]
    for stem, at in zip(stems, sentence, strict=True):
        held[at].add(stem)
    weights = [sum(weight for stem, weight in asked.items() if stem in one) for one in held]
    order = sorted(range(count), key=lambda at: (-weights[at], at))
    ranks = [""] * count
    for rank, at in enumerate(order):
        ranks[at] = f"{min(rank, 3)}{'' if weights[at] else 'x'}" if count > 1 else "only"
    return ranks
