"""The one loop in which every network is fitted, whatever the regime."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch

from bakeoff.errors import BakeoffError, UsageError
from bakeoff.nouns import Array
from bakeoff.training.checkpoints import Checkpoint, copied, fingerprint
from bakeoff.training.clock import Clock, Pace
from bakeoff.training.history import Epoch, History
from bakeoff.training.preparation import DataStep, Source
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Part, Records
from bakeoff.training.regimes import GradientStep, Moved, OuterLoop, Plain, Regime
from bakeoff.training.seeding import seeded, threads

FEWEST = 8  # held-out records below which a loss on them says nothing
# Adam takes equal steps for every weight, however seldom it has a gradient, and so learns terms of two texts by heart.
# With an epsilon far above their gradients a step is as small as the gradient is; the rate makes up for it.
RARE_EPSILON, RARE_TIMES = 1e-3, 10.0
MOST = 20_000  # held-out records beyond which another one says little and costs as much

Watcher = Callable[[Epoch], None]


class Learner(Protocol):
    """A torch module that can be fitted: a `TableNetwork`, or one of the networks in `training/sequences`."""

    mixed: bool

    def losses(self, batch: Batch) -> Any:
        """The loss of each record of a batch, a float32 tensor (records,)."""

    def held_out_loss(self, records: Records, device: str) -> float:
        """How badly records that were held out are answered; the weights with the smallest are taken back."""


Learnt = TypeVar("Learnt", bound=Learner)


@dataclass(frozen=True)
class Fitted(Generic[Learnt]):
    """A network that was fitted, how it went, the positions held out, and the data steps of the fit itself."""

    network: Learnt
    history: History
    held_out: Array
    steps: tuple[DataStep, ...]


class Fitting:
    """A fit in progress; regimes use `network`, `records`, `recipe`, `step`, `batch`, `random` and `update`."""

    def __init__(self, network: Any, records: Records, recipe: Recipe, step: GradientStep) -> None:
        self.network = network
        self.records = records
        self.recipe = recipe
        self.step = step
        self.steps = 0
        self.progress = 0.0  # share of the whole fit that is done, which the learning rate follows
        self.rate = 0.0  # of the last update
        self.optimiser = _optimiser(network, recipe)

    def batch(self, positions: Array) -> Batch:
        """These training records as tensors on the device."""
        return self.records.batch(positions, self.recipe.device)

    def random(self, *key: int) -> np.random.Generator:
        """Random numbers that depend on the recipe's seed and the key alone."""
        return np.random.default_rng([self.recipe.seed % 2**32, *key])

    def update(self) -> None:
        """Let the optimiser use the gradients that lie in the parameters, and clear them."""
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.rate = self.recipe.rate_at(self.progress)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * group.get("times", 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.steps += 1


def _optimiser(network: Any, recipe: Recipe) -> Any:
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(learnt, lr=recipe.rate, weight_decay=recipe.decay)
    marked = {parameter for module in network.modules() if hasattr(module, "rare") for parameter in module.parameters()}
    rare = [parameter for parameter in learnt if parameter in marked]
    timed = [module for module in network.modules() if hasattr(module, "times")]  # what was learnt before moves little
    slow = {parameter: module.times for module in timed for parameter in module.parameters()}
    marked |= set(slow)
    # A bias or a norm's scale has nothing to gain from being small.
    flat = [parameter for parameter in learnt if parameter.ndim < 2 and parameter not in marked]
    full = [parameter for parameter in learnt if parameter.ndim >= 2 and parameter not in marked]
    groups = [
        {"params": full, "weight_decay": recipe.decay},
        {"params": flat, "weight_decay": 0.0},
        {"params": rare, "weight_decay": recipe.decay, "eps": RARE_EPSILON, "times": RARE_TIMES},
    ]
    for times in sorted(set(slow.values())):
        gentle = [parameter for parameter in learnt if slow.get(parameter) == times]
        groups.append({"params": gentle, "weight_decay": recipe.decay, "times": times})
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=recipe.rate, fused=True)


def fit(
    network: Learnt,
    records: Records,
    recipe: Recipe,
    *,
    regime: Regime | None = None,
    clock: Clock | None = None,
    watcher: Watcher | None = None,
    checkpoint: Path | None = None,
) -> Fitted[Learnt]:
    """Fit a network on records with targets; it is changed in place and left on the recipe's device.

    `clock` counts time that was spent before, on preparing rows for example; without it the recipe's seconds begin now.
    `watcher` is called after every epoch. With `checkpoint`, the state is written there after every epoch, and a fit
    that finds such a file goes on from it. UsageError when the records have no targets or the device is not there.
    """
    if records.targets is None:
        raise UsageError("Records without targets cannot be learnt from; give their targets to TableReader.read.")
    _check_device(recipe)
    module: Any = network
    kept, held = held_out_rows(records.targets, recipe)
    with seeded(recipe.seed, recipe.device), threads(recipe.threads):
        module.to(recipe.device)
        network.mixed = recipe.mixed
        try:
            loop = _Loop(module, records, recipe, regime or Plain(), clock or Clock(recipe.seconds))
            loop.begin(kept, held, checkpoint)
            loop.run(watcher, checkpoint)
        finally:
            network.mixed = False
    module.eval()
    steps: tuple[DataStep, ...] = ()
    if len(held):
        detail = f"{len(loop.history.epochs)} epochs were compared"
        steps = (DataStep("early stopping", "", Source.TRAINING, 1, len(held), detail),)
    return Fitted(network, loop.history, held, steps)


def _check_device(recipe: Recipe) -> None:
    if recipe.device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"The device {recipe.device!r} is not there: torch sees no GPU; use device 'cpu'.")


def held_out_rows(targets: Part, recipe: Recipe) -> tuple[Array, Array]:
    """Positions to learn from and to hold out, seeded; classes keep their shares, and each keeps one to learn from.

    Nothing is held out where fewer than 8 records would be.
    """
    count = len(targets)
    wanted = min(round(recipe.held_out * count), MOST)
    everything = np.arange(count)
    if wanted < FEWEST:
        return everything, np.zeros(0, dtype=np.int64)
    random = np.random.default_rng([recipe.seed % 2**32, 2**31])
    order = random.permutation(count)
    if isinstance(targets, np.ndarray) and targets.ndim == 1 and targets.dtype.kind in "iu":
        order = _stratified(targets, order)
    held = np.zeros(count, dtype=bool)
    held[order[:wanted]] = True
    return everything[~held], everything[held]


def _stratified(classes: Array, order: Array) -> Array:
    """The order again, so that its beginning holds every class in its share and the last of each class comes last."""
    shuffled = classes[order]
    by_class = np.argsort(shuffled, kind="stable")
    sizes = np.bincount(shuffled)[shuffled[by_class]]
    starts = np.concatenate([[0], np.cumsum(np.bincount(shuffled))[:-1]])[shuffled[by_class]]
    place = np.arange(len(order)) - starts
    share = np.where(place + 1 == sizes, 2.0 + place, (place + 0.5) / sizes)
    # Classes of one size would come in blocks; what they have been shuffled by breaks the tie.
    return order[by_class][np.lexsort((by_class, share))]


class _Loop:
    """Epochs, time, early stopping and checkpoints around a regime."""

    def __init__(self, network: Any, records: Records, recipe: Recipe, regime: Regime, clock: Clock) -> None:
        self.network, self.recipe, self.clock = network, recipe, clock
        self.all = records
        self.step: GradientStep = regime.step
        self.outer: OuterLoop = regime.outer
        self.pace = Pace(clock)
        self.history = History()
        self.best: dict[str, Any] | None = None
        self.tight = False
        self.epoch_seconds = 0.0

    def begin(self, kept: Array, held: Array, checkpoint: Path | None) -> None:
        """Set rows apart, let the regime look at the network, and take up a checkpoint where there is one."""
        self.fitting = Fitting(self.network, self.all.take(kept) if len(held) else self.all, self.recipe, self.step)
        self.held = self.all.take(held) if len(held) else None
        self.of = fingerprint(self.network, self.recipe, len(self.all))
        self.step.begin(self.network, self.recipe)
        if checkpoint is not None and checkpoint.exists():
            self._take_up(Checkpoint.read(checkpoint, self.of, self.recipe.device))

    def _take_up(self, found: Checkpoint) -> None:
        self.network.load_state_dict(found.network)
        self.fitting.optimiser.load_state_dict(found.optimiser)
        self.fitting.steps = found.steps
        self.history = History.of_plain(found.history)
        self.best = found.best
        self.clock.put_forward(found.seconds)
        self.step.restore(found.regime["step"])
        self.outer.restore(found.regime["outer"])
        torch.set_rng_state(found.random["cpu"].cpu())
        if self.recipe.device.startswith("cuda"):
            torch.cuda.set_rng_state(found.random["cuda"].cpu(), self.recipe.device)

    def run(self, watcher: Watcher | None, checkpoint: Path | None) -> None:
        """All epochs that are due, and the best weights at the end."""
        first = self.history.epochs[-1].number + 1 if self.history.epochs else 0
        if self.history.stopped == "time":
            self.history.stopped = ""
        for number in range(first, self.recipe.epochs):
            if self.history.stopped:
                break
            whole = self._epoch(number)
            if not whole:
                self.history.stopped, self.history.timed = "time", True
            elif not self.outer.goes_on(self.history, self.recipe):
                self.history.stopped = "patience"
            elif number + 1 == self.recipe.epochs:
                self.history.stopped = "epochs"
            if whole and checkpoint is not None:
                self._checkpoint().write(checkpoint)
            if watcher is not None and self.history.epochs:
                watcher(self.history.epochs[-1])
        if self.best is not None:
            self.network.load_state_dict(self.best)

    def _epoch(self, number: int) -> bool:
        """One epoch; False when time ran out before its end."""
        began = self.clock.elapsed()
        self.network.train()
        moved: list[Moved] = []
        rounds = self.outer.rounds(self.fitting, number)
        whole = True
        while True:
            if not self.pace.room(0 if self.held is None else len(self.held)):
                whole = False
                break
            self.fitting.progress = self._progress(number, sum(one.records for one in moved))
            before = self.clock.elapsed()
            one = next(rounds, None)
            if one is None:
                break
            if one.loss is not None and not math.isfinite(one.loss):
                raise BakeoffError(
                    f"The loss is no longer a number in epoch {number + 1}; a smaller learning rate than "
                    f"{self.recipe.rate:g} is needed."
                )
            moved.append(one)
            self.pace.stepped(self.clock.elapsed() - before, one.records)
        if not whole and isinstance(rounds, Generator):
            rounds.close()  # a loop that was cut short puts its things in order before the network is read
        if moved:
            self._judge(number, moved, began)
        return whole

    def _progress(self, epoch: int, records: int) -> float:
        """The share of the fit that is done: by records, and by time where the planned epochs will not fit into it."""
        share = (epoch + min(1.0, records / max(1, len(self.fitting.records)))) / self.recipe.epochs
        if not self.clock.seconds:
            return share
        spent = self.clock.elapsed() / self.clock.seconds
        # So long as there is ample time the rate must not depend on it, or no two fits would be alike.
        self.tight = self.tight or self._too_long(epoch, spent)
        self.history.timed = self.history.timed or self.tight
        return max(share, spent) if self.tight else share

    def _too_long(self, epoch: int, spent: float) -> bool:
        """Whether not even half of the planned epochs will fit; in the first one, whether half of the time is gone."""
        if not self.history.epochs:
            return spent > 0.5
        return self.epoch_seconds * (self.recipe.epochs - epoch) > 2 * self.clock.left()

    def _judge(self, number: int, moved: list[Moved], began: float) -> None:
        """Answer the held-out part, write the epoch down, and keep the weights when they are the best so far."""
        before = self.clock.elapsed()
        loss = self._held_out_loss() if self._can_check() else None
        if loss is not None:
            self.pace.checked(self.clock.elapsed() - before)
        told = [(one.loss, one.records) for one in moved if one.loss is not None]
        records = sum(count for _, count in told)
        mean = sum(value * count for value, count in told) / records if records else None
        used = sum(one.records for one in moved)
        self.epoch_seconds = self.clock.elapsed() - began
        self.history.epochs.append(Epoch(number, mean, loss, len(moved), used, self.clock.elapsed()))
        if loss is not None and self.history.best is self.history.epochs[-1]:
            self.best = copied(self.network.state_dict())

    def _can_check(self) -> bool:
        """Whether there is a held-out part and time to answer it."""
        if self.held is None:
            return False
        in_time = self.clock.left() > 0.5 * self.pace.check(len(self.held))
        self.history.timed = self.history.timed or not in_time
        return in_time

    def _held_out_loss(self) -> float:
        assert self.held is not None
        return float(self.network.held_out_loss(self.held, self.recipe.device))

    def _checkpoint(self) -> Checkpoint:
        cuda = self.recipe.device.startswith("cuda")
        return Checkpoint(
            of=self.of,
            network=self.network.state_dict(),
            optimiser=self.fitting.optimiser.state_dict(),
            best=self.best,
            history=self.history.as_plain(),
            random={
                "cpu": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state(self.recipe.device) if cuda else None,
            },
            regime={"step": dict(self.step.state()), "outer": dict(self.outer.state())},
            seconds=self.clock.elapsed(),
            steps=self.fitting.steps,
        )
