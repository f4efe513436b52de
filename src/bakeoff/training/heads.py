"""Heads: what a network is asked, each with its loss of every single record and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Label, Schema
from bakeoff.training.preparation import Preparation


@runtime_checkable
class Head(Protocol):
    """A torch module from the trunk's features to outputs, that knows the loss of each record.

    Losses are never reduced here: a private regime bounds what each record adds, others weigh records.
    """

    def targets(self, y: Array) -> Array:
        """Targets as Records hold them, of labels or numbers as given."""

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each record, float32 (records,)."""

    def answers(self, outputs: Tensor) -> Tensor:
        """Answers float32 (records, classes), or (records, 1)."""

    def __call__(self, hidden: Tensor) -> Tensor:
        """Outputs of the trunk's features."""


class ClassHead(nn.Module):
    """One of k classes: cross-entropy with class numbers, or with probabilities to be matched."""

    def __init__(self, width: int, classes: Sequence[Label]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.layer = nn.Linear(width, len(self.classes))
        nn.init.zeros_(self.layer.weight)  # every class is equally likely until something is learnt
        nn.init.zeros_(self.layer.bias)

    def targets(self, y: Array) -> Array:
        """Class numbers int64 (records,); probabilities float32 (records, classes) stay as they are."""
        given = np.asarray(y)
        if given.ndim == 2:
            return given.astype(np.float32)
        places = {label: place for place, label in enumerate(self.classes)}
        unknown = sorted({str(label) for label in given.tolist() if label not in places})
        if unknown:
            raise UsageError(f"The labels {', '.join(unknown[:3])} are none of the {len(places)} classes of the task.")
        return np.array([places[label] for label in given.tolist()], dtype=np.int64)

    def forward(self, hidden: Tensor) -> Tensor:
        """Logits float32 (records, classes)."""
        return self.layer(hidden)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of each record."""
        return functional.cross_entropy(outputs.float(), targets, reduction="none")

    def answers(self, outputs: Tensor) -> Tensor:
        """Probabilities."""
        return outputs.float().softmax(-1)


class NumberHead(nn.Module):
    """A number: squared error of the scaled target, answers in the target's own unit."""

    def __init__(self, width: int, centre: float, scale: float) -> None:
        super().__init__()
        self.layer = nn.Linear(width, 1)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)
        self.centre, self.scale = centre, scale

    def targets(self, y: Array) -> Array:
        """Scaled targets float32 (records,)."""
        return ((np.asarray(y, dtype=np.float64) - self.centre) / self.scale).astype(np.float32)

    def forward(self, hidden: Tensor) -> Tensor:
        """Scaled numbers (records, 1)."""
        return self.layer(hidden)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Half the squared error of each record, scaled."""
        return 0.5 * (outputs.float().squeeze(-1) - targets) ** 2

    def answers(self, outputs: Tensor) -> Tensor:
        """Numbers in the target's unit, float64: a float32 would round large ones."""
        return outputs.double() * self.scale + self.centre


def head_for(schema: Schema, width: int, y: Array, preparation: Preparation) -> Any:
    """The head that a task asks for; UsageError for a kind that has none.

    A regression's target is scaled by the known range where one is given, else by the training targets.
    """
    if schema.classes:
        return ClassHead(width, schema.classes)
    if schema.kind != "regression":
        raise UsageError(f"There is no head for tasks of kind {schema.kind!r}; there are classification, regression.")
    if preparation.known.target is not None:
        low, high = preparation.known.target
        preparation.public("target scale", "", 2, f"{low:g} to {high:g}")
        return NumberHead(width, (low + high) / 2, (high - low) / 12**0.5 or 1.0)
    numbers = np.asarray(y, dtype=np.float64)
    preparation.taken("target scale", "", 2, len(numbers), "mean and standard deviation")
    return NumberHead(width, float(numbers.mean()), float(numbers.std()) or 1.0)
