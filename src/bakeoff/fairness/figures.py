"""Which figures a table of counts is asked for: each metric of a class against the others, and over all classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.rates import RATES, USUAL, Outcomes, Rate, exact_accuracy, quotient
from bakeoff.nouns import Array


@dataclass(frozen=True)
class Figure:
    """One metric of many groups at once: from counts (..., groups, truths, predictions) to (..., groups).

    `parts` gives numerators and denominators, `binomial` as in `Rate`.
    """

    name: str
    parts: Callable[[Array], tuple[Array, Array]]
    binomial: bool = True

    def values(self, tables: Array) -> Array:
        """The metric, nan where its denominator is 0."""
        return quotient(self.parts(tables))


@dataclass(frozen=True)
class Wanted:
    """What is asked: `metrics` by name, and the `positive` class of a question with two."""

    metrics: Sequence[str] = USUAL
    positive: str | None = None


def figures_of(classes: Sequence[str], wanted: Wanted) -> tuple[Figure, ...]:
    """The figures of a question with these classes.

    With two classes each metric of the positive one (the last, where none is named); with more of each class against
    the others and their mean over classes. Accuracy counts right predictions of any class. UsageError for a metric or
    a positive class that there is not.
    """
    if not classes:
        raise UsageError("There are no rows to compare groups by.")
    for name in wanted.metrics:
        if name not in RATES:
            raise UsageError(f"There is no fairness metric called {name!r}; there are {', '.join(RATES)}.")
    if wanted.positive is not None and wanted.positive not in classes:
        raise UsageError(f"There is no class {wanted.positive!r}; there are {', '.join(classes)}.")
    if len(classes) < 2:
        raise UsageError(f"All rows are of the class {classes[0]!r}, so there is nothing to compare groups by.")
    found: list[Figure] = []
    for name in wanted.metrics:
        rate = RATES[name]
        if name == "accuracy":
            found.append(Figure(name, exact_accuracy))
        elif len(classes) == 2 or wanted.positive is not None:
            positive = classes.index(wanted.positive) if wanted.positive is not None else len(classes) - 1
            found.append(_of_class(rate, positive, name))
        else:
            each = [_of_class(rate, place, f"{name} of {label!r}") for place, label in enumerate(classes)]
            found += [*each, Figure(f"{name}, mean over classes", _mean(each), binomial=False)]
    return tuple(found)


def _of_class(rate: Rate, positive: int, name: str) -> Figure:
    return Figure(name, lambda tables: rate.parts(Outcomes.of(tables, positive)), rate.binomial)


def _mean(each: Sequence[Figure]) -> Callable[[Array], tuple[Array, Array]]:
    def parts(tables: Array) -> tuple[Array, Array]:
        """The mean over the classes that can be measured, as so many rows as there are, so that it is a quotient."""
        values = np.stack([figure.values(tables) for figure in each])
        there = ~np.isnan(values)
        counted = there.sum(0)
        mean = np.divide(np.where(there, values, 0.0).sum(0), counted, out=np.zeros(counted.shape), where=counted > 0)
        rows = np.where(counted > 0, tables.sum((-1, -2)), 0.0)
        return mean * rows, rows

    return parts
