"""The slow and obvious version: one record at a time, by ordinary backpropagation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.rules.linear import whole

Losses = Callable[[Sequence[int]], Tensor]  # the losses of the records at these places


def gradients(network: nn.Module, losses: Losses, records: int) -> dict[str, Tensor]:
    """Each record's gradient of every parameter that is learnt, (records, *shape), by name."""
    learnt = {name: one for name, one in network.named_parameters() if one.requires_grad}
    found: dict[str, list[Tensor]] = {name: [] for name in learnt}
    for record in range(records):
        loss = losses([record]).sum()
        pulled = torch.autograd.grad(loss, list(learnt.values()), allow_unused=True)
        for (name, parameter), gradient in zip(learnt.items(), pulled, strict=True):
            found[name].append(torch.zeros_like(parameter) if gradient is None else gradient.to_dense())
    return {
        name: whole(torch.stack(one)) if one else learnt[name].new_zeros(0, *learnt[name].shape)
        for name, one in found.items()
    }


class Each:
    """A clipping with a group for each parameter, and factors that differ between records and parameters."""

    def groups(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(range(len(sizes)))

    def factors(self, norms: Tensor) -> Tensor:
        spread = torch.linspace(0.3, 1.7, norms.numel(), dtype=norms.dtype, device=norms.device)
        return spread[torch.arange(norms.numel() - 1, -1, -1)].view(norms.shape)


class Whole:
    """Flat clipping at a bound."""

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def groups(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        return (0,) * len(sizes)

    def factors(self, norms: Tensor) -> Tensor:
        return (self.bound / norms.clamp(min=1e-12)).clamp(max=1.0)


def assert_same(network: nn.Module, losses: Losses, records: int, relative: float = 1e-5) -> None:
    """Norms by parameter, sums with any factors, and flatly clipped sums equal those of the loop.

    Differences are compared with what was summed: a parameter whose gradients cancel is as exact as its parts.
    """
    expected = gradients(network, losses, records)
    keeping = BookKeeping(network)
    every = list(range(records))
    sums = keeping.sums()
    found = keeping.clipped(lambda: losses(every), records, Each(), sums)
    own = torch.stack([one.flatten(1).norm(dim=1) for one in expected.values()])
    # A gradient that is zero but for rounding (a key's bias in attention) is compared with the others' rounding.
    floor = 1e-2 * own.max() if own.numel() else 0.0
    assert found.norms.shape == own.shape
    assert ((found.norms - own).abs() <= relative * (own + floor)).all(), worst(found.norms, own, list(expected))
    factors = Each().factors(own)
    for (name, each), factor in zip(expected.items(), factors, strict=True):
        close(name, sums.dense(keeping.parameters[name]), each, factor, relative, floor)
    total = own.norm(dim=0)
    clipping = Whole(float(total.median()) if records else 1.0)
    sums = keeping.sums()
    found = keeping.clipped(lambda: losses(every), records, clipping, sums)
    assert torch.allclose(found.norms[0], total, rtol=relative, atol=0)
    assert torch.allclose(found.losses, losses(every).detach() if records else found.losses, rtol=relative, atol=1e-6)
    for name, each in expected.items():
        factor = clipping.factors(total.unsqueeze(0))[0]
        close(name, sums.dense(keeping.parameters[name]), each, factor, relative, floor)


def close(name: str, found: Tensor, each: Tensor, factor: Tensor, relative: float, floor: float | Tensor) -> None:
    weighted = each.flatten(1) * factor.to(each.dtype).unsqueeze(1)
    scale = weighted.norm(dim=1).sum() + floor
    difference = (found.flatten() - weighted.sum(0)).norm()
    assert difference <= relative * scale, f"{name}: off by {float(difference):.3g} of {float(scale):.3g}"


def worst(found: Tensor, expected: Tensor, names: Sequence[str]) -> str:
    off = (found - expected).abs().amax(1) / expected.amax(1).clamp(min=1e-12)
    place = int(off.argmax())
    return f"{names[place]}: {found[place].tolist()} for {expected[place].tolist()}"
