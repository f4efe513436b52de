"""Layers over the tokens of a sentence. Tokens of 0 are padding at the end, and never change what others are given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.training.encoders.tokens import UNSEEN
from bakeoff.training.layers.texts import turned, unrolled
from bakeoff.training.sequences.words import CHARACTERS, WordStyle

KINDS = ("recurrent", "transformer")


@dataclass(frozen=True)
class TokenShape:
    """How tokens are read in their sentence: recurrent (a BiLSTM) or by a transformer (pre-norm, rotary).

    `width` features of each token come out, after `depth` layers; `heads` are the transformer's. `dropout` is on what
    goes into each layer and on what comes out of the last.
    """

    kind: str = "recurrent"
    width: int = 256
    depth: int = 1
    heads: int = 4
    dropout: float = 0.4

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"There is no reader of tokens called {self.kind!r}; there are {', '.join(KINDS)}.")
        if self.width % 2 or (self.kind == "transformer" and self.width % (2 * self.heads)):
            raise UsageError(
                f"A width of {self.width} cannot be halved for two directions, or shared by {self.heads} heads with "
                "rotary positions; take a multiple of twice the heads."
            )


class WordLayers(nn.Module):
    """Features of each token: its word's, the sum of its affixes', and what kernels find in its characters.

    The character part is a convolution with the largest answer over the word (after Ma and Hovy, 2016).
    """

    def __init__(self, words: int, style: WordStyle) -> None:
        super().__init__()
        self.style = style
        self.words = _embedding(words, style.embedding, 0.2)
        self.width = style.embedding + style.affixes + style.characters
        if style.affixes:
            self.affixes = nn.EmbeddingBag(1 + style.slots, style.affixes, mode="sum", padding_idx=0)
            with torch.no_grad():
                self.affixes.weight.normal_(0, 0.1)
                self.affixes.weight[0] = 0.0
        if style.characters:
            self.letters = _embedding(CHARACTERS, 24, 0.3)
            self.kernels = nn.Conv1d(24, style.characters, 3, padding=1)
        self.drop = nn.Dropout(style.dropout)
        self.plain = False
        self.apart = False  # padding is read too, so that every record has as many rows in every layer

    def forward(self, parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Features (records, tokens, width), and which tokens are there, bool (records, tokens)."""
        words = parts["words"]
        mask = words != 0
        if self.training and self.style.unseen:
            hidden = mask & (torch.rand(words.shape, device=words.device) < self.style.unseen)
            words = words.masked_fill(hidden, UNSEEN)
        found = [self.words(words)]
        if self.style.affixes:
            found.append(self._affixes(parts["affixes"]))
        if self.style.characters:
            found.append(self._characters(parts["characters"], mask))
        return self.drop(torch.cat(found, dim=-1)), mask

    def _affixes(self, codes: Tensor) -> Tensor:
        if self.plain or not len(codes):
            return functional.embedding(codes, self.affixes.weight, padding_idx=0).sum(-2)
        return self.affixes(codes.flatten(0, 1)).view(*codes.shape[:2], self.style.affixes)

    def _characters(self, codes: Tensor, mask: Tensor) -> Tensor:
        if self.plain or self.apart or not len(codes):
            return self._kernels(codes.flatten(0, 1)).view(*codes.shape[:2], self.style.characters)
        out = self.kernels.weight.new_zeros(*codes.shape[:2], self.style.characters)
        return out.masked_scatter(mask.unsqueeze(-1), self._kernels(codes[mask]))

    def _kernels(self, codes: Tensor) -> Tensor:
        letters = self.letters(codes).transpose(1, 2)
        answers = self.kernels(letters).masked_fill((codes == 0).unsqueeze(1), -1e4)
        return functional.relu(answers.amax(-1))


def _embedding(size: int, width: int, spread: float) -> nn.Embedding:
    table = nn.Embedding(size, width, padding_idx=0)
    with torch.no_grad():
        table.weight.normal_(0, spread)
        table.weight[0] = 0.0
    return table


def reader_of(inside: int, shape: TokenShape) -> Any:
    """The layers that a shape names: (records, tokens, inside) and a mask to (records, tokens, width)."""
    return (BiLSTM if shape.kind == "recurrent" else TokenTransformer)(inside, shape)


class BiLSTM(nn.Module):
    """LSTMs in both directions; the backward one reads each sentence turned round within its own length."""

    def __init__(self, inside: int, shape: TokenShape) -> None:
        super().__init__()
        half = shape.width // 2
        sizes = [inside] + [shape.width] * (shape.depth - 1)
        self.forwards = nn.ModuleList(LSTM(size, half) for size in sizes)
        self.backwards = nn.ModuleList(LSTM(size, half) for size in sizes)
        self.drop = nn.Dropout(shape.dropout)
        self.width = shape.width

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(records, tokens, inside) to (records, tokens, width); what stands at padding means nothing."""
        turn = turned(mask).unsqueeze(-1)
        for forwards, backwards in zip(self.forwards, self.backwards, strict=True):
            back = backwards(_ordered(hidden, turn))
            hidden = self.drop(torch.cat([forwards(hidden), _ordered(back, turn)], dim=-1))
        return hidden


class LSTM(nn.Module):
    """An LSTM of one layer and one direction, (records, tokens, inside) to (records, tokens, width)."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.cell = nn.LSTM(inside, width, batch_first=True)
        self.plain = False
        with torch.no_grad():
            self.cell.bias_ih_l0[width : 2 * width].fill_(1.0)  # a memory that lasts until it is learnt to forget

    def forward(self, hidden: Tensor) -> Tensor:
        """Every state."""
        if self.plain or not len(hidden):
            return unrolled(self.cell, hidden)
        return self.cell(hidden)[0]


def _ordered(values: Tensor, order: Tensor) -> Tensor:
    return values.gather(1, order.expand(-1, -1, values.shape[-1]))


class TokenTransformer(nn.Module):
    """Pre-norm blocks of self-attention with rotary positions; `causal` ones see no later token."""

    def __init__(self, inside: int, shape: TokenShape, causal: bool = False) -> None:
        super().__init__()
        self.enter = nn.Linear(inside, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.last = nn.LayerNorm(shape.width)
        self.causal = causal
        self.each = shape.width // shape.heads
        self.width = shape.width

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(records, tokens, inside) to (records, tokens, width); what stands at padding means nothing."""
        seen = mask[:, None, None, :]
        if self.causal:
            seen = seen & torch.ones(2 * (mask.shape[1],), dtype=torch.bool, device=mask.device).tril()
        # A sentence without a token would look at nothing at all.
        bias = torch.zeros(seen.shape, device=hidden.device).masked_fill(~seen, -1e9)
        turns = rotations(hidden.shape[1], self.each, hidden.device)
        hidden = self.enter(hidden)
        for block in self.blocks:
            hidden = block(hidden, bias, turns)
        return self.last(hidden)


class Block(nn.Module):
    """One pre-norm transformer block (Xiong et al., 2020)."""

    def __init__(self, shape: TokenShape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(shape.dropout)
        with torch.no_grad():  # each block adds little to begin with, however many there are
            for last in (self.out, self.narrow):
                last.weight.div_(math.sqrt(2 * shape.depth))

    def forward(self, hidden: Tensor, bias: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        """(records, tokens, width) to the same; `bias` is added to the scores of what may not be seen."""
        records, tokens, width = hidden.shape
        split = self.asked(self.before(hidden)).view(records, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        query, key = rotated(query, turns), rotated(key, turns)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        hidden = hidden + self.drop(self.out(seen.transpose(1, 2).reshape(records, tokens, width)))
        return hidden + self.drop(self.narrow(functional.gelu(self.wide(self.between(hidden)))))


def rotations(tokens: int, width: int, device: Any) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary positions (Su et al., 2021, equation 15), each float32 (tokens, width / 2)."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    angles = torch.arange(tokens, device=device).unsqueeze(1) * rates
    return angles.cos(), angles.sin()


def rotated(values: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Pairs of features turned by their position's angle: (..., tokens, width) to the same."""
    cosine, sine = turns
    first, second = values.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
