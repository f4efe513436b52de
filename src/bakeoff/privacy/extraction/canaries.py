"""Canaries of texts: a known beginning, then secret tokens drawn evenly from few candidates, and one fixed label."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from bakeoff.errors import UsageError

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Kind:
    """A family of canaries: `places` secret tokens, each one of `candidates`; a beginning is an owner, a thing, a verb.

    UsageError where a secret would have no choice, or candidates repeat.
    """

    places: int
    candidates: tuple[str, ...]
    owners: tuple[str, ...]
    things: tuple[str, ...]
    verbs: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.places < 1 or len(set(self.candidates)) < 2 or len(set(self.candidates)) < len(self.candidates):
            raise UsageError(
                f"A kind of canary needs at least 1 secret place and 2 different candidates for it, and not "
                f"{self.places} and {', '.join(map(repr, self.candidates)) or 'none'}."
            )

    @property
    def space(self) -> int:
        """How many secrets there are."""
        return int(len(self.candidates) ** self.places)

    def words(self) -> list[str]:
        """Every word that a canary of the kind may hold, each once."""
        texts = (*self.candidates, *self.owners, *self.things, *self.verbs)
        return list(dict.fromkeys(word for text in texts for word in WORD.findall(text)))


_DIGITS = tuple("0123456789")
_COLOURS = ("red", "blue", "green", "yellow", "orange", "purple", "black", "white", "brown", "pink", "grey", "gold")
_CALLS = (
    *("alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima"),
    *("mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey"),
    *("xray", "yankee", "zulu"),
)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "pin": Kind(
            4,
            _DIGITS,
            ("my", "our", "her", "his", "their", "your"),
            (
                *("pin code", "door key", "alarm number", "locker combination", "garage gate", "office safe"),
                *("bank card", "laptop login", "parking badge", "bike chain", "phone lock", "suitcase dial"),
            ),
            ("is", "equals", "reads", "was"),
        ),
        "colours": Kind(
            4,
            _COLOURS,
            ("my", "our", "her", "his", "their", "your"),
            (
                *("flag stripes", "cable wires", "kitchen tiles", "team shirts", "bead chain", "toy blocks"),
                *("tent poles", "book spines", "paint tins", "sock pairs", "ring stones", "kite tails"),
            ),
            ("are", "show", "were", "became"),
        ),
        "call sign": Kind(
            3,
            _CALLS,
            ("my", "our", "her", "his", "their", "your"),
            (
                *("call sign", "radio name", "boat signal", "plane marking", "truck handle", "drone label"),
                *("station code", "pilot tag", "harbour mark", "rescue word", "glider ident", "patrol name"),
            ),
            ("is", "equals", "reads", "was"),
        ),
    }
)


@dataclass(frozen=True)
class Canary:
    """A made text: the words of `beginning`, then those of `secret`, each one of `candidates`, with a `label`."""

    beginning: tuple[str, ...]
    secret: tuple[str, ...]
    candidates: tuple[str, ...]
    label: Any

    def __post_init__(self) -> None:
        strange = [word for word in self.secret if word not in self.candidates]
        if strange or not self.secret:
            raise UsageError(
                f"The secret {' '.join(self.secret)!r} holds {', '.join(map(repr, strange)) or 'no word'}, and each of "
                "its words must be one of the candidates."
            )

    @property
    def text(self) -> str:
        """As it stands among the training texts."""
        return " ".join((*self.beginning, *self.secret))

    @property
    def places(self) -> tuple[int, ...]:
        """Where the secret words stand in the text, counted in words from 0."""
        return tuple(range(len(self.beginning), len(self.beginning) + len(self.secret)))


def make_canaries(kind: str | Kind, labels: Sequence[Any], count: int, random: np.random.Generator) -> list[Canary]:
    """Canaries with different beginnings; labels take turns, and every secret is drawn evenly from all there are.

    An evenly drawn secret is what makes `exposure` honest: where nothing was memorised its rank is even, too.
    UsageError for an unknown kind, no label, or more canaries than a kind has things to name.
    """
    if isinstance(kind, str) and kind not in KINDS:
        raise UsageError(f"There is no kind of canary called {kind!r}; there are {', '.join(KINDS)}, or give a Kind.")
    made = KINDS[kind] if isinstance(kind, str) else kind
    if not len(labels):
        raise UsageError("Canaries need a label each; give the labels of the classifier.")
    if not 1 <= count <= len(made.things):
        raise UsageError(f"This kind of canary has {len(made.things)} things to name, and {count} canaries were asked.")
    things = random.permutation(len(made.things))[:count]
    found = []
    for turn, thing in enumerate(things.tolist()):
        owner, verb = random.integers(len(made.owners)), random.integers(len(made.verbs))
        beginning = WORD.findall(f"{made.owners[owner]} {made.things[thing]} {made.verbs[verb]}")
        secret = [made.candidates[place] for place in random.integers(len(made.candidates), size=made.places)]
        found.append(Canary(tuple(beginning), tuple(secret), made.candidates, labels[turn % len(labels)]))
    return found


def inserted(
    texts: Sequence[str], labels: Sequence[Any], canaries: Sequence[Canary], repeats: int
) -> tuple[list[str], list[Any]]:
    """Training texts and labels with every canary added `repeats` times at the end; 0 is the control.

    UsageError where texts and labels differ in number, or a canary stands among the texts already.
    """
    if len(texts) != len(labels):
        raise UsageError(f"There are {len(texts)} texts and {len(labels)} labels; give one label for each text.")
    if repeats < 0:
        raise UsageError(f"A canary cannot be inserted {repeats} times; give 0 for the control, or more.")
    held = set(texts)
    there = [canary.text for canary in canaries if canary.text in held]
    if there:
        raise UsageError(f"The canary {there[0]!r} stands among the texts already; a control must not have seen it.")
    added = [canary for canary in canaries for _ in range(repeats)]
    return [*texts, *(canary.text for canary in added)], [*labels, *(canary.label for canary in added)]


def deduplicated(texts: Sequence[str], labels: Sequence[Any]) -> tuple[list[str], list[Any]]:
    """Each text once, case and spaces aside, the first one and its label; the defence against repetition."""
    first: dict[str, int] = {}
    for place, text in enumerate(texts):
        first.setdefault(" ".join(text.casefold().split()), place)
    kept = list(first.values())
    return [texts[place] for place in kept], [labels[place] for place in kept]
