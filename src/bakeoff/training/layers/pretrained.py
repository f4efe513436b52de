"""Layers around a Hugging Face encoder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from bakeoff.training.layers.texts import mean

FEATURES = 96


class FrozenLayers(nn.Module):
    """A linear map of embeddings that were made beforehand."""

    def __init__(self, inside: int) -> None:
        super().__init__()
        self.out = nn.Linear(inside, FEATURES)
        self.scale = inside**0.5  # embeddings of length one have tiny entries
        self.width = FEATURES

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Features float32 (records, width)."""
        return self.out(parts["embedding"] * self.scale)


class TunedLayers(nn.Module):
    """A copy of the encoder that learns with the rest."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)
        self.width = int(model.config.hidden_size)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Features float32 (records, width)."""
        return pooled(self.model, parts["tokens"])


def pooled(model: Any, tokens: Tensor) -> Tensor:
    """The mean of the last layer over the tokens there are; tokens are the encoder's own plus 1, 0 is padding."""
    mask = tokens > 0
    hidden = model(input_ids=(tokens - 1).clamp(min=0), attention_mask=mask.long()).last_hidden_state
    return mean(hidden, mask)
