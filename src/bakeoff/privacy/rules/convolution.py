"""Convolutions: linear maps of patches, bounded by Gram matrices of the places or by each record's own kernel.

After Bu, Mao and Xu, Scalable and Efficient Training of Large Convolutional Neural Networks with Differential Privacy
(2022), which chooses between the two by their sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
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
KEPT = 2**26  # values of records' own kernels that are made at once


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
        then = partial(_make, tape.records) if module in tape.eager else None
        return tape.note(Use(module, (given.detach(),), then=then), own_forward(module)(given))

    def squared_norms(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of the kernel and of the bias."""
        names = learnt(module)
        found = {"bias": lengths(_totals(uses, records))} if "bias" in names else {}
        if "weight" in names and (len(uses) > 1 or "each" in uses[0].kept):
            uses[0].kept["made"] = made = _gathered(module, uses, records)
            found["weight"] = lengths(made.flatten(1))
        elif "weight" in names:
            ghosts = [pairs.ghosts()["weight"] for pairs in _pairs(module, uses[0], records)]
            found["weight"] = torch.cat(ghosts).view(records, module.groups).sum(1)
        return {name: found[name] for name in names}

    def sums(self, module: Any, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Of the kernels that were made; else one backward pass of the convolution for its kernel."""
        found = {}
        for name, factor in factors.items():
            records = len(factor)
            if name == "bias":
                found[name] = weighted(_totals(uses, records), factor)
            elif "made" in uses[0].kept:
                found[name] = weighted(uses[0].kept["made"], factor)
            else:
                found[name] = _backward(module, uses[0], factor)
        return found

    def per_record(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients."""
        found = {"weight": _gathered(module, uses, records), "bias": _totals(uses, records)}
        return {name: found[name] for name in learnt(module)}


def _make(records: int, use: Use) -> None:
    """Each record's kernel instead of what it is made of, where it is smaller."""
    assert use.gradient is not None
    module: Any = use.module
    places = use.gradient.shape[2:].numel() * (use.gradient.shape[0] // records)
    inside, outside = module.weight[0].numel(), len(module.weight) // module.groups
    small = module.weight.numel() * records <= use.inputs[0].numel() + use.gradient.numel()
    if small and 2 * inside * outside <= places * (inside + outside):
        total = _totals([use], records)
        use.kept = {"each": _kernels(module, use, records), "total": total}
        use.release()


def _gathered(module: Any, uses: Sequence[Use], records: int) -> Tensor:
    """Each record's gradient of the kernel over all uses, (records, *shape)."""
    each = [use.kept["each"] if "each" in use.kept else _kernels(module, use, records) for use in uses]
    return each[0] if len(each) == 1 else torch.stack(each).sum(0)


def _kernels(module: Any, use: Use, records: int) -> Tensor:
    """Each record's gradient of the kernel from one use, (records, *shape)."""
    count = use.inputs[0].shape[0]
    if use.inputs[0].device.type == "cpu" and count * module.weight.numel() <= KEPT and count % records == 0:
        # A convolution in which every record's channels are a group of their own has each record's kernel.
        found = _backward(module, use, apart=True).view(records, -1, *module.weight.shape)
        return found[:, 0] if count == records else found.sum(1)
    each = [pairs.each().view(-1, *module.weight.shape) for pairs in _pairs(module, use, records)]
    return torch.cat(each)


def _totals(uses: Sequence[Use], records: int) -> Tensor:
    """Each record's gradient of the bias, (records, channels)."""
    totals = []
    for use in uses:
        if "total" in use.kept:
            totals.append(use.kept["total"])
            continue
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
    flat = gradient.ndim == 4 and module.groups == times == 1
    for start in range(0, records, step):
        some = slice(start * times, (start + step) * times)
        if flat:
            patches = functional.unfold(given[some], kernel, dilation=module.dilation, stride=module.stride)
            yield Pairs(patches.transpose(1, 2), gradient[some].flatten(2).transpose(1, 2))
            continue
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


def _backward(module: Any, use: Use, factor: Tensor | None = None, *, apart: bool = False) -> Tensor:
    """The sum over records of their kernels' gradients times their factors; or every one of them, one after another."""
    assert use.gradient is not None
    gradient, given, count = whole(use.gradient), whole(use.inputs[0]), use.inputs[0].shape[0]
    if factor is not None:
        along = factor.to(gradient.dtype).repeat_interleave(count // len(factor))
        gradient = gradient * along.view(-1, *(1,) * (gradient.ndim - 1))
    plain = module.padding_mode == "zeros" and not isinstance(module.padding, str)
    given, around = (given, list(module.padding)) if plain else (_padded(module, given), [0] * (gradient.ndim - 2))
    shape, groups = list(module.weight.shape), module.groups
    if apart:
        gradient, given = (one.reshape(1, -1, *one.shape[2:]) for one in (gradient, given))
        shape, groups = [shape[0] * count, *shape[1:]], groups * count
    weight = gradient.new_empty(shape)  # its values are not asked for
    arguments = (None, list(module.stride), around, list(module.dilation), False, [0] * len(around), groups)
    found: Tensor = torch.ops.aten.convolution_backward(gradient, given, weight, *arguments, [False, True, False])[1]
    return found
