"""Noise that is owed: exact noise for embedding tables at the cost of the rows that are read.

Plain gradient descent adds each step's noise to a row and nothing else happens to it until it is read again. Sums of
Gaussian noise are Gaussian, so what a row is owed is summed as a variance and drawn when the row is next read, or at
the end: the weights that anything is computed from have the same distribution as if noise had been drawn at every step.
Momentum, weight decay or Adam would make more of the noise in between, and are not for this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.errors import BakeoffError
from bakeoff.privacy.noise import Noise
from bakeoff.privacy.rules.rule import Rows
from bakeoff.training.recipe import Recipe


def additive(recipe: Recipe) -> bool:
    """Whether an update is the gradient times the learning rate and nothing else."""
    return recipe.optimiser == "sgd" and not recipe.decay


def tables_of(network: nn.Module) -> dict[nn.Parameter, nn.Module]:
    """Embedding tables that are learnt and that no other module reads, with their modules."""
    places: dict[nn.Parameter, list[nn.Module]] = {}
    for module in network.modules():
        for parameter in module.parameters(recurse=False):
            places.setdefault(parameter, []).append(module)
    return {
        parameter: found[0]
        for parameter, found in places.items()
        if len(found) == 1 and parameter.requires_grad and type(found[0]) in (nn.Embedding, nn.EmbeddingBag)
    }


class Owed:
    """The noise that rows of embedding tables are owed; `close` pays everything and lets the modules go."""

    def __init__(self, tables: Mapping[nn.Parameter, nn.Module], noise: Noise) -> None:
        self._tables = {parameter: _Table(parameter, module, noise) for parameter, module in tables.items()}

    def __contains__(self, parameter: nn.Parameter) -> bool:
        return parameter in self._tables

    def leave(self, parameter: nn.Parameter, rows: Rows | None, deviation: float) -> None:
        """Leave the rows' gradient in a table's `grad`, and owe every row noise of `deviation` for it.

        BakeoffError where a row has a gradient and was not paid, so was read past its module.
        """
        table = self._tables[parameter]
        table.pending = deviation
        if rows is None:
            parameter.grad = None
            return
        table.check(rows.index)
        values = rows.values.to(parameter.dtype)
        if table.silent is not None:
            values[rows.index == table.silent] = 0
        parameter.grad = torch.sparse_coo_tensor(
            rows.index[None], values, parameter.shape, is_coalesced=True, check_invariants=False
        )

    def updated(self, rate: float) -> None:
        """The optimiser has moved the weights by `rate` times what was left."""
        for table in self._tables.values():
            table.variance += (rate * table.pending) ** 2
            table.pending = 0.0

    def settle(self) -> None:
        """Pay every row of every table."""
        for table in self._tables.values():
            table.pay(None)

    def close(self) -> None:
        """Pay everything; from now on nothing is owed."""
        self.settle()
        for table in self._tables.values():
            table.hook.remove()


class _Table:
    """One table: the variance each row has been owed since the beginning, and what of it was paid."""

    def __init__(self, parameter: nn.Parameter, module: Any, noise: Noise) -> None:
        self.parameter, self.noise = parameter, noise
        self.silent: int | None = module.padding_idx
        self.variance = self.pending = 0.0
        self.paid = torch.zeros(len(parameter), dtype=torch.float64, device=parameter.device)
        self.hook = module.register_forward_pre_hook(self._read, with_kwargs=True)

    def _read(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.pay(args[0] if args else kwargs["input"])

    def check(self, rows: Tensor) -> None:
        """BakeoffError where one of these rows is owed something."""
        behind = self.paid[rows] < self.variance
        if self.silent is not None:
            behind &= rows != self.silent
        if bool(behind.any()):
            raise BakeoffError(
                "Rows of an embedding were read without their module being called, so that noise they are owed was "
                "missing; call the module itself, or set lazy=False in PrivateSettings."
            )

    def pay(self, read: Tensor | None) -> None:
        """Draw what these rows are owed, all of them for None, and add it to them."""
        due = self.paid < self.variance
        if read is not None:
            among = torch.zeros_like(due)
            among[read.reshape(-1)] = True
            due &= among
        if self.silent is not None:
            due[self.silent] = False
        rows = due.nonzero().squeeze(1)
        if not len(rows):
            return
        deviation = (self.variance - self.paid[rows]).sqrt().to(torch.float32)
        drawn = self.noise.normal((len(rows), self.parameter.shape[1]), self.parameter.device)
        table = self.parameter.detach()
        table.index_add_(0, rows, drawn.mul_(deviation[:, None]).to(table.dtype))
        self.paid[rows] = self.variance
