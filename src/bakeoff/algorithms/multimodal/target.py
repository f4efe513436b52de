"""What is asked: classes or a number, how outputs become answers, and how far off they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_softmax

from bakeoff.nouns import Array

LEAST = 1e-7  # the least probability that a loss counts


@dataclass(frozen=True)
class Target:
    """The training targets: class numbers int64 (rows,), or numbers scaled to mean 0 and spread 1, float64 (rows,).

    Members speak in outputs float32 (rows, width): logarithms of probabilities, or scaled numbers with width 1.
    """

    values: Array
    classes: Array | None
    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def of_classes(cls, y: Array) -> Target:
        """Labels as they came."""
        classes, codes = np.unique(y, return_inverse=True)
        return cls(codes.astype(np.int64), classes)

    @classmethod
    def of_numbers(cls, y: Array) -> Target:
        """Numbers in their own unit."""
        numbers = np.asarray(y, dtype=np.float64)
        centre, spread = float(numbers.mean()), float(numbers.std()) or 1.0
        return cls((numbers - centre) / spread, None, centre, spread)

    def taken(self, rows: Array) -> Target:
        """The same question on some of the rows; every class stays."""
        return replace(self, values=self.values[rows])

    @property
    def width(self) -> int:
        """How many outputs a row has: one for each class, or one."""
        return 1 if self.classes is None else len(self.classes)

    @property
    def inner(self) -> int:
        """How many scores a linear model gives: one for two classes."""
        return 1 if self.width <= 2 else self.width

    def constant(self) -> Array:
        """The best answer that is the same for all rows, float32 (width,)."""
        if self.classes is None:
            return np.zeros(1, dtype=np.float32)
        counts = np.bincount(self.values, minlength=self.width) + 0.5
        return np.log(counts / counts.sum()).astype(np.float32)

    def losses(self, outputs: Array, rows: Array) -> Array:
        """Log loss, or squared error in spreads, of these training rows' outputs; float64 (rows,)."""
        return losses(outputs, self.values[rows], self.classes is not None)


def losses(outputs: Array, truth: Array, classes: bool) -> Array:
    """Log loss or squared error of each row."""
    if not classes:
        return (np.asarray(outputs, dtype=np.float64)[:, 0] - truth) ** 2
    right = outputs[np.arange(len(truth)), truth].astype(np.float64)
    return -np.maximum(right, np.log(LEAST))


def both_sides(single: Array) -> Array:
    """Logarithms of both classes' probabilities (rows, 2) of one logit (rows, 1)."""
    return np.hstack([-np.logaddexp(0.0, single), -np.logaddexp(0.0, -single)]).astype(np.float32)


def as_logs(scores: Array, width: int) -> Array:
    """Logits (rows, width), or one logit for two classes, as logarithms of probabilities; numbers stay."""
    if width == 1:
        return scores.astype(np.float32)
    if scores.shape[1] == 1:
        return both_sides(scores)
    return log_softmax(scores, axis=1).astype(np.float32)


def mean_outputs(parts: list[Array], classes: bool) -> Array:
    """The mean of several members' or folds' outputs: of probabilities, then their logarithm; or of numbers."""
    if len(parts) == 1:
        return parts[0]
    if not classes:
        return np.mean(parts, axis=0)
    total = np.exp(parts[0].astype(np.float64))
    for part in parts[1:]:
        total += np.exp(part.astype(np.float64))
    return np.log(np.maximum(total / len(parts), 1e-30)).astype(np.float32)
