"""How much a classifier's answers move when a word of a protected attribute is swapped for its counterpart.

That is a diagnosis of the classifier and no causal claim about people: a text that was written about a man may become
one that nobody would write about a woman. Beside it stands the same for neutral words, which moves answers as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.measures import INSUFFICIENT, Measure
from bakeoff.fairness.swaps import Attribute, swap
from bakeoff.nouns import Array
from bakeoff.stats import interval

MOVED, FLIPPED = "mean change of probabilities", "share of changed answers"
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
    moved = _moved(predict_proba, texts, attribute)
    neutral = _moved(predict_proba, texts, given.neutral)
    found = []
    random = np.random.default_rng([given.seed % 2**32, 12])
    for place, metric in enumerate((MOVED, FLIPPED)):
        expected = float(neutral[place].mean()) if len(neutral[place]) >= given.least else None
        values = moved[place]
        if len(values) < given.least:
            why = f"{len(values)} texts hold a word of {attribute.name!r} and {given.least} are needed"
            found.append(
                Measure(metric, attribute.name, "swapped", None, n=len(values), status=INSUFFICIENT, reason=why)
            )
            continue
        drawn = values[random.integers(0, len(values), (given.draws, len(values)))].mean(1)
        low, high = interval(drawn, given.level)
        found.append(
            Measure(metric, attribute.name, "swapped", float(values.mean()), low, high, len(values), expected=expected)
        )
    return tuple(found)


def _moved(predict_proba: Probabilities, texts: Sequence[str], attribute: Attribute) -> tuple[Array, Array]:
    """Total variation, and whether the likeliest class changed, of each text that has a counterpart."""
    pairs = [(text, other.text) for text in texts if (other := swap(text, attribute)).changed]
    if not pairs:
        return np.zeros(0), np.zeros(0)
    before, after = (_probabilities(predict_proba, side) for side in zip(*pairs, strict=True))
    if before.shape != after.shape:
        raise UsageError(f"The classifier gave {before.shape[1]} classes once and {after.shape[1]} another time.")
    return np.abs(before - after).sum(1) / 2, (before.argmax(1) != after.argmax(1)).astype(np.float64)


def _probabilities(predict_proba: Probabilities, texts: Sequence[str]) -> Array:
    found = np.asarray(predict_proba(list(texts)), dtype=np.float64)
    if found.ndim != 2 or len(found) != len(texts) or not np.isfinite(found).all():
        raise UsageError(
            f"The classifier gave an array of shape {found.shape} for {len(texts)} texts; it must give a "
            "probability of each class for each text."
        )
    return found
