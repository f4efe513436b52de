"""What is measured of one classifier: sensitivity by hard and soft weights, and how far swapped words move it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.fairness.measures import FLIPPED, MOVED, Measure
from bakeoff.fairness.movements import movements
from bakeoff.fairness.sensitivity import prediction_sensitivity, row_sensitivity, soft_weights
from bakeoff.nouns import Array
from bakeoff.studies.prediction_sensitivity.learners import LONGEST, Classifier, present

Tokens = Sequence[Sequence[str]]
HARD, SOFT = "hard", "soft"
ACCUMULATED, RELATIVE, SWAPPED, FLIPS = "accumulated", "relative", "swapped words", "flips"


@dataclass(frozen=True)
class Asked:
    """Test texts as tokens, which of their words are protected, and their counterparts (texts, some each)."""

    texts: Tokens
    protected: Callable[[str], bool]
    others: Sequence[Tokens]


def figures(model: Classifier, status: Classifier, asked: Asked) -> dict[str, float]:
    """Every measure of a classifier by its name; larger is more dependent on the protected status."""
    jacobian, shares = model.jacobian(asked.texts)
    weights = weights_of(status, asked)
    found: dict[str, float] = {}
    for way, own in weights.items():
        both = prediction_sensitivity(jacobian, shares, own, present=present(asked.texts))
        for name, one in zip((ACCUMULATED, RELATIVE), both, strict=True):
            found[f"{way} {name}"] = _value(one)
    moved = [movements(model.probabilities(asked.texts), model.probabilities(other)) for other in asked.others]
    for metric, name in ((MOVED, SWAPPED), (FLIPPED, FLIPS)):
        found[name] = float(np.mean([one[metric].mean() for one in moved]))
    return found


def by_row(model: Classifier, asked: Asked) -> Mapping[str, Array]:
    """The sensitivity of each text by hard weights, and how far its swapped words move it: float64 (texts,)."""
    jacobian, shares = model.jacobian(asked.texts)
    hard = hard_tokens(asked)
    along, _ = row_sensitivity(jacobian, shares, hard, present=present(asked.texts))
    moved = [movements(shares, model.probabilities(other))[MOVED] for other in asked.others]
    return {ACCUMULATED: np.nan_to_num(along), SWAPPED: np.mean(moved, axis=0)}


def weights_of(status: Classifier, asked: Asked) -> dict[str, Array]:
    """Hard weights of protected words, and soft ones of a model that tells the status: (texts, tokens)."""
    jacobian, _ = status.jacobian(asked.texts)
    return {HARD: hard_tokens(asked), SOFT: soft_weights(jacobian)}


def hard_tokens(asked: Asked) -> Array:
    """One at each protected word, float64 (texts, tokens)."""
    held = present(asked.texts)
    out = np.zeros(held.shape)
    for row, text in enumerate(asked.texts):
        for place, word in enumerate(text[:LONGEST]):
            out[row, place] = asked.protected(word)
    return out


def _value(one: Measure) -> float:
    return 0.0 if one.value is None else float(one.value)


def accuracy(model: Classifier, texts: Tokens, labels: Array) -> float:
    """The share of texts whose likeliest class is theirs."""
    return float((model.probabilities(texts).argmax(1) == labels).mean())


def area(model: Classifier, texts: Tokens, labels: Array) -> float:
    """The area under the curve of class 1."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, model.probabilities(texts)[:, 1]))
