"""The table behind every threshold metric: how many rows of each pattern have which truth and which prediction.

Whatever is a function of it can be resampled by one multinomial draw of its cells, which is the same distribution as
drawing rows with replacement, at a cost that does not depend on the number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.patterns import Grouped, Patterns
from bakeoff.nouns import Array

PSEUDO = 2.0


@dataclass(frozen=True)
class CountTable:
    """Counts float64 (patterns, truths, predictions) over `classes`; tables of several sites or batches add up.

    `squares` holds the sum of squared weights of each cell, None where every row counts once.
    """

    patterns: Patterns
    classes: tuple[str, ...]
    counts: Array
    squares: Array | None = None

    @property
    def rows(self) -> float:
        """Rows, or their weight."""
        return float(self.counts.sum())

    def by_group(self, counts: Array | None = None) -> Array:
        """Counts of each group, (..., groups, truths, predictions), of this table or of resampled ones."""
        held = self.counts if counts is None else counts
        flat = held.reshape(*held.shape[:-2], -1)
        summed = self.patterns.members @ flat
        return np.asarray(summed.reshape(*summed.shape[:-1], *held.shape[-2:]))

    @property
    def smoothed(self) -> Array:
        """Counts with `PSEUDO` rows more in each pattern, spread as all rows together are.

        A small group without a single error would else have none in any resample, as if that were certain (after
        Agresti and Coull, 1998).
        """
        return np.asarray(self.counts + PSEUDO * self.counts.sum(0) / max(self.rows, 1.0))

    def resampled(self, draws: int, random: np.random.Generator) -> Array:
        """Tables of as many rows drawn with replacement, float64 (draws, patterns, truths, predictions).

        They are drawn from the smoothed counts. Where rows have weights, each row comes a Poisson number of times; a
        cell is then drawn as a Gamma variable of the same mean and variance as the weights that it would hold.
        """
        shape, held = (draws, *self.counts.shape), self.smoothed
        if self.squares is None:
            return random.multinomial(round(self.rows), held.ravel() / held.sum(), size=draws).reshape(shape) * 1.0
        mean = self.squares.sum() / max(self.rows, 1e-300)  # the weight of a row, as large ones count
        scale = np.divide(self.squares, self.counts, out=np.full(held.shape, mean), where=self.counts > 0)
        return np.asarray(random.gamma(held / scale, 1.0, size=shape) * scale)

    def __add__(self, other: CountTable) -> CountTable:
        """Both together; UsageError where attributes or classes differ."""
        if self.classes != other.classes or self.patterns.attributes != other.patterns.attributes:
            raise UsageError(
                f"These tables of counts are of different questions: {', '.join(self.classes)} by "
                f"{', '.join(self.patterns.attributes)}, and {', '.join(other.classes)} by "
                f"{', '.join(other.patterns.attributes)}."
            )
        keys = tuple(dict.fromkeys((*self.patterns.keys, *other.patterns.keys)))
        patterns = Patterns(self.patterns.attributes, keys, self.patterns.overlapping)
        weighted = self.squares is not None or other.squares is not None
        counts = _placed(self, keys, self.counts) + _placed(other, keys, other.counts)
        squares = _placed(self, keys, _squares(self)) + _placed(other, keys, _squares(other)) if weighted else None
        return CountTable(patterns, self.classes, counts, squares)


def _squares(table: CountTable) -> Array:
    return table.counts if table.squares is None else table.squares


def _placed(table: CountTable, keys: Sequence[tuple[str, ...]], counts: Array) -> Array:
    out = np.zeros((len(keys), *counts.shape[1:]))
    places = {key: place for place, key in enumerate(keys)}
    out[[places[key] for key in table.patterns.keys]] = counts
    return out


def count(
    truth: Sequence[Any] | Array,
    predicted: Sequence[Any] | Array,
    grouped: Grouped,
    *,
    classes: Sequence[Any] | None = None,
    weights: Array | None = None,
) -> CountTable:
    """The table of counts of these rows; `classes` are the labels there are, in order, otherwise those that are met.

    UsageError for different lengths, missing labels, labels that are no class, or weights that are negative or no
    numbers.
    """
    rows = len(grouped)
    if len(truth) != rows or len(predicted) != rows:
        raise UsageError(
            f"There are {len(truth):,} true labels, {len(predicted):,} predictions and {rows:,} rows with groups; give "
            "one of each for every row."
        )
    true, names = _coded("true labels", truth, classes)
    if classes is None:
        guessed, more = _coded("predictions", predicted, None)
        names = _united(names, more)
        true, guessed = _coded("true labels", truth, names)[0], _coded("predictions", predicted, names)[0]
    else:
        guessed = _coded("predictions", predicted, classes)[0]
    size = len(names)
    shape = (len(grouped.patterns.keys), size, size)
    cells = (grouped.codes * size + true) * size + guessed
    labels = tuple(str(name) for name in names)
    if weights is None:
        counts = np.bincount(cells, minlength=int(np.prod(shape))).astype(np.float64)
        return CountTable(grouped.patterns, labels, counts.reshape(shape))
    given = np.asarray(weights, dtype=np.float64)
    if len(given) != rows or not np.isfinite(given).all() or (given < 0).any():
        raise UsageError(f"Weights must be {rows:,} numbers that are not negative, one for each row.")
    summed = [np.bincount(cells, one, minlength=int(np.prod(shape))).reshape(shape) for one in (given, given**2)]
    return CountTable(grouped.patterns, labels, summed[0], summed[1])


def _coded(what: str, given: Any, classes: Sequence[Any] | None) -> tuple[Array, list[Any]]:
    import pandas as pd

    values = np.asarray(given) if not isinstance(given, pd.Series) else given
    if classes is None:
        codes, found = pd.factorize(values, sort=True)
        if (codes < 0).any():
            raise UsageError(f"{int((codes < 0).sum()):,} of the {what} are missing; leave those rows out.")
        return np.asarray(codes, dtype=np.int64), list(found)
    integers = np.asarray(values)
    if integers.dtype.kind in "iub" and list(classes) == list(range(len(classes))):
        codes = integers.astype(np.int64, copy=False)
        wrong = (codes < 0) | (codes >= len(classes))
    else:
        codes = np.asarray(pd.Index(list(classes)).get_indexer(pd.Index(values)), dtype=np.int64)
        wrong = codes < 0
    if wrong.any():
        odd = sorted({str(one) for one in np.asarray(values, dtype=object)[np.flatnonzero(wrong)[:100]]})
        raise UsageError(f"The {what} hold {', '.join(odd[:3])}, none of the classes {', '.join(map(str, classes))}.")
    return codes, list(classes)


def _united(first: list[Any], second: list[Any]) -> list[Any]:
    merged = list(dict.fromkeys([*first, *second]))
    try:
        return sorted(merged)
    except TypeError:
        raise UsageError(
            f"True labels and predictions are of different types, such as {first[0]!r} and {second[0]!r}; give both "
            "as the same."
        ) from None
