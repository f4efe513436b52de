"""White-box audits of private fits: a run of `private(...)`, or any fit by the regime of DP-SGD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.entries import Entry
from bakeoff.privacy.given import Extended, given
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.poisson import Units
from bakeoff.privacy.regime import PrivateSGD, PrivateStep
from bakeoff.privacy.run import PrivateRun, Watcher
from bakeoff.privacy.whitebox.canaries import Canaries
from bakeoff.privacy.whitebox.checks import checks_of
from bakeoff.privacy.whitebox.directions import Directions, directions_for, room_for
from bakeoff.privacy.whitebox.reports import WhiteBoxReport
from bakeoff.privacy.whitebox.watching import WatchedStep
from bakeoff.privacy.whitebox.weighing import weighed
from bakeoff.training.fitting import fit
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Records


def audit_white_box(
    run: PrivateRun,
    inputs: Any,
    targets: Any = None,
    *,
    canaries: Canaries | int | None = None,
    owners: Any = None,
    watcher: Watcher | None = None,
) -> WhiteBoxReport:
    """Fit a run of `private(...)` on its records and on gradient canaries, and bound its epsilon from below.

    The network learns the canaries too: audit a copy that is thrown away. What is given is what `run.fit` takes.
    UsageError where the run has made steps already, or its network has no room for so many canaries.
    """
    how = canaries if isinstance(canaries, Canaries) else Canaries(canaries or 0)
    held = given(inputs, targets)
    units = len(held) if owners is None else len(np.unique(np.asarray(owners)))
    watched: list[tuple[_Toss, WatchedStep]] = []

    def watch(step: PrivateStep) -> WatchedStep:
        toss = _Toss.of(how, room_for(step.book, step.clipping.groups(step.book.sizes)))
        watched.append((toss, toss.watch(step, len(held))))
        return watched[-1][1]

    run.watched(watch, units)
    toss, step = watched[-1]
    before = _weights(run.network)
    mine = None if owners is None else _owners(owners, toss.entered)
    run.fit(Extended(held, toss.entered), owners=mine, watcher=watcher)
    return _report(toss, step, (before, _weights(run.network)), (run.ledger, run.budget.delta))


def audit_fit(
    network: Any,
    records: Records,
    recipe: Recipe,
    regime: PrivateSGD,
    *,
    delta: float = 1e-5,
    canaries: Canaries | int | None = None,
) -> WhiteBoxReport:
    """The same for a network of Bakeoff's, fitted by a regime of DP-SGD that has made no step yet.

    The regime's public number of records is taken to be that of `records` where it was not told.
    """
    how = canaries if isinstance(canaries, Canaries) else Canaries(canaries or 0)
    if regime.step.taken or hasattr(regime.step, "seen"):
        raise UsageError("The regime has made steps already; audit a new one.")
    keeping = BookKeeping(network)
    toss = _Toss.of(how, room_for(keeping, regime.step.clipping.groups(keeping.sizes)))
    loop = regime.outer
    if loop.records is None:
        loop.records = len(records) if loop.units is None else len(loop.units)
    if regime.settings.units is not None:
        loop.units = Units(_owners(regime.settings.units, toss.entered), regime.settings.most)
    step = toss.watch(regime.step, len(records))
    regime.step = step  # type: ignore[assignment]  # every other thing it does is the step's own
    more = records.take(np.concatenate([np.arange(len(records)), np.zeros(toss.entered, dtype=np.int64)]))
    before = _weights(network)
    fit(network, more, recipe, regime=regime)
    return _report(toss, step, (before, _weights(network)), (regime.ledger, delta))


@dataclass(frozen=True)
class _Toss:
    """The coins of one audit, and the numbers that directions are made of."""

    how: Canaries
    inside: Array
    random: np.random.Generator

    @classmethod
    def of(cls, how: Canaries, room: int) -> _Toss:
        return cls(how, *how.tossed(room))

    @property
    def entered(self) -> int:
        return int(self.inside.sum())

    def watch(self, step: PrivateStep, real: int) -> WatchedStep:
        def directed(began: PrivateStep) -> Directions:
            groups = began.clipping.groups(began.book.sizes)
            return directions_for(began.book, groups, len(self.inside), self.how.kind, self.random)

        return WatchedStep(step, real, np.flatnonzero(self.inside), directed)


def _report(
    toss: _Toss, step: WatchedStep, weights: tuple[Tensor, Tensor], claimed: tuple[Ledger, float]
) -> WhiteBoxReport:
    if toss.how.sees == "final":
        return weighed(toss.how, toss.inside, step.moved(weights[0] - weights[1]), claimed)
    checks = checks_of(step.seen, toss.inside, _rate(claimed[0].entries))
    return weighed(toss.how, toss.inside, step.seen.scores, claimed, middle=0.0, checks=checks)


def _rate(entries: Sequence[Entry]) -> float:
    """The stated rate of the steps, weighed by how many there are of each."""
    held = [entry for entry in entries if entry.noisy]
    return sum(entry.rate * entry.count for entry in held) / max(1, sum(entry.count for entry in held))


def _weights(network: Any) -> Tensor:
    learnt = [one.detach().reshape(-1).float() for one in network.parameters() if one.requires_grad]
    return torch.cat(learnt).clone()


def _owners(labels: Any, more: int) -> Array:
    """Whose each record is, as numbers, and an owner of its own for each canary."""
    _, numbers = np.unique(np.asarray(labels), return_inverse=True)
    return np.concatenate([numbers, numbers.max(initial=-1) + 1 + np.arange(more)])
