"""Calibration by one temperature, found on rows that were held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from bakeoff.nouns import Array

RANGE = (-3.0, 3.0)  # of the logarithm: from twenty times sharper to twenty times flatter


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by (after Guo et al., 2017); 1 changes nothing."""

    value: float = 1.0

    @classmethod
    def found(cls, logits: Array, classes: Array) -> Temperature:
        """The one with the smallest log loss on rows that were not learnt from.

        `logits` (rows, classes) and class numbers (rows,). A penalty of 2 (ln t)^2 on the sum over rows keeps few rows
        from moving it far.
        """
        if not len(classes):
            return cls()

        def loss(log_temperature: float) -> float:
            return log_loss(logits / np.exp(log_temperature), classes) * len(classes) + 2 * log_temperature**2

        return cls(float(np.exp(minimize_scalar(loss, bounds=RANGE, method="bounded").x)))

    def probabilities(self, logits: Array) -> Array:
        """float64 (rows, classes)."""
        return np.exp(_log_probabilities(logits / self.value))


def _log_probabilities(logits: Array) -> Array:
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def log_loss(logits: Array, classes: Array) -> float:
    """The mean of minus the logarithm of each row's own class's probability."""
    return float(-_log_probabilities(logits)[np.arange(len(classes)), classes].mean())
