"""A private step that is watched: canaries' gradients go through its clipping, and every noisy sum is read.

Who watches knows all but the coins and the noise: the records, the weights at every step, and what the real records of
a step came to. That is the adversary whom the accountant's proof holds against, since it fixes all other records' part
of a step; so a bound found this way is one on the claim.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bakeoff.nouns import Array
from bakeoff.privacy.regime import PrivateStep, physical_parts
from bakeoff.privacy.whitebox.directions import Directions
from bakeoff.privacy.wrapping import some
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch

LONG = 1e4  # raw norm of a canary's gradient, in bounds: whatever the clipping is, it is clipped


@dataclass
class Seen:
    """What was seen of each canary, over all steps so far; every array is (canaries,).

    `scores` sums the log of how much likelier each noisy sum is with the canary among the records than without it,
    `squares` the squares of what lies along its direction in deviations of the stated noise, `repeats` the products of
    neighbouring steps, `pulls` what lies along it weighed by the precision of the noise, and `drawn` how often it was.
    `expected` is what `pulls` would be for a canary inside, for each step: (rate * reach / sigma^2).
    """

    scores: Array
    squares: Array
    repeats: Array
    pulls: Array
    drawn: Array
    steps: int = 0
    expected: float = 0.0
    last: Array | None = field(default=None, repr=False)

    @classmethod
    def nothing(cls, count: int) -> Seen:
        """Before the first step."""
        scores, squares, repeats, pulls, drawn = np.zeros((5, count))
        return cls(scores, squares, repeats, pulls, drawn)

    def step(self, along: Array, rate: float, sigma: float, reach: float) -> None:
        """One more noisy sum: float64 (canaries,) in sensitivities, where a canary that was drawn adds `reach`."""
        ratio = reach * (along - reach / 2) / sigma**2
        with np.errstate(divide="ignore"):
            self.scores += np.logaddexp(np.log1p(-rate) if rate < 1 else -np.inf, math.log(rate) + ratio)
        scaled = along / sigma
        self.squares += scaled**2
        if self.last is not None:
            self.repeats += scaled * self.last
        self.last = scaled
        self.pulls += along * reach / sigma**2
        self.expected += rate * reach**2 / sigma**2
        self.steps += 1


class WatchedStep:
    """A `PrivateStep` whose sums hold canaries too; every other thing it does is the step's own.

    Records from position `real` on are canaries: `inside` (their number,) tells which canary each is. They come and go
    with the real ones, as the loop draws them, and what they add is cut to size by the step's own clipping.
    """

    def __init__(self, step: PrivateStep, real: int, inside: Array, directed: Callable[[Any], Directions]) -> None:
        self.step, self.real, self.inside = step, real, inside
        self._directed = directed
        self._directions: Directions | None = None
        self._here: list[int] = []
        self._divisor = self._rate = 0.0
        self.seen = Seen.nothing(0)

    def __getattr__(self, name: str) -> Any:
        # A loop that lets embedding rows wait for their noise would hide it from who watches.
        if name in ("step", "owe"):
            raise AttributeError(name)
        return getattr(self.step, name)

    def begin(self, network: Any, recipe: Recipe) -> None:
        """The step's own; canaries are given their directions once."""
        self.step.begin(network, recipe)
        self._divisor = self._divisor or float(recipe.batch)
        if self._directions is None:
            self._directions = self._directed(self.step)
            self.seen = Seen.nothing(len(self._directions))

    def sampled(self, rate: float, divisor: float = 0.0, steps: int = 0) -> None:
        """The step's own."""
        self.step.sampled(rate, divisor, steps)
        self._divisor = divisor or self._divisor

    def gradient(self, network: Any, batch: Batch) -> float | None:
        """The noisy gradient of one logical batch."""
        for part in physical_parts(batch, self.step.settings.physical):
            self.add(network, part)
        self.finish(network)
        return None

    def add(self, network: Any, batch: Batch, units: Array | None = None) -> None:
        """The real records' gradients by the step's own way; canaries wait for the end of the logical batch."""
        positions = np.asarray(batch.positions)
        canary = positions >= self.real
        self._here += self.inside[positions[canary] - self.real].tolist()
        where = np.flatnonzero(~canary)
        self.step.add(network, some(batch, where), None if units is None else units[where])

    def check(self, losses: Callable[[Sequence[int]], Tensor], records: int) -> None:
        """The step's own, on whatever was drawn: rows that stand for canaries are rows like others."""
        self.step.check(losses, records)

    def finish(self, network: Any) -> None:
        """Add the canaries that were drawn, let the step add its noise, and look at what comes out."""
        assert self._directions is not None
        self.step.add(network, Batch(np.zeros(0, dtype=np.int64), {}))  # begins a sum where no record was drawn
        sensitivity = self.step.clipping.sensitivity
        reach, shares = self._pull(self._directions)
        before = self._directions.along(self._laid_out(), shares).double().cpu().numpy() * self._divisor
        self._insert(self._directions)
        self.step.finish(network)
        (last,) = self.step.ledger.entries[-1:]
        found = torch.cat([one.grad.reshape(-1).float() for one in self.step.book.parameters.values()])
        after = self._directions.along(found, shares).double().cpu().numpy() * self._divisor
        self.seen.drawn[self._here] += 1
        self._here = []
        if last.sigma > 0 and last.rate > 0:
            self.seen.step((after - before) / sensitivity, last.rate, self._noise(last.sigma), reach)

    def moved(self, change: Tensor) -> Array:
        """How far a change of the weights, parameters end to end, reaches along each direction, (canaries,)."""
        assert self._directions is not None
        return np.asarray(self._directions.along(change, self._pull(self._directions)[1]).double().cpu().numpy())

    def state(self) -> Mapping[str, Any]:
        """The step's own."""
        return self.step.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """The step's own."""
        self.step.restore(state)

    def _noise(self, sigma: float) -> float:
        return self.step.clipping.multiplier(sigma)

    def _laid_out(self) -> Tensor:
        """The sum so far, all parameters end to end; a copy."""
        return torch.cat([self.step.sums.dense(one).reshape(-1) for one in self.step.book.parameters.values()])

    def _pull(self, directions: Directions) -> tuple[float, Tensor]:
        """How far a canary that is drawn reaches, in sensitivities, by what the clipping says of itself.

        And each group's share of it, (groups,).
        """
        groups = self.step.clipping.groups(self.step.book.sizes)
        bounds = getattr(self.step.clipping, "bounds", ())
        own = torch.tensor(bounds if bounds else [self.step.clipping.sensitivity] * (max(groups) + 1))
        held = torch.zeros_like(own)
        held[directions.in_groups] = own[directions.in_groups]
        return float(held.norm()) / self.step.clipping.sensitivity, (held / held.norm()).to(directions.values.device)

    def _insert(self, directions: Directions) -> None:
        """The clipped gradients of the canaries that were drawn, as the step would add those of records."""
        if not self._here:
            return
        groups = self.step.clipping.groups(self.step.book.sizes)
        long = LONG * self.step.clipping.sensitivity
        device = directions.values.device
        norms = torch.zeros(max(groups) + 1, len(self._here), device=device)
        norms[directions.in_groups] = long
        factors = self.step.clipping.factors(norms) / self._divisor
        rows = torch.tensor(self._here, device=device)
        values = long * directions.values[rows] * factors[directions.groups].t()
        whole = torch.zeros(sum(self.step.book.sizes.values()), device=device)
        whole.index_add_(0, directions.places[rows].reshape(-1), values.reshape(-1))
        begin = 0
        for parameter in self.step.book.parameters.values():
            part = whole[begin : begin + parameter.numel()].view(parameter.shape)
            self.step.sums.dense(parameter).add_(part)
            begin += parameter.numel()
