"""The networks whose steps are timed, with made-up records of ordinary shapes; `losses(batch)` as the loop wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.training.records import Batch
from bakeoff.training.sequences.layers import TokenShape, TokenTransformer

CLASSES = 60
WORDS, WORDS_LONG = 6_000, 24  # of the BiLSTM
PIECES, PIECES_LONG = 30_522, 32  # of the encoder


class Mlp(nn.Module):
    """128-256-256-60, 115 thousand parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(128, 256), nn.Linear(256, 256), nn.Linear(256, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (records, classes)."""
        return self.last(functional.relu(self.second(functional.relu(self.first(inputs)))))


class BiLstm(nn.Module):
    """An embedding and a bidirectional LSTM, 1.3 million parameters; `cell` makes the LSTM, as torch's own does."""

    def __init__(self, cell: Callable[..., nn.Module] = nn.LSTM) -> None:
        super().__init__()
        self.table = nn.Embedding(WORDS, 128)
        self.cell = cell(128, 192, batch_first=True, bidirectional=True)
        self.last = nn.Linear(2 * 192, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (records, classes) of the mean over tokens."""
        return self.last(self.cell(self.table(inputs))[0].mean(1))


class Encoder(nn.Module):
    """Six transformer blocks of width 384 over a vocabulary of 30,522, 22.5 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(PIECES, 384)
        self.blocks = TokenTransformer(384, TokenShape("transformer", 384, depth=6, heads=6, dropout=0.0))
        self.last = nn.Linear(384, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (records, classes) of the mean over tokens."""
        mask = torch.ones(inputs.shape, dtype=torch.bool, device=inputs.device)
        return self.last(self.blocks(self.table(inputs), mask).mean(1))


class Learner(nn.Module):
    """A network as the loop wants one: the loss of each record of a batch."""

    mixed = False

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def losses(self, batch: Batch) -> Tensor:
        """Cross-entropy of each record."""
        return functional.cross_entropy(self.network(batch.inputs["x"]["x"]), batch.targets, reduction="none")


def network_of(model: str, cell: Callable[..., nn.Module] = nn.LSTM) -> nn.Module:
    """A fresh network of that name, always the same one."""
    torch.manual_seed(1)
    made: dict[str, Callable[[], nn.Module]] = {"mlp": Mlp, "bilstm": lambda: BiLstm(cell), "encoder": Encoder}
    return made[model]()


def batch_of(model: str, records: int) -> Batch:
    """Made-up records: normal numbers, or words by Zipf's law, and classes by chance."""
    random = np.random.default_rng(records)
    inputs: Any
    if model == "mlp":
        inputs = torch.from_numpy(random.normal(size=(records, 128)).astype(np.float32))
    else:
        words, length = (WORDS, WORDS_LONG) if model == "bilstm" else (PIECES, PIECES_LONG)
        chances = 1 / np.arange(1, words + 1)
        inputs = torch.from_numpy(random.choice(words, (records, length), p=chances / chances.sum()))
    classes = torch.from_numpy(random.integers(0, CLASSES, records))
    return Batch(np.arange(records), {"x": {"x": inputs}}, classes)
