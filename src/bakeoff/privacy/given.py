"""What users have their records in: tensors, arrays, tables of numbers, or a torch Dataset; drawn by position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.training.records import Batch, Records

Pair = tuple[Any, Any]  # inputs and targets: tensors, tuples or mappings of them, records first


class Given(Protocol):
    """Records that can be drawn by position."""

    def __len__(self) -> int:
        """How many records there are."""

    def take(self, positions: Array) -> Pair:
        """Inputs and targets of these records, which may be none."""


class Tensors:
    """Inputs and targets in memory: tensors, arrays or data frames of numbers, or tuples or mappings of them."""

    def __init__(self, inputs: Any, targets: Any) -> None:
        """UsageError where something is no numbers, or lengths differ."""
        self.inputs, self.targets = as_tensors(inputs, "inputs"), as_tensors(targets, "targets")
        lengths = {len(one) for one in (*leaves(self.inputs), *leaves(self.targets))}
        if len(lengths) != 1:
            raise UsageError(f"Inputs and targets have different numbers of records: {sorted(lengths)}.")
        self.count = lengths.pop()

    def __len__(self) -> int:
        return self.count

    def take(self, positions: Array) -> Pair:
        """Rows of the tensors."""
        where = torch.from_numpy(np.asarray(positions, dtype=np.int64))

        def rows(held: Tensor) -> Tensor:
            return held[where.to(held.device)]

        return each(self.inputs, rows), each(self.targets, rows)


class OfDataset:
    """A torch Dataset of (inputs, target) pairs, or of inputs alone; records become a batch by `collate`."""

    def __init__(self, dataset: Dataset[Any], collate: Callable[[list[Any]], Any] | None = None) -> None:
        """UsageError for a dataset that cannot be asked for its length or for one record."""
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
            raise UsageError(
                f"{type(dataset).__name__} gives its records in its own order; a Poisson sample needs a dataset with a "
                "length, whose records can be asked for by position."
            )
        self.dataset, self.collate = dataset, collate or default_collate

    def __len__(self) -> int:
        return len(self.dataset)

    def take(self, positions: Array) -> Pair:
        """Records asked for one by one."""
        return pair(self.collated([self.dataset[int(place)] for place in positions]))

    def collated(self, records: list[Any]) -> Any:
        """A batch of records; of none, a batch of the right shape and no rows."""
        if records:
            return self.collate(records)
        return each(self.collate([self.dataset[0]]), lambda held: held[:0])


class OfRecords:
    """Prepared rows of Bakeoff's own, for its networks: a batch is a `Batch`."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def take(self, positions: Array) -> Pair:
        """A batch of these records, which holds its targets."""
        return self.records.batch(positions), None


class Extended:
    """What is held, and after its last record so many that stand for something else and hold what the first one does.

    UsageError where nothing is held.
    """

    def __init__(self, held: Given, more: int) -> None:
        if not len(held):
            raise UsageError("There is no record, so nothing can stand beside them; give at least one.")
        self.held, self.more = held, more

    def __len__(self) -> int:
        return len(self.held) + self.more

    def take(self, positions: Array) -> Pair:
        """These records; the first one for each that stands for something else."""
        return self.held.take(np.where(np.asarray(positions) < len(self.held), positions, 0))


class Joined:
    """Records in memory, and after the last of them those of others at some positions; UsageError for other forms."""

    def __init__(self, first: Tensors, then: Tensors, positions: Array) -> None:
        self.first, self.then, self.positions = first, then, positions
        if not _alike((first.inputs, first.targets), (then.inputs, then.targets)):
            raise UsageError(
                "Two sets of records have different forms: give the same tensors, tuples or mappings, of the same "
                "shapes but for how many records there are."
            )

    def __len__(self) -> int:
        return len(self.first) + len(self.positions)

    def take(self, positions: Array) -> Pair:
        """These records, those of the others last."""
        where = np.asarray(positions)
        own = where < len(self.first)
        one = self.first.take(where[own])
        two = self.then.take(self.positions[where[~own] - len(self.first)])
        back = torch.from_numpy(np.argsort(np.concatenate([np.flatnonzero(own), np.flatnonzero(~own)])))
        rest = iter(leaves(two))
        return pair(each(one, lambda held: torch.cat([held, next(rest).to(held.dtype)])[back.to(held.device)]))


def _alike(one: Any, two: Any) -> bool:
    """Whether two forms hold tensors of the same shapes, records aside."""
    shapes = [[held.shape[1:] for held in leaves(form)] for form in (one, two)]
    return type(one[0]) is type(two[0]) and shapes[0] == shapes[1]


def given(inputs: Any, targets: Any = None) -> Given:
    """Whatever a user has, ready to be drawn from; UsageError where it cannot be."""
    if isinstance(inputs, Extended | Joined):
        return inputs
    if isinstance(inputs, DataLoader):
        raise UsageError(
            "This DataLoader draws its batches without Poisson sampling, which the privacy of each step rests on; give "
            "its dataset in its place: run.batches(loader.dataset), or run.loader(loader.dataset) with workers."
        )
    if isinstance(inputs, Records):
        return OfRecords(inputs)
    if targets is None and isinstance(inputs, Dataset | IterableDataset):
        return OfDataset(inputs)
    return Tensors(inputs, targets)


def pair(batch: Any) -> Pair:
    """Inputs and targets out of what a loader gives: two things, or inputs alone."""
    if isinstance(batch, tuple | list) and len(batch) == 2:
        return batch[0], batch[1]
    return batch, None


def each(value: Any, done: Callable[[Tensor], Any]) -> Any:
    """The same form with something done to every tensor."""
    if value is None:
        return None
    if isinstance(value, Batch):
        return replace(value, inputs=each(value.inputs, done), targets=each(value.targets, done))
    if isinstance(value, Mapping):
        return {name: each(one, done) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return tuple(each(one, done) for one in value)
    return done(value)


def leaves(value: Any) -> list[Tensor]:
    """Every tensor of a form."""
    found: list[Tensor] = []
    each(value, found.append)
    return found


def as_tensors(value: Any, what: str) -> Any:
    """The form with arrays, data frames and lists of numbers as tensors; float64 becomes torch's own float type."""
    if value is None or isinstance(value, Tensor | Batch):
        return value
    if isinstance(value, Mapping) and not hasattr(value, "dtypes"):
        return {name: as_tensors(one, what) for name, one in value.items()}
    if isinstance(value, tuple) or (isinstance(value, Sequence) and len(value) and hasattr(value[0], "shape")):
        return tuple(as_tensors(one, what) for one in value)
    held = np.asarray(value)
    if held.dtype.kind not in "biuf":
        raise UsageError(
            f"The {what} are {held.dtype}, and not numbers; turn them into numbers by a public rule first."
        )
    tensor = torch.from_numpy(np.require(held, requirements=["C", "W"]))
    return tensor.to(torch.get_default_dtype()) if held.dtype == np.float64 else tensor
