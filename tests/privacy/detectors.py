"""What catches a broken guarantee from outside: a private step is asked what it does and compared with its ledger.

Each detector raises Caught with what it found, and knows nothing of how a step is written. A false alarm has a
probability below 1e-9.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from bakeoff.training.fitting import fit
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Records

INSIDE, OUTSIDE = 6, 5
DIVISOR = 8
SURE = 1e-9
RECIPE = Recipe(epochs=1, batch=DIVISOR, optimiser="sgd", rate=0.1, clip=0.0, held_out=0.0, decay=0.0)


class Caught(AssertionError):
    """The guarantee does not hold."""


class Pulled(nn.Module):
    """Two layers in a row without anything between them; a record's loss is its outputs weighed by its target.

    So a record can be given the gradient that does most harm: long or short, in weights or in biases alone.
    """

    mixed = False

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(INSIDE, 40), nn.Linear(40, OUTSIDE)

    def losses(self, batch: Batch) -> Tensor:
        return (self.second(self.first(batch.inputs["x"]["x"])) * batch.targets).sum(1)


def pulled() -> Pulled:
    torch.manual_seed(0)
    return Pulled()


def batch_of(inputs: np.ndarray, targets: np.ndarray) -> Batch:
    kind = np.float32
    tensors = torch.from_numpy(inputs.astype(kind)), torch.from_numpy(targets.astype(kind))
    return Batch(np.arange(len(inputs)), {"x": {"x": tensors[0]}}, tensors[1])


Maker = Callable[[float], object]  # a fresh private step with noise of so many sensitivities, repeatable


def answer(make: Maker, sigma: float, batch: Batch) -> tuple[Tensor, object]:
    """The gradient that a fresh step gives of a batch, times the public divisor, and the step."""
    network = pulled()
    step = make(sigma)
    step.begin(network, RECIPE)
    step.sampled(0.01, float(DIVISOR), 1)
    step.gradient(network, batch)
    parts = [parameter.grad.flatten().double() for parameter in network.parameters()]
    return torch.cat(parts) * divisor_of(step), step


def divisor_of(step) -> int:
    """What the step says it divides sums by: a public constant."""
    return getattr(step.settings, "parts", DIVISOR)


def allowed(step) -> float:
    """How far one record may move the sum: the noise that was asked for, over the sigma that the ledger states."""
    (entry,) = [entry for entry in step.ledger.entries if entry.noisy]
    clipping = getattr(step, "clipping", step.settings.clipping)  # a step may work with a copy of its own
    return step.settings.sigma * clipping.sensitivity / entry.sigma


def neighbours() -> list[tuple[Batch, Batch]]:
    """Batches with and without one record, which is made to do harm, in the last place."""
    random = np.random.default_rng(0)
    found = []
    for scale in (0.01, 1.0, 100.0):
        inputs, targets = random.normal(size=(DIVISOR, INSIDE)), random.normal(size=(DIVISOR, OUTSIDE))
        found.append((scale * inputs, targets))
    alike = np.ones((DIVISOR, INSIDE)), np.ones((DIVISOR, OUTSIDE))
    found.append(alike)
    found.append((np.concatenate([alike[0], alike[0][:1]]), np.concatenate([alike[1], -1000 * alike[1][:1]])))
    found.append((np.zeros((2, INSIDE)), 50 * np.ones((2, OUTSIDE))))  # gradients in biases alone
    return [(batch_of(*pair), batch_of(*(part[:-1] for part in pair))) for pair in found]


def check_sensitivity(make: Maker) -> float:
    """Caught where one record moves the sum further than the ledger's sigma stands for; gives the largest share."""
    worst = 0.0
    for with_it, without_it in neighbours():
        # Noise cancels, being the same in both, and is small where it does not.
        here, step = answer(make, 1e-4, with_it)
        there, _ = answer(make, 1e-4, without_it)
        worst = max(worst, float((here - there).norm()) / allowed(step))
    if worst > 1 + 5e-3:
        raise Caught(f"One record moves the sum by {worst:.3f} times what the ledger's sigma stands for.")
    return worst


def check_noise(make: Maker, times: int = 80) -> None:
    """Caught where the noise of empty batches has not the variance that was asked for, by a chi-square test."""
    network = pulled()
    step = make(0.7)
    step.begin(network, RECIPE)
    step.sampled(0.01, float(DIVISOR), times)
    empty = batch_of(np.zeros((0, INSIDE)), np.zeros((0, OUTSIDE)))
    found = []
    for _ in range(times):
        step.gradient(network, empty)
        found += [parameter.grad.flatten().double().clone() for parameter in network.parameters()]
    every = torch.cat(found).numpy() * divisor_of(step)
    deviation = step.settings.sigma * step.settings.clipping.sensitivity
    statistic, freedom = float((every**2).sum() / deviation**2), len(every)
    tail = min(stats.chi2.cdf(statistic, freedom), stats.chi2.sf(statistic, freedom))
    if 2 * tail < SURE:
        raise Caught(f"The noise has {(statistic / freedom) ** 0.5:.3f} times the deviation that was asked for.")


def check_sampling(regime, records: int = 400, epochs: int = 12) -> None:
    """Caught where batches of a whole fit are not Poisson samples at the rate that the ledger states."""
    random = np.random.default_rng(1)
    x = random.normal(size=(records, INSIDE)).astype(np.float32)
    y = random.normal(size=(records, OUTSIDE)).astype(np.float32)
    network = Counting()
    recipe = Recipe(
        epochs=epochs, batch=40, optimiser="sgd", rate=1e-6, clip=0.0, held_out=0.0, decay=0.0, schedule="constant"
    )
    fit(network, Records({"x": {"x": x}}, records, y), recipe, regime=regime)
    noisy = [entry for entry in regime.ledger.entries if entry.noisy]
    (rate,) = {entry.rate for entry in noisy}
    steps = sum(entry.count for entry in noisy)
    sizes = np.array(network.sizes + [0] * (steps - len(network.sizes)))
    drawn = stats.binomtest(int(sizes.sum()), records * steps, rate).pvalue
    if drawn < SURE:
        share = sizes.sum() / (records * steps)
        raise Caught(f"A share of {share:.4f} of the records was drawn at each step, and the ledger says {rate:.4f}.")
    spread = float(((sizes - records * rate) ** 2).sum() / (records * rate * (1 - rate)))
    tail = min(stats.chi2.cdf(spread, steps), stats.chi2.sf(spread, steps))
    # Batch sizes are nearly normal here; the bound leaves room for the difference.
    if 2 * tail < SURE:
        raise Caught(f"The sizes of batches vary {spread / steps:.3f} times as much as those of Poisson samples.")


class Counting(Pulled):
    """Writes down how many records are learnt from in each pass."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def losses(self, batch: Batch) -> Tensor:
        if self.training:
            self.sizes.append(len(batch))
        return super().losses(batch)
