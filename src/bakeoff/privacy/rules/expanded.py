"""A module's own parameters, given to it once for each record, so that ordinary backpropagation tells them apart.

A class token, a place's embedding or a scale is added or multiplied to what has records in its first dimension. With a
copy for every record in front, (records, 1 ..., *shape), the same forward broadcasts it, and its gradient has a part
for each record. Whether a forward allows that is found by trying: see `bakeoff.privacy.verification`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from bakeoff.privacy.rules.linear import learnt
from bakeoff.privacy.rules.mapped import own_forward, shadowed
from bakeoff.privacy.rules.norms import Made
from bakeoff.privacy.rules.rule import Tape, Use


class Expanded(Made):
    """The direct parameters of a module whose modules inside have rules of their own.

    `ones` says how many dimensions of size 1 stand between the records and the parameter's own, by its name.
    """

    def __init__(self, ones: Mapping[str, int]) -> None:
        self.ones = dict(ones)

    def call(self, module: nn.Module, tape: Tape, *args: Any, **kwargs: Any) -> Any:
        """The module's own forward, with a copy of each parameter for each record."""
        rows = rows_of((args, kwargs), tape.records)
        copies = {}
        for name, ones in self.ones.items():
            copy = expanded(module.get_parameter(name), rows, ones)
            copies[name] = self.note(module, tape, copy, [], name=name)
        with shadowed(module, copies):
            return own_forward(module)(*args, **kwargs)

    def make(self, module: nn.Module, use: Use, records: int) -> Mapping[str, Tensor]:
        """The copies' gradients, by record; nothing for the other parameters."""
        assert use.gradient is not None
        name = use.kept["name"]
        shape = module.get_parameter(name).shape
        kind = torch.promote_types(use.gradient.dtype, torch.float32)
        return {name: use.gradient.to(kind).reshape(records, -1, *shape).sum(1)}

    def per_record(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients, over all uses: each of them is of one parameter."""
        kept = uses[0].kept
        if "each" not in kept:
            each: dict[str, Tensor] = {}
            names = set(learnt(module))
            for use in uses:
                for name, found in use.kept["own"].items():
                    if name in names:
                        each[name] = each[name] + found if name in each else found
            kept["each"] = each
        made: Mapping[str, Tensor] = kept["each"]
        return made


def rows_of(given: Any, records: int) -> int:
    """The first dimension of the first tensor that has one which is a multiple of the records; else the records."""
    for one in tree.tree_leaves(given):
        if isinstance(one, Tensor) and one.ndim and one.shape[0] and one.shape[0] % records == 0:
            return int(one.shape[0])
    return records


def expanded(parameter: Tensor, rows: int, ones: int) -> Tensor:
    """(rows, 1 ..., *shape) without being copied."""
    shape = tuple(parameter.shape)
    # Broadcasting would line a first dimension of 1 up with the records: it takes their place.
    if shape and shape[0] == 1 and ones == -1:
        return parameter.expand(rows, *shape[1:])
    return parameter.view((1,) * (1 + ones) + shape).expand(rows, *(1,) * ones, *shape)


def numeric_layers() -> Expanded:
    """What stands for a missing number, (columns, width) beside (records, columns, width)."""
    return Expanded({"missing": 0})


def picture_layers() -> Expanded:
    """What stands for a missing picture, (width,) beside (records, width)."""
    return Expanded({"missing": 0})
