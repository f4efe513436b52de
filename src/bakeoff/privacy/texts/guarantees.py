"""What replaced words are worth, in figures and in a sentence that says no more than holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Guarantee:
    """Metric differential privacy of each word (Chatzikokolakis et al. 2013): odds of at most exp(epsilon * distance).

    `metric` names the distance and `vectors` the public vectors it is taken in. In its units, `nearest` is the median
    distance of a word to the one nearest to it, `typical` that of two words, and `farthest` bounds all of them, so
    that `per_word` = epsilon * farthest holds for any two words. `kept` words are not protected, and `broken` says
    why nothing holds at all.
    """

    method: str
    epsilon: float
    metric: str
    vectors: str
    nearest: float
    typical: float
    farthest: float
    kept: int = 0
    broken: tuple[str, ...] = ()

    @property
    def per_word(self) -> float:
        """The epsilon of pure differential privacy of one word, whatever it is replaced by: for the worst two words."""
        return self.epsilon * self.farthest

    def sentence(self) -> str:
        """What may be said of the texts."""
        if self.broken:
            return f"No guarantee: {'; '.join(self.broken)}."
        kept = (
            f" The {self.kept:,} words that were to be kept are not protected, nor where they stand."
            if self.kept
            else ""
        )
        return (
            f"Metric differential privacy of each word, which is weaker than epsilon-differential privacy of a text: "
            f"epsilon {self.epsilon:g} times {self.metric} in the vectors {self.vectors!r}. Two words at the typical "
            f"distance {self.typical:.3g} are told apart by odds of at most exp({self.epsilon * self.typical:.3g}), a "
            f"word and its nearest (median distance {self.nearest:.3g}) by exp({self.epsilon * self.nearest:.3g}), any "
            f"two by exp({self.per_word:.3g}); for a text of n words it adds up to n times as much.{kept} Plain marks, "
            f"spaces and the number of words stay as they are. It holds where the vectors were not made from these "
            f"texts."
        )

    def as_plain(self) -> dict[str, Any]:
        """As what JSON can hold."""
        told = {name: getattr(self, name) for name in ("method", "epsilon", "metric", "vectors")}
        figures = {name: round(getattr(self, name), 6) for name in ("nearest", "typical", "farthest", "per_word")}
        return {
            "kind": "metric differential privacy of each word",
            **told,
            **figures,
            "kept": self.kept,
            "broken": list(self.broken),
            "sentence": self.sentence(),
        }
