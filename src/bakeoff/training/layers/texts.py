"""Layers of texts. Tokens of 0 are padding at the end: they never change what a text is answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.training.encoders.texts import BagStyle, SequenceStyle


class BagLayers(nn.Module):
    """The weighted sum of terms' embeddings; `plain` computes it by operations that torch.func can map over records."""

    def __init__(self, terms: int, style: BagStyle) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(terms, style.width, mode="sum", padding_idx=0)
        self.drop = nn.Dropout(style.dropout)
        self.width = style.width
        self.plain = False
        self.rare = True  # most terms are in few texts: the optimiser takes smaller steps for them
        with torch.no_grad():
            self.table.weight.normal_(0, style.spread)
            self.table.weight[0] = 0.0

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Features float32 (records, width)."""
        terms, weights = parts["terms"], self.drop(parts["weights"])
        if self.plain or not len(terms):
            table = functional.embedding(terms, self.table.weight, padding_idx=0)
            return (table * weights.unsqueeze(-1)).sum(1)
        return self.table(terms, per_sample_weights=weights)


class SequenceLayers(nn.Module):
    """Token embeddings, a reader of the sequence, and what it says of the whole text."""

    def __init__(self, tokens: int, style: SequenceStyle) -> None:
        super().__init__()
        self.table = nn.Embedding(tokens, style.embedding, padding_idx=0)
        with torch.no_grad():
            self.table.weight.mul_(0.3)
        readers: dict[str, Any] = {"convolution": Convolution, "recurrent": Recurrent, "transformer": Transformer}
        self.reader = readers[style.kind](style)
        self.drop = nn.Dropout(style.dropout)
        self.out = nn.Linear(self.reader.width, style.width)
        self.width = style.width

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Features float32 (records, width)."""
        tokens = parts["tokens"]
        mask = tokens != 0
        embedded = self.table(tokens) * mask.unsqueeze(-1)
        return functional.relu(self.out(self.drop(self.reader(embedded, mask))))


class Convolution(nn.Module):
    """Kernels of several widths, the largest answer of each over the text (after Kim, 2014), and the mean."""

    def __init__(self, style: SequenceStyle) -> None:
        super().__init__()
        each = style.width // len(style.reach)
        self.kernels = nn.ModuleList(nn.Conv1d(style.embedding, each, reach) for reach in style.reach)
        self.width = each * len(style.reach) + style.embedding

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """(records, tokens, features) and which tokens are there, to (records, width)."""
        along = embedded.transpose(1, 2)
        found = [mean(embedded, mask)]
        for kernel in self.kernels:
            reach = kernel.kernel_size[0]
            answers = kernel(functional.pad(along, ((reach - 1) // 2, reach // 2)))
            found.append(largest(functional.relu(answers).transpose(1, 2), mask))
        return torch.cat(found, dim=1)


class Recurrent(nn.Module):
    """A BiLSTM, its largest and its mean answer over the text.

    The backward half reads each text turned round within its own length, so that padding stands at the end for both
    and neither half has read any when it comes to a token.
    """

    def __init__(self, style: SequenceStyle) -> None:
        super().__init__()
        hidden = style.width // 2
        self.forwards = nn.LSTM(style.embedding, hidden, batch_first=True)
        self.backwards = nn.LSTM(style.embedding, hidden, batch_first=True)
        self.width = 4 * hidden
        self.plain = False

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """(records, tokens, features) and which tokens are there, to (records, width)."""
        turn = turned(mask)
        there = self._read(self.forwards, embedded)
        back = self._read(self.backwards, _ordered(embedded, turn))
        both = torch.cat([there, _ordered(back, turn)], dim=-1)
        return torch.cat([largest(both, mask), mean(both, mask)], dim=1)

    def _read(self, cell: nn.LSTM, embedded: Tensor) -> Tensor:
        if self.plain or not len(embedded):
            return unrolled(cell, embedded)
        return cell(embedded)[0]


class Transformer(nn.Module):
    """Blocks of self-attention over the tokens there are, positions as sines, the mean over the text."""

    def __init__(self, style: SequenceStyle) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Attention(style.embedding, style.heads, style.dropout) for _ in range(style.depth))
        self.last = nn.LayerNorm(style.embedding)
        self.register_buffer("positions", sines(style.longest, style.embedding))
        self.width = style.embedding

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """(records, tokens, features) and which tokens are there, to (records, width)."""
        hidden = embedded + self.positions[: embedded.shape[1]]
        for block in self.blocks:
            hidden = block(hidden, mask)
        return mean(self.last(hidden), mask)


class Attention(nn.Module):
    """One pre-norm transformer block; keys that are padding are never looked at."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(records, tokens, width) to the same shape."""
        records, tokens, width = hidden.shape
        split = self.asked(self.before(hidden)).view(records, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads)
        scores = scores.masked_fill(~mask[:, None, None, :], -1e9)
        seen = (scores.softmax(-1) @ value).transpose(1, 2).reshape(records, tokens, width)
        hidden = hidden + self.drop(self.out(seen))
        return hidden + self.drop(self.narrow(functional.gelu(self.wide(self.between(hidden)))))


def mean(values: Tensor, mask: Tensor) -> Tensor:
    """Over the tokens that are there: (records, tokens, features) to (records, features)."""
    there = mask.unsqueeze(-1)
    return (values * there).sum(1) / there.sum(1).clamp(min=1)


def largest(values: Tensor, mask: Tensor) -> Tensor:
    """Over the tokens that are there: (records, tokens, features) to (records, features)."""
    return values.masked_fill(~mask.unsqueeze(-1), -1e9).amax(1)


def turned(mask: Tensor) -> Tensor:
    """For each place of a text the place that it has when the text is turned round, padding staying where it is."""
    places = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
    return torch.where(mask, mask.sum(1, keepdim=True) - 1 - places, places)


def _ordered(values: Tensor, order: Tensor) -> Tensor:
    return values.gather(1, order.unsqueeze(-1).expand(-1, -1, values.shape[-1]))


def unrolled(cell: nn.LSTM, embedded: Tensor) -> Tensor:
    """What an LSTM of one layer answers, step by step, by operations that torch.func can map over records."""
    weight, recurrent, bias, other = cell.weight_ih_l0, cell.weight_hh_l0, cell.bias_ih_l0, cell.bias_hh_l0
    given = functional.linear(embedded, weight, bias + other)
    hidden = memory = embedded.new_zeros(len(embedded), cell.hidden_size)
    answers = []
    for step in given.unbind(1):
        enter, forget, new, leave = (step + functional.linear(hidden, recurrent)).chunk(4, dim=-1)
        memory = torch.sigmoid(forget) * memory + torch.sigmoid(enter) * torch.tanh(new)
        hidden = torch.sigmoid(leave) * torch.tanh(memory)
        answers.append(hidden)
    return torch.stack(answers, dim=1)


def sines(longest: int, width: int) -> Tensor:
    """Positions as sines and cosines of falling frequency (Vaswani et al., 2017), float32 (longest, width)."""
    places = torch.arange(longest).unsqueeze(1)
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    found = torch.zeros(longest, width)
    found[:, 0::2] = torch.sin(places * rates)
    found[:, 1::2] = torch.cos(places * rates[: width // 2])
    return found
