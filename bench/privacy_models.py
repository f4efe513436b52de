"""The networks whose private step is measured: a tabular MLP, embedding + BiLSTM, and a 6-layer encoder.

Ordinary torch modules as a user would write them, of layers that every peer knows, with made-up records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 60
WORDS, LENGTH = 6_000, 24  # of the BiLSTM
PIECES, PLACES = 30_522, 32  # of the encoder


class Recurrent(nn.Module):
    """Embedding, BiLSTM, mean over places, logits: 1.3 M parameters. `cell` lets a peer bring its own LSTM."""

    def __init__(self, cell: Callable[..., nn.Module] = nn.LSTM, width: int = 128, inside: int = 192) -> None:
        super().__init__()
        self.table = nn.Embedding(WORDS, width)
        self.cell = cell(width, inside, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * inside, CLASSES)

    def forward(self, codes: Tensor) -> Tensor:
        return self.out(self.cell(self.table(codes))[0].mean(dim=1))


class PlainCell(nn.Module):
    """A bidirectional LSTM of plain operations, which vmap can go through, with nn.LSTM's parameters."""

    def __init__(self, width: int, inside: int, **_: object) -> None:
        super().__init__()
        self.inner = nn.LSTM(width, inside, batch_first=True, bidirectional=True)

    def forward(self, places: Tensor) -> tuple[Tensor, None]:
        ways = [self._one(places, ""), self._one(places.flip(1), "_reverse").flip(1)]
        return torch.cat(ways, dim=2), None

    def _one(self, places: Tensor, end: str) -> Tensor:
        mine = {
            name: getattr(self.inner, f"{name}_l0{end}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        ahead = functional.linear(places, mine["weight_ih"], mine["bias_ih"] + mine["bias_hh"])
        state = memory = places.new_zeros(len(places), mine["weight_hh"].shape[1])
        states = []
        for one in ahead.unbind(1):
            enter, forget, new, leave = (one + state @ mine["weight_hh"].T).chunk(4, dim=1)
            memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
            state = leave.sigmoid() * memory.tanh()
            states.append(state)
        return torch.stack(states, dim=1)


class Block(nn.Module):
    """Attention and a feed-forward part, each after a norm, of plain linear layers."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.mixed = (nn.Linear(width, width) for _ in range(4))
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, places: Tensor) -> Tensor:
        normed = self.before(places)
        query, key, value = (
            made(normed).unflatten(2, (self.heads, -1)).transpose(1, 2) for made in (self.query, self.key, self.value)
        )
        seen = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        places = places + self.mixed(seen)
        return places + self.narrow(functional.gelu(self.wide(self.between(places))))


class Encoder(nn.Module):
    """Six blocks of width 384 over 30,522 pieces and 32 places, logits of the mean: 22.6 M parameters."""

    def __init__(self, width: int = 384, layers: int = 6, heads: int = 6) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(PIECES, width), nn.Embedding(PLACES, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.last, self.out = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, codes: Tensor) -> Tensor:
        # Opacus' ghost rule cannot view an expanded tensor, so the numbers of the places are copied.
        numbers = torch.arange(codes.shape[1], device=codes.device).expand(len(codes), -1).contiguous()
        return self.out(self.last(self.blocks(self.table(codes) + self.places(numbers))).mean(dim=1))


@dataclass(frozen=True)
class Model:
    """How a network is made (a peer may need other cells), and its records."""

    make: Callable[..., nn.Module]
    inputs: Callable[[int], Tensor]


def _mlp(**_: object) -> nn.Module:
    return nn.Sequential(
        nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, CLASSES)
    )  # fmt: skip


def _codes(words: int, length: int) -> Callable[[int], Tensor]:
    def drawn(records: int) -> Tensor:
        # Words by Zipf's law, as people write: much of an embedding's rows is not read by a batch.
        ranks = torch.arange(1, words + 1, dtype=torch.float64)
        return torch.multinomial(1 / ranks, records * length, replacement=True).view(records, length)

    return drawn


MODELS = {
    "mlp": Model(_mlp, lambda records: torch.randn(records, 128)),
    "bilstm": Model(lambda cell=nn.LSTM: Recurrent(cell), _codes(WORDS, LENGTH)),
    "encoder": Model(lambda **_: Encoder(), _codes(PIECES, PLACES)),
}


def records(model: str, count: int, device: str) -> tuple[Tensor, Tensor]:
    """Inputs and classes of so many made-up records."""
    torch.manual_seed(count)
    return MODELS[model].inputs(count).to(device), torch.randint(0, CLASSES, (count,)).to(device)
