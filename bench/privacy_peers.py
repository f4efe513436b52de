"""What users have today: one step of SGD, not private and private, by each way there is, as a function of a batch.

Every private one clips each record's gradient to 1, adds noise of 1 to the sum over the batch and divides by the
batch's size; nothing else differs. Opacus is looked for only when its step is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from privacy_models import MODELS, PlainCell
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

RATE = 0.01
Step = Callable[[Tensor, Tensor], Any]


def learnt(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def noisy(network: nn.Module, sums: list[Tensor], records: int) -> None:
    """The obvious end of a private step: noise on each sum, the mean, and plain SGD."""
    with torch.no_grad():
        for parameter, summed in zip(learnt(network), sums, strict=True):
            parameter.add_(summed.add_(torch.randn_like(summed)), alpha=-RATE / records)


def plain(model: str, device: str, batch: int) -> Step:
    """Not private: what a step costs anyway."""
    network = MODELS[model].make().to(device)
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE)

    def step(inputs: Tensor, targets: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(network(inputs), targets).backward()
        optimiser.step()

    return step


def naive(model: str, device: str, batch: int) -> Step:
    """One record at a time."""
    network = MODELS[model].make().to(device)

    def step(inputs: Tensor, targets: Tensor) -> None:
        parameters = learnt(network)
        sums = [torch.zeros_like(parameter) for parameter in parameters]
        for one in range(len(inputs)):
            loss = functional.cross_entropy(network(inputs[one : one + 1]), targets[one : one + 1])
            gradients = torch.autograd.grad(loss, parameters)
            norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
            factor = (1 / norm.clamp_min(1e-12)).clamp_max(1).item()
            torch._foreach_add_(sums, gradients, alpha=factor)
        noisy(network, sums, batch)

    return step


def by_vmap(model: str, device: str, batch: int) -> Step:
    """torch.func's vmap over the gradient of one record."""
    network = MODELS[model].make(cell=PlainCell).to(device)
    held = dict(network.named_parameters())

    def loss(parameters: dict[str, Tensor], one: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(functional_call(network, parameters, (one[None],)), target[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))

    def step(inputs: Tensor, targets: Tensor) -> None:
        gradients = each({name: parameter.detach() for name, parameter in held.items()}, inputs, targets)
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients.values()]).norm(dim=0)
        factors = (1 / norms.clamp_min(1e-12)).clamp_max(1)
        sums = [torch.tensordot(factors, gradients[name], dims=1) for name in held]
        noisy(network, sums, batch)

    return step


def opacus(mode: str) -> Callable[[str, str, int], Step]:
    """Opacus with one of its ways to each record's gradient: hooks, functorch or ew (expanded weights)."""

    def made(model: str, device: str, batch: int) -> Step:
        from opacus.grad_sample import GradSampleModule
        from opacus.grad_sample.gsm_exp_weights import GradSampleModuleExpandedWeights
        from opacus.layers import DPLSTM
        from opacus.optimizers import DPOptimizer

        inner = MODELS[model].make(cell=DPLSTM).to(device)
        if mode == "ew":
            network: Any = GradSampleModuleExpandedWeights(inner, loss_reduction="mean")
        else:
            network = GradSampleModule(inner, force_functorch=mode == "functorch")
        optimiser = DPOptimizer(
            torch.optim.SGD(network.parameters(), lr=RATE),
            noise_multiplier=1.0,
            max_grad_norm=1.0,
            expected_batch_size=batch,
        )

        def step(inputs: Tensor, targets: Tensor) -> None:
            optimiser.zero_grad(set_to_none=True)
            functional.cross_entropy(network(inputs), targets).backward()
            optimiser.step()

        return step

    return made


def opacus_ghost(model: str, device: str, batch: int) -> Step:
    """Opacus' ghost clipping: two backward passes."""
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.layers import DPLSTM
    from opacus.optimizers import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    network = GradSampleModuleFastGradientClipping(MODELS[model].make(cell=DPLSTM).to(device), max_grad_norm=1.0)
    optimiser = DPOptimizerFastGradientClipping(
        torch.optim.SGD(network.parameters(), lr=RATE),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
        expected_batch_size=batch,
    )
    loss = DPLossFastGradientClipping(network, optimiser, nn.CrossEntropyLoss())

    def step(inputs: Tensor, targets: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(network(inputs), targets).backward()
        optimiser.step()

    return step


PEERS: dict[str, Callable[[str, str, int], Step]] = {
    "non-private": plain,
    "opacus ghost": opacus_ghost,
    "opacus hooks": opacus("hooks"),
    "opacus functorch": opacus("functorch"),
    "opacus ew": opacus("ew"),
    "vmap": by_vmap,
    "naive loop": naive,
}
