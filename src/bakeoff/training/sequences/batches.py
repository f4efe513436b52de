"""What all networks of sequences share: batches of like length, and answers that differ in length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from bakeoff.nouns import Array
from bakeoff.training.records import Batch, Records

TOKENS = 16_384  # of all records in a batch, padding included: what memory depends on


def by_length(records: Records, device: str = "cpu", most: int = 256, tokens: int = TOKENS) -> Iterator[Batch]:
    """Batches of all records, the shortest first, of at most `most` records and `tokens` tokens with padding."""
    lengths = np.maximum(records.lengths(), 1)
    order = np.argsort(lengths, kind="stable")
    begin = 0
    while begin < len(order):
        end = begin + 1
        while end < len(order) and end - begin < most and lengths[order[end]] * (end + 1 - begin) <= tokens:
            end += 1
        yield records.batch(order[begin:end], device)
        begin = end


class SequenceNetwork(nn.Module):
    """A network with `losses(batch)`, the loss of each record; `mixed` computes in bfloat16 where it may."""

    mixed = False

    def held_out_loss(self, records: Records, device: str = "cpu") -> float:
        """The mean loss of records with targets, the network not learning."""
        self.eval()
        total = 0.0
        with torch.inference_mode():
            for batch in by_length(records, device):
                total += float(self.losses(batch).double().sum())
        return total / max(1, len(records))

    def plain_operations(self, plain: bool = True) -> SequenceNetwork:
        """Switch layers from fused kernels to operations that torch.func can map over records; outputs stay alike."""
        for module in self.modules():
            if hasattr(module, "plain"):
                module.plain = plain
        return self


def gathered(network: Any, records: Records, answer: Any, device: str = "cpu") -> list[Any]:
    """What `answer(batch)`, a sequence over the batch's records, gives for each record, in the records' order."""
    network.eval()
    found: list[Any] = [None] * len(records)
    with torch.inference_mode():
        for batch in by_length(records, device):
            for position, one in zip(batch.positions.tolist(), answer(batch), strict=True):
                found[position] = one
    return found


def lists(values: Any, lengths: Array) -> list[list[Any]]:
    """The rows of a padded tensor, each cut to its own length."""
    return [row[:length] for row, length in zip(values.tolist(), lengths.tolist(), strict=True)]
