"""Layers that scale and shift what they normalised within one record: their gradients are made for each record."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.privacy.rules.linear import learnt, lengths, whole
from bakeoff.privacy.rules.rule import Tape, Use
from bakeoff.privacy.tape import folded


class Made(ABC):
    """Layers with so few parameters that each record's gradient is made, once, and kept until it is summed."""

    whole = False

    @abstractmethod
    def make(self, module: Any, use: Use, records: int) -> Mapping[str, Tensor]:
        """Each record's gradients from one use, (records, *shape)."""

    def note(self, module: Any, tape: Tape, output: Tensor, given: Sequence[Tensor], **kept: Any) -> Tensor:
        """The output, tapped: as soon as its gradient has come each record's is made, and all else is let go."""
        records = tape.records

        def make(use: Use) -> None:
            use.kept = {"own": self.make(module, use, records)}
            use.release()

        return tape.note(Use(module, tuple(one.detach() for one in given), kept=kept, then=make), output)

    def per_record(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients, over all uses."""
        kept = uses[0].kept
        if "each" not in kept:
            found = [use.kept["own"] for use in uses]
            kept["each"] = {name: sum(one[name] for one in found) for name in learnt(module)}
        each: Mapping[str, Tensor] = kept["each"]
        return each

    def squared_norms(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of what was made."""
        return {name: lengths(each.flatten(1)) for name, each in self.per_record(module, uses, records).items()}

    def sums(self, module: Any, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Of what was made."""
        each = self.per_record(module, uses, len(next(iter(factors.values()))))
        return {name: weighted(each[name], factor) for name, factor in factors.items() if name in each}


class LayerNormRule(Made):
    """`nn.LayerNorm` over one or several last dimensions."""

    def call(self, module: nn.LayerNorm, tape: Tape, given: Tensor) -> Tensor:
        """The fused kernel; what it normalised by is kept."""
        given = tape.spread(given)
        shape = list(module.normalized_shape)
        if torch.is_autocast_enabled(given.device.type):
            given = given.float()
        output, mean, scale = torch.native_layer_norm(given, shape, module.weight, module.bias, module.eps)
        return self.note(module, tape, output, [given], mean=mean.detach(), scale=scale.detach())

    def make(self, module: nn.LayerNorm, use: Use, records: int) -> Mapping[str, Tensor]:
        """The sums over positions of g x^ and of g."""
        assert use.gradient is not None
        last = len(module.normalized_shape)
        given, gradient = (folded(one, records, last).flatten(2) for one in (use.inputs[0], use.gradient))
        given, gradient = whole(given), whole(gradient)
        mean, scale = (whole(use.kept[name]).reshape(records, -1, 1) for name in ("mean", "scale"))
        product = (given - mean).mul_(scale).mul_(gradient)
        shape = (records, *module.normalized_shape)
        return {"weight": product.sum(1).view(shape), "bias": gradient.sum(1).view(shape)}


class RMSNormRule(Made):
    """`nn.RMSNorm` over one or several last dimensions."""

    def call(self, module: nn.RMSNorm, tape: Tape, given: Tensor) -> Tensor:
        """The fused kernel."""
        given = tape.spread(given)
        output = functional.rms_norm(given, module.normalized_shape, module.weight, module.eps)
        return self.note(module, tape, output, [given])

    def make(self, module: nn.RMSNorm, use: Use, records: int) -> Mapping[str, Tensor]:
        """The sums over positions of g x^."""
        assert use.gradient is not None
        shape = module.normalized_shape
        normal = functional.rms_norm(whole(use.inputs[0]), shape, None, module.eps)
        product = folded(normal * use.gradient, records, len(shape)).sum(1)
        return {"weight": product.view(records, *shape)}


class GroupNormRule(Made):
    """`nn.GroupNorm`, and `nn.InstanceNorm` without running statistics, which is one group for each channel."""

    def call(self, module: Any, tape: Tape, given: Tensor) -> Tensor:
        """The fused kernel; what it normalised by is kept."""
        given = tape.spread(given).contiguous()
        if torch.is_autocast_enabled(given.device.type):
            given = given.float()
        count, channels = given.shape[:2]
        groups = getattr(module, "num_groups", channels)
        size = given.shape[2:].numel()
        output, mean, scale = torch.native_group_norm(
            given, module.weight, module.bias, count, channels, size, groups, module.eps
        )
        return self.note(module, tape, output, [given], mean=mean.detach(), scale=scale.detach())

    def make(self, module: Any, use: Use, records: int) -> Mapping[str, Tensor]:
        """The sums over places of g x^ and of g, by channel."""
        assert use.gradient is not None
        count, channels = use.inputs[0].shape[:2]
        mean, scale = (whole(use.kept[name]).view(count, -1, 1) for name in ("mean", "scale"))
        given = whole(use.inputs[0]).reshape(count, mean.shape[1], -1)
        gradient = whole(use.gradient).reshape(count, channels, -1)
        product = (given - mean).mul_(scale).view(count, channels, -1).mul_(gradient).sum(2)
        found = {"weight": product, "bias": gradient.sum(2)}
        return {name: folded(one, records).sum(1) for name, one in found.items()}


def weighted(each: Tensor, factor: Tensor) -> Tensor:
    """The sum over records of (records, *shape) times factors (records,)."""
    return torch.mv(each.flatten(1).t(), factor.to(each.dtype)).view(each.shape[1:])
