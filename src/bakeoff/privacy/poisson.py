"""Poisson sampling: at every step each record, or each owner, is drawn by a coin of its own.

That is what the accountant assumes. A shuffled epoch, or batches of a fixed size, are not, however alike they look.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.ledger import Ledger
from bakeoff.training.history import History
from bakeoff.training.recipe import Recipe
from bakeoff.training.regimes import InProgress, Moved, Stateless

Physical = tuple[Array, Array | None]  # positions of records, and the unit in the batch that each belongs to


def poisson(random: np.random.Generator, count: int, rate: float) -> Array:
    """Positions below `count`, each drawn with probability `rate` by itself; int64, rising.

    How many there are is binomial, and which ones is uniform given that: the same distribution as one coin for each,
    at a cost that follows what is drawn. UsageError where the rate is no probability.
    """
    if not 0 <= rate <= 1:
        raise UsageError(f"The sampling rate is {rate}; it is a probability from 0 to 1.")
    size = int(random.binomial(count, rate)) if count else 0
    return np.sort(random.choice(count, size, replace=False, shuffle=False)).astype(np.int64) if size else _nothing()


def _nothing() -> Array:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Plan:
    """What is known of a private fit before it begins, and of no record: sampling rate, divisor and steps.

    `divisor` is the expected number of units in a batch, by which sums are divided, never by what was drawn.
    """

    rate: float
    divisor: float
    epoch_steps: int
    epochs: int

    @classmethod
    def of(cls, units: int, recipe: Recipe) -> Plan:
        """For a public number of units (records or owners) in batches of `recipe.batch` expected units.

        UsageError where there is no unit.
        """
        if units < 1:
            raise UsageError(f"The public number of records is {units}; private training needs at least 1.")
        expected = min(recipe.batch, units)
        return cls(expected / units, float(expected), math.ceil(units / expected), recipe.epochs)

    @property
    def steps(self) -> int:
        """Steps of the whole fit."""
        return self.epoch_steps * self.epochs


class Units:
    """Which records belong together: an owner's, or all windows of one text. They come and go as one.

    `labels` (records,) says whose each record is. At most `most` records of a unit are used, spread evenly over its
    own, so that the choice depends on nobody else's. UsageError where `most` is below 1.
    """

    def __init__(self, labels: Array, most: int) -> None:
        if most < 1:
            raise UsageError(f"At most {most} records of each owner would be used; let it be at least 1.")
        _, inverse = np.unique(np.asarray(labels), return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        counts = np.bincount(inverse)
        starts, used = np.cumsum(counts) - counts, np.minimum(counts, most)
        self.records = len(inverse)
        self.offsets = np.concatenate([[0], np.cumsum(used)])
        within = np.arange(self.offsets[-1]) - np.repeat(self.offsets[:-1], used)
        self.positions = order[np.repeat(starts, used) + within * np.repeat(counts, used) // np.repeat(used, used)]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, unit: int) -> Array:
        """The positions of a unit's records."""
        return self.positions[self.offsets[unit] : self.offsets[unit + 1]]


class PoissonLoop(Stateless):
    """A fixed number of steps, each on a Poisson sample; nothing is held out and no loss is told.

    `records` is the public number of units; without it the number there is counts as public, and the ledger says so.
    A logical batch goes through the network in physical ones of at most `physical` records (0: whole), all records of
    a unit in the same. The sample is secret, and so drawn from the operating system's entropy; `seed` is for tests.

    The step is told `sampled(rate, divisor, steps)`, and is given either each physical batch by `add(network, batch,
    units)` and the end of a logical one by `finish(network)`, or, without such methods, logical ones by `gradient`.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        records: int | None = None,
        physical: int = 0,
        units: Units | None = None,
        seed: int | None = None,
    ) -> None:
        self.ledger, self.records, self.physical, self.units, self.seed = ledger, records, physical, units, seed
        self._random = np.random.default_rng()

    def plan(self, records: int, recipe: Recipe) -> Plan:
        """Rate, divisor and steps for so many records of training data."""
        there = records if self.units is None else len(self.units)
        return Plan.of(there if self.records is None else self.records, recipe)

    def rounds(self, fitting: InProgress, epoch: int) -> Iterator[Moved]:
        """One epoch: as many steps as draw each unit once on average."""
        step: Any = fitting.step
        everything, plan = len(fitting.records), self.plan(len(fitting.records), fitting.recipe)
        self._check(everything)
        if epoch == 0 and self.records is None:
            self.ledger.public(f"number of {self.ledger.unit}s", "the number there is, taken as public")
        step.sampled(plan.rate, plan.divisor, plan.steps)
        if self.seed is not None:
            self._random = np.random.default_rng([self.seed % 2**32, epoch])
        lengths, done = fitting.records.lengths(), 0
        owed = step.owe(fitting.network) if hasattr(step, "owe") else None
        try:
            while done < plan.epoch_steps:
                self._gradient(fitting, plan.rate, lengths)
                fitting.update()
                if owed is not None:
                    owed.updated(fitting.rate)
                done += 1
                # How many were drawn is secret; progress is told as if every step used its share.
                yield Moved(done * everything // plan.epoch_steps - (done - 1) * everything // plan.epoch_steps)
        finally:
            if owed is not None:
                owed.close()
            if done < plan.epoch_steps:
                self.ledger.public("end by the clock", f"after {done} of {plan.epoch_steps} steps of an epoch")

    def goes_on(self, history: History, recipe: Recipe) -> bool:
        """Always: to stop for a better loss would be a look at the records."""
        return True

    def _check(self, records: int) -> None:
        if self.units is not None and self.units.records != records:
            raise UsageError(f"Owners are given of {self.units.records} records, and there are {records}.")

    def _gradient(self, fitting: InProgress, rate: float, lengths: Array) -> None:
        step: Any = fitting.step
        if not hasattr(step, "add"):
            step.gradient(fitting.network, fitting.batch(poisson(self._random, len(fitting.records), rate)))
            return
        drawn = poisson(self._random, len(fitting.records) if self.units is None else len(self.units), rate)
        self._self_check(fitting, drawn, lengths)
        for positions, units in self._physical(drawn, lengths):
            step.add(fitting.network, fitting.batch(positions), units)
        step.finish(fitting.network)

    def _self_check(self, fitting: InProgress, drawn: Array, lengths: Array) -> None:
        """Long and short records are each put into a batch of their own: how far others are padded must not matter."""
        step: Any = fitting.step
        if getattr(step, "checked", True) or not len(drawn):
            return
        some = drawn if self.units is None else np.concatenate([self.units.of(unit) for unit in drawn])
        by_length = some[np.argsort(lengths[some], kind="stable")]
        chosen = np.concatenate([by_length[-1:], by_length[:-1]])
        step.check(lambda places: fitting.network.losses(fitting.batch(chosen[list(places)])), len(chosen))

    def _physical(self, drawn: Array, lengths: Array) -> Iterator[Physical]:
        """Physical batches; where there are several, records of like length share one, so that little is padded."""
        if self.units is not None:
            yield from _packed([self.units.of(unit) for unit in drawn], self.physical, lengths)
            return
        size = self.physical or len(drawn)
        if len(drawn) > size:
            drawn = drawn[np.argsort(lengths[drawn], kind="stable")]
        for begin in range(0, len(drawn), size or 1):
            yield drawn[begin : begin + size], None


def _packed(units: Sequence[Array], most: int, lengths: Array) -> Iterator[Physical]:
    """Whole units together, at most `most` records where no single unit has more."""
    held: list[Array] = []
    count = 0
    for one in sorted(units, key=lambda positions: int(lengths[positions].max())):
        if held and most and count + len(one) > most:
            yield _joined(held)
            held, count = [], 0
        held.append(one)
        count += len(one)
    if held:
        yield _joined(held)


def _joined(units: Sequence[Array]) -> Physical:
    sizes = [len(one) for one in units]
    return np.concatenate(units), np.repeat(np.arange(len(units)), sizes)
