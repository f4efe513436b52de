"""Micro-batch clipping, the published form of eDP-SGD, under its own name and with its honest epsilon.

The mean gradient of a micro-batch (one for each GPU, say) is clipped as a whole, scaled layer by layer, and the noise
falls from epoch to epoch. Clipping a mean to a bound C bounds the micro-batch and not a record: one record can turn a
mean from +C to -C, so it changes the sum by up to 2C (Ponomareva et al., How to DP-fy ML, 2023, section 5.6). Noise of
sigma C, published as sigma, is therefore sigma / 2 in the ledger: at rate 0.01, sigma 1 and 10,000 steps what is
published as epsilon 6.19 is 43.4. `PrivateSGD` clips each record at about the same cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.errors import BakeoffError, UsageError
from bakeoff.privacy.accounting import epsilon_of
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.calibration import calibrate
from bakeoff.privacy.clipping import Clipping, Fixed, Layerwise
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.masks import Masks
from bakeoff.privacy.noise import Noise
from bakeoff.privacy.poisson import PoissonLoop
from bakeoff.privacy.wrapping import some
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch

NAME = "gradients of micro-batches"
DETAIL = "means of micro-batches are clipped: one record changes a mean by up to twice the bound"
TIMES = 2  # how often the bound a record changes a clipped mean


@dataclass(frozen=True)
class MicroBatchSettings:
    """How micro-batches are clipped and how much noise they get.

    `sigma` is the noise's deviation divided by the clipping's bound, as published; in epoch e (from 0) it is sigma *
    `decay`^e. `parts` is the number of micro-batches of a step: each drawn record falls into one of them at random, so
    that a record more or less moves no other, and an empty one adds nothing. `clipping` must have a fixed bound; the
    default shares one of 1 among the layers by their size. `seed` is for tests: noise that can be repeated protects
    nobody. UsageError for numbers out of range.
    """

    sigma: float = 1.0
    decay: float = 1.0
    parts: int = 1
    clipping: Clipping = field(default_factory=Layerwise)
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.sigma < 0 or not 0 < self.decay <= 1 or self.parts < 1:
            raise UsageError(
                "Micro-batch clipping takes a sigma of at least 0, a decay above 0 and at most 1, and at least 1 part; "
                f"given were {self.sigma}, {self.decay} and {self.parts}."
            )
        if not isinstance(self.clipping, Fixed):
            raise UsageError(
                "Micro-batch clipping needs a bound that does not follow the data, and not "
                f"{type(self.clipping).__name__}; take Flat or Layerwise."
            )

    def within(self, budget: Budget, rate: float, epochs: int) -> MicroBatchSettings:
        """The same with the smallest sigma that keeps so many epochs of Poisson samples at `rate` within a budget."""
        shape = [self.decay**epoch for epoch in range(epochs)]
        sigma = calibrate(budget, rate, epochs * per_epoch(rate), shape=None if self.decay == 1 else shape)
        return replace(self, sigma=TIMES * sigma)


def per_epoch(rate: float) -> int:
    """Steps of one epoch at a sampling rate."""
    return max(1, math.ceil(1 / rate - 1e-9))


class MicroBatchStep:
    """The gradient step: clipped means of micro-batches, their sum with noise, divided by their number."""

    def __init__(self, ledger: Ledger, settings: MicroBatchSettings) -> None:
        self.ledger, self.settings = ledger, settings
        self.noise = Noise(settings.seed)
        self.rate: float | None = None
        self.steps = 0
        if settings.seed is not None:
            ledger.broke("micro-batches and noise were drawn from a seed, and can be drawn again")
        # With a known seed one record more would move all later ones into other micro-batches.
        self._random = np.random.default_rng(settings.seed)
        self._masks = Masks(settings.seed)

    def begin(self, network: Any, recipe: Recipe) -> None:
        """UsageError for a network with buffers that records would change without noise."""
        for name, module in network.named_modules():
            if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
                raise UsageError(
                    f"{name or 'The network'} is {type(module).__name__}, which keeps means of the records without any "
                    "noise; put GroupNorm in its place, or make it with track_running_stats=False."
                )
        self._learnt = {name: held for name, held in network.named_parameters() if held.requires_grad}
        self._groups = self.settings.clipping.groups({name: held.numel() for name, held in self._learnt.items()})

    def sampled(self, rate: float, divisor: float = 0.0, steps: int = 0) -> None:
        """Say that batches are Poisson samples at this rate; without it no epsilon is stated.

        The sum is divided by the number of micro-batches, whatever the divisor.
        """
        self.rate = rate

    def gradient(self, network: Any, batch: Batch) -> float | None:
        """Leave the noisy gradient in each parameter's `grad`; no loss is told. The batch may hold no record."""
        sums = [torch.zeros_like(held) for held in self._learnt.values()]
        for part in self._dealt(batch):
            for held in self._learnt.values():
                held.grad = None
            with self._masks.drawn(next(iter(self._learnt.values())).device):
                network.losses(part).mean().backward()
            gradients = [torch.zeros_like(held) if held.grad is None else held.grad for held in self._learnt.values()]
            torch._foreach_mul_(gradients, self._factors(gradients))
            torch._foreach_add_(sums, gradients)
        sigma = self._sigma()
        for held, summed in zip(self._learnt.values(), sums, strict=True):
            self.noise.add(summed, sigma * self.settings.clipping.sensitivity)
            held.grad = summed.div_(self.settings.parts)
        self._write(sigma)
        return None

    def published_epsilon(self, delta: float) -> float:
        """What is published for these steps, as if a clipped mean bounded a record: no bound on anything."""
        entries = [entry for entry in self.ledger.entries if entry.name == NAME]
        return epsilon_of([replace(entry, sigma=TIMES * entry.sigma) for entry in entries], delta)

    def _sigma(self) -> float:
        epoch = self.steps // per_epoch(self.rate) if self.rate else 0
        return self.settings.sigma * self.settings.decay**epoch

    def _write(self, sigma: float) -> None:
        self.steps += 1
        if self.rate is None:
            self.ledger.broke("batches of micro-batch clipping were not drawn by Poisson sampling")
            return
        self.ledger.sampled(NAME, self.rate, sigma / TIMES, detail=DETAIL)

    def _factors(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        squares = gradients[0].new_zeros(max(self._groups) + 1, 1)
        where = torch.tensor(self._groups, device=squares.device)
        squares.index_add_(0, where, torch.stack(torch._foreach_norm(gradients)).square_()[:, None])
        norms = squares.sqrt()
        if not bool(norms.isfinite().all()):
            raise BakeoffError(
                "A gradient is not a number; a smaller learning rate or another scale of inputs is needed."
            )
        factors = self.settings.clipping.factors(norms)[:, 0]
        return [factors[group] for group in self._groups]

    def _dealt(self, batch: Batch) -> Iterator[Batch]:
        if self.settings.parts == 1:
            yield from (batch,) if len(batch) else ()
            return
        part = self._random.integers(0, self.settings.parts, len(batch))
        for number in range(self.settings.parts):
            where = np.flatnonzero(part == number)
            if len(where):
                yield some(batch, where)

    def state(self) -> Mapping[str, Any]:
        """The number of steps and the ledger."""
        return {"steps": self.steps, "rate": self.rate, "ledger": self.ledger.as_plain()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The steps and the ledger again."""
        self.steps, self.rate = int(state["steps"]), state["rate"]
        kept = Ledger.of_plain(state["ledger"])
        self.ledger.__dict__.update(kept.__dict__)


class MicroBatch:
    """The published form as a regime: Poisson samples, and the clipped means of their micro-batches.

    `records` is the public number of records; without it the number there is counts as public. UsageError for a ledger
    whose unit is an owner.
    """

    def __init__(self, ledger: Ledger, settings: MicroBatchSettings | None = None, records: int | None = None) -> None:
        if ledger.unit != "record":
            raise UsageError(
                "Micro-batch clipping is for records that come and go one by one; take PrivateSGD for owners."
            )
        settings = settings or MicroBatchSettings()
        self.step = MicroBatchStep(ledger, settings)
        self.outer = PoissonLoop(ledger, records=records, seed=settings.seed)
