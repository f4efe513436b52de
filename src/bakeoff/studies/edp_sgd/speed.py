"""CPU seconds of one step of each method on one thread, all of them by turns in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from bakeoff.errors import MissingExtra, UsageError
from bakeoff.studies.edp_sgd.regimes import PART, micro_step, record_step
from bakeoff.studies.edp_sgd.timed import Learner, batch_of, network_of
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch
from bakeoff.training.regimes import MeanGradient
from bakeoff.training.seeding import seeded, threads

FEWEST = 3  # rounds of all methods
RATE = 1e-3
STEADY = 2  # steps that are not timed: workspaces are made in them

Step = Callable[[Batch], Any]


def speed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of a step by method, the ratio to the plain one of the same round, and what was left out and why."""
    model, records, allowed = values["model"], values["batch"], values["seconds"]
    batch = batch_of(model, records)
    left_out: dict[str, str] = {}
    steps: dict[str, Step] = {}
    with threads(1), seeded(0):
        for name, maker in METHODS.items():
            try:
                step = maker(model, records)
                first = max(_timed(step, batch) for _ in range(STEADY))
            except (MissingExtra, UsageError) as problem:
                left_out[name] = str(problem)
                continue
            if name != "plain" and first * FEWEST > allowed:
                left_out[name] = f"One step takes {first:.1f} CPU seconds, too long for the {allowed:g} there are."
            else:
                steps[name] = step
        rounds = _rounds(steps, batch, allowed)
    taken = {name: float(np.median([one[name] for one in rounds])) for name in steps}
    ratios = {name: [one[name] / one["plain"] for one in rounds] for name in steps}
    return {
        "CPU seconds per step": taken,
        "ratio": {name: [float(q) for q in np.quantile(own, [0.25, 0.75])] for name, own in ratios.items()},
        "rounds": len(rounds),
        "left out": left_out,
    }


def _rounds(steps: Mapping[str, Step], batch: Batch, allowed: float) -> list[dict[str, float]]:
    rounds: list[dict[str, float]] = []
    spent = 0.0
    while len(rounds) < FEWEST or spent < allowed:
        rounds.append({name: _timed(step, batch) for name, step in steps.items()})
        spent += sum(rounds[-1].values())
    return rounds


def _timed(step: Step, batch: Batch) -> float:
    began = time.process_time()
    step(batch)
    return time.process_time() - began


def _recipe(records: int) -> Recipe:
    return Recipe(batch=records, optimiser="sgd", rate=RATE, clip=0.0, held_out=0.0, decay=0.0)


def _by_step(model: str, records: int, step: Any) -> Step:
    learner: Any = Learner(network_of(model))
    learner.train()
    step.begin(learner, _recipe(records))
    optimiser = torch.optim.SGD(learner.parameters(), lr=RATE)

    def run(batch: Batch) -> None:
        step.gradient(learner, batch)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return run


def _plain(model: str, records: int) -> Step:
    return _by_step(model, records, MeanGradient())


def _record(model: str, records: int) -> Step:
    return _by_step(model, records, record_step(1.0, float(records)))


def _micro(model: str, records: int) -> Step:
    """One micro-batch for the whole machine, as published: one for each GPU."""
    return _by_step(model, records, micro_step(1.0, 1))


def _micros(model: str, records: int) -> Step:
    return _by_step(model, records, micro_step(1.0, max(1, records // PART)))


def _naive(model: str, records: int) -> Step:
    """One record after another, each gradient clipped by itself: how it is written down."""
    learner: Any = Learner(network_of(model))
    parameters = list(learner.parameters())

    def run(batch: Batch) -> None:
        sums = [torch.zeros_like(one) for one in parameters]
        for place in range(len(batch)):
            inputs = {"x": {"x": batch.inputs["x"]["x"][place : place + 1]}}
            one = Batch(batch.positions[place : place + 1], inputs, batch.targets[place : place + 1])
            gradients = torch.autograd.grad(learner.losses(one).sum(), parameters)
            norm = torch.stack(torch._foreach_norm(gradients)).norm()
            torch._foreach_add_(sums, torch._foreach_mul(gradients, float((1 / norm).clamp(max=1.0))))
        with torch.no_grad():
            for parameter, added in zip(parameters, sums, strict=True):
                parameter.sub_((added + torch.randn_like(added)) / records, alpha=RATE)

    return run


def _ghost(model: str, records: int) -> Step:
    """Opacus with ghost clipping, where it is installed; its own LSTM in place of torch's, which it does not know."""
    try:
        from opacus.grad_sample import GradSampleModuleFastGradientClipping
        from opacus.layers import DPLSTM
        from opacus.optimizers import DPOptimizerFastGradientClipping
        from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
    except ImportError as missing:
        raise MissingExtra("opacus is not installed; it is timed where it is: pip install opacus") from missing
    network: Any = GradSampleModuleFastGradientClipping(
        network_of(model, DPLSTM), max_grad_norm=1.0, use_ghost_clipping=True
    )
    optimiser: Any = DPOptimizerFastGradientClipping(
        torch.optim.SGD(network.parameters(), lr=RATE),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
        expected_batch_size=records,
    )
    loss: Any = DPLossFastGradientClipping(network, optimiser, torch.nn.CrossEntropyLoss())

    def run(batch: Batch) -> None:
        optimiser.zero_grad()
        loss(network(batch.inputs["x"]["x"]), batch.targets).backward()
        optimiser.step()

    return run


METHODS: Mapping[str, Callable[[str, int], Step]] = {
    "plain": _plain,
    "record": _record,
    "micro-batch": _micro,
    f"micro-batches of {PART}": _micros,
    "opacus ghost": _ghost,
    "naive loop": _naive,
}
