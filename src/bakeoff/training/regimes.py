"""Regimes: how gradients are made of a batch, and which batches there are. Two seams that can be changed apart.

The gradient step turns a batch into the gradient of every parameter: plain here, with each record's part bounded and
noise added in private training, with another loss in distillation. The outer loop decides which records are drawn, who
computes, and when to end: shuffled epochs here, Poisson samples in private training, rounds of clients in federated
training. A regime is one of each, so a private step runs inside a federated loop without either knowing the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from bakeoff.nouns import Array
from bakeoff.training.history import History
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Records

POOL = 32  # batches among which records of like length are brought together


@dataclass(frozen=True)
class Moved:
    """What one step of the outer loop tells: records that were used, and their mean loss (None: not told)."""

    records: int
    loss: float | None = None


class InProgress(Protocol):
    """The fit as an outer loop sees it."""

    network: Any
    records: Records
    recipe: Recipe
    step: GradientStep
    rate: float  # the learning rate of the last update

    def batch(self, positions: Array) -> Batch:
        """These training records as tensors on the device."""

    def random(self, *key: int) -> np.random.Generator:
        """Random numbers that depend on the recipe's seed and the key alone."""

    def update(self) -> None:
        """Let the optimiser use the gradients that lie in the parameters, and clear them."""


class GradientStep(Protocol):
    """From a batch to gradients."""

    def begin(self, network: Any, recipe: Recipe) -> None:
        """Look at the network before the first step: refuse it, or get ready for it."""

    def gradient(self, network: Any, batch: Batch) -> float | None:
        """Leave the gradient in each parameter's `grad`; gives the mean loss, or None where it must not be told.

        The batch may hold no record.
        """

    def state(self) -> Mapping[str, Any]:
        """What a checkpoint must keep, as tensors, numbers, text, lists and mappings."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a kept state."""


class OuterLoop(Protocol):
    """Which records are drawn, who computes, and when to end."""

    def rounds(self, fitting: InProgress, epoch: int) -> Iterator[Moved]:
        """One epoch, or one round: yields after every step, where the fit may be ended for want of time."""

    def goes_on(self, history: History, recipe: Recipe) -> bool:
        """Whether another epoch is wanted after these."""

    def state(self) -> Mapping[str, Any]:
        """What a checkpoint must keep, as tensors, numbers, text, lists and mappings."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a kept state."""


class Regime(Protocol):
    """A gradient step and an outer loop."""

    @property
    def step(self) -> GradientStep:
        """From a batch to gradients."""

    @property
    def outer(self) -> OuterLoop:
        """Which batches there are."""


class Stateless:
    """A part of a regime that keeps nothing from step to step."""

    def state(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""


class MeanGradient(Stateless):
    """The gradient of the mean loss of the batch."""

    def begin(self, network: Any, recipe: Recipe) -> None:
        """Any network will do."""

    def gradient(self, network: Any, batch: Batch) -> float | None:
        """Backpropagation; an empty batch leaves no gradient."""
        if not len(batch):
            return None
        loss = network.losses(batch).mean()
        loss.backward()
        return float(loss.detach())


class Shuffled(Stateless):
    """Every record once in an epoch, in a new order each time, until the held-out part gets no better."""

    def rounds(self, fitting: InProgress, epoch: int) -> Iterator[Moved]:
        """One step for each batch; records of like length share one where lengths differ."""
        for positions in shuffled(fitting.records, fitting.recipe.batch, fitting.random(epoch)):
            loss = fitting.step.gradient(fitting.network, fitting.batch(positions))
            fitting.update()
            yield Moved(len(positions), loss)

    def goes_on(self, history: History, recipe: Recipe) -> bool:
        """Until `patience` epochs have passed without a better loss."""
        return history.since_best < recipe.patience


@dataclass(frozen=True)
class Plain:
    """Gradients of the mean loss of shuffled batches."""

    step: GradientStep = field(default_factory=MeanGradient)
    outer: OuterLoop = field(default_factory=Shuffled)


def shuffled(records: Records, size: int, random: np.random.Generator) -> list[Array]:
    """Positions of all records in batches of `size`, in random order, padded little."""
    order = random.permutation(len(records))
    lengths = records.lengths()
    if lengths.any() and lengths.min() < lengths.max():
        pools = [order[start : start + POOL * size] for start in range(0, len(order), POOL * size)]
        order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    return [batches[place] for place in random.permutation(len(batches))]
