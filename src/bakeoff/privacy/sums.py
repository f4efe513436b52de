"""Sums of clipped gradients, by parameter: dense, or some rows of an embedding's table; memory is used again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bakeoff.privacy.rules.products import LEAST, inner
from bakeoff.privacy.rules.rule import Rows

FEWEST = 8  # columns below which a product is no more than a pass over the other matrix


class Scratch:
    """Memory for what is needed for a moment, again and again: fresh memory costs more than the work done in it."""

    def __init__(self) -> None:
        self._held: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def scaled(self, values: Tensor, by: Tensor) -> Tensor:
        """`values * by`, of the shape of `values`; it lasts until the next call."""
        key = (values.dtype, values.device)
        held = self._held.get(key)
        if held is None or held.numel() < values.numel():
            held = self._held[key] = torch.empty(values.numel(), dtype=values.dtype, device=values.device)
        return torch.mul(values, by, out=held[: values.numel()].view(values.shape))


class Slot:
    """The sum of one parameter's clipped gradients, float32 (float64 for a parameter of float64)."""

    def __init__(self, parameter: nn.Parameter, scratch: Scratch | None = None) -> None:
        self.parameter = parameter
        self.scratch = scratch or Scratch()
        self.kind = torch.promote_types(parameter.dtype, torch.float32)
        self.filled = False
        self._adopted = False
        self._dense: Tensor | None = None
        self._rows: list[Rows] = []

    def clear(self) -> None:
        """Nothing yet; memory of its own stays."""
        self.filled = False
        self._rows = []
        if self._adopted:  # what was given will be given anew
            self._dense, self._adopted = None, False

    def add(self, value: Tensor | Rows) -> None:
        """Add a tensor of the parameter's shape, which must not be used afterwards, or some rows."""
        if isinstance(value, Rows):
            if self.filled:
                self.dense().index_add_(0, value.index, value.values.to(self.kind))
            else:
                self._rows.append(Rows(value.index, value.values.to(self.kind)))
            return
        if self._rows:
            self.dense().add_(value)
        elif self.filled:
            assert self._dense is not None
            self._dense.add_(value)
        else:
            given = value.to(self.kind).reshape(self.parameter.shape)
            self._dense = given if given.is_contiguous() else given.contiguous()
            self.filled = self._adopted = True

    def product(self, left: Tensor, right: Tensor) -> None:
        """Add left^T right, (positions, a) and (positions, b), to a parameter whose values are (a, b)."""
        if left.device.type == "cpu" and left.shape[1] >= FEWEST and left.shape[1] * right.numel() >= LEAST:
            self.add(inner(left.t(), right.t()))
            return
        shape = (left.shape[1], right.shape[1])
        if self.filled or self._rows:
            self.dense().view(shape).addmm_(left.t(), right)
            return
        room = self._room()
        torch.mm(left.t(), right, out=room.view(shape))
        self.filled = True

    def dense(self) -> Tensor:
        """The sum as a tensor of the parameter's shape; it is the slot's own, and stays so until it is cleared."""
        room = self._room()
        if not self.filled:
            room.zero_()
            for rows in self._rows:
                room.index_add_(0, rows.index, rows.values)
            # A whole table is large, and most batches are asked for their rows alone.
            self._adopted = self._adopted or bool(self._rows)
            self._rows, self.filled = [], True
        return room

    def rows(self) -> Rows | None:
        """The sum as rows, index rising; None where it is dense, or where there is nothing yet."""
        if self.filled or not self._rows:
            return None
        if len(self._rows) > 1:
            every = torch.cat([rows.index for rows in self._rows])
            index, place = every.unique(return_inverse=True)
            values = self._rows[0].values.new_zeros(len(index), self._rows[0].values.shape[1])
            values.index_add_(0, place, torch.cat([rows.values for rows in self._rows]))
            self._rows = [Rows(index, values)]
        return self._rows[0]

    def _room(self) -> Tensor:
        if self._dense is None:
            self._dense = torch.empty(self.parameter.shape, dtype=self.kind, device=self.parameter.device)
        return self._dense


class Sums:
    """The sums of a logical batch, for every parameter that is learnt; physical batches add to them."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        scratch = Scratch()
        self.order = [Slot(parameter, scratch) for parameter in parameters]
        self.slots = dict(zip(parameters, self.order, strict=True))

    def clear(self) -> None:
        """Begin a new logical batch; the memory stays."""
        for slot in self.order:
            slot.clear()

    def add(self, parameter: nn.Parameter, value: Tensor | Rows) -> None:
        """Add a tensor of the parameter's shape, which must not be used afterwards, or some rows of it."""
        self.slots[parameter].add(value)

    def dense(self, parameter: nn.Parameter) -> Tensor:
        """The sum as a tensor of the parameter's shape, zeros where nothing was added; may be changed in place."""
        return self.slots[parameter].dense()

    def rows(self, parameter: nn.Parameter) -> Rows | None:
        """The sum as rows with a rising index where only rows were added, else None."""
        found: Rows | None = self.slots[parameter].rows()
        return found
