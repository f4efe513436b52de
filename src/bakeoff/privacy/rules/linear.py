"""Linear layers: norms by Gram matrices or from each record's own product, whichever is the smaller work.

A record's gradient of the weight is the sum over its positions of g a^T, so its squared norm is the sum over pairs of
positions of (g g')(a a') (Goodfellow, Efficient Per-Example Gradient Computations, 2015; Li et al., Large Language
Models Can Be Strong Differentially Private Learners, 2022, section 4); the sum over records with factors is one product
(Bu et al., Differentially Private Optimization on Large Model at Small Cost, 2023: book-keeping).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.privacy.rules.products import product
from bakeoff.privacy.rules.rule import Outer, Tape, Use
from bakeoff.privacy.sums import Slot
from bakeoff.privacy.tape import folded

GRAMS = 2**23  # values of Gram matrices that are made at once


class Pairs:
    """What a linear map was given and the gradient of what it answered: (records, positions, inside or outside).

    `shared` holds what is worked out of an input once for all layers that are given the same one.
    """

    def __init__(self, given: Tensor, gradient: Tensor, shared: dict[str, Any] | None = None) -> None:
        self.given, self.gradient = whole(given), whole(gradient)
        self.shared: dict[str, Any] = {} if shared is None else shared

    @classmethod
    def of(cls, uses: Sequence[Use], records: int) -> Pairs:
        """All positions of all uses."""
        given = [folded(use.inputs[0], records) for use in uses]
        gradients = [folded(use.gradient, records) for use in uses if use.gradient is not None]
        if len(uses) == 1:
            return cls(given[0], gradients[0], uses[0].kept.get("shared"))
        return cls(torch.cat(given, dim=1), torch.cat(gradients, dim=1))

    @property
    def made(self) -> bool:
        """Whether each record's gradient is less work than Gram matrices, and half as large as what it is made of."""
        positions, inside, outside = self.given.shape[1], self.given.shape[2], self.gradient.shape[2]
        return bool(positions > 1 and 2 * inside * outside <= positions * (inside + outside))

    def each(self) -> Tensor:
        """Each record's gradient, (records, outside, inside)."""
        return torch.bmm(self.gradient.transpose(1, 2), self.given)

    def gram(self) -> Tensor:
        """Products of the positions' inputs, (records, positions, positions), worked out once for layers that share."""
        if "gram" not in self.shared:
            self.shared["gram"] = torch.bmm(self.given, self.given.transpose(1, 2))
        return self.shared["gram"]

    def ghosts(self) -> dict[str, Tensor]:
        """Squared norms (records,) of the weight and of the bias by Gram matrices, of some records at a time."""
        records, positions = self.given.shape[:2]
        step = max(1, GRAMS // max(1, positions * positions))
        if step >= records:
            return self._ghosts(self.gradient, self.gram())
        found = []
        for start in range(0, records, step):
            given = self.given[start : start + step]
            gram = torch.bmm(given, given.transpose(1, 2))
            found.append(self._ghosts(self.gradient[start : start + step], gram))
        return {name: torch.cat([one[name] for one in found]) for name in found[0]}

    @staticmethod
    def _ghosts(gradient: Tensor, other: Tensor) -> dict[str, Tensor]:
        gram = torch.bmm(gradient, gradient.transpose(1, 2))
        weight = torch.linalg.vecdot(gram.flatten(1), other.flatten(1))
        return {"weight": weight.clamp_(min=0), "bias": gram.sum((1, 2)).clamp_(min=0)}

    def squares(self) -> Tensor:
        """The inputs' squared lengths where each record has one position, (records,)."""
        if "squares" not in self.shared:
            self.shared["squares"] = lengths(self.given[:, 0])
        return self.shared["squares"]


class _Product(torch.autograd.Function):
    """A linear map by the quickest product there is, whose backward pass puts the gradient into a use."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor, bias: Tensor | None, anchor: Tensor, use: Use) -> Tensor:
        """given weight^T + bias; `anchor` requires a gradient, and so the result does."""
        ctx.use, ctx.weight = use, weight
        flat = given.reshape(-1, given.shape[-1])
        output = product(flat, weight, bias)
        return output if given.ndim == 2 else output.view(*given.shape[:-1], len(weight)).detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """Kept for the use; the gradient of what was given where something before it wants it."""
        # Without gaps once, for the product here and for those to come.
        gradient = gradient.contiguous()
        ctx.use.answer(gradient)
        if not ctx.needs_input_grad[0]:
            return None, None, None, None, None
        flat = product(gradient.view(-1, gradient.shape[-1]), ctx.weight.t())
        return flat.view(*gradient.shape[:-1], ctx.weight.shape[1]), None, None, None, None


class LinearRule:
    """`nn.Linear`, with any dimensions between the records and the features."""

    whole = False

    def call(self, module: nn.Linear, tape: Tape, given: Tensor) -> Tensor:
        """The linear map."""
        given = tape.spread(given)
        several = given.ndim > 2 or given.shape[0] != tape.records
        then = partial(_make, tape.records) if several and module in tape.eager else None
        use = Use(module, (given.detach(),), kept={"shared": tape.shared(given)}, then=then)
        if given.device.type != "cpu" or given.ndim < 2 or torch.is_autocast_enabled("cpu"):
            return tape.note(use, functional.linear(given, module.weight, module.bias))
        if torch.is_grad_enabled():
            tape.add(use)
        output: Tensor = _Product.apply(given, module.weight, module.bias, tape.anchor, use)
        return output

    def squared_norms(self, module: nn.Linear, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of the weight and of the bias."""
        names = learnt(module)
        if any("each" in use.kept for use in uses):
            each, total = _gathered(uses, records)
            uses[0].kept["made"] = {"weight": each, "bias": total}
            found = {"weight": lengths(each.flatten(1)), "bias": lengths(total)}
            return {name: found[name] for name in names}
        pairs = _kept(uses, records)
        if pairs.gradient.shape[1] == 1:
            own = lengths(pairs.gradient[:, 0])
            found = {"bias": own}
            if "weight" in names:
                found["weight"] = own * pairs.squares()
        else:
            found = {"bias": lengths(pairs.gradient.sum(1))} if names == ["bias"] else pairs.ghosts()
        return {name: found[name] for name in names}

    def sums(self, module: nn.Linear, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """One product for the weight, and one for the bias."""
        slots = {name: Slot(module.get_parameter(name)) for name in factors}
        self.pour(module, uses, factors, slots)
        return {name: slot.dense() for name, slot in slots.items()}

    def pour(
        self, module: nn.Linear, uses: Sequence[Use], factors: Mapping[str, Tensor], slots: Mapping[str, Slot]
    ) -> None:
        """The sums, added to what the slots hold."""
        kept = uses[0].kept
        records = len(next(iter(factors.values())))
        if "made" in kept:
            made = kept["made"]
            for name, factor in factors.items():
                slots[name].product(factor.unsqueeze(1).to(made[name].dtype), made[name].flatten(1))
            return
        pairs = _kept(uses, records)
        given, gradient = pairs.given.flatten(0, 1), pairs.gradient.flatten(0, 1)
        positions = pairs.gradient.shape[1]
        if "bias" in factors:
            slots["bias"].product(_along(factors["bias"], positions, gradient), gradient)
        if "weight" in factors:
            slot, along = slots["weight"], _along(factors["weight"], positions, gradient)
            if gradient.shape[1] <= given.shape[1]:
                slot.product(slot.scratch.scaled(gradient, along), given)
            else:
                slot.product(gradient, slot.scratch.scaled(given, along))

    def outer(self, module: nn.Linear, uses: Sequence[Use], records: int) -> Outer:
        """The weight's gradient as outer products over positions."""
        pairs = _kept(uses, records)
        return Outer(pairs.gradient, pairs.given)

    def per_record(self, module: nn.Linear, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients."""
        each, total = _gathered(uses, records)
        found = {"weight": each, "bias": total}
        return {name: found[name] for name in learnt(module)}


def _make(records: int, use: Use) -> None:
    """Each record's gradients instead of what they are made of, where they are smaller."""
    assert use.gradient is not None
    pairs = Pairs(folded(use.inputs[0], records), folded(use.gradient, records))
    if pairs.made:
        use.kept = {"each": pairs.each(), "total": pairs.gradient.sum(1)}
        use.release()


def _gathered(uses: Sequence[Use], records: int) -> tuple[Tensor, Tensor]:
    """Each record's gradients of the weight and of the bias, over all uses."""
    made = [(use.kept["each"], use.kept["total"]) for use in uses if "each" in use.kept]
    rest = [use for use in uses if "each" not in use.kept]
    if rest:
        pairs = Pairs.of(rest, records)
        made.append((pairs.each(), pairs.gradient.sum(1)))
    each, total = made[0]
    for one, other in made[1:]:
        each, total = each + one, total + other
    return each, total


def _kept(uses: Sequence[Use], records: int) -> Pairs:
    """The pairs of these uses, folded once for both phases."""
    kept = uses[0].kept
    if "pairs" not in kept:
        kept["pairs"] = Pairs.of(uses, records)
    pairs: Pairs = kept["pairs"]
    return pairs


def learnt(module: nn.Module) -> list[str]:
    """The names of a module's own parameters that are not frozen; while a pass runs none of them needs a gradient."""
    return [name for name, one in module._parameters.items() if one is not None and one.requires_grad]


def lengths(values: Tensor) -> Tensor:
    """Squared lengths of rows, (rows, values) to (rows,)."""
    return torch.linalg.vector_norm(values, dim=1).square_()


def _along(factor: Tensor, positions: int, like: Tensor) -> Tensor:
    factor = factor.to(like.dtype)
    return (factor if positions == 1 else factor.repeat_interleave(positions)).unsqueeze(1)


def whole(values: Tensor) -> Tensor:
    """In single precision at least: norms are never computed in half precision."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()
