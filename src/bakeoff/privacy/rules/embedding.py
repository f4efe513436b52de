"""Tables that are looked up: a record's gradient has a row for each of its different tokens, and no others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.privacy.rules.linear import lengths, whole
from bakeoff.privacy.rules.rule import Outer, Rows, Tape, Use


@dataclass(frozen=True)
class Entries:
    """What was looked up: entry i is `token` of `record`, with the gradient's row `row` times `weight`."""

    token: Tensor
    record: Tensor
    row: Tensor
    gradient: Tensor
    weight: Tensor | None = None


@dataclass(frozen=True)
class Parts:
    """Each record's gradient as rows: `values` (parts, columns) for `token` of `record`, without repeats."""

    token: Tensor
    record: Tensor
    values: Tensor

    def squared_norms(self, records: int) -> Tensor:
        """(records,)."""
        return self.values.new_zeros(records).index_add_(0, self.record, lengths(self.values))

    def sum(self, factor: Tensor) -> Rows:
        """The sum over records, each times its factor."""
        token, order = self.token.sort(stable=True)
        index, counts = token.unique_consecutive(return_counts=True)
        weights = factor.to(self.values.dtype)[self.record[order]]
        return Rows(index, _segments(self.values, order, counts, weights))

    def per_record(self, records: int, rows: int) -> Tensor:
        """Each record's whole gradient, (records, rows, columns)."""
        out = self.values.new_zeros(records, rows, self.values.shape[1])
        out[self.record, self.token] = self.values
        return out


def parts(entries: Entries, rows: int) -> Parts:
    """Entries of the same token of the same record brought together."""
    key, order = (entries.record * rows + entries.token).sort(stable=True)
    unique, counts = key.unique_consecutive(return_counts=True)
    weight = None if entries.weight is None else entries.weight[order]
    record = unique.div(rows, rounding_mode="floor")
    values = _segments(entries.gradient, entries.row[order], counts, weight)
    return Parts(unique - record * rows, record, values)


def _segments(values: Tensor, order: Tensor, counts: Tensor, weights: Tensor | None) -> Tensor:
    """Sums of `values[order]`, times their weights, over neighbours: `counts` of them each."""
    if not len(counts):
        return values.new_zeros(0, values.shape[1])
    offsets = counts.cumsum(0) - counts
    return functional.embedding_bag(order, values, offsets, mode="sum", per_sample_weights=weights)


def rows_of(gradient: Any) -> Tensor:
    """A gradient's rows, one for each entry or bag."""
    return whole(gradient.reshape(-1, gradient.shape[-1]))


class _TableRule(ABC):
    """What `nn.Embedding` and `nn.EmbeddingBag` share."""

    whole = False

    @abstractmethod
    def entries(self, module: Any, use: Use, records: int) -> Entries:
        """What one use looked up."""

    def check(self, module: Any) -> None:
        """UsageError for settings under which a record's gradient depends on others."""
        if module.max_norm is not None:
            raise UsageError(
                f"An embedding with max_norm={module.max_norm} rescales its table by what was looked up, which tells "
                "of the records; set max_norm to None."
            )
        if module.scale_grad_by_freq:
            raise UsageError(
                "An embedding with scale_grad_by_freq divides by how often a token stands in the batch, which mixes "
                "records; set it to False."
            )

    def parts(self, module: Any, uses: Sequence[Use], records: int) -> Parts:
        """Each record's gradient by rows, made once for both phases."""
        kept = uses[0].kept
        if "parts" not in kept:
            found = [self.entries(module, use, records) for use in uses]
            kept["parts"] = parts(_joined(found), module.weight.shape[0])
        made: Parts = kept["parts"]
        return made

    def squared_norms(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of the table."""
        return {"weight": self.parts(module, uses, records).squared_norms(records)}

    def sums(self, module: Any, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Rows]:
        """The rows of the tokens that were looked up."""
        factor = factors["weight"]
        return {"weight": self.parts(module, uses, len(factor)).sum(factor)}

    def per_record(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradient of the whole table."""
        return {"weight": self.parts(module, uses, records).per_record(records, module.weight.shape[0])}


class EmbeddingRule(_TableRule):
    """`nn.Embedding`; `padding_idx` is never learnt. Indices (1, ...) are those of every record."""

    def call(self, module: nn.Embedding, tape: Tape, given: Tensor) -> Tensor:
        """The rows that are asked for."""
        given = tape.spread(given)
        output = functional.embedding(given, module.weight, module.padding_idx)
        return tape.note(Use(module, (given,)), output)

    def outer(self, module: nn.Embedding, uses: Sequence[Use], records: int) -> Outer:
        """The table's gradient as outer products over positions, padding's being zero."""
        tokens, rights = [], []
        for use in uses:
            token, right = use.inputs[0].reshape(records, -1), rows_of(use.gradient)
            right = right.view(records, -1, right.shape[1])
            if module.padding_idx is not None:
                right = right * (token != module.padding_idx).unsqueeze(2)
            tokens.append(token)
            rights.append(right)
        return Outer(torch.cat(tokens, dim=1), torch.cat(rights, dim=1))

    def entries(self, module: nn.Embedding, use: Use, records: int) -> Entries:
        """One for each position, padding left out."""
        token = use.inputs[0].reshape(-1)
        if use.inputs[0].ndim < 1 or use.inputs[0].shape[0] % records:
            raise UsageError(
                f"An embedding was asked for {tuple(use.inputs[0].shape)} for {records} records; the first dimension "
                "must be the records, or 1 where all records ask for the same."
            )
        place = torch.arange(len(token), device=token.device)
        record = place.div(max(1, len(token) // records), rounding_mode="floor")
        gradient = rows_of(use.gradient)
        if module.padding_idx is not None:
            place = (token != module.padding_idx).nonzero().squeeze(1)
            token, record = token[place], record[place]
        return Entries(token, record, place, gradient)


class EmbeddingBagRule(_TableRule):
    """`nn.EmbeddingBag` in the modes sum and mean, of bags as rows or by offsets, with or without weights."""

    def check(self, module: Any) -> None:
        """UsageError for settings under which a record's gradient depends on others."""
        super().check(module)
        if module.mode == "max":
            raise UsageError("An EmbeddingBag of mode 'max' cannot be bounded record by record; use 'sum' or 'mean'.")

    def call(
        self,
        module: nn.EmbeddingBag,
        tape: Tape,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """The bags' sums or means."""
        output = functional.embedding_bag(
            input,
            module.weight,
            offsets,
            mode=module.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=module.include_last_offset,
            padding_idx=module.padding_idx,
        )
        weights = None if per_sample_weights is None else per_sample_weights.detach()
        return tape.note(Use(module, (input, offsets, weights)), output)

    def entries(self, module: nn.EmbeddingBag, use: Use, records: int) -> Entries:
        """One for each token of each bag, padding left out."""
        given, offsets, weights = use.inputs
        gradient = rows_of(use.gradient)
        token, bag = given.reshape(-1), _bags(given, offsets, len(gradient))
        if len(gradient) % records:
            raise UsageError(
                f"An EmbeddingBag answered {len(gradient)} bags for {records} records; there must be as many for each."
            )
        weights = None if weights is None else weights.reshape(-1).to(gradient.dtype)
        if module.padding_idx is not None:
            there = (token != module.padding_idx).nonzero().squeeze(1)
            token, bag = token[there], bag[there]
            weights = None if weights is None else weights[there]
        if module.mode == "mean":
            weights = bag.bincount(minlength=len(gradient)).to(gradient.dtype).reciprocal()[bag]
        record = bag.div(max(1, len(gradient) // records), rounding_mode="floor")
        return Entries(token, record, bag, gradient, weights)


def _bags(given: Tensor, offsets: Tensor | None, bags: int) -> Tensor:
    """The bag of each entry, in the order of the flattened input."""
    if given.ndim == 2:
        return torch.arange(bags, device=given.device).repeat_interleave(given.shape[1])
    assert offsets is not None
    place = torch.arange(len(given), device=given.device)
    return torch.searchsorted(offsets[:bags].contiguous(), place, right=True) - 1


def _joined(found: Sequence[Entries]) -> Entries:
    """The entries of several uses as those of one."""
    if len(found) == 1:
        return found[0]
    starts = [0]
    for one in found:
        starts.append(starts[-1] + len(one.gradient))
    weights = [torch.ones(len(one.token)).to(one.gradient) if one.weight is None else one.weight for one in found]
    return Entries(
        torch.cat([one.token for one in found]),
        torch.cat([one.record for one in found]),
        torch.cat([one.row + start for one, start in zip(found, starts, strict=False)]),
        torch.cat([one.gradient for one in found]),
        None if all(one.weight is None for one in found) else torch.cat(weights),
    )
