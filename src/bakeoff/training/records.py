"""Prepared rows: arrays with one entry for each record, and batches of them as tensors.

Numpy alone until a batch is asked for, so that rows are prepared once and drawn many times in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.nouns import Array

Part = Any  # an Array whose first dimension is records, or a Ragged
Inputs = dict[str, dict[str, Any]]  # by encoder, by part: tensors whose first dimension is records


@dataclass(frozen=True)
class Ragged:
    """Lists of different lengths: record i holds values[offsets[i]:offsets[i + 1]]; a batch pads them with 0.

    What is in a list may be numbers, or rows of equally many numbers: `values` is (all, ...).
    """

    values: Array
    offsets: Array

    @classmethod
    def of(cls, lists: Sequence[Sequence[Any]], kind: Any) -> Ragged:
        """Lists of numbers, flattened into one array of dtype `kind`."""
        offsets = np.zeros(len(lists) + 1, dtype=np.int64)
        np.cumsum([len(one) for one in lists], out=offsets[1:])
        parts = [np.asarray(one, dtype=kind) for one in lists if len(one)]
        return cls(np.concatenate(parts) if parts else np.zeros(0, dtype=kind), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Array:
        """How many values each record holds, int64 (records,)."""
        return np.diff(self.offsets)

    def take(self, positions: Array) -> Ragged:
        """These records, in this order."""
        lengths = self.lengths[positions]
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        inside = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Ragged(self.values[np.repeat(self.offsets[:-1][positions], lengths) + inside], offsets)

    def padded(self, positions: Array) -> Array:
        """These records as (records, longest, ...), padded with 0 at the end; at least one column wide."""
        lengths = self.lengths[positions]
        longest = max(1, int(lengths.max(initial=0)))
        out = np.zeros((len(positions), longest, *self.values.shape[1:]), dtype=self.values.dtype)
        taken = self.take(positions)
        rows = np.repeat(np.arange(len(positions)), lengths)
        out[rows, np.arange(len(taken.values)) - np.repeat(taken.offsets[:-1], lengths)] = taken.values
        return out


@dataclass(frozen=True)
class Batch:
    """Some records as tensors: `positions` in the Records they came from, `inputs` by encoder and part, `targets`.

    Every tensor's first dimension is records; a batch may hold none. `targets` is None where nothing is known.
    """

    positions: Array
    inputs: Inputs
    targets: Any = None

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Records:
    """Prepared rows: `parts` by encoder, `targets` with one entry for each record, or None.

    Class targets are int64 (records,), or float32 (records, classes) of probabilities to be matched; numbers are
    float32 (records,); where each record has an answer for each of its tokens, or several, they are Ragged.
    """

    parts: Mapping[str, Mapping[str, Part]]
    size: int
    targets: Part | None = None

    def __len__(self) -> int:
        return self.size

    def batch(self, positions: Array, device: str = "cpu") -> Batch:
        """These records as tensors on a device."""
        import torch

        def tensor(part: Part) -> Any:
            held = part.padded(positions) if isinstance(part, Ragged) else part[positions]
            return torch.from_numpy(np.ascontiguousarray(held)).to(device, non_blocking=True)

        inputs = {name: {key: tensor(part) for key, part in parts.items()} for name, parts in self.parts.items()}
        return Batch(positions, inputs, None if self.targets is None else tensor(self.targets))

    def take(self, positions: Array) -> Records:
        """These records alone, for example one client's."""

        def taken(part: Part) -> Part:
            return part.take(positions) if isinstance(part, Ragged) else part[positions]

        parts = {name: {key: taken(part) for key, part in inner.items()} for name, inner in self.parts.items()}
        return Records(parts, len(positions), None if self.targets is None else taken(self.targets))

    def lengths(self) -> Array:
        """How long each record's longest list is, int64 (records,): what a padded batch's cost depends on."""
        found = np.zeros(self.size, dtype=np.int64)
        for parts in self.parts.values():
            for part in parts.values():
                if isinstance(part, Ragged):
                    np.maximum(found, part.lengths, out=found)
        return found
