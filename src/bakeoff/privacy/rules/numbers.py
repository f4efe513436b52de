"""Embeddings of numbers, each column by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bakeoff.privacy.rules.linear import Pairs, learnt, lengths, whole
from bakeoff.privacy.rules.mapped import own_forward
from bakeoff.privacy.rules.norms import Made
from bakeoff.privacy.rules.rule import Tape, Use
from bakeoff.privacy.tape import folded


class EachLinearRule:
    """`EachLinear`: one linear map for each column, bounded as so many linear layers."""

    whole = False

    def call(self, module: Any, tape: Tape, given: Tensor) -> Tensor:
        """Each column through its own map."""
        given = tape.spread(given)
        return tape.note(Use(module, (given.detach(),)), own_forward(module)(given))

    def pairs(self, uses: Sequence[Use], records: int) -> tuple[Tensor, Tensor]:
        """Inputs and gradients (records, positions, columns, inside or outside)."""
        given = [whole(folded(use.inputs[0], records, 2)) for use in uses]
        gradients = [whole(folded(use.gradient, records, 2)) for use in uses if use.gradient is not None]
        return torch.cat(given, dim=1), torch.cat(gradients, dim=1)

    def squared_norms(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of the weights and of the biases of all columns together."""
        given, gradient = self.pairs(uses, records)
        if given.shape[1] == 1:
            own = gradient.square().sum(-1)
            found = {"weight": (own * given.square().sum(-1)).sum((1, 2)), "bias": own.sum((1, 2))}
        else:
            found = {name: lengths(each.flatten(1)) for name, each in self.per_record(module, uses, records).items()}
        return {name: found[name] for name in learnt(module)}

    def sums(self, module: Any, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """One product for each column."""
        given, gradient = self.pairs(uses, len(next(iter(factors.values()))))
        found = {}
        for name, factor in factors.items():
            along = gradient * factor.to(gradient.dtype).view(-1, 1, 1, 1)
            if name == "bias":
                found[name] = along.sum((0, 1))
            else:
                found[name] = torch.bmm(given.flatten(0, 1).permute(1, 2, 0), along.flatten(0, 1).transpose(0, 1))
        return found

    def per_record(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients."""
        given, gradient = self.pairs(uses, records)
        columns = given.shape[2]
        pairs = Pairs(gradient.transpose(1, 2).flatten(0, 1), given.transpose(1, 2).flatten(0, 1))
        found = {"weight": pairs.each().unflatten(0, (records, columns)), "bias": gradient.sum(1)}
        return {name: found[name] for name in learnt(module)}


class PeriodicRule(Made):
    """`Periodic`: sines and cosines of learnt frequencies."""

    def call(self, module: Any, tape: Tape, given: Tensor) -> Tensor:
        """Sines and cosines."""
        given = tape.spread(given)
        output = own_forward(module)(given)
        return self.note(module, tape, output, [given, output])

    def make(self, module: Any, use: Use, records: int) -> Mapping[str, Tensor]:
        """The derivative of cos and sin of 2 pi c x by c."""
        given, output = whole(use.inputs[0]), whole(use.inputs[1])
        assert use.gradient is not None
        cosine, sine = output.chunk(2, dim=-1)
        of_cosine, of_sine = whole(use.gradient).chunk(2, dim=-1)
        slope = 2 * math.pi * given.unsqueeze(-1) * (cosine * of_sine - sine * of_cosine)
        return {"frequencies": folded(slope, records, 2).sum(1)}
