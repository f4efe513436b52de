"""Canaries that are records: made to fit nothing, put among the training records by coins, and told by their losses.

Weaker than canaries at the level of gradients, and nothing of the engine is passed by: they go through the network, its
norms and its clipping like any record.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.given import Joined, Pair, Tensors, each
from bakeoff.privacy.run import PrivateRun, Watcher
from bakeoff.privacy.whitebox.canaries import Canaries
from bakeoff.privacy.whitebox.reports import WhiteBoxReport
from bakeoff.privacy.whitebox.weighing import weighed
from bakeoff.privacy.wrapping import as_batch

LOOKS = 50  # at most so many models on the way are looked at
FAR = 3.0  # times as far from the middle as records are


def strange_records(inputs: Any, targets: Any, count: int, seed: int | None = None) -> Pair:
    """So many records like none of these: (inputs, targets), in the form of those given.

    Numbers are those of other records, column by column, and three times as far from the column's mean; whole numbers
    of inputs (words, say) are any between the column's least and greatest; class targets are drawn by chance among
    those there are. UsageError where there is no record.
    """
    held = Tensors(inputs, targets)
    if not len(held) or count < 1:
        raise UsageError(f"{count} strange records are to be made of {len(held)}; give at least one of each.")
    random = np.random.default_rng(seed)

    def input_of(known: Tensor) -> Tensor:
        return _far(known, count, random) if known.is_floating_point() else _any(known, count, random)

    def target_of(known: Tensor) -> Tensor:
        if known.is_floating_point():
            return _far(known, count, random)
        return known[torch.from_numpy(random.integers(0, len(known), count))]

    return each(held.inputs, input_of), each(held.targets, target_of)


def audit_with_records(
    run: PrivateRun,
    inputs: Any,
    targets: Any,
    strange: Pair,
    *,
    canaries: Canaries | None = None,
    watcher: Watcher | None = None,
) -> WhiteBoxReport:
    """Fit a run of `private(...)` on its records and on a half of the strange ones by coins, and bound its epsilon.

    `strange` holds the canaries' inputs and targets (see `strange_records`), in the form of those of the records; of
    `canaries` only `sees`, `seed` and `confidence` count. The score of a canary is how much its loss has fallen: in
    the mean of up to 25 models of the fit's second half ("steps"), or in the last one ("final"). UsageError where the
    run has begun, or forms do not fit.
    """
    how = canaries or Canaries()
    held, others = Tensors(inputs, targets), Tensors(*strange)
    inside = how.tossed_records(len(others))
    joined = Joined(held, others, np.flatnonzero(inside))
    run.watched(lambda step: step, len(held))
    before = _losses(run, others)
    falls: list[Array] = []
    every = max(1, run.steps // LOOKS) if how.sees == "steps" else run.steps

    def look(made: int, planned: int) -> None:
        if made % every == 0 or made == planned:
            falls.append(before - _losses(run, others))
        if watcher is not None:
            watcher(made, planned)

    run.fit(joined, watcher=look)
    used = falls[len(falls) // 2 :]  # what is learnt by heart is learnt late
    return weighed(how, inside, np.mean(used, axis=0), (run.ledger, run.budget.delta))


def _losses(run: PrivateRun, records: Tensors) -> Array:
    """The loss of each record, float64 (records,), with dropout off."""
    training = run.network.training
    run.network.eval()
    with torch.no_grad():
        inputs, targets = records.take(np.arange(len(records)))
        found = run.losses(as_batch(inputs, targets)).double().cpu().numpy()
    run.network.train(training)
    return np.asarray(found)


def _far(known: Tensor, count: int, random: np.random.Generator) -> Tensor:
    flat = known.reshape(len(known), -1)
    rows = torch.from_numpy(random.integers(0, len(known), (count, flat.shape[1])))
    middle = flat.mean(0)
    return (middle + FAR * (flat.gather(0, rows) - middle)).reshape(count, *known.shape[1:])


def _any(known: Tensor, count: int, random: np.random.Generator) -> Tensor:
    low, high = int(known.min()), int(known.max())
    drawn = random.integers(low, high + 1, (count, *known.shape[1:]))
    return torch.from_numpy(drawn).to(known.dtype)
