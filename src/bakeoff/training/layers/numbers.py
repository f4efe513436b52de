"""Embeddings of numbers: piecewise-linear, periodic or linear, each column by itself.

After Gorishniy, Rubachev and Babenko, On Embeddings for Numerical Features in Tabular Deep Learning (2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bakeoff.training.encoders.numeric import NumericStyle

FARTHEST = 5.0  # scaled values beyond it are alike to the linear part


class EachLinear(nn.Module):
    """One linear map for each column: (records, columns, inside) to (records, columns, outside)."""

    def __init__(self, columns: int, inside: int, outside: int, *, zero: bool = False) -> None:
        super().__init__()
        bound = 0.0 if zero else 1 / math.sqrt(max(1, inside))
        self.weight = nn.Parameter(torch.empty(columns, inside, outside).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, outside).uniform_(-bound, bound))

    def forward(self, values: Tensor) -> Tensor:
        """Each column through its own map."""
        return torch.einsum("rci,cio->rco", values, self.weight) + self.bias


class PiecewiseLinear(nn.Module):
    """The encoding of a number by bins: 1 in bins below it, 0 in bins above, its share of the way in its own.

    Below the first edge and above the last the outermost bin goes on, by one bin's width at most.
    """

    def __init__(self, edges: Sequence[Sequence[float]]) -> None:
        super().__init__()
        bins = max([len(one) - 1 for one in edges if len(one)], default=0)
        start, width = torch.zeros(len(edges), bins), torch.ones(len(edges), bins)
        lowest, highest = torch.zeros(len(edges), bins), torch.zeros(len(edges), bins)
        for column, one in enumerate(edges):
            if len(one) > 1:
                given = torch.tensor(one, dtype=torch.float32)
                count = len(given) - 1
                start[column, :count], width[column, :count] = given[:-1], given[1:] - given[:-1]
                lowest[column, 0] = -1.0
                highest[column, :count] = 1.0
                highest[column, count - 1] = 2.0
        self.bins = bins
        for name, held in (("start", start), ("widths", width), ("lowest", lowest), ("highest", highest)):
            self.register_buffer(name, held)

    def forward(self, values: Tensor) -> Tensor:
        """(records, columns) to (records, columns, bins)."""
        share = (values.unsqueeze(-1) - self.start) / self.widths
        return torch.maximum(torch.minimum(share, self.highest), self.lowest)


class Periodic(nn.Module):
    """Sines and cosines of 2 pi c x with learnt frequencies c, the first ones drawn from N(0, spread)."""

    def __init__(self, columns: int, frequencies: int, spread: float) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(columns, frequencies) * spread)

    def forward(self, values: Tensor) -> Tensor:
        """(records, columns) to (records, columns, 2 x frequencies), the sines last."""
        angle = 2 * math.pi * self.frequencies * values.unsqueeze(-1)
        return torch.cat([torch.cos(angle), torch.sin(angle)], dim=-1)


class NumericLayers(nn.Module):
    """From scaled values and signs of missing ones to the features of all columns, side by side."""

    def __init__(self, edges: Sequence[Sequence[float]], style: NumericStyle) -> None:
        super().__init__()
        columns = len(edges)
        self.width = columns * style.width
        self.line = EachLinear(columns, 1, style.width)
        self.curve: nn.Module | None = None
        self.mix: nn.Module | None = None
        if style.style == "piecewise":
            self.curve = PiecewiseLinear(edges)
            # Starting from the plain line, bins are learnt where they help.
            self.mix = EachLinear(columns, self.curve.bins, style.width, zero=True) if self.curve.bins else None
        elif style.style == "periodic":
            self.curve = Periodic(columns, style.frequencies, style.spread)
            self.mix = EachLinear(columns, 2 * style.frequencies, style.width)
        self.missing = nn.Parameter(torch.zeros(columns, style.width))

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Features float32 (records, columns x width)."""
        values = parts["values"]
        found = self.line(values.clamp(-FARTHEST, FARTHEST).unsqueeze(-1))
        if self.curve is not None and self.mix is not None:
            found = found + self.mix(self.curve(values))
        found = torch.where(parts["missing"].unsqueeze(-1), self.missing, found)
        return found.flatten(1)
