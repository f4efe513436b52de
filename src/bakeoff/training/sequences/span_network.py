"""A reader of contexts that points at where an answer begins and where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.training.records import Batch
from bakeoff.training.sequences.batches import SequenceNetwork
from bakeoff.training.sequences.layers import TokenShape, reader_of
from bakeoff.training.sequences.overlap import FEATURES
from bakeoff.training.sequences.words import WordStyle


@dataclass(frozen=True)
class SpanShape:
    """How words become features (`words`), how contexts are read (`reader`), and how questions are.

    At most `longest` tokens of a context are read. Answers hold no more tokens than the longest but a hundredth of the
    answers learnt from, and never more than `cap`.
    """

    words: WordStyle = field(default_factory=lambda: WordStyle(embedding=48, affixes=48, least=3, unseen=0.2))
    reader: TokenShape = field(default_factory=lambda: TokenShape(width=128, dropout=0.3))
    question: int = 64
    longest: int = 400
    cap: int = 60


class SpanNetwork(SequenceNetwork):
    """Each token of the context, with what of the question it is like and the whole question beside it, in context.

    After the reader of Chen et al. (2017): attention from the tokens of the context to those of the question, a BiLSTM
    over both, a question summed up by learnt weights, and a bilinear score of each token as a beginning and as an end.
    """

    def __init__(self, words: Any, shape: SpanShape) -> None:
        super().__init__()
        self.words = words
        asked = TokenShape(shape.reader.kind, shape.question, 1, shape.reader.heads, shape.reader.dropout)
        self.question = reader_of(words.width, asked)
        self.weigh = nn.Linear(self.question.width, 1)
        self.compare = nn.Linear(words.width, words.width)
        inside = 2 * words.width + FEATURES + self.question.width
        self.reader = reader_of(inside, shape.reader)
        self.begin = Pointer(self.question.width, self.reader.width)
        self.end = Pointer(self.question.width, 2 * self.reader.width)
        self.drop = nn.Dropout(shape.reader.dropout)

    def forward(self, inputs: Mapping[str, Mapping[str, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
        """The context's tokens as they were read (records, tokens, width), the question, and which tokens are there."""
        features, mask = self.words(inputs["context"])
        asked, there = self.words(inputs["question"])
        with torch.autocast(features.device.type, dtype=torch.bfloat16, enabled=self.mixed):
            whole = self._whole(self.question(asked, there), there)
            like = self._like(features, asked, there)
            beside = whole.unsqueeze(1).expand(-1, features.shape[1], -1)
            joined = torch.cat([features, like, inputs["overlap"]["features"], beside], dim=-1)
            hidden = self.reader(joined, mask)
        return hidden.float(), whole.float(), mask

    def _whole(self, hidden: Tensor, there: Tensor) -> Tensor:
        scores = self.weigh(hidden).squeeze(-1).masked_fill(~there, -1e4)
        return (scores.softmax(-1).unsqueeze(1) @ hidden).squeeze(1)

    def _like(self, features: Tensor, asked: Tensor, there: Tensor) -> Tensor:
        """For each token of the context the mean of the question's words, weighed by how alike they are."""
        left = functional.relu(self.compare(features))
        scores = left @ functional.relu(self.compare(asked)).transpose(1, 2)
        return scores.masked_fill(~there.unsqueeze(1), -1e4).softmax(-1) @ asked

    def begins(self, hidden: Tensor, whole: Tensor, mask: Tensor) -> Tensor:
        """Log-probabilities of each token as the beginning, float32 (records, tokens)."""
        return self.begin(hidden, whole).masked_fill(~mask, -1e4).log_softmax(-1)

    def ends(self, hidden: Tensor, whole: Tensor, mask: Tensor, begin: Tensor) -> Tensor:
        """Log-probabilities of each token as the end where the answer begins at `begin`, int64 (records, several).

        float32 (records, several, tokens); an answer does not end before it begins.
        """
        records, several = begin.shape
        first = hidden.gather(1, begin.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))
        tokens = hidden.shape[1]
        rest = hidden.unsqueeze(1).expand(-1, several, -1, -1)
        joined = torch.cat([rest, first.unsqueeze(2).expand_as(rest)], dim=-1)
        scores = self.end(joined.flatten(1, 2), whole).view(records, several, tokens)
        after = torch.arange(tokens, device=hidden.device) >= begin.unsqueeze(-1)
        return scores.masked_fill(~(after & mask.unsqueeze(1)), -1e4).log_softmax(-1)

    def losses(self, batch: Batch) -> Tensor:
        """Minus the log-likelihood of any of the record's answers, in nats.

        Targets int64 (records, answers, 2): the first and the last token of each answer plus 1, zeros for none.
        """
        hidden, whole, mask = self(batch.inputs)
        given = batch.targets[..., 0] > 0
        begin, end = (batch.targets - 1).clamp(min=0).unbind(-1)
        first = self.begins(hidden, whole, mask).gather(1, begin)
        last = self.ends(hidden, whole, mask, begin).gather(2, end.unsqueeze(-1)).squeeze(-1)
        return -(first + last).masked_fill(~given, -1e4).logsumexp(-1)

    def spans(self, batch: Batch, cap: int, width: int = 8) -> Tensor:
        """The likeliest first and last token, int64 (records, 2), no more than `cap` tokens apart.

        The `width` likeliest beginnings are looked at.
        """
        hidden, whole, mask = self(batch.inputs)
        first = self.begins(hidden, whole, mask)
        found, begin = first.topk(min(width, first.shape[1]), dim=1)
        last = self.ends(hidden, whole, mask, begin)
        near = torch.arange(first.shape[1], device=first.device) < begin.unsqueeze(-1) + cap
        both = (found.unsqueeze(-1) + last.masked_fill(~near, -1e9)).flatten(1)
        place = both.argmax(1)
        tokens = first.shape[1]
        return torch.stack([begin.gather(1, (place // tokens).unsqueeze(1)).squeeze(1), place % tokens], dim=1)


class Pointer(nn.Module):
    """A score of each token: a small network over the token and what it has in common with the question."""

    def __init__(self, question: int, width: int) -> None:
        super().__init__()
        self.asked = nn.Linear(question, 64)
        self.token = nn.Linear(width, 64)
        self.out = nn.Linear(128, 1)

    def forward(self, hidden: Tensor, whole: Tensor) -> Tensor:
        """(records, tokens, width) and (records, question) to (records, tokens)."""
        own = self.token(hidden)
        return self.out(functional.relu(torch.cat([own, own * self.asked(whole).unsqueeze(1)], dim=-1))).squeeze(-1)
