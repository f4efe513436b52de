"""An auto-encoder of texts: a bounded code of a few numbers, and a decoder that writes words from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.training.layers.texts import mean
from bakeoff.training.records import Batch
from bakeoff.training.sequences.batches import SequenceNetwork
from bakeoff.training.sequences.layers import LSTM, TokenShape, reader_of

UNSEEN, START, END, FIRST = 1, 2, 3, 4  # 0 is padding


@dataclass(frozen=True)
class CodeShape:
    """A code of `dimensions` numbers, and how texts are read and written.

    Words have `embedding` features; reader and writer are `width` wide. While it learns, a share `hide` of the words
    that the writer is shown is hidden, so that it has to look at the code. At most `longest` words are read and
    written. UsageError where a number is out of range.
    """

    dimensions: int = 16
    embedding: int = 64
    width: int = 128
    hide: float = 0.4
    longest: int = 40

    def __post_init__(self) -> None:
        if min(self.dimensions, self.embedding, self.width, self.longest) < 1 or self.width % 2:
            raise UsageError(f"A code needs sizes of at least 1 and an even width, and not {self}.")
        if not 0 <= self.hide < 1:
            raise UsageError(f"hide is a share of the words below 1, and not {self.hide}.")


class CodeNetwork(SequenceNetwork):
    """A BiLSTM whose mean over words becomes a code of norm at most 1, and an LSTM that is shown it at every word.

    While it learns each code gets Gaussian noise of deviation `spread`, as it will when texts are rewritten.
    """

    def __init__(self, words: int, shape: CodeShape, spread: float) -> None:
        super().__init__()
        self.shape, self.spread = shape, spread
        self.table = nn.Embedding(FIRST + words, shape.embedding, padding_idx=0)
        with torch.no_grad():
            self.table.weight.normal_(0, 0.2)
            self.table.weight[0] = 0.0
        self.reader = reader_of(shape.embedding, TokenShape("recurrent", shape.width, dropout=0.0))
        self.narrow = nn.Linear(shape.width, shape.dimensions)
        self.writer = LSTM(shape.embedding + shape.dimensions, shape.width)
        self.out = nn.Linear(shape.width + shape.dimensions, FIRST + words)

    def codes(self, words: Tensor) -> Tensor:
        """Codes (records, dimensions) of words (records, words); none is longer than 1 (L2)."""
        mask = words != 0
        found = self.narrow(mean(self.reader(self.table(words), mask), mask))
        return found * (1 / found.norm(dim=1, keepdim=True).clamp(min=1.0))

    def losses(self, batch: Batch) -> Tensor:
        """Minus the log-likelihood of each text given its noisy code, in nats over its words; targets end with END."""
        codes = self.codes(batch.inputs["text"]["words"].long())
        if self.training:
            codes = codes + self.spread * torch.randn_like(codes)
        shown = functional.pad(batch.targets[:, :-1], (1, 0), value=START)
        if self.training and self.shape.hide:
            hidden = (torch.rand(shown.shape, device=shown.device) < self.shape.hide) & (shown >= FIRST)
            shown = shown.masked_fill(hidden, UNSEEN)
        beside = codes.unsqueeze(1).expand(-1, shown.shape[1], -1)
        written = self.writer(torch.cat([self.table(shown), beside], dim=-1))
        logits = self.out(torch.cat([written, beside], dim=-1))
        there = batch.targets != 0
        each = functional.cross_entropy(logits.transpose(1, 2), batch.targets, reduction="none") * there
        return each.sum(1) / there.sum(1).clamp(min=1)

    def write(self, codes: Tensor) -> list[list[int]]:
        """The words that each code (records, dimensions) is most likely followed by, one after another."""
        last = torch.full((len(codes),), START, dtype=torch.int64, device=codes.device)
        blank = codes.new_zeros(1, len(codes), self.shape.width)
        memory = (blank, blank)
        found: list[Any] = []
        going = torch.ones(len(codes), dtype=torch.bool, device=codes.device)
        for _ in range(self.shape.longest):
            shown = torch.cat([self.table(last), codes], dim=-1).unsqueeze(1)
            hidden, memory = self.writer.cell(shown, memory)
            logits = self.out(torch.cat([hidden.squeeze(1), codes], dim=-1))
            logits[:, :END] = -torch.inf  # padding, what is unseen and a start are never written
            last = logits.argmax(-1).masked_fill(~going, END)
            going = going & (last != END)
            found.append(last)
            if not going.any():
                break
        rows = torch.stack(found, dim=1).tolist()
        return [row[: row.index(END)] if END in row else row for row in rows]
