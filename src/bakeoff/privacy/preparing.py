"""What an estimator takes from a table before it learns, taken privately: a count, quantiles, categories, a scale.

What is known from outside is left alone. All answers share one allowance, stand in its ledger under the names of the
data steps that they are for, and come back as `Known`, which the encoders then read in place of training rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.histograms import Bounds, cells_of, frequent, weights_of
from bakeoff.privacy.quantiles import Sketch, sketched
from bakeoff.privacy.releases import Allowance
from bakeoff.training.preparation import Known, step_title

COUNT = "number of records"
TARGET = "target scale"
POINTS = 49  # quantiles that are told of a column
SHARES = np.linspace(0.01, 0.99, POINTS)  # further out noise would speak
COUNTING = 0.05  # of the allowance, for the number of records
NUMBERS = 3.0  # what quantiles weigh beside a column of categories, whose counts are of one level alone
RARE = 20  # where a category needs more than a 20th of all records to be told, values are hashed instead


@dataclass(frozen=True)
class Columns:
    """What is to be prepared: numbers (records,) by column, NaN where missing, categories by column, empty where so.

    `target` holds a regression's targets (records,), None for other tasks. `units` (records,) tells whose each record
    is, None where every record is its own unit; at most `most` records of one are asked.
    """

    numbers: Mapping[str, Array] = field(default_factory=dict)
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    target: Array | None = None
    units: Array | None = None
    most: int = 1


def prepared(columns: Columns, records: int, known: Known, allowance: Allowance) -> Known:
    """What is known, and what was asked of training rows privately beside it; `records` is their true number.

    Categories that would need too large a share of all records to be told are left out, for the encoder to hash.
    """
    return _Asking(columns, records, known, allowance).answered()


@dataclass(frozen=True)
class Values:
    """Values that are to be told by noisy thresholds: those `held` by each record, `most` of one record, as `title`."""

    title: str
    held: Sequence[Iterable[str]]
    most: int = 1
    weight: float = 1.0


def told(
    values: Mapping[str, Values], numbers: Mapping[str, Array], whose: Columns, records: int, allowance: Allowance
) -> tuple[int, dict[str, list[str]], dict[str, Sketch]]:
    """The noisy number of units, the frequent values of each name, and sketches of numbers by their titles.

    `whose` says which unit each of the `records` belongs to.
    """
    asking = _Asking(whose, records, Known(), allowance)
    asking.sigmas = allowance.divided({COUNT: 1.0}, COUNTING)
    found_records = asking.count()
    weights = {one.title: one.weight for one in values.values()} | {title: NUMBERS for title in numbers}
    asking.sigmas = allowance.divided(weights, 1 - COUNTING) if weights else {}
    found: dict[str, list[str]] = {}
    for name, one in values.items():
        bounds = Bounds(one.most, asking.sigmas[one.title], allowance.delta / len(values), asking.most)
        found[name] = asking.frequent(one.title, one.held, bounds)
    return found_records, found, {title: asking.sketch(title, one) for title, one in numbers.items()}


class _Asking:
    """The questions of one table in turn."""

    def __init__(self, columns: Columns, records: int, known: Known, allowance: Allowance) -> None:
        self.columns, self.known, self.allowance = columns, known, allowance
        self.weights, self.units = weights_of(columns.units, records, columns.most)
        self.most = columns.most
        self.released: set[str] = set(known.released)
        self.sigmas: dict[str, float] = {}

    def answered(self) -> Known:
        """All answers: how many records there are first, since it tells what else is worth asking."""
        share = 1.0
        records = self.known.records
        if not records:
            self.sigmas = self.allowance.divided({COUNT: 1.0}, COUNTING)
            records, share = self.count(), 1 - COUNTING
        numbers = {
            name: values
            for name, values in self.columns.numbers.items()
            if name not in self.known.ranges and name not in self.known.quantiles
        }
        categories = {name: held for name, held in self.columns.categories.items() if name not in self.known.categories}
        while True:
            weights = {step_title("bins", name): NUMBERS for name in numbers}
            weights |= {step_title("categories", name): 1.0 for name in categories}
            if self.columns.target is not None and self.known.target is None:
                weights[TARGET] = NUMBERS
            self.sigmas = self.allowance.divided(weights, share) if weights else {}
            if not categories or self._bounds(next(iter(categories)), len(categories)).threshold * RARE <= records:
                break
            categories = {}
        return replace(
            self.known,
            records=records,
            quantiles={**self.known.quantiles, **self._quantiles(numbers)},
            categories={**self.known.categories, **self._frequent(categories)},
            target=self._target(),
            released=frozenset(self.released),
        )

    def _note(self, title: str, detail: str) -> float:
        """Write a release down before it is made; its noise multiplier."""
        sigma = self.sigmas[title]
        self.allowance.ledger.released(title, sigma, detail=detail)
        self.released.add(title)
        return sigma

    def count(self) -> int:
        """How many units there are, about."""
        sigma = self._note(COUNT, "a noisy count")
        return max(1, int(self.allowance.counts(np.array([float(self.units)]), sigma)[0]))

    def sketch(self, title: str, values: Array) -> Sketch:
        """Where these numbers of all records lie."""
        return sketched(values, self.weights, self._note(title, "quantiles from noisy counts"), self.allowance)

    def _quantiles(self, numbers: Mapping[str, Array]) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for name, values in numbers.items():
            told = self.sketch(step_title("bins", name), values).quantiles(SHARES)
            # Where nothing stands out from the noise, the column is read as it is.
            found[name] = told.tolist() if len(told) else [-1.0, 1.0]
        return found

    def _bounds(self, name: str, columns: int) -> Bounds:
        return Bounds(1, self.sigmas[step_title("categories", name)], self.allowance.delta / columns, self.most)

    def _frequent(self, categories: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, held in categories.items():
            bounds = self._bounds(name, len(categories))
            found[name] = self.frequent(step_title("categories", name), cells_of(held), bounds)
        return found

    def frequent(self, title: str, held: Sequence[Iterable[str]], bounds: Bounds) -> list[str]:
        """The values that pass their threshold."""
        self._note(title, f"noisy counts above {bounds.threshold:.0f}")
        self.allowance.ledger.spent(f"threshold for {title}", 0.0, bounds.delta)
        return list(frequent(held, self.weights, bounds, self.allowance))

    def _target(self) -> tuple[float, float] | None:
        if self.known.target is not None or self.columns.target is None:
            return self.known.target
        told = self.sketch(TARGET, np.asarray(self.columns.target, dtype=np.float64)).quantiles(SHARES)
        if not len(told):
            return (-1.0, 1.0)
        centre, scale = float(np.mean(told)), float(np.std(told)) or 1.0
        half = 3**0.5 * scale  # a range spread over evenly has this mean and this deviation
        return centre - half, centre + half
