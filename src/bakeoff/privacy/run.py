"""`private(...)`: a guarantee for any torch network with a loss for each record, or for an estimator of Bakeoff."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.clipping import Automatic, Clipping
from bakeoff.privacy.given import OfDataset, Pair, as_tensors, each, given, leaves, pair
from bakeoff.privacy.inspection import Report
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.poisson import Plan, Units, poisson
from bakeoff.privacy.regime import PrivateSettings, PrivateSGD
from bakeoff.privacy.wrapping import Losses, Wrapped, cross_entropy_or_squares, packed
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch

OPTIMISERS: dict[str, Callable[..., Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
Watcher = Callable[[int, int], None]  # steps made, steps planned


@dataclass(frozen=True)
class Training:
    """How a network of one's own is trained in private; every field can be given to `private` by its name.

    `losses(outputs, targets)` gives the loss of each record, (records,) or (records, ...); without it cross entropy for
    whole-numbered targets and squared error for others. `optimiser` is adam, adamw or sgd with learning rate `rate`, a
    torch optimiser of the network's parameters, or a function that makes one from them. `records` is the public number
    of records (or owners; 0: the number that is given counts as public), `batch` the expected size of a Poisson sample,
    `epochs` how often each record is drawn on average. `clipping` bounds each record's gradient. `noise` holds
    multipliers of sigma for equally long stretches of the steps (see `decaying`). At most `physical` records go through
    the network at once (0: the whole batch), in bfloat16 with `mixed`. Of an owner at most `most` records are used.
    `seed` makes a run repeatable for tests, and then it protects nobody.
    """

    losses: Losses = cross_entropy_or_squares
    optimiser: str | Optimizer | Callable[..., Optimizer] = "adam"
    rate: float = 1e-3
    records: int = 0
    batch: int = 256
    epochs: int = 10
    clipping: Clipping = field(default_factory=Automatic)
    noise: Sequence[float] | None = None
    physical: int = 0
    mixed: bool = False
    most: int = 4
    seed: int | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> Training:
        """From names; UsageError that lists the names where one is unknown."""
        known = [one.name for one in fields(cls)]
        strange = sorted(set(given) - set(known))
        if strange:
            raise UsageError(f"private has no setting {', '.join(strange)}; there are {', '.join(known)}.")
        return cls(**given)


def private(
    network_or_estimator: nn.Module, epsilon: float = ..., delta: float = ..., *, unit: str = ..., **settings: Any
) -> PrivateRun: ...


@overload
def private(
    network_or_estimator: Any, epsilon: float = ..., delta: float = ..., *, unit: str = ..., **settings: Any
) -> Any: ...


def private(
    network_or_estimator: Any, epsilon: float = 3.0, delta: float = 1e-5, *, unit: str = "record", **settings: Any
) -> PrivateRun | Any:
    """A torch network ready to be trained within (epsilon, delta), or an estimator that fits within it.

    For a network: a `PrivateRun`, and `settings` are the fields of `Training`. For an estimator with a parameter
    `privacy`: a copy that has it set, and `settings` are others of its parameters. UsageError for a budget out of
    range, an unknown setting, a layer that mixes records, or an estimator that has no private fit.
    """
    budget = Budget(epsilon, delta, unit)
    if isinstance(network_or_estimator, nn.Module):
        return PrivateRun(network_or_estimator, budget, Training.of(settings))
    return _private_estimator(network_or_estimator, budget, settings)


def _private_estimator(estimator: Any, budget: Budget, settings: dict[str, Any]) -> Any:
    name = estimator.__name__ if isinstance(estimator, type) else type(estimator).__name__
    asked = getattr(estimator, "get_params", None)
    if isinstance(estimator, type) or asked is None or "privacy" not in asked(deep=False):
        raise UsageError(
            f"{name} has no private fit; give a torch network, or an estimator with a parameter `privacy`, such as "
            "Network() of bakeoff.algorithms."
        )
    strange = sorted(set(settings) - set(asked(deep=False)))
    if strange:
        raise UsageError(f"{name} has no parameter {', '.join(strange)}; there are {', '.join(asked(deep=False))}.")
    from sklearn.base import clone

    return clone(estimator).set_params(privacy=budget, **settings)


class PrivateRun:
    """One private training of a torch network: by `fit`, or in a loop of one's own over `batches` or a `loader`.

    The network is changed in place. `sigma` and `steps` are known as soon as the number of records is. No loss is
    told, since the loss on the training records is about them; look at records that are public or set apart.
    """

    def __init__(self, network: nn.Module, budget: Budget, training: Training) -> None:
        self.network, self.budget, self.training = network, budget, training
        self.ledger = Ledger(unit=budget.unit)
        self.made = 0
        self._learner = Wrapped(network, training.losses)
        self._learner.mixed = training.mixed
        self.report: Report = BookKeeping(self._learner).report
        self._optimiser = _optimiser_of(network, training)
        self._plan: Plan | None = None
        self._regime: Any = None
        self._units: Units | None = None
        self._drawn: _Draw | None = None
        self._random = np.random.default_rng(np.random.PCG64DXSM(training.seed))
        self._seen: list[tuple[nn.Parameter, int]] = []
        if training.records:
            self._begin(training.records)

    @property
    def optimiser(self) -> Optimizer:
        """The optimiser; its learning rate may be changed, as by a torch scheduler. It cannot be replaced."""
        return self._optimiser

    @optimiser.setter
    def optimiser(self, other: Any) -> None:
        raise UsageError(
            "The optimiser of a private run cannot be swapped; give it when the run is made: private(network, "
            "optimiser=...)."
        )

    @property
    def sigma(self) -> float:
        """The noise's deviation divided by the clipping's bound (before multipliers); UsageError before it is known."""
        return float(self._ready().step.settings.sigma)

    @property
    def steps(self) -> int:
        """Steps that the budget pays for; UsageError before it is known."""
        self._ready()
        assert self._plan is not None
        return self._plan.steps

    def epsilon(self) -> float:
        """What was spent so far, at the budget's delta; NoGuarantee where an assumption was broken."""
        return self.ledger.epsilon(self.budget.delta)

    def claim(self) -> dict[str, Any]:
        """What may be claimed so far: epsilon, delta, unit and neighbours."""
        return self.ledger.claim(self.budget.delta)

    def fit(
        self, inputs: Any, targets: Any = None, *, owners: Any = None, watcher: Watcher | None = None
    ) -> PrivateRun:
        """All steps that the budget pays for, on tensors, arrays or a Dataset; the network is left in `eval` mode.

        `owners` (records,) says whose each record is where the unit is an owner. `watcher` is called after each step.
        """
        self.network.train()
        for some, answers in self.batches(inputs, targets, owners=owners):
            self.step(some, answers)
            if watcher is not None:
                watcher(self.made, self.steps)
        self.network.eval()
        return self

    def batches(self, inputs: Any, targets: Any = None, *, owners: Any = None) -> Iterator[Pair]:
        """Poisson samples of tensors, arrays or a Dataset, on the network's device: all that the budget pays for.

        Each must be given to `step`, an empty one too. UsageError for a DataLoader, which draws otherwise.
        """
        held = given(inputs, targets)
        self._owners(owners, len(held))
        self._begin(len(held) if self._units is None else len(self._units))
        for _ in range(self._left()):
            draw = self._draw(len(held))
            yield self._handed(draw, held.take(draw.positions))
        self._closed()

    def loader(self, dataset: Dataset[Any], *, owners: Any = None, **how: Any) -> PoissonLoader:
        """A loader of Poisson samples, one epoch each time it is gone through; `how` is for torch's DataLoader.

        `num_workers`, `collate_fn`, `pin_memory` and the like may be given; what decides on batches may not.
        """
        held = OfDataset(dataset, how.pop("collate_fn", None))
        wrong = sorted({"batch_size", "shuffle", "sampler", "batch_sampler", "drop_last"} & set(how))
        if wrong:
            raise UsageError(f"{', '.join(wrong)} cannot be given: batches of a private run are Poisson samples.")
        self._owners(owners, len(held))
        self._begin(len(held) if self._units is None else len(self._units))
        return PoissonLoader(self, held, how)

    def step(self, inputs: Any, targets: Any = None) -> None:
        """One private step on a batch that `batches` or a `loader` gave, which may be empty.

        UsageError where the batch is another one, where the loss mixes records, or where the weights were changed by
        something else since the last step; BakeoffError for a gradient that is not a number.
        """
        regime, learner = self._ready(), self._learner
        inputs, targets = as_tensors(inputs, "inputs"), as_tensors(targets, "targets")
        count = len(leaves(inputs)[0])
        draw = self._taken(count)
        self._check_weights()
        for where, units in draw.parts(self.training.physical):
            some = [each(value, lambda held, where=where: held[where]) for value in (inputs, targets)]  # type: ignore[misc]
            regime.step.add(learner, Batch(draw.positions[where], packed(*some)), units)
        regime.step.finish(learner)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.made += 1
        self._seen = [(parameter, parameter._version) for parameter in self.network.parameters()]

    def _ready(self) -> Any:
        if self._regime is None:
            raise UsageError(
                "The number of records is not known yet; give private(..., records=...) or go through batches."
            )
        return self._regime

    def _begin(self, units: int) -> None:
        """Find sigma for so many records or owners, unless that was done."""
        if self._plan is not None:
            return
        self.budget.check(units)
        training = self.training
        recipe = Recipe(
            epochs=training.epochs, batch=training.batch, clip=0.0, held_out=0.0, rate=training.rate, mixed=False
        )
        settings = PrivateSettings(clipping=training.clipping, shape=training.noise, seed=training.seed, records=units)
        if not training.records:
            self.ledger.public(f"number of {self.budget.unit}s", "the number there is, taken as public")
        self._plan = Plan.of(units, recipe)
        self._regime = PrivateSGD.within(self.budget, self.ledger, records=units, recipe=recipe, settings=settings)
        self._regime.step.begin(self._learner, recipe)
        self._regime.step.sampled(self._plan.rate, self._plan.divisor, self._plan.steps)
        self._seen = [(parameter, parameter._version) for parameter in self.network.parameters()]

    def _owners(self, owners: Any, records: int) -> None:
        if (owners is None) == (self.budget.unit == "owner"):
            raise UsageError(
                "The unit of privacy is an owner; say whose each record is: owners=[...]."
                if owners is None
                else "owners are for private(..., unit='owner'); the unit of privacy is a record."
            )
        if owners is not None:
            labels = np.asarray(owners)
            if len(labels) != records:
                raise UsageError(f"There are {len(labels)} owners for {records} records; give one for each.")
            self._units = Units(labels, self.training.most)

    def _left(self) -> int:
        left = self.steps - self.made
        if left <= 0:
            raise UsageError(
                f"The budget is spent: all {self.steps} steps were made; plan more epochs when the run is made."
            )
        return left

    def _draw(self, records: int) -> _Draw:
        self._closed()
        assert self._plan is not None
        if self._units is None:
            return _Draw(poisson(self._random, records, self._plan.rate))
        chosen = [self._units.of(unit) for unit in poisson(self._random, len(self._units), self._plan.rate)]
        owners = np.repeat(np.arange(len(chosen)), [len(one) for one in chosen])
        return _Draw(np.concatenate([*chosen, np.zeros(0, dtype=np.int64)]), owners)

    def _handed(self, draw: _Draw, batch: Pair) -> Pair:
        self._closed()
        self._drawn = draw
        place = next(self.network.parameters()).device
        return _moved(batch[0], place), _moved(batch[1], place)

    def _closed(self) -> None:
        """UsageError where a batch was drawn and never stepped."""
        if self._drawn is not None:
            self._drawn = None
            raise UsageError(
                "A batch was drawn and not given to step, so which steps were made depends on the records; give every "
                "batch to step, an empty one too."
            )

    def _taken(self, count: int) -> _Draw:
        draw, self._drawn = self._drawn, None
        if draw is None or len(draw.positions) != count:
            had = "none is due" if draw is None else f"the one that is due has {len(draw.positions)}"
            raise UsageError(
                f"step was given a batch of {count} records and {had}; privacy rests on Poisson samples, so give it "
                "each batch of run.batches(...) or run.loader(...) whole and once (physical=... splits it inside)."
            )
        return draw

    def _check_weights(self) -> None:
        now = list(self.network.parameters())
        same = len(now) == len(self._seen) and all(
            one is before and one._version == version for one, (before, version) in zip(now, self._seen, strict=True)
        )
        if not same:
            raise UsageError(
                "The network's weights were changed since the last step, by another optimiser, by loading or by a new "
                "layer, and the ledger does not cover that; step with run.optimiser alone, or make a new private(...)."
            )


@dataclass(frozen=True)
class _Draw:
    """Positions of one Poisson sample, and the owner of each, numbered from 0, where owners were drawn."""

    positions: Array
    owners: Array | None = None

    def parts(self, physical: int) -> Iterator[tuple[Array, Array | None]]:
        """Places in the batch of each physical batch, an owner's records together, and their owners."""
        count = len(self.positions)
        begin = 0
        while begin < count:
            end = min(begin + physical, count) if physical else count
            if self.owners is not None and end < count:
                # An owner that would be cut goes into the next part, or whole into this one where it is its first.
                start = int(np.searchsorted(self.owners, self.owners[end]))
                end = start if start > begin else int(np.searchsorted(self.owners, self.owners[end], side="right"))
            owners = None if self.owners is None else self.owners[begin:end] - self.owners[begin]
            yield np.arange(begin, end), owners
            begin = end


class PoissonLoader:
    """Batches of a private run by torch's DataLoader, one epoch each time it is gone through."""

    def __init__(self, run: PrivateRun, held: OfDataset, how: dict[str, Any]) -> None:
        self.run, self.held, self.how = run, held, how

    def __len__(self) -> int:
        assert self.run._plan is not None
        return min(self.run._plan.epoch_steps, self.run.steps - self.run.made)

    def __iter__(self) -> Iterator[Pair]:
        self.run._left()
        draws = [self.run._draw(len(self.held)) for _ in range(len(self))]
        batches = DataLoader(
            self.held.dataset,
            batch_sampler=[draw.positions.tolist() for draw in draws],
            collate_fn=self.held.collated,
            **self.how,
        )
        for draw, batch in zip(draws, batches, strict=True):
            yield self.run._handed(draw, pair(batch))
        self.run._closed()


def _optimiser_of(network: nn.Module, training: Training) -> Optimizer:
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    asked = training.optimiser
    if isinstance(asked, str):
        if asked not in OPTIMISERS:
            raise UsageError(
                f"There is no optimiser {asked!r}; there are {', '.join(OPTIMISERS)}, or give one of torch's."
            )
        return OPTIMISERS[asked](learnt, lr=training.rate)
    made = asked if isinstance(asked, Optimizer) else asked(learnt)
    if isinstance(made, torch.optim.LBFGS):
        raise UsageError(
            "LBFGS asks for the loss several times a step; take an optimiser that uses one gradient, as Adam."
        )
    known = {id(parameter) for parameter in learnt}
    held = {id(parameter) for group in made.param_groups for parameter in group["params"]}
    if held - known:
        raise UsageError(
            f"{len(held - known)} parameters of the optimiser are not learnt by the network, so their gradients would "
            "not be private; make the optimiser from network.parameters()."
        )
    return made


def _moved(value: Any, place: torch.device) -> Any:
    def moved(held: Tensor) -> Tensor:
        return held.to(place, non_blocking=True)

    return each(value, moved)
