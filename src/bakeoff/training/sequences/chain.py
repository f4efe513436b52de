"""A linear-chain conditional random field over the tags of a sentence (Lafferty, McCallum and Pereira, 2001)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

FORBIDDEN = -1e4
TINY = 1e-30  # below it a sum of exponentials is taken for this much: its logarithm stays a number


class Chain(nn.Module):
    """Scores of going from one tag to the next, of beginning with one and of ending with one.

    `legal` says which tag may follow which, bool (tags + 1, tags), the last row for the beginning; None allows all.
    What is not legal is forbidden both when learning and when answering.
    """

    def __init__(self, tags: int, legal: Tensor | None = None) -> None:
        super().__init__()
        self.between = nn.Parameter(torch.zeros(tags, tags))
        self.first = nn.Parameter(torch.zeros(tags))
        self.last = nn.Parameter(torch.zeros(tags))
        allowed = torch.ones(tags + 1, tags, dtype=torch.bool) if legal is None else legal
        self.register_buffer("closed", torch.zeros(allowed.shape).masked_fill(~allowed, FORBIDDEN))

    def scores(self) -> tuple[Tensor, Tensor]:
        """From tag to tag (tags, tags) and of the first tag (tags,), what is forbidden included."""
        return self.between + self.closed[:-1], self.first + self.closed[-1]

    def log_partition(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """The logarithm of the sum over all sequences of tags of exp(score), by the forward algorithm.

        Emissions (records, tokens, tags), mask bool (records, tokens) with padding at the end and a first token that is
        always there; (records,). Each step is one product of matrices of exponentials, the largest taken out.
        """
        between, first = self.scores()
        # Of each tag's ways on the best is taken out too, so that what is forbidden is 0 and the best is 1. Neither it
        # nor the largest so far changes the sum, so no gradient goes through them.
        top = between.detach().amax(0)
        ways = (between - top).exp()
        so_far = first + emissions[:, 0]
        for place in range(1, emissions.shape[1]):
            peak = so_far.detach().amax(-1, keepdim=True)
            onward = ((so_far - peak).exp() @ ways).clamp(min=TINY).log() + peak + top + emissions[:, place]
            so_far = torch.where(mask[:, place, None], onward, so_far)
        return (so_far + self.last).logsumexp(-1)

    def score(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """The score of one sequence of tags, int64 (records, tokens), for each record; (records,)."""
        between, first = self.scores()
        there = mask.to(emissions.dtype)
        own = (emissions.gather(-1, tags.unsqueeze(-1)).squeeze(-1) * there).sum(1)
        moves = (between[tags[:, :-1], tags[:, 1:]] * there[:, 1:]).sum(1)
        ends = tags.gather(1, (mask.sum(1, keepdim=True) - 1).clamp(min=0)).squeeze(1)
        return own + moves + first[tags[:, 0]] + self.last[ends]

    def forward(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Minus the log-likelihood of each record's tags, in nats; (records,)."""
        return self.log_partition(emissions, mask) - self.score(emissions, tags, mask)

    def losses(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """As `forward`; by a call of the module, so that what stands in for its forward is asked."""
        found: Tensor = self(emissions, tags, mask)
        return found

    def best(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """The best sequence of tags of each record by Viterbi's algorithm, int64 (records, tokens), 0 at padding."""
        between, first = self.scores()
        so_far, came = first + emissions[:, 0], []
        for place in range(1, emissions.shape[1]):
            onward, back = (so_far.unsqueeze(2) + between).max(1)
            there = mask[:, place, None]
            so_far = torch.where(there, onward + emissions[:, place], so_far)
            came.append(torch.where(there, back, torch.arange(back.shape[1], device=back.device)))
        tag = (so_far + self.last).argmax(-1)
        found = [tag]
        for back in reversed(came):
            tag = back.gather(1, tag.unsqueeze(1)).squeeze(1)
            found.append(tag)
        return torch.stack(found[::-1], dim=1) * mask


def legal_moves(tags: Sequence[str]) -> Tensor:
    """Which of these BIO tags may follow which, bool (tags + 1, tags), the last row for the beginning of a sentence.

    I-x may follow B-x or I-x alone; every other tag may follow any.
    """
    allowed = torch.ones(len(tags) + 1, len(tags), dtype=torch.bool)
    for place, tag in enumerate(tags):
        if tag.startswith("I-"):
            before = [other in (f"B-{tag[2:]}", tag) for other in tags]
            allowed[:, place] = torch.tensor([*before, False])
    return allowed
