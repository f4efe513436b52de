"""Our step, with and without its noise, and the published micro-batch form, for bench/privacy.py."""

from __future__ import annotations

import numpy as np
import torch
from privacy_models import MODELS
from privacy_peers import RATE, Step
from torch import Tensor

from bakeoff.privacy import Ledger
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.clipping import Flat
from bakeoff.privacy.microbatch import MicroBatchSettings, MicroBatchStep
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

    return step


def microbatch(parts_of: int) -> object:
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


OURS = {"ours, no noise": without_noise, "micro-batch, whole": microbatch(0), "micro-batches of 8": microbatch(8)}
