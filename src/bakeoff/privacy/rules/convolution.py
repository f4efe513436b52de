"""Convolutions: linear maps of patches, bounded by Gram matrices of the places or by each record's own kernel.

After Bu, Mao and Xu, Scalable and Efficient Training of Large Convolutional Neural Networks with Differential Privacy
(2022), which chooses between the two by their sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.privacy.rules.linear import Pairs, learnt, lengths, whole
from bakeoff.privacy.rules.mapped import own_forward
from bakeoff.privacy.rules.norms import weighted
from bakeoff.privacy.rules.rule import Tape, Use

PATCHES = 2**23  # values of patches that are laid out at once
KEPT = 2**26  # values of records' own kernels that are kept until they are summed


class ConvolutionRule:
    """`nn.Conv1d`, `nn.Conv2d` and `nn.Conv3d` with any stride, padding, dilation and groups."""

    whole = False

    def call(self, module: Any, tape: Tape, given: Tensor) -> Tensor:
        """The convolution."""
        given = tape.spread(given)
        if given.ndim != module.weight.ndim:
            raise UsageError(
                f"{type(module).__name__} was given {tuple(given.shape)}; give it records first, then the channels."
            )
        return tape.note(Use(module, (given.detach(),)), own_forward(module)(given))

    def squared_norms(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of the kernel and of the bias."""
        names = learnt(module)
        found = {}
        if "bias" in names:
            found["bias"] = lengths(_totals(uses, records))
        if "weight" in names:
            found["weight"] = self._kernel_norms(module, uses, records)
        return {name: found[name] for name in names}

    def _kernel_norms(self, module: Any, uses: Sequence[Use], records: int) -> Tensor:
        if len(uses) > 1:
            return lengths(self.per_record(module, uses, records)["weight"].flatten(1))
        keep = records * module.weight.numel() <= KEPT
        norms, kept = [], []
        for pairs in _pairs(module, uses[0], records):
            if pairs.made or pairs.given.shape[1] == 1:
                each = pairs.each().view(-1, module.weight.numel())
                norms.append(lengths(each))
                kept.append(each)
            else:
                gram = torch.bmm(pairs.gradient, pairs.gradient.transpose(1, 2))
                norms.append(gram.mul_(pairs.gram()).sum((1, 2)).view(-1, module.groups).sum(1).clamp_(min=0))
        if keep and len(kept) == len(norms):
            uses[0].kept["each"] = kept[0] if len(kept) == 1 else torch.cat(kept)
        return norms[0] if len(norms) == 1 else torch.cat(norms)

    def sums(self, module: Any, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Of the kernels that were made; else one backward pass of the convolution for its kernel."""
        found = {}
        for name, factor in factors.items():
            records = len(factor)
            if name == "bias":
                found[name] = weighted(_totals(uses, records), factor)
            elif "each" in uses[0].kept:
                found[name] = weighted(uses[0].kept.pop("each"), factor).view(module.weight.shape)
            else:
                found[name] = _backward(module, uses, factor)
        return found

    def per_record(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients."""
        found = {"bias": _totals(uses, records)}
        shape = (-1, *module.weight.shape)
        each = [torch.cat([pairs.each().view(shape) for pairs in _pairs(module, use, records)]) for use in uses]
        found["weight"] = each[0] if len(each) == 1 else torch.stack(each).sum(0)
        return {name: found[name] for name in learnt(module)}


def _totals(uses: Sequence[Use], records: int) -> Tensor:
    """Each record's gradient of the bias, (records, channels)."""
    totals = []
    for use in uses:
        assert use.gradient is not None
        by_channel = whole(use.gradient).flatten(2).sum(2)
        totals.append(by_channel.view(records, -1, by_channel.shape[1]).sum(1))
    return totals[0] if len(totals) == 1 else torch.stack(totals).sum(0)


def _padded(module: Any, given: Tensor) -> Tensor:
    """The input with everything around it that the kernel reads."""
    if module.padding_mode == "zeros" and not isinstance(module.padding, str):
        around = [side for size in reversed(module.padding) for side in (size, size)]
    else:
        around = list(module._reversed_padding_repeated_twice)
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    return functional.pad(given, around, mode=mode) if any(around) else given


def _pairs(module: Any, use: Use, records: int) -> Iterator[Pairs]:
    """Patches and gradients of some records at a time: (records x groups, places, values of a patch or channels)."""
    assert use.gradient is not None
    if use.inputs[0].shape[0] % records:
        raise UsageError(
            f"A convolution was given {tuple(use.inputs[0].shape)} for {records} records; the first dimension must be "
            "the records, or records and positions folded into one."
        )
    given, gradient = whole(_padded(module, use.inputs[0])), whole(use.gradient)
    places, kernel = gradient.shape[2:], module.weight.shape[2:]
    times = given.shape[0] // records
    size = times * places.numel() * given.shape[1] * kernel.numel()
    step = max(1, PATCHES // max(1, size))
    for start in range(0, records, step):
        some = slice(start * times, (start + step) * times)
        yield Pairs(
            _by_group(_patches(module, given[some], places), module.groups, times),
            _by_group(gradient[some].flatten(2).transpose(1, 2).unsqueeze(-1), module.groups, times),
        )


def _patches(module: Any, given: Tensor, places: torch.Size) -> Tensor:
    """What the kernel reads at each place, a view of shape (count, places ..., channels, kernel ...) flattened in part:
    (count, all places, channels, all of the kernel)."""
    along = given.stride()[2:]
    strides = [stride * by for stride, by in zip(along, module.stride, strict=True)]
    inner = [stride * by for stride, by in zip(along, module.dilation, strict=True)]
    shape = (given.shape[0], *places, given.shape[1], *module.weight.shape[2:])
    view = given.as_strided(shape, (given.stride(0), *strides, given.stride(1), *inner), given.storage_offset())
    return view.flatten(1, len(places)).flatten(3)


def _by_group(values: Tensor, groups: int, times: int) -> Tensor:
    """(records x times, places, channels, each) to (records x groups, times x places, channels of a group x each)."""
    count, places, channels, each = values.shape
    split = values.view(count // times, times, places, groups, channels // groups, each)
    return split.permute(0, 3, 1, 2, 4, 5).reshape(-1, times * places, channels // groups * each)


def _backward(module: Any, uses: Sequence[Use], factor: Tensor) -> Tensor:
    """The sum over records of their kernels' gradients times their factors."""
    total: Tensor | None = None
    for use in uses:
        assert use.gradient is not None
        gradient = whole(use.gradient)
        along = factor.to(gradient.dtype).repeat_interleave(gradient.shape[0] // len(factor))
        scaled = gradient * along.view(-1, *(1,) * (gradient.ndim - 1))
        given = whole(_padded(module, use.inputs[0]))
        none = [0] * (gradient.ndim - 2)
        arguments = (None, list(module.stride), none, list(module.dilation), False, none, module.groups)
        weight = module.weight.detach().to(gradient.dtype)
        found = torch.ops.aten.convolution_backward(scaled, given, weight, *arguments, [False, True, False])[1]
        total = found if total is None else total + found
    assert total is not None
    return total
