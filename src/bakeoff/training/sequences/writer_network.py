"""An encoder and a decoder with attention, which writes pieces of its own or copies them from the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.training.layers.texts import mean
from bakeoff.training.records import Batch
from bakeoff.training.sequences.batches import SequenceNetwork
from bakeoff.training.sequences.beam import BeamStyle, State, search
from bakeoff.training.sequences.layers import LSTM, TokenShape, reader_of
from bakeoff.training.sequences.pieces import END, START, PieceStyle

LEAST = 1e-9  # the least probability of a piece in a loss


@dataclass(frozen=True)
class WriterShape:
    """How texts are cut (`pieces`), how sources are read (`reader`), and how targets are written.

    Pieces have `embedding` features; the decoder's two LSTMs are `width` wide. At most `longest` pieces of a source are
    read; `beam` says how answers are looked for, and its `longest` is the most pieces that one may have.
    """

    pieces: PieceStyle = field(default_factory=PieceStyle)
    reader: TokenShape = field(default_factory=lambda: TokenShape(width=256, dropout=0.3))
    beam: BeamStyle = field(default_factory=lambda: BeamStyle(width=4, longest=150, normal=0.6))
    embedding: int = 128
    width: int = 256
    dropout: float = 0.3
    longest: int = 300


class WriterNetwork(SequenceNetwork):
    """A reader of the source, two LSTMs with attention after each, and a mixture of writing and copying.

    The second LSTM reads what the first one looked at, so it knows what was written of the source, and yet both go over
    a whole target at once while learning. Attention as in Luong et al. (2015, equation 8), the mixture as in See et al.
    (2017, equation 9). At each step the decoder is also shown the two next pieces of the source, so far as what
    was written follows it, as an inflected form follows its lemma.
    """

    def __init__(self, pieces: int, shape: WriterShape) -> None:
        super().__init__()
        self.table = nn.Embedding(pieces, shape.embedding, padding_idx=0)
        with torch.no_grad():
            self.table.weight.normal_(0, shape.embedding**-0.5)
            self.table.weight[0] = 0.0
        self.reader = reader_of(shape.embedding, shape.reader)
        read = self.reader.width
        self.first = LSTM(3 * shape.embedding + read, shape.width)
        self.second = LSTM(shape.width + read, shape.width)
        self.look = nn.ModuleList(nn.Linear(shape.width, read, bias=False) for _ in range(2))
        self.join = nn.Linear(shape.width + read, shape.embedding)
        # A layer of its own, so that what bounds records' gradients finds every use of the table's weights.
        self.pieces = nn.utils.skip_init(nn.Linear, shape.embedding, pieces)
        self.pieces.weight = self.table.weight
        nn.init.zeros_(self.pieces.bias)
        self.copies = nn.Linear(shape.width + read + shape.embedding, 1)
        self.drop = nn.Dropout(shape.dropout)

    def read(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A source's pieces in context (records, pieces, width), their mean, and which are there."""
        mask = source != 0
        with torch.autocast(source.device.type, dtype=torch.bfloat16, enabled=self.mixed):
            hidden = self.reader(self.drop(self.table(source)), mask)
        hidden = hidden.float()
        return hidden, mean(hidden, mask), mask

    def _attend(self, place: int, asking: Tensor, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """What is looked at, and with what weights: (records, written, width) and (records, written, pieces)."""
        scores = self.look[place](asking) @ hidden.transpose(1, 2)
        weights = scores.masked_fill(~mask.unsqueeze(1), -1e4).softmax(-1)
        return weights @ hidden, weights

    def _mixture(self, second: Tensor, seen: Tensor, entered: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of writing each piece, and the probability of copying instead."""
        joined = torch.cat([second, seen], dim=-1)
        logits = self.pieces(self.drop(torch.tanh(self.join(joined))) * 4)
        copies = torch.sigmoid(self.copies(torch.cat([joined, entered], dim=-1)))
        return logits.log_softmax(-1), copies

    def losses(self, batch: Batch) -> Tensor:
        """Minus the log-likelihood of each record's target, its end included, in nats.

        Targets int64 (records, pieces) end with END, then 0.
        """
        source = batch.inputs["source"]["pieces"].long()
        hidden, whole, mask = self.read(source)
        targets = batch.targets
        begun = functional.pad(targets[:, :-1], (1, 0), value=START)
        entered = self.drop(self.table(begun))
        beside = whole.unsqueeze(1).expand(-1, entered.shape[1], -1)
        ahead = self.drop(self.table(torch.stack(self._followed(source, begun), dim=1)).flatten(2))
        first = self.first(torch.cat([entered, ahead, beside], dim=-1))
        seen, _ = self._attend(0, first, hidden, mask)
        second = self.drop(self.second(self.drop(torch.cat([first, seen], dim=-1))))
        seen, weights = self._attend(1, second, hidden, mask)
        log_probs, copies = self._mixture(second, seen, entered)
        own = log_probs.gather(-1, targets.unsqueeze(-1)).squeeze(-1).exp()
        same = (targets.unsqueeze(-1) == source.unsqueeze(1)) & mask.unsqueeze(1)
        copied = (weights * same).sum(-1)
        share = copies.squeeze(-1)
        found = (1 - share) * own + share * copied
        return -(found.clamp(min=LEAST).log() * (targets != 0)).sum(1)

    def _followed(self, source: Tensor, begun: Tensor) -> list[Tensor]:
        """The next two pieces of the source after each piece that was written, (records, 2) for each."""
        place = torch.zeros(len(source), dtype=torch.int64, device=source.device)
        found = []
        for last in begun.unbind(1):
            place, near = followed(source, place, last)
            found.append(near)
        return found

    def written(self, batch: Batch, style: BeamStyle) -> tuple[list[list[int]], Tensor]:
        """The best target found for each record, END left out, and its log-probability."""
        source = batch.inputs["source"]["pieces"].long()
        hidden, whole, mask = self.read(source)
        blank = hidden.new_zeros(len(source), self.first.cell.hidden_size)
        place = torch.zeros(len(source), dtype=torch.int64, device=source.device)
        state: State = (source, hidden, whole, mask, place, *(blank,) * 4)
        start = torch.full((len(source),), START, dtype=torch.int64, device=source.device)
        return search(self._step, state, start, END, style)

    def _step(self, last: Tensor, state: State) -> tuple[Tensor, State]:
        source, hidden, whole, mask, place, *memory = state
        entered = self.table(last)
        place, near = followed(source, place, last)
        first, kept = _one(self.first, torch.cat([entered, self.table(near).flatten(1), whole], dim=-1), memory[:2])
        seen, _ = self._attend(0, first.unsqueeze(1), hidden, mask)
        second, more = _one(self.second, torch.cat([first, seen.squeeze(1)], dim=-1), memory[2:])
        seen, weights = self._attend(1, second.unsqueeze(1), hidden, mask)
        log_probs, copies = self._mixture(second, seen.squeeze(1), entered)
        probs = (1 - copies) * log_probs.exp()
        probs = probs.scatter_add(1, source, copies * weights.squeeze(1) * mask)
        probs[:, :END] = 0.0  # padding, what is unseen and a start are never written
        return probs.clamp(min=LEAST**2).log(), (source, hidden, whole, mask, place, *kept, *more)


def followed(source: Tensor, place: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Where in the source one stands after writing `last`, int64 (records,), and the two pieces from there on.

    A piece that comes next in the source moves past it, one that comes next but one past both, and any other stays.
    """
    padded = functional.pad(source, (0, 3))
    now, after = padded.gather(1, place.unsqueeze(1)).squeeze(1), padded.gather(1, place.unsqueeze(1) + 1).squeeze(1)
    place = torch.where(now == last, place + 1, torch.where(after == last, place + 2, place))
    place = torch.minimum(place, torch.full_like(place, source.shape[1]))
    return place, padded.gather(1, torch.stack([place, place + 1], dim=1))


def _one(reader: Any, given: Tensor, memory: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """One step of an LSTM, rows (rows, inside)."""
    hidden, cell = (one.unsqueeze(0) for one in memory)
    out, (hidden, cell) = reader.cell(given.unsqueeze(1), (hidden.contiguous(), cell.contiguous()))
    return out.squeeze(1), (hidden.squeeze(0), cell.squeeze(0))
