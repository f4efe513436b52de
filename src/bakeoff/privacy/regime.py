"""DP-SGD and DP-Adam as a regime of training: bounded gradients of Poisson samples with noise, each step in a ledger.

The optimiser is the recipe's, and is given nothing but noisy gradients (Abadi et al. 2016, algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.calibration import calibrate, stretched
from bakeoff.privacy.clipping import Automatic, Clipping
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.masks import Masks
from bakeoff.privacy.noise import Noise
from bakeoff.privacy.optimising import Owed, additive, tables_of
from bakeoff.privacy.poisson import Plan, PoissonLoop, Units
from bakeoff.privacy.verification import verify
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch

WATCHED = 3  # steps with records after which it is known whether the network keeps something of them


@dataclass(frozen=True)
class PrivateSettings:
    """How gradients are made private.

    `sigma` is the noise's deviation divided by the clipping's sensitivity, times the multipliers in `shape`, each for
    an equally long stretch of the fit (one for each epoch, say; None: constant). `records` is the public number of
    records, or units; without it the number there is counts as public, and the ledger says so. Batches go through the
    network in physical ones of at most `physical` records (0: whole). `units` (records,) says whose each record is,
    where an owner (or a text in many windows) is drawn, bounded and protected as one, with at most `most` records.
    `lazy` lets embedding rows wait for their noise until they are read, where the optimiser allows it. `seed` makes
    sample and noise repeatable, for tests: no epsilon is stated then; None is the operating system's generator.
    UsageError for numbers out of range.
    """

    sigma: float = 1.0
    clipping: Clipping = field(default_factory=Automatic)
    shape: Sequence[float] | None = None
    records: int | None = None
    physical: int = 0
    units: Array | None = None
    most: int = 16
    lazy: bool = True
    seed: int | None = None
    name: str = "gradients"

    def __post_init__(self) -> None:
        if not self.sigma >= 0:
            raise UsageError(f"The sigma of private gradients is {self.sigma}; give a number above 0, such as 1.")
        if self.physical < 0:
            raise UsageError(f"The physical batch has {self.physical} records; give at least 1, or 0 for all at once.")


class PrivateStep:
    """The gradient step: the sum of bounded gradients with noise, divided by a public constant.

    It needs no loop of Bakeoff's: `begin` once, `sampled` to say how batches are drawn, then `gradient` for each
    logical batch, or `add` for each physical part of it and `finish`.
    """

    def __init__(self, ledger: Ledger, settings: PrivateSettings | None = None) -> None:
        self.ledger = ledger
        self.settings = settings or PrivateSettings()
        self.clipping = deepcopy(self.settings.clipping)
        self.noise = Noise(self.settings.seed)
        self.masks = Masks(self.settings.seed)
        if self.settings.seed is not None:
            ledger.broke("sample and noise were drawn from a seed, and can be drawn again")
        self.taken = 0
        self._rate: float | None = None
        self._divisor = 0.0
        self._sigmas: Sequence[float] = (self.settings.sigma,)
        self._fresh = True
        self._book: BookKeeping | None = None

    @property
    def book(self) -> BookKeeping:
        """How the network's gradients are bounded; UsageError before `begin`."""
        if self._book is None:
            raise UsageError("This private step has looked at no network; call begin(network, recipe) first.")
        return self._book

    def begin(self, network: Any, recipe: Recipe) -> None:
        """Look at the network; UsageError where a layer mixes records, or the recipe would look at records itself."""
        if recipe.clip or recipe.held_out:
            raise UsageError(
                f"The recipe has clip={recipe.clip:g} and held_out={recipe.held_out:g}; a private fit bounds each "
                "record and not their sum, and holds nothing out, since to choose an epoch by records is not accounted "
                "for. Set both to 0, as recipe_for(recipe) does."
            )
        self._book = BookKeeping(network)
        self._frozen = [parameter for parameter in network.parameters() if not parameter.requires_grad]
        self._watched = 0
        self._held: dict[str, Tensor] | None = None
        self.sums = self.book.sums()
        self.owed: Owed | None = None
        self._lazy = self.settings.lazy and additive(recipe)
        self._silent = {
            parameter: int(module.padding_idx)
            for parameter, module in tables_of(network).items()
            if module.padding_idx is not None
        }
        self._divisor = self._divisor or float(recipe.batch)
        # What a clipping has learnt of other records must not reach these.
        self.clipping = deepcopy(self.settings.clipping)
        self.clipping.expect(self._divisor)
        self._fresh, self._verified, self.taken = True, 0, 0

    def sampled(self, rate: float, divisor: float = 0.0, steps: int = 0) -> None:
        """Say that batches are Poisson samples at this rate; without it no epsilon is stated.

        Sums are divided by `divisor`, the expected number of units (0: the recipe's batch); `steps` are planned, over
        which a noise schedule is stretched.
        """
        self._rate = rate
        self._divisor = divisor or self._divisor
        if self._divisor:
            self.clipping.expect(self._divisor)
        if steps:
            self._sigmas = stretched(self.settings.sigma, steps, self.settings.shape)
        elif self.settings.shape is not None:
            raise UsageError("A noise schedule needs the number of steps that are planned; give `steps`.")

    def owe(self, network: Any) -> Owed | None:
        """From now on embedding rows wait for their noise; None where the optimiser does not allow it.

        Whoever calls tells what is given back of each update, and closes it before anyone else reads the network.
        """
        tables = tables_of(network) if self._lazy else {}
        held = {holder.module for holder in self.book.holders}
        lazy = {parameter: module for parameter, module in tables.items() if module in held}
        self.owed = Owed(lazy, self.noise) if lazy else None
        return self.owed

    def gradient(self, network: Any, batch: Batch) -> float | None:
        """The noisy gradient of one logical batch, which may hold no record; no loss is told."""
        for part in physical_parts(batch, self.settings.physical):
            self.add(network, part)
        self.finish(network)
        return None

    def add(self, network: Any, batch: Any, units: Array | None = None) -> None:
        """Add the bounded gradients of one physical batch.

        `units` int64 (records,) numbers from 0 the unit that each record belongs to, all of whose records are in this
        batch; None: each record is one. BakeoffError where a gradient is not a number.
        """
        self._begin_sum(network)
        if not len(batch):
            return
        self._fresh = True  # so long as nothing was added whole, what was is not to be gone on with
        self.check(lambda places: network.losses(_some(batch, list(places))), len(batch))
        factors = _Factors(self.clipping, self._divisor, units)
        self._watch()
        # With dropout of a known seed one record more would move the masks of all that come after it.
        with self.masks.drawn(next(iter(self.book.parameters.values())).device):
            self.book.clipped(lambda: network.losses(batch), len(batch), factors, self.sums)
        self._fresh = False

    def finish(self, network: Any) -> None:
        """Add the noise, write the step into the ledger and leave the gradient in each parameter's `grad`."""
        self._begin_sum(network)
        sigma = self._sigmas[min(self.taken, len(self._sigmas) - 1)]
        deviation = self.clipping.multiplier(sigma) * self.clipping.sensitivity / self._divisor
        self._write(sigma)
        for parameter in self.book.parameters.values():
            self._leave(parameter, deviation)
        self.clipping.finish(self.noise)
        self.taken += 1
        self._fresh = True
        if self._held is not None:
            _refuse_changed(network, self._held)
            self._watched, self._held = self._watched + 1, None

    def state(self) -> Mapping[str, Any]:
        """Steps taken, the ledger and the clipping; never the noise."""
        return {
            "taken": self.taken,
            "sigma": self.settings.sigma,
            "ledger": self.ledger.as_plain(),
            "clipping": dict(self.clipping.state()),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a kept state, with new noise; UsageError where it is that of another sigma."""
        if state["sigma"] != self.settings.sigma:
            raise UsageError(
                f"The checkpoint was made with sigma {state['sigma']:g} and this fit has {self.settings.sigma:g}; give "
                "another path, or delete it to start anew."
            )
        self.taken = int(state["taken"])
        self.ledger.restore(state["ledger"])
        self.clipping.restore(state["clipping"])

    @property
    def checked(self) -> bool:
        """Whether the self check has seen as many records as it wants to."""
        return self._verified >= 2

    def check(self, losses: Callable[[Sequence[int]], Tensor], records: int) -> None:
        """The self check, before the first batches: a few records one at a time must give what book-keeping gives.

        `losses(places)` gives the losses of the records at these places of a batch. UsageError that says which
        parameter is used outside of its module, or that records are mixed.
        """
        self._watch()
        # One record alone cannot show that records are mixed, so the first batch of several is looked at too.
        if self.checked or records <= self._verified:
            return
        if self.owed is not None:
            self.owed.settle()
        verify(self.book, losses, records)
        self._verified = records

    def _watch(self) -> None:
        if self._held is None and self._watched < WATCHED:
            self._held = {name: held.detach().clone() for name, held in self.book.network.named_buffers()}

    def _begin_sum(self, network: Any) -> None:
        if self._book is None or self._book.network is not network:
            raise UsageError(
                "The network is not the one that this private step has looked at; call begin(network, recipe) first."
            )
        if any(parameter.requires_grad for parameter in self._frozen):
            raise UsageError(
                "A parameter that was frozen is learnt now, and would get gradients that nothing bounds; call "
                "begin(network, recipe) again after such a change."
            )
        # What lies in `grad` is the sums' own memory, so it is kept until the next logical batch begins.
        if self._fresh:
            self.clipping.groups(self.book.sizes)
            self.sums.clear()
            self._fresh = False

    def _write(self, sigma: float) -> None:
        if self._rate is None:
            self.ledger.broke(f"batches of {self.settings.name!r} were not said to be drawn by Poisson sampling")
            return
        self.ledger.sampled(self.settings.name, self._rate, sigma)

    def _leave(self, parameter: Any, deviation: float) -> None:
        if self.owed is not None and parameter in self.owed and not self.sums.slots[parameter].filled:
            self.owed.leave(parameter, self.sums.rows(parameter), deviation)
            return
        whole = self.sums.dense(parameter)
        self.noise.add(whole, deviation)
        if parameter in self._silent:  # no record has a gradient there, and padding must stay what it is
            whole[self._silent[parameter]] = 0
        parameter.grad = whole.to(parameter.dtype)


class PrivateSGD:
    """The regime of DP-SGD and, with the recipe's adamw, of DP-Adam.

    Every step is written into `ledger`. UsageError for settings out of range.
    """

    def __init__(self, ledger: Ledger, settings: PrivateSettings | None = None) -> None:
        self.ledger = ledger
        self.settings = settings or PrivateSettings()
        self.step = PrivateStep(ledger, self.settings)
        labels = self.settings.units
        self.outer = PoissonLoop(
            ledger,
            records=self.settings.records,
            physical=self.settings.physical,
            units=None if labels is None else Units(labels, self.settings.most),
            seed=self.settings.seed,
        )

    @classmethod
    def within(
        cls, budget: Budget, ledger: Ledger, records: int, recipe: Recipe, settings: PrivateSettings | None = None
    ) -> PrivateSGD:
        """The regime whose whole fit, with what is in the ledger already, stays within the budget.

        `records` is the public number of records, or of owners; sigma is calibrated. UsageError where the ledger is of
        another unit, delta is 1 / records or more, or nothing of the budget is left.
        """
        if budget.unit != ledger.unit:
            raise UsageError(f"The budget is for each {budget.unit} and the ledger for each {ledger.unit}.")
        budget.check(records)
        given = settings or PrivateSettings()
        plan = Plan.of(records, recipe)
        sigma = calibrate(
            budget,
            plan.rate,
            plan.steps,
            entries=ledger.entries,
            shape=given.shape,
            neighbours=ledger.neighbours,
        )
        return cls(ledger, replace(given, sigma=sigma, records=records))


def recipe_for(recipe: Recipe) -> Recipe:
    """The recipe for a private fit: nothing held out, and no clipping of the sum."""
    return replace(recipe, clip=0.0, held_out=0.0)


def physical_parts(batch: Batch, size: int) -> Iterator[Batch]:
    """A logical batch in parts of at most `size` records, or whole for 0."""
    if not size or len(batch) <= size:
        yield batch
        return
    for begin in range(0, len(batch), size):
        yield _some(batch, slice(begin, begin + size))


def _some(batch: Batch, where: slice | list[int]) -> Batch:
    inputs = {name: {key: held[where] for key, held in parts.items()} for name, parts in batch.inputs.items()}
    return Batch(batch.positions[where], inputs, None if batch.targets is None else batch.targets[where])


def _refuse_changed(network: Any, before: Mapping[str, Tensor]) -> None:
    """UsageError for buffers that the passes of a step have changed: means of records, say, that nothing bounds."""
    changed = [name for name, held in network.named_buffers() if name in before and not torch.equal(before[name], held)]
    if changed:
        raise UsageError(
            f"The network keeps something of the records that pass through it, in {', '.join(changed)}, which gets no "
            "noise; let it keep nothing, or set that module to eval() for good."
        )


class _Factors:
    """The clipping's factors, divided by the public constant, and the same for all records of a unit.

    The norm of a unit's summed gradient is at most the sum of its records' norms, and that is what is clipped: one
    factor for all of them bounds the unit by the clipping's sensitivity whatever its records are.
    """

    def __init__(self, clipping: Clipping, divisor: float, units: Array | None) -> None:
        self.clipping, self.divisor = clipping, divisor
        self.units = None if units is None else torch.from_numpy(units)

    def groups(self, sizes: Mapping[str, int]) -> Sequence[int]:
        """The clipping's."""
        return self.clipping.groups(sizes)

    def factors(self, norms: Tensor) -> Tensor:
        """(groups, records)."""
        if self.units is None:
            return self.clipping.factors(norms) / self.divisor
        units = self.units.to(norms.device)
        of_units = norms.new_zeros(norms.shape[0], int(units.max()) + 1).index_add_(1, units, norms)
        return (self.clipping.factors(of_units) / self.divisor)[:, units]
