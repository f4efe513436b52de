"""Any torch module with a loss for each record, as the engine sees a network: something that has `losses(batch)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.training.records import Batch, Inputs

Losses = Callable[[Any, Any], Tensor]  # from what the network answers, and the targets, to (records,) or (records, ...)


def cross_entropy_or_squares(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy where targets are whole numbers (records,), else the squared error of each number."""
    if targets.is_floating_point():
        return functional.mse_loss(outputs.reshape(targets.shape), targets, reduction="none")
    return functional.cross_entropy(outputs, targets, reduction="none")


def packed(inputs: Any, targets: Any) -> Inputs:
    """Tensors, tuples or mappings of tensors, in the form in which a `Batch` holds them."""
    return {**_parts("inputs", inputs), **_parts("targets", targets)}


def unpacked(inputs: Inputs, what: str) -> Any:
    """The inputs or targets as they were before `packed`."""
    if f"{what} by name" in inputs:
        return inputs[f"{what} by name"]
    if f"{what} by place" in inputs:
        return tuple(inputs[f"{what} by place"].values())
    return inputs[what][""] if what in inputs else None


def _parts(what: str, value: Any) -> Inputs:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {f"{what} by name": dict(value)}
    if isinstance(value, tuple | list):
        return {f"{what} by place": {str(place): one for place, one in enumerate(value)}}
    return {what: {"": value}}


class Wrapped:
    """A user's network and loss as a learner; everything but `losses` and `mixed` is the network's own.

    It is no module itself, so that parameters keep the names that their user knows.
    """

    def __init__(self, network: nn.Module, losses: Losses = cross_entropy_or_squares) -> None:
        """UsageError for a loss that is a module averaging over records, or with parameters of its own."""
        self.network, self._losses, self.mixed = network, losses, False
        _check_loss(losses, network)

    def __getattr__(self, name: str) -> Any:
        if name == "network":  # not there yet, as in a copy that is being made
            raise AttributeError(name)
        return getattr(self.network, name)

    def losses(self, batch: Batch) -> Tensor:
        """The loss of each record, float32 (records,): of several numbers for one record their mean.

        UsageError where the loss is not one for each record.
        """
        inputs, targets = unpacked(batch.inputs, "inputs"), unpacked(batch.inputs, "targets")
        kind = _device(batch.inputs).type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.mixed):
            if isinstance(inputs, Mapping):
                outputs = self.network(**inputs)
            else:
                outputs = self.network(*inputs) if isinstance(inputs, tuple) else self.network(inputs)
            found = self._losses(outputs, targets)
        return per_record(found, len(batch))


def learner_of(network: nn.Module, losses: Losses, mixed: bool) -> Any:
    """What the engine is given: a network of Bakeoff's as it is, any other wrapped with its loss."""
    if losses is cross_entropy_or_squares and hasattr(network, "losses"):
        network.mixed = mixed
        return network
    learner = Wrapped(network, losses)
    learner.mixed = mixed
    return learner


def as_batch(inputs: Any, targets: Any) -> Batch:
    """A `Batch` of tensors in any form, records first; a batch stays what it is."""
    if isinstance(inputs, Batch):
        return inputs
    held = packed(inputs, targets)
    count = next((len(one) for one in tensors(held)), 0)
    return Batch(np.arange(count), held)


def some(batch: Batch, where: Array) -> Batch:
    """These records of a batch, by their place in it."""
    index = torch.from_numpy(where)

    def rows(held: Tensor) -> Tensor:
        return held[index.to(held.device)]

    inputs = {name: {key: rows(held) for key, held in part.items()} for name, part in batch.inputs.items()}
    return Batch(batch.positions[where], inputs, None if batch.targets is None else rows(batch.targets))


def per_record(found: Any, records: int) -> Tensor:
    """Losses (records,) in float32 out of (records, ...); UsageError where they are not one for each record."""
    if not isinstance(found, Tensor):
        raise UsageError(f"losses gave {type(found).__name__}; it must give a tensor with one loss for each record.")
    if found.ndim == 0:
        raise UsageError(
            "losses gave one number for the whole batch, which mixes the records, so none can be bounded alone; give "
            "one loss for each record, as reduction='none' does."
        )
    if len(found) != records:
        raise UsageError(
            f"losses gave shape {tuple(found.shape)} for {records} records; its first dimension must be the records."
        )
    return found.float() if found.ndim == 1 else found.float().flatten(1).mean(dim=1)


def _check_loss(losses: Any, network: nn.Module) -> None:
    reduction = getattr(losses, "reduction", "none")
    if reduction != "none":
        raise UsageError(
            f"The loss {type(losses).__name__} mixes the records of a batch (reduction={reduction!r}), so none can be "
            f"bounded alone; give {type(losses).__name__}(reduction='none')."
        )
    if isinstance(losses, nn.Module):
        known = {id(parameter) for parameter in network.parameters()}
        strange = [name for name, parameter in losses.named_parameters() if id(parameter) not in known]
        if strange:
            raise UsageError(
                f"The loss has parameters of its own ({', '.join(strange)}); make it a part of the network."
            )


def _device(inputs: Inputs) -> torch.device:
    return next((tensor.device for tensor in tensors(inputs)), torch.device("cpu"))


def tensors(inputs: Inputs) -> Iterable[Tensor]:
    """All tensors of a batch's inputs."""
    return (tensor for part in inputs.values() for tensor in part.values())
