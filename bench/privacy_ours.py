"""Our step, with and without its noise, and the published micro-batch form, for bench/privacy.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from privacy_models import MODELS
from privacy_peers import RATE, Step
from torch import Tensor

from bakeoff.privacy import Ledger
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.clipping import Flat
from bakeoff.privacy.microbatch import MicroBatchSettings, MicroBatchStep
from bakeoff.privacy.regime import PrivateSettings, PrivateStep
from bakeoff.privacy.wrapping import Wrapped, packed
from bakeoff.training import Batch, Recipe


def without_noise(model: str, device: str, batch: int) -> Step:
    """Book-keeping alone: the mean of clipped gradients and an update, which is not private."""
    network = MODELS[model].make().to(device)
    learner = Wrapped(network)
    keeping, clipping = BookKeeping(learner), Flat(1.0)
    sums = keeping.sums()
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE / batch)

    def step(inputs: Tensor, targets: Tensor) -> None:
        sums.clear()
        given = Batch(np.arange(len(inputs)), packed(inputs, targets))
        keeping.clipped(lambda: learner.losses(given), len(inputs), clipping, sums)
        for parameter in keeping.parameters.values():
            parameter.grad = sums.dense(parameter)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


def private(lazy: bool) -> Callable[[str, str, int], Step]:
    """A whole private step of SGD; `lazy` lets the rows of embeddings wait for their noise until they are read."""

    def made(model: str, device: str, batch: int) -> Step:
        network = MODELS[model].make().to(device)
        learner = Wrapped(network)
        maker = PrivateStep(Ledger(), PrivateSettings(clipping=Flat(1.0), lazy=lazy))
        maker.begin(learner, Recipe(batch=batch, clip=0.0, held_out=0.0, optimiser="sgd", decay=0.0))
        maker.sampled(0.01, batch)
        owed = maker.owe(learner) if lazy else None
        optimiser = torch.optim.SGD(network.parameters(), lr=RATE)

        def step(inputs: Tensor, targets: Tensor) -> None:
            maker.gradient(learner, Batch(np.arange(len(inputs)), packed(inputs, targets)))
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            if owed is not None:
                owed.updated(RATE)

        return step

    return made


def microbatch(parts_of: int) -> Callable[[str, str, int], Step]:
    """The published form with micro-batches of so many records (0: the whole batch is one)."""

    def made(model: str, device: str, batch: int) -> Step:
        network = MODELS[model].make().to(device)
        learner = Wrapped(network)
        parts = max(1, batch // parts_of) if parts_of else 1
        maker = MicroBatchStep(Ledger(), MicroBatchSettings(parts=parts))
        maker.begin(learner, Recipe(batch=batch, clip=0.0, held_out=0.0))
        maker.sampled(0.01)
        optimiser = torch.optim.SGD(network.parameters(), lr=RATE)

        def step(inputs: Tensor, targets: Tensor) -> None:
            maker.gradient(learner, Batch(np.arange(len(inputs)), packed(inputs, targets)))
            optimiser.step()

        return step

    return made


OURS: dict[str, Callable[[str, str, int], Step]] = {
    "ours": private(lazy=False),
    "ours, lazy noise": private(lazy=True),
    "ours, no noise": without_noise,
    "micro-batch, whole": microbatch(0),
    "micro-batches of 8": microbatch(8),
}
