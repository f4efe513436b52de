"""Parameters that several modules share: a record's gradient is the sum over all of them, and so is bounded as one.

A linear map's gradient is a sum over positions of outer products g a^T, an embedding's of outer products of a token's
unit vector and g. The squared norm of their sum is that of all positions together, whose Gram matrices have parts
across the modules; nothing as large as a table for each record is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bakeoff.privacy.rules.linear import lengths
from bakeoff.privacy.rules.norms import weighted
from bakeoff.privacy.rules.rule import Outer, Rows, Rule, Use
from bakeoff.privacy.sums import Slot


@dataclass(frozen=True)
class Place:
    """One of the modules that hold a shared parameter, its rule, and the parameter's name there."""

    module: nn.Module
    rule: Rule
    name: str


class Tie:
    """One shared parameter in one pass, with the uses of every module that holds it."""

    def __init__(self, places: Sequence[tuple[Place, Sequence[Use]]], records: int) -> None:
        self._outers = _outers(places, records)
        self._each: Tensor | None = None
        if self._outers is None:
            for place, uses in places:
                found = place.rule.per_record(place.module, uses, records)[place.name]
                self._each = found if self._each is None else self._each + found

    def squared_norms(self) -> Tensor:
        """(records,)."""
        if self._outers is None:
            assert self._each is not None
            return lengths(self._each.flatten(1))
        total: Tensor | None = None
        for place, one in enumerate(self._outers):
            for other in self._outers[: place + 1]:
                found = _product(one, other) * (1.0 if one is other else 2.0)
                total = found if total is None else total + found
        assert total is not None
        return total.clamp_(min=0)

    def pour(self, factor: Tensor, slot: Slot) -> None:
        """Add the sum over records, each times its factor."""
        if self._outers is None:
            assert self._each is not None
            slot.add(weighted(self._each, factor))
            return
        for one in sorted(self._outers, key=lambda outer: outer.indexed):
            right = (one.right * factor.to(one.right.dtype).view(-1, 1, 1)).flatten(0, 1)
            if one.indexed:
                index, place = one.left.flatten().unique(return_inverse=True)
                values = right.new_zeros(len(index), right.shape[1]).index_add_(0, place, right)
                slot.add(Rows(index, values))
            else:
                slot.product(one.left.flatten(0, 1), right)


def _outers(places: Sequence[tuple[Place, Sequence[Use]]], records: int) -> list[Outer] | None:
    """All positions of all places; None where some rule has no such form, or records' gradients are smaller."""
    found: list[Outer] = []
    for place, uses in places:
        outer = getattr(place.rule, "outer", None)
        if outer is None or place.name != "weight":
            return None
        found.append(outer(place.module, uses, records))
    rows, columns = places[0][0].module.get_parameter("weight").shape
    positions = sum(one.right.shape[1] for one in found)
    return None if 2 * rows * columns <= positions * (rows + columns) else found


def _product(one: Outer, other: Outer) -> Tensor:
    """For each record the inner product of two sums of outer products, (records,)."""
    rights = torch.bmm(one.right, other.right.transpose(1, 2))
    if one.indexed and other.indexed:
        lefts = (one.left.unsqueeze(2) == other.left.unsqueeze(1)).to(rights.dtype)
    elif one.indexed:
        lefts = other.left.gather(2, one.left.unsqueeze(1).expand(-1, other.left.shape[1], -1)).transpose(1, 2)
    elif other.indexed:
        lefts = one.left.gather(2, other.left.unsqueeze(1).expand(-1, one.left.shape[1], -1))
    else:
        lefts = torch.bmm(one.left, other.left.transpose(1, 2))
    return rights.mul_(lefts).sum((1, 2))
