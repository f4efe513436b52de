"""The conditional random field of `bakeoff.training.sequences.chain`: each record's expected moves less its own.

A record's gradient of the score of a move is how often the field expects the move in the record, less how often it is
there (Lafferty, McCallum and Pereira, 2001, section 4). The expected moves are a product over places of what leads to a
tag and of what follows from it, as in a linear layer, times the moves' exponentials, which all records share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bakeoff.errors import UsageError
from bakeoff.privacy.rules.linear import learnt, lengths
from bakeoff.privacy.rules.norms import weighted
from bakeoff.privacy.rules.products import summed
from bakeoff.privacy.rules.rule import Tape, Use
from bakeoff.training.sequences.chain import TINY

ROOM = 1 << 24  # values of single records' gradients that are held at once


@dataclass
class _Kept:
    """What a pass leaves behind: places before records, (places - 1, records, tags) unless said otherwise.

    `ways` (tags, tags) and `came` are exponentials of moves and of what leads to a tag, `sums` their products. The
    backward pass fills `onward`, the gradient of these, `first` and `last` (records, tags), and `pull` (records,), the
    gradient of the losses.
    """

    ways: Tensor
    came: Tensor
    sums: Tensor
    tags: Tensor  # (records, places)
    mask: Tensor  # bool (records, places)
    onward: Tensor | None = None
    first: Tensor | None = None
    last: Tensor | None = None
    pull: Tensor | None = None


class _Field(torch.autograd.Function):
    """Minus the log-likelihoods, of emissions (records, places, tags)."""

    @staticmethod
    def forward(ctx: Any, emissions: Tensor, anchor: Tensor, module: Any, use: Use) -> Tensor:
        """The forward algorithm, as the field itself has it."""
        tags, mask = use.inputs
        between, first = module.scores()
        top = between.amax(0)
        own = emissions.transpose(0, 1)
        so_far = first + own[0]
        steps, records, count = own.shape
        came, sums = own.new_empty(2, steps - 1, records, count).unbind(0)
        kept = _Kept((between - top).exp(), came, sums, tags, mask)
        for place in range(1, steps):
            peak = so_far.amax(-1, keepdim=True)
            torch.exp(so_far - peak, out=kept.came[place - 1])
            torch.mm(kept.came[place - 1], kept.ways, out=kept.sums[place - 1])
            onward = kept.sums[place - 1].clamp(min=TINY).log_() + peak + top + own[place]
            so_far = torch.where(mask[:, place, None], onward, so_far)
        ends = so_far + module.last
        use.kept["field"], ctx.kept, ctx.use = kept, kept, use
        ctx.save_for_backward(ends.softmax(-1))
        return ends.logsumexp(-1) - module.score(emissions, tags, mask)

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> Any:
        """The backward algorithm."""
        kept: _Kept = ctx.kept
        (ends,) = ctx.saved_tensors
        steps = len(kept.came) + 1
        there = kept.mask.to(ends.dtype)
        kept.pull = pull
        ctx.use.answer(pull)
        follows = kept.last = ends * pull.unsqueeze(1)
        kept.onward = torch.empty_like(kept.came)
        emitted = ends.new_empty(steps, *ends.shape)
        for place in range(steps - 1, 0, -1):
            own = torch.mul(follows, there[:, place, None], out=emitted[place])
            sums = kept.sums[place - 1]
            torch.div(own, sums, out=kept.onward[place - 1]).masked_fill_(sums < TINY, 0.0)
            follows = torch.addcmul(follows - own, kept.onward[place - 1] @ kept.ways.t(), kept.came[place - 1])
        kept.first = emitted[0] = follows
        found = emitted.transpose(0, 1)
        if ctx.needs_input_grad[0]:
            found.scatter_add_(2, kept.tags.unsqueeze(-1), -(pull.unsqueeze(1) * there).unsqueeze(-1))
        return found, None, None, None


class ChainRule:
    """`Chain`: of moves, first and last tags."""

    whole = False

    def call(self, module: Any, tape: Tape, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """The losses of the records."""
        if not torch.is_grad_enabled():
            found: Tensor = module.forward.own(emissions, tags, mask)
            return found
        use = tape.add(Use(module, (tags, mask)))
        if len(tags) % tape.records:
            raise UsageError(
                f"A field was given {len(tags)} sequences for {tape.records} records; each record's sequences must "
                "stand together, equally many for each."
            )
        losses: Tensor = _Field.apply(emissions, tape.anchor, module, use)
        return losses

    def squared_norms(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of records' gradients, some of them at a time."""
        own = learnt(module)
        found: dict[str, list[Tensor]] = {name: [] for name in own}
        for each in _some(own, uses, records):
            for name in own:
                found[name].append(lengths(each[name].flatten(1)))
        return {name: torch.cat(parts) for name, parts in found.items()}

    def sums(self, module: Any, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """One product over all places for the moves."""
        found: dict[str, Tensor] = {}
        for use in uses:
            for name, factor in factors.items():
                own = _summed(name, use, factor)
                found[name] = found[name] + own if name in found else own
        return found

    def per_record(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients."""
        own = learnt(module)
        parts = list(_some(own, uses, records))
        return {name: torch.cat([one[name] for one in parts]) for name in own}


def _some(names: Sequence[str], uses: Sequence[Use], records: int) -> Iterator[dict[str, Tensor]]:
    """Records' gradients, so many at once as there is room for."""
    kept: list[_Kept] = [use.kept["field"] for use in uses]
    size = max(1, ROOM // kept[0].ways.numel() // max(len(one.tags) // records for one in kept))
    for start in range(0, records, size):
        stop = min(records, start + size)
        found: dict[str, Tensor] = {}
        for one in kept:
            times = len(one.tags) // records
            for name in names:
                own = _EACH[name](one, slice(start * times, stop * times))
                own = own.view(stop - start, times, *own.shape[1:]).sum(1) if times > 1 else own
                found[name] = found[name] + own if name in found else own
        yield found


def _moves(kept: _Kept, rows: slice) -> Tensor:
    """(rows, tags, tags)."""
    assert kept.onward is not None and kept.pull is not None
    tags, count = kept.tags[rows], len(kept.ways)
    found = torch.bmm(kept.came[:, rows].permute(1, 2, 0), kept.onward[:, rows].transpose(0, 1)).mul_(kept.ways)
    own = -kept.pull[rows].unsqueeze(1) * kept.mask[rows, 1:]
    found.view(len(tags), -1).scatter_add_(1, tags[:, :-1] * count + tags[:, 1:], own)
    return found


def _firsts(kept: _Kept, rows: slice) -> Tensor:
    """(rows, tags)."""
    assert kept.first is not None and kept.pull is not None
    return kept.first[rows].scatter_add(1, kept.tags[rows, :1], -kept.pull[rows].unsqueeze(1))


def _lasts(kept: _Kept, rows: slice) -> Tensor:
    """(rows, tags)."""
    assert kept.last is not None and kept.pull is not None
    ends = (kept.mask[rows].sum(1, keepdim=True) - 1).clamp(min=0)
    return kept.last[rows].scatter_add(1, kept.tags[rows].gather(1, ends), -kept.pull[rows].unsqueeze(1))


_EACH = {"between": _moves, "first": _firsts, "last": _lasts}


def _summed(name: str, use: Use, factor: Tensor) -> Tensor:
    """The sum of records' gradients, each times its factor."""
    kept: _Kept = use.kept["field"]
    assert kept.onward is not None and kept.pull is not None
    times = len(kept.tags) // len(factor)
    along = (factor if times == 1 else factor.repeat_interleave(times)).to(kept.ways.dtype)
    if name != "between":
        return weighted(_EACH[name](kept, slice(None)), along)
    entered = kept.came * along.view(1, -1, 1)
    found = summed(entered.flatten(0, 1), kept.onward.flatten(0, 1)) * kept.ways
    own = -(kept.pull * along).unsqueeze(1) * kept.mask[:, 1:]
    places = kept.tags[:, :-1] * len(kept.ways) + kept.tags[:, 1:]
    return found.contiguous().view(-1).index_add_(0, places.flatten(), own.flatten()).view(found.shape)
