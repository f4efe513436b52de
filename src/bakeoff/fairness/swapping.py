"""How much a classifier's answers move when a word of a protected attribute is swapped for its counterpart.

That is a diagnosis of the classifier and no causal claim about people: a text that was written about a man may become
one that nobody would write about a woman. Beside it stands the same for neutral words, which moves answers as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.arrays import numbers
from bakeoff.fairness.measures import INSUFFICIENT, Measure
from bakeoff.fairness.movements import MoveSettings, movement, movements
from bakeoff.fairness.swaps import Attribute, swap
from bakeoff.nouns import Array

Probabilities = Callable[[Sequence[str]], Any]  # texts to an array (texts, classes)

NEUTRAL = Attribute(
    "neutral words",
    {
        "one": ("big", "small", "quick", "begin", "end", "also", "however", "often", "perhaps", "house"),
        "other": ("large", "little", "fast", "start", "finish", "too", "but", "frequently", "possibly", "home"),
    },
)


@dataclass(frozen=True)
class SwapSettings:
    """`neutral` words are swapped for comparison; `least` changed texts are needed; `draws` resample texts."""

    neutral: Attribute = NEUTRAL
    least: int = 20
    draws: int = 1000
    level: float = 0.95
    seed: int = 0


def word_swap_sensitivity(
    predict_proba: Probabilities, texts: Sequence[str], attribute: Attribute, settings: SwapSettings | None = None
) -> tuple[Measure, ...]:
    """How far probabilities move (total variation), and how often the answer changes, over texts that a swap changes.

    `expected` is the same for neutral words, over texts that hold any of them; None where these are too few. UsageError
    where the classifier gives no probabilities for each text.
    """
    given = settings or SwapSettings()
    _check(texts)
    moved = _moved(predict_proba, texts, attribute)
    neutral = _moved(predict_proba, texts, given.neutral)
    how = MoveSettings(given.least, given.draws, given.level, given.seed)
    found = []
    for metric, values in moved.items():
        expected = float(neutral[metric].mean()) if len(neutral[metric]) >= given.least else None
        one = movement(metric, attribute.name, values, how)
        if one.status == INSUFFICIENT:
            why = f"{len(values)} texts hold a word of {attribute.name!r} and {given.least} are needed"
            one = replace(one, reason=why)
        found.append(replace(one, group="swapped", expected=expected))
    return tuple(found)


def _check(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise UsageError("The texts are one string; give a list of strings, one for each text.")
    odd = [place for place, text in enumerate(texts) if not isinstance(text, str)]
    if odd:
        raise UsageError(f"Text {odd[0]} is {texts[odd[0]]!r} ({len(odd):,} are no texts); give strings alone.")


def _moved(predict_proba: Probabilities, texts: Sequence[str], attribute: Attribute) -> Mapping[str, Array]:
    """The movements of each text that has a counterpart."""
    pairs = [(text, other.text) for text in texts if (other := swap(text, attribute)).changed]
    if not pairs:
        return movements(np.zeros((0, 1)), np.zeros((0, 1)))
    before, after = (_probabilities(predict_proba, side) for side in zip(*pairs, strict=True))
    return movements(before, after)


def _probabilities(predict_proba: Probabilities, texts: Sequence[str]) -> Array:
    found = numbers(predict_proba(list(texts)), "What the classifier gave")
    if found.ndim == 2 and len(found) == len(texts) and not np.isfinite(found).all():
        wrong = int((~np.isfinite(found)).any(1).sum())
        raise UsageError(f"The classifier gave probabilities that are no numbers for {wrong} of {len(texts)} texts.")
    if found.ndim != 2 or len(found) != len(texts):
        raise UsageError(
            f"The classifier gave an array of shape {found.shape} for {len(texts)} texts; it must give a "
            "probability of each class for each text."
        )
    return found
