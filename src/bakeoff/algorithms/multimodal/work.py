"""What a member is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from bakeoff.algorithms.multimodal.folds import Folds
from bakeoff.algorithms.multimodal.target import Target
from bakeoff.algorithms.multimodal.views import Asked, Views
from bakeoff.nouns import Array
from bakeoff.training.clock import Clock


class Answering(Protocol):
    """A fitted member: outputs float32 (rows, width) of any rows, by all its folds together or by one of them."""

    def outputs(self, asked: Asked, fold: int | None = None) -> Array:
        """Logarithms of probabilities, or scaled numbers."""


@dataclass(frozen=True)
class Trained:
    """A member after its folds: `held_out` outputs of the rows `folds.rows`, float32.

    `cut` when time ended it, `short` says what it went without for want of time.
    """

    model: Answering
    held_out: Array
    cut: bool = False
    short: str = ""


@dataclass(frozen=True)
class Behind:
    """A member that was left after its first fold: its loss there is far above another's."""

    loss: float


FAR = 1.3  # times the least loss of all members so far: one that is worse on its first fold has never got a weight


@dataclass(frozen=True)
class Work:
    """What all members share: `trained` holds those that came before, `shared` what several of them need."""

    views: Views
    target: Target
    folds: Folds
    seed: int
    threads: int
    trained: dict[str, Trained] = field(default_factory=dict)
    shared: dict[Any, Any] = field(default_factory=dict)

    def behind(self, loss: float) -> bool:
        """Whether a loss on the first fold's held-out rows is far above that of a member that has been fitted.

        A log loss, or a squared error in spreads. Never on one held-out part alone, where all is done by then.
        """
        if len(self.folds) == 1 or not self.trained:
            return False
        rows = self.folds.held[0]
        places = np.searchsorted(self.folds.rows, rows)
        least = min(float(self.target.losses(one.held_out[places], rows).mean()) for one in self.trained.values())
        return loss > FAR * least

    def thinned(self, share: float) -> Work:
        """The same with a share of the rows to learn from; those held out stay."""
        rng = np.random.default_rng([self.seed % 2**32, 3])
        learnt = [np.sort(rng.permutation(rows)[: max(1, round(share * len(rows)))]) for rows in self.folds.learnt]
        return replace(self, folds=Folds(tuple(learnt), self.folds.held), shared={})


class Deadline:
    """A share of what a clock has left; calling it tells whether the share is used up."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.until = clock.elapsed() + max(0.0, seconds)

    def __call__(self) -> bool:
        """Whether it has passed."""
        return self.clock.elapsed() >= self.until

    def left(self) -> float:
        """Seconds until it ends."""
        return self.until - self.clock.elapsed()

    def part(self, share: float) -> Deadline:
        """A deadline after this share of what is left."""
        return Deadline(self.clock, self.left() * share)

    def as_clock(self) -> Clock:
        """A clock that ends with it, and never before a moment: one without seconds would have no end."""
        return Clock(max(0.05, self.left()), now=self.clock.elapsed)


class Member(Protocol):
    """One way of learning; `name` is what people read."""

    name: str

    def estimate(self, work: Work, clock: Clock) -> float:
        """Seconds that a full fit is likely to take, from a small trial."""

    def fit(self, work: Work, deadline: Deadline) -> Trained | Behind:
        """Learn every fold within the deadline, ending early where need be."""
