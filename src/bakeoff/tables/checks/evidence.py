"""What the checks share: the truth, a sample of the rows, and how well something tells the truth out of sample.

How well is always told on rows that were not learnt from, so that a column of many values finds nothing by chance; and
it must lie many standard errors above the constant, so that a check of a hundred columns finds nothing by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType, Role
from bakeoff.tables.annotations import JOINT, labels_of
from bakeoff.tables.remarks import Remark
from bakeoff.tables.sentences import rows

if TYPE_CHECKING:
    from bakeoff.tables.standard import TableData

SAMPLE = 10_000  # rows by which it is estimated how well something tells the truth
RARE = 50  # rows of a rare class that are taken into the sample beyond its share
LEAST = 40  # rows below which nothing is estimated
SIGMAS = 6.0  # standard errors above the constant, so that a million comparisons find nothing by chance
LISTED = 100  # row numbers kept with a remark


@dataclass(frozen=True)
class Examined:
    """A table to be checked, with what only its source knew.

    `order` (n,) is the raw row, from 0, of each standard row; `image_names` are the paths of a column's pictures as
    given, (n,) in standard order; `raw_parts` (raw rows,) says which file a raw row came from, None for one file, and
    `raw_numbers` (raw rows,) are the rows' numbers in their file, None where they count up from 1 without a gap.
    """

    data: TableData
    order: Array
    image_names: Mapping[str, Array] = field(default_factory=dict)
    raw_parts: Array | None = None
    raw_numbers: Array | None = None


@dataclass(frozen=True)
class Evidence:
    """A table as its checks see it.

    `truth` (n,) are class numbers (int64) or quantities (float64); `classes` are the names of the classes, empty for a
    quantity. `sample` are the places of the rows by which things are estimated, and `cells` the sampled cells of each
    column, `tellings` how well each tells the truth, and `doubled` the places of test rows that have a twin in train,
    all filled in as the checks go on.
    """

    examined: Examined
    target: Column
    features: tuple[Column, ...]
    truth: Array
    classes: tuple[str, ...]
    sample: Array
    cells: dict[str, Any] = field(default_factory=dict)
    tellings: dict[str, Telling] = field(default_factory=dict)
    doubled: set[int] = field(default_factory=set)

    @property
    def data(self) -> TableData:
        """The table itself."""
        return self.examined.data

    @property
    def told(self) -> bool:
        """Whether the truth is a class or a quantity, which another column could tell."""
        return bool(self.classes) or self.target.type is ColumnType.NUMERIC

    @property
    def sampled_truth(self) -> Array:
        """The truth of the sampled rows."""
        return self.truth[self.sample]

    def where(self, places: Array) -> str:
        """The rows at these places of the standard form, as a person finds them in the source."""
        wrong = np.zeros(self._raw_rows(), bool)
        wrong[self.examined.order[places]] = True
        return rows(wrong, self.examined.raw_parts, self.examined.raw_numbers)

    def remark(self, check: str, text: str, column: str = "", places: Array | None = None) -> Remark:
        """A remark, with the numbers of its rows as they stand in the source."""
        return Remark(check, text, column, () if places is None else self._numbers(places))

    def _numbers(self, places: Array) -> tuple[int, ...]:
        raw, parts = np.sort(self.examined.order[places])[:LISTED], self.examined.raw_parts
        if self.examined.raw_numbers is not None:
            return tuple(map(int, self.examined.raw_numbers[raw]))
        if parts is None:
            return tuple(int(row) + 1 for row in raw)
        within = {part: np.cumsum(parts == part) for part in dict.fromkeys(parts[raw])}
        return tuple(int(within[parts[row]][row]) for row in raw)

    def _raw_rows(self) -> int:
        known = self.examined.raw_numbers if self.examined.raw_parts is None else self.examined.raw_parts
        return int(self.examined.order.max(initial=-1)) + 1 if known is None else len(known)


def gather(examined: Examined) -> Evidence:
    """The evidence of a table: its truth as numbers, and a seeded sample of its rows, rare classes among them."""
    import pandas as pd

    data = examined.data
    target = data.table.of_role(Role.TARGET)[0]
    features = tuple(column for column in data.table.columns if column.role is not Role.TARGET)
    names: Any = []
    if target.type is ColumnType.NUMERIC:
        truth = data.column(target.name).to_numpy(np.float64)
    elif target.type is ColumnType.CATEGORICAL or data.settings.kind == JOINT:
        codes, names = _classes(data, target.name)
        truth = codes.astype(np.int64)
    else:
        truth = pd.factorize(data.column(target.name))[0].astype(np.int64)
    classes = tuple(map(str, names))
    return Evidence(examined, target, features, truth, classes, _sample(truth, len(classes), data.split.seed))


def _classes(data: TableData, name: str) -> tuple[Array, Any]:
    """The number of each row's class (n,), -1 for none, and the names of the classes in order."""
    import pandas as pd

    held = data.cells.coded(name) if data.settings.kind != JOINT else None
    if held is None:
        cells = data.column(name)
        return pd.factorize(cells if data.settings.kind != JOINT else labels_of(cells), sort=True)
    occurring = held.counts() > 0
    places = np.full(len(occurring) + 1, -1)
    places[:-1][occurring], names = pd.factorize(held.different()[occurring], sort=True)
    return places[held.codes], names


def _sample(truth: Array, classes: int, seed: int) -> Array:
    if len(truth) <= SAMPLE:
        return np.arange(len(truth))
    order = np.random.default_rng([seed, 7]).permutation(len(truth))
    taken = order[:SAMPLE]
    if 1 < classes <= 100:
        short = np.flatnonzero(np.bincount(truth[taken], minlength=classes) < RARE)
        extra = [found[:RARE] for one in short if len(found := order[SAMPLE:][truth[order[SAMPLE:]] == one])]
        taken = np.concatenate([taken, *extra])
    return np.sort(taken)


@dataclass(frozen=True)
class Telling:
    """How well something tells the truth out of sample.

    `skill` is 0 for the constant and 1 for perfect: (accuracy - constant's) / (1 - constant's) of classes, R^2 of a
    quantity. `sigmas` is the distance from the constant in standard errors.
    """

    skill: float = 0.0
    sigmas: float = 0.0

    def reaches(self, skill: float) -> bool:
        """Whether the skill is this much at least, and no chance."""
        return self.skill >= skill and self.sigmas >= SIGMAS


def by_values(codes: Array, truth: Array) -> Telling:
    """How well the truth of the other half of the rows with the same value (m,) tells a row's truth (m,)."""
    return _cross_fitted(codes, truth, _looked_up)


def by_order(numbers: Array, truth: Array) -> Telling:
    """How well thresholds on numbers (m,), NaN where missing, tell the truth (m,): a tree grown on the other half."""
    return _cross_fitted(numbers, truth, _grown)


def by_answers(answers: Array, truth: Array) -> Telling:
    """How well given class numbers (m,), -1 for none, agree with the true ones (m,)."""
    if len(truth) < LEAST:
        return Telling()
    return _of_classes(answers == truth, truth)


def _cross_fitted(seen: Array, truth: Array, fitted: Any) -> Telling:
    if len(truth) < LEAST:
        return Telling()
    first = np.random.default_rng([len(truth), 11]).permutation(len(truth)) < len(truth) // 2
    answers = np.empty(len(truth), truth.dtype)
    for half in (first, ~first):
        answers[half] = fitted(seen[~half], truth[~half], seen[half])
    if truth.dtype.kind == "i":
        return _of_classes(answers == truth, truth)
    spread = float(((truth - truth.mean()) ** 2).sum())
    skill = 1.0 - float(((truth - answers) ** 2).sum()) / spread if spread > 0 else 0.0
    return Telling(skill, float(np.sqrt(len(truth) * max(skill, 0.0))))


def _of_classes(right: Array, truth: Array) -> Telling:
    base = float(np.bincount(truth).max()) / len(truth)
    if base >= 1.0:
        return Telling()
    share = float(right.mean())
    return Telling((share - base) / (1 - base), (share - base) / float(np.sqrt(base * (1 - base) / len(truth))))


def _looked_up(seen: Array, truth: Array, asked: Array) -> Array:
    """The most common class, or the mean, of each asked value among the seen ones; of all where it was not seen."""
    size = int(max(seen.max(initial=0), asked.max(initial=0))) + 1
    if truth.dtype.kind == "f":
        counts = np.bincount(seen, minlength=size)
        sums = np.bincount(seen, weights=truth, minlength=size)
        means: Array = np.where(counts > 0, sums / np.maximum(counts, 1), truth.mean())
        return means[asked]
    many = int(truth.max()) + 1
    pairs, counts = np.unique(seen * many + truth, return_counts=True)
    order = np.lexsort((counts, pairs // many))
    answers = np.full(size, np.bincount(truth).argmax())
    # The last of each value in this order is its most common class.
    answers[pairs[order] // many] = pairs[order] % many
    return answers[asked]


def _grown(seen: Array, truth: Array, asked: Array) -> Array:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if truth.dtype.kind == "f":
        tree = DecisionTreeRegressor(max_leaf_nodes=512, random_state=0)
    else:
        classes = len(np.unique(truth))
        if 2 * classes > len(truth):  # most classes have one row, of which nothing can be learnt
            return np.full(len(asked), np.bincount(truth).argmax())
        tree = DecisionTreeClassifier(max_leaf_nodes=int(np.clip(4 * classes, 16, 256)), random_state=0)
    return tree.fit(seen.reshape(-1, 1), truth).predict(asked.reshape(-1, 1))


def numbered(series: Any) -> Array:
    """A column of numbers or dates as float64 (m,), NaN where missing."""
    if series.dtype.kind == "M":
        values = series.to_numpy().astype("datetime64[us]")
        return np.where(np.isnat(values), np.nan, values.astype(np.int64) / 1e6)
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def coded(series: Any) -> Array:
    """A column's values as whole numbers from 0 (m,), with one of its own for missing."""
    import pandas as pd

    if series.dtype == object:
        series = series.map(named_by_content, na_action="ignore")
    codes = pd.factorize(series)[0].astype(np.int64)
    return np.where(codes < 0, codes.max(initial=-1) + 1, codes)


def named_by_content(cell: Any) -> Any:
    """What stands for a picture where cells are compared: the digest that it carries, or its bytes."""
    return getattr(cell, "name", cell)


def is_ordered(column: Column) -> bool:
    """Whether a column's values lie on a line: numbers and dates."""
    return column.type in (ColumnType.NUMERIC, ColumnType.DATETIME)
