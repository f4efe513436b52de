"""`private(...)`: a guarantee for any torch network with a loss for each record, or for an estimator of Bakeoff."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import Dataset

from bakeoff.errors import UsageError
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.clipping import Automatic, Clipping
from bakeoff.privacy.drawing import PoissonLoader, Sampler
from bakeoff.privacy.given import OfDataset, Pair, as_tensors, each, given
from bakeoff.privacy.inspection import Report
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.poisson import Plan, Units
from bakeoff.privacy.regime import PrivateSettings, PrivateSGD, PrivateStep
from bakeoff.privacy.wrapping import Losses, as_batch, cross_entropy_or_squares, learner_of, some
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
            "Network() or Multimodal() of bakeoff.algorithms."
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
        _refuse_wrapped(network)
        self.network, self.budget, self.training = network, budget, training
        self.ledger = Ledger(unit=budget.unit)
        self.made = 0
        self._learner = learner_of(network, training.losses, training.mixed)
        self.report: Report = BookKeeping(self._learner).report
        self._optimiser = _optimiser_of(network, training)
        self._regime: PrivateSGD | None = None
        self._units = 0
        self._sampler: Sampler | None = None
        self._seen = [(parameter, -1) for parameter in network.parameters()]
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
        return self._ready().settings.sigma

    @property
    def steps(self) -> int:
        """Steps that the budget pays for; UsageError before it is known."""
        self._ready()
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
        """All steps that the budget pays for, on what `batches` takes; the network is left in `eval` mode.

        `watcher` is called after each step with the steps made and the steps planned.
        """
        self.network.train()
        for rows, answers in self.batches(inputs, targets, owners=owners):
            self.step(rows, answers)
            if watcher is not None:
                watcher(self.made, self.steps)
        self.network.eval()
        return self

    def batches(self, inputs: Any, targets: Any = None, *, owners: Any = None) -> Iterator[Pair]:
        """Poisson samples, on the network's device, of tensors, arrays, a Dataset or `Records`: all that are left.

        Each must be given to `step`, an empty one too. `owners` (records,) says whose each record is where the unit is
        an owner. UsageError for a DataLoader, which draws otherwise, and when the budget is spent.
        """
        held = given(inputs, targets)
        sampler = self._sampler_of(len(held), owners)
        for _ in range(self._left()):
            draw = sampler.draw(len(held))
            sampler.hand(draw)
            yield self._here(held.take(draw.positions))
        sampler.close()

    def loader(self, dataset: Dataset[Any], *, owners: Any = None, **how: Any) -> PoissonLoader:
        """A loader of Poisson samples, one epoch each time it is gone through; `how` is for torch's DataLoader.

        `num_workers`, `collate_fn`, `pin_memory` and the like may be given; what decides on batches may not.
        """
        held = OfDataset(dataset, how.pop("collate_fn", None))
        return PoissonLoader(
            self._sampler_of(len(held), owners), held, lambda: min(self._plan.epoch_steps, self._left()), how
        )

    def step(self, inputs: Any, targets: Any = None) -> None:
        """One private step on a batch that `batches` or a `loader` gave, which may be empty.

        UsageError where the batch is another one, where the loss mixes records, or where the weights were changed by
        something else since the last step; BakeoffError for a gradient that is not a number.
        """
        regime = self._ready()
        batch = as_batch(*self._here((as_tensors(inputs, "inputs"), as_tensors(targets, "targets"))))
        if self._sampler is None:
            raise UsageError("step takes batches of run.batches(...) or run.loader(...), which draw Poisson samples.")
        draw = self._sampler.take(len(batch))
        batch = replace(batch, positions=draw.positions)
        self._check_weights()
        try:
            for where, owners in draw.parts(self.training.physical):
                regime.step.add(self._learner, batch if len(where) == len(batch) else some(batch, where), owners)
        except BaseException:
            self.ledger.broke("a step was left half done, and what it had summed would enter the next one")
            raise
        regime.step.finish(self._learner)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.made += 1
        self._seen = [(parameter, parameter._version) for parameter, _ in self._seen]

    def losses(self, batch: Batch) -> Tensor:
        """The loss of each record of a batch, (records,), as steps see it; nothing is learnt by asking."""
        found: Tensor = self._learner.losses(batch)
        return found

    def watched(self, watch: Callable[[PrivateStep], Any], units: int) -> None:
        """From now on each gradient step is made by `watch(step)`, which sees what the step sees: for audits.

        `units` is how many records (or owners) there are where the run was not told. UsageError once a step was made.
        """
        self._begin(units)
        regime = self._ready()
        if self.made or not isinstance(regime.step, PrivateStep):
            raise UsageError("The run has made steps, or is watched already; audit a new private(...) of the network.")
        regime.step = watch(regime.step)
        recipe = Recipe(batch=self.training.batch, clip=0.0, held_out=0.0)
        regime.step.begin(self._learner, recipe)
        regime.step.sampled(self._plan.rate, self._plan.divisor, self._plan.steps)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must keep beside the network's own state: steps, ledger, clipping and optimiser."""
        regime = self._ready()
        held = {"units": self._units, "made": self.made, "optimiser": self._optimiser.state_dict()}
        return {**held, "step": dict(regime.step.state())}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a kept state, after the network's own was loaded; UsageError where it is that of another run."""
        self._begin(state["units"])
        self._ready().step.restore(state["step"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.made = int(state["made"])
        self._seen = [(parameter, -1) for parameter, _ in self._seen]

    def _ready(self) -> PrivateSGD:
        if self._regime is None:
            raise UsageError(
                "The number of records is not known yet; give private(..., records=...) or go through batches."
            )
        return self._regime

    def _begin(self, units: int) -> None:
        """Find sigma for so many records or owners, unless that was done."""
        if self._regime is not None:
            return
        training = self.training
        recipe = Recipe(epochs=training.epochs, batch=training.batch, clip=0.0, held_out=0.0, rate=training.rate)
        settings = PrivateSettings(clipping=training.clipping, shape=training.noise, seed=training.seed, lazy=False)
        plan = Plan.of(units, recipe)
        regime = PrivateSGD.within(self.budget, self.ledger, records=units, recipe=recipe, settings=settings)
        regime.step.begin(self._learner, recipe)
        regime.step.sampled(plan.rate, plan.divisor, plan.steps)
        if not training.records:
            self.ledger.public(f"number of {self.budget.unit}s", "the number there is, taken as public")
        self._plan, self._regime, self._units = plan, regime, units

    def _sampler_of(self, records: int, owners: Any) -> Sampler:
        """The sampler for these records; their number is that of the run where none was given."""
        units = None
        if (owners is None) == (self.budget.unit == "owner"):
            raise UsageError(
                "The unit of privacy is an owner; say whose each record is: owners=[...]."
                if owners is None
                else "owners are for private(..., unit='owner'); the unit of privacy is a record."
            )
        if owners is not None:
            units = Units(np.asarray(owners), self.training.most)
            if units.records != records:
                raise UsageError(
                    f"There are owners of {units.records} records, and {records} records; give one for each."
                )
        self._begin(records if units is None else len(units))
        self._sampler = Sampler(self._plan.rate, units, self.training.seed)
        return self._sampler

    def _left(self) -> int:
        left = self.steps - self.made
        if left <= 0:
            raise UsageError(
                f"The budget is spent: all {self.steps} steps were made; plan more epochs when the run is made."
            )
        return left

    def _here(self, batch: Pair) -> Pair:
        place = next(self.network.parameters()).device

        def moved(held: Tensor) -> Tensor:
            return held.to(place, non_blocking=True)

        return each(batch[0], moved), each(batch[1], moved)

    def _check_weights(self) -> None:
        now = list(self.network.parameters())
        same = len(now) == len(self._seen) and all(
            one is before and version in (-1, one._version)
            for one, (before, version) in zip(now, self._seen, strict=True)
        )
        if not same:
            raise UsageError(
                "The network's weights were changed since the last step, by another optimiser, by loading or by a new "
                "layer, and the ledger does not cover that; step with run.optimiser alone, or make a new private(...)."
            )


def _refuse_wrapped(network: nn.Module) -> None:
    """UsageError for a network inside another one that would go past the rules of its layers."""
    if hasattr(network, "_orig_mod"):
        raise UsageError("torch.compile runs past the layers of a network; give the network as it was before.")
    if isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
        raise UsageError(f"{type(network).__name__} spreads a batch before records are bounded; give its .module.")


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
