"""Book-keeping against the loop over records."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from naive import assert_same
from torch import nn
from torch.nn import functional


class Texts(nn.Module):
    """An embedding with padding, positions alike for all, a norm, linear maps over tokens and over the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 8, padding_idx=0)
        self.places = nn.Embedding(6, 8)
        self.norm = nn.LayerNorm(8)
        self.narrow, self.wide, self.out = nn.Linear(8, 3), nn.Linear(3, 40), nn.Linear(40, 5)
        self.bag = nn.EmbeddingBag(11, 5, mode="mean", padding_idx=0)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.table(tokens) + self.places(torch.arange(tokens.shape[1])[None])
        hidden = torch.tanh(self.narrow(self.norm(hidden)))
        return self.out(torch.relu_(self.wide(hidden)).mean(1)) + self.bag(tokens)


@pytest.mark.parametrize("records", [1, 2, 7])
def test_a_network_of_several_layers_equals_the_loop(records: int) -> None:
    torch.manual_seed(records)
    network = Texts()
    tokens, labels = torch.randint(0, 11, (records, 5)), torch.randint(0, 5, (records,))
    assert_same(
        network,
        lambda places: functional.cross_entropy(network(tokens[places]), labels[places], reduction="none"),
        records,
    )
