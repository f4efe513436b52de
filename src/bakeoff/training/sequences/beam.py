"""Beam search: the likeliest sequences that a model writes piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

State = tuple[Tensor, ...]
Step = Callable[[Tensor, State], tuple[Tensor, State]]


@dataclass(frozen=True)
class BeamStyle:
    """How many sequences are followed (1: greedy), how many pieces one may have, and how length is made up for.

    Sequences are compared by their log-probability over their length to the power of `normal` (0: as it is).
    """

    width: int = 4
    longest: int = 100
    normal: float = 0.0


def search(step: Step, state: State, start: Tensor, end: int, style: BeamStyle) -> tuple[list[list[int]], Tensor]:
    """The best sequence found for each record, `end` left out, and its log-probability, float64 (records,).

    `step` takes the last pieces int64 (rows,) and a state whose tensors have rows first, and gives log-probabilities
    (rows, pieces) and the next state; `start` holds each record's first piece. A sequence that is as long as allowed is
    taken as it is, ended or not, where none has ended.
    """
    return _Search(step, state, start, end, style).run()


class _Search:
    """Live sequences by record and place in the beam, and the best ended one of each record."""

    def __init__(self, step: Step, state: State, start: Tensor, end: int, style: BeamStyle) -> None:
        self.step, self.end, self.style = step, end, style
        self.records, width, device = len(start), style.width, start.device
        rows = torch.arange(self.records, device=device).repeat_interleave(width)
        self.state = tuple(one[rows] for one in state)
        self.last = start[rows]
        self.scores = torch.full((self.records, width), -torch.inf, dtype=torch.float64, device=device)
        if self.records:
            self.scores[:, 0] = 0.0  # all places of a beam hold the same beginning: one of them counts
        self.written = torch.zeros(self.records, width, 0, dtype=torch.int64, device=device)
        self.best: list[tuple[float, float, list[int]] | None] = [None] * self.records

    def run(self) -> tuple[list[list[int]], Tensor]:
        for length in range(1, self.style.longest + 1):
            if not self.records or self._settled(length):
                break
            self._grow(length)
        for record in range(self.records):
            if self.best[record] is None:
                self.best[record] = (0.0, float(self.scores[record, 0]), self.written[record, 0].tolist())
        found = [one for one in self.best if one is not None]
        return [one[2] for one in found], torch.tensor([one[1] for one in found], dtype=torch.float64)

    def _settled(self, length: int) -> bool:
        """Whether no live sequence can still become better than the best that has ended."""
        tops = self.scores.amax(1).tolist()
        reach = max(length, self.style.longest) ** self.style.normal
        return all(best is not None and top / reach <= best[0] for top, best in zip(tops, self.best, strict=True))

    def _grow(self, length: int) -> None:
        width = self.style.width
        log_probs, self.state = self.step(self.last, self.state)
        pieces = log_probs.shape[-1]
        whole = self.scores.unsqueeze(-1) + log_probs.double().view(self.records, width, pieces)
        scores, places = whole.flatten(1).topk(min(2 * width, width * pieces), dim=1)
        beams, codes = places // pieces, places % pieces
        ended = codes == self.end
        self._end(scores[:, :width], beams[:, :width], ended[:, :width], length)
        # At least half of twice the width goes on, for each beam can end only once.
        scores = scores.masked_fill(ended, -torch.inf)
        order = scores.argsort(dim=1, descending=True, stable=True)[:, :width]
        if order.shape[1] < width:
            order = torch.cat([order, order[:, :1].expand(-1, width - order.shape[1])], dim=1)
        beams, codes, kept = beams.gather(1, order), codes.gather(1, order), scores.gather(1, order)
        if places.shape[1] < width:
            kept[:, places.shape[1] :] = -torch.inf
        self.scores = kept
        rows = (beams + torch.arange(self.records, device=beams.device).unsqueeze(1) * width).flatten()
        self.state = tuple(one[rows] for one in self.state)
        before = self.written.flatten(0, 1)[rows].view(self.records, width, -1)
        self.written = torch.cat([before, codes.unsqueeze(-1)], dim=-1)
        self.last = codes.flatten()

    def _end(self, scores: Tensor, beams: Tensor, ended: Tensor, length: int) -> None:
        for record, place in ended.nonzero().tolist():
            score = float(scores[record, place])
            if score == -torch.inf:
                continue
            compared = score / length**self.style.normal
            best = self.best[record]
            if best is None or compared > best[0]:
                self.best[record] = (compared, score, self.written[record, beams[record, place]].tolist())


__all__ = ["BeamStyle", "State", "Step", "search"]
