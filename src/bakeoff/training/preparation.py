"""What was taken from data before, beside and after gradients: every such step is written down with its source.

A private regime bounds what gradients reveal. A vocabulary, a bin edge or a temperature reveals too, and nothing bounds
it unless somebody looks. So a reader cannot learn from training rows without leaving a `DataStep` behind, and whoever
keeps a ledger refuses or accounts for those steps that are not public.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bakeoff.errors import UsageError


class Source(StrEnum):
    """Where what a step holds comes from: given from outside, taken from training rows, or taken privately.

    A private step was taken from training rows by a mechanism whose cost stands in a ledger.
    """

    PUBLIC = "public"
    TRAINING = "training"
    PRIVATE = "private"


@dataclass(frozen=True)
class DataStep:
    """One thing that a fit knows of data: what it is, of which column, from where, and how much it holds.

    `name` is the kind of step (vocabulary, bins, scale, categories, early stopping, temperature ...), `column` is empty
    where it concerns no single one, `size` counts what was kept (tokens, edges, numbers), and `rows` the training rows
    that it was taken from: 0 for a public step.
    """

    name: str
    column: str
    source: Source
    size: int
    rows: int = 0
    detail: str = ""

    def __str__(self) -> str:
        said = f"{step_title(self.name, self.column)}: {self.source}"
        return f"{said} ({self.detail})" if self.detail else said


def step_title(name: str, column: str) -> str:
    """What a step is called with its column, if it has one: bins of 'age'."""
    return f"{name} of {column!r}" if column else name


@dataclass(frozen=True)
class Known:
    """What is given from outside, so that it need not be taken from training rows.

    `vocabularies` and `categories` hold values by column, `ranges` the lowest and highest value of a numeric column,
    and the first and last day (days since 1970) of a datetime one; `target` is the range of a regression's target.
    `quantiles` go before ranges: ascending values at evenly spaced probabilities, the lowest and the highest included.
    `records` is the number of training rows, or a noisy one; 0 where it is not known. `released` names the steps, as
    "bins of 'age'", whose values came out of a private mechanism.
    """

    vocabularies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    target: tuple[float, float] | None = None
    quantiles: Mapping[str, Sequence[float]] = field(default_factory=dict)
    records: int = 0
    released: frozenset[str] = frozenset()


class Preparation:
    """The steps of one fit in the order in which they were made."""

    def __init__(self, known: Known | None = None) -> None:
        self.known = known or Known()
        self._steps: list[DataStep] = []

    def public(self, name: str, column: str, size: int, detail: str = "") -> None:
        """Write down a step that took nothing from training rows itself; what it was given may be a private answer."""
        private = step_title(name, column) in self.known.released
        source = Source.PRIVATE if private else Source.PUBLIC
        self._steps.append(DataStep(name, column, source, size, 0, detail))

    def taken(self, name: str, column: str, size: int, rows: int, detail: str = "") -> None:
        """Write down a step that was taken from so many training rows."""
        self._steps.append(DataStep(name, column, Source.TRAINING, size, rows, detail))

    @property
    def steps(self) -> tuple[DataStep, ...]:
        """All steps so far."""
        return tuple(self._steps)

    def __iter__(self) -> Iterator[DataStep]:
        return iter(self._steps)

    @property
    def from_training(self) -> tuple[DataStep, ...]:
        """The steps that were taken from training rows, and so tell of them."""
        return tuple(step for step in self._steps if step.source is Source.TRAINING)

    def require_public(self) -> None:
        """UsageError that names every step which was taken from training rows; nothing when all are public."""
        taken = self.from_training
        if taken:
            raise UsageError(
                f"{len(taken)} steps were taken from training rows and would tell of them beside the gradients: "
                f"{'; '.join(map(str, taken))}. Give their values from outside in Known, or account for them."
            )
