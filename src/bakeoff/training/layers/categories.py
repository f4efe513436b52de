"""Layers of categorical columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bakeoff.training.encoders.categories import UNSEEN

WIDEST = 48


class CategoryLayers(nn.Module):
    """One embedding for each column, wider for more values."""

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__()
        widths = [min(WIDEST, max(2, round(1.6 * count**0.56))) for count in counts]
        self.tables = nn.ModuleList(nn.Embedding(count, width) for count, width in zip(counts, widths, strict=True))
        self.width = sum(widths)
        for table, width in zip(self.tables, widths, strict=True):
            with torch.no_grad():
                table.weight.mul_(width**-0.5)
                table.weight[UNSEEN] = 0.0  # until rare values teach it something, an unseen one says nothing

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Features float32 (records, width)."""
        codes = parts["codes"]
        return torch.cat([table(codes[:, j]) for j, table in enumerate(self.tables)], dim=1)
