"""Layers of pictures: convolutions with GroupNorm, which looks at one record alone, where BatchNorm would mix them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.training.encoders.pictures import PictureStyle

GROUP = 8  # channels that are normalised together


class PictureLayers(nn.Module):
    """A stem and three residual blocks, each halving the picture; the mean and the largest answer of every channel."""

    def __init__(self, style: PictureStyle) -> None:
        super().__init__()
        channels = [style.channels * times for times in (1, 1, 2, 4)]
        self.stem = nn.Conv2d(3, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(*pair) for pair in pairwise(channels))
        self.out = nn.Linear(2 * channels[-1], style.width)
        self.missing = nn.Parameter(torch.zeros(style.width))
        self.width = style.width

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Features float32 (records, width)."""
        hidden = self.stem(parts["pixels"].to(self.missing.dtype) / 127.5 - 1)
        for block in self.blocks:
            hidden = block(hidden)
        found = functional.relu(self.out(torch.cat([hidden.mean((2, 3)), hidden.amax((2, 3))], dim=1)))
        return torch.where(parts["missing"], self.missing, found)


class Block(nn.Module):
    """Two convolutions beside a shortcut, at half the size."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride=2, padding=1)
        self.second = nn.Conv2d(outside, outside, 3, padding=1)
        self.shortcut = nn.Conv2d(inside, outside, 1, stride=2)
        self.norms = nn.ModuleList(nn.GroupNorm(max(1, outside // GROUP), outside) for _ in range(2))

    def forward(self, hidden: Tensor) -> Tensor:
        """(records, inside, side, side) to (records, outside, side / 2, side / 2)."""
        found = functional.relu(self.norms[0](self.first(hidden)))
        return functional.relu(self.norms[1](self.second(found)) + self.shortcut(hidden))
