"""The member that needs no time: the same answer for every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.algorithms.multimodal.views import Asked
from bakeoff.algorithms.multimodal.work import Deadline, Trained, Work
from bakeoff.nouns import Array
from bakeoff.training.clock import Clock


@dataclass(frozen=True)
class ConstantModel:
    """Class shares, or the mean."""

    answer: Array

    def outputs(self, asked: Asked, fold: int | None = None) -> Array:
        """The same for each row, float32 (rows, width)."""
        return np.tile(self.answer, (len(asked), 1))


class ConstantMember:
    """Class shares of the training rows, or their mean."""

    name = "constant"

    def estimate(self, work: Work, clock: Clock) -> float:
        """Nothing."""
        return 0.0

    def fit(self, work: Work, deadline: Deadline) -> Trained:
        """The constant for all rows; a fold's own would hardly differ, as folds keep the shares."""
        answer = work.target.constant()
        return Trained(ConstantModel(answer), np.tile(answer, (len(work.folds.rows), 1)))
