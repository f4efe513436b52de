"""Layers of datetime columns."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class DateLayers(nn.Module):
    """The layers of elapsed time, with the calendar's sines and cosines beside their features."""

    def __init__(self, elapsed: nn.Module, calendar: int) -> None:
        super().__init__()
        self.elapsed = elapsed
        self.width = int(elapsed.width) + calendar

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Features float32 (records, width)."""
        return torch.cat([self.elapsed(parts), parts["calendar"]], dim=1)
