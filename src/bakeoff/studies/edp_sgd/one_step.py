"""One private step with a record and without it, many times: what whoever sees the gradients would see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.nouns import Array
from bakeoff.privacy import Ledger
from bakeoff.studies.edp_sgd import regimes
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch

OTHERS = 15  # records that pull the other way, in one micro-batch with the one in question
STRONG = 1000.0  # how much stronger its gradient is than all of theirs


@dataclass(frozen=True)
class Seen:
    """The gradients of one weight in all trials, float64 (trials,) each, and the ledger of a single step."""

    with_it: Array
    without_it: Array
    ledger: Ledger

    def epsilon(self, delta: float) -> float:
        """What the ledger says of one step."""
        return float(self.ledger.epsilon(delta))


class Weight(nn.Module):
    """A single weight w and losses w x: a record's gradient is its x."""

    mixed = False

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)

    def losses(self, batch: Batch) -> Tensor:
        """w x of each record."""
        return self.layer(batch.inputs["x"]["x"]).squeeze(1)


def micro_step(sigma: float, trials: int) -> Seen:
    """Clipped means, one micro-batch, noise of `sigma` clips: as published."""
    return _seen(lambda ledger: regimes.micro_step(sigma, 1, ledger=ledger), trials)


def record_step(sigma: float, trials: int) -> Seen:
    """Every record clipped, noise of `sigma` clips."""
    return _seen(lambda ledger: regimes.record_step(sigma, 1.0, ledger=ledger), trials)


def _seen(maker: Any, trials: int) -> Seen:
    pulls = np.concatenate([np.ones(OTHERS), [-STRONG * OTHERS]]).astype(np.float32)
    seen = [_trials(maker(Ledger()), pulls[:count], trials) for count in (OTHERS + 1, OTHERS)]
    ledger = Ledger()
    _trials(maker(ledger), pulls, 1)
    return Seen(seen[0], seen[1], ledger)


def _trials(step: Any, pulls: Array, trials: int) -> Array:
    network: Any = Weight()
    step.begin(network, Recipe(batch=len(pulls), clip=0.0, held_out=0.0, optimiser="sgd"))
    batch = Batch(np.arange(len(pulls)), {"x": {"x": torch.from_numpy(pulls)[:, None]}})
    found = np.zeros(trials)
    for trial in range(trials):
        step.gradient(network, batch)
        found[trial] = float(network.layer.weight.grad)
        network.layer.weight.grad = None
    return found
