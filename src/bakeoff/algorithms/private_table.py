"""Networks and linear models of a table under a privacy budget: nothing of training rows is used but what is accounted.

Classes and column types come from the task, which is public. The number of records, bins, categories and a target's
scale are asked privately. Texts are hashed. How long to learn is fixed beforehand, no row is held out, and nothing is
chosen by how well it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.columns import Columns, columns_of
from bakeoff.errors import Declined, UsageError
from bakeoff.nouns import Array, Frame, Role, Schema
from bakeoff.privacy.poisson import Units
from bakeoff.privacy.preparing import Columns as Wanted
from bakeoff.privacy.preparing import prepared
from bakeoff.privacy.spending import Members, Spending
from bakeoff.training.clock import Clock
from bakeoff.training.preparation import DataStep, Known, Preparation
from bakeoff.training.reader import TableReader
from bakeoff.training.reading import moments, numbers, strings
from bakeoff.training.recipe import Recipe

MOST = 8  # records of one owner that are learnt from
STEPS = 24  # batches of an epoch
BOUND = 10.0  # of a network's gradients: about their usual length, since a shorter one makes networks too sure
LARGEST = 2_048
VALUE_SLOTS, TEXT_SLOTS = 64, 1 << 13


@dataclass(frozen=True)
class Rows:
    """Training rows as they may be learnt from: at most MOST of each unit; `units` None where each is its own."""

    X: Frame
    y: Array
    units: Array | None

    @property
    def most(self) -> int:
        """The most rows of one unit, a public bound."""
        return 1 if self.units is None else MOST


def rows_of(X: Frame, y: Array, schema: Schema, spending: Spending, owners: Any = None) -> Rows:
    """The rows, and whose each is when owners are protected, at most MOST of each.

    UsageError where owners are protected and nobody says whose each row is.
    """
    y = np.asarray(y)
    if spending.budget.unit != "owner":
        return Rows(X, y, None)
    names = [column.name for column in schema.columns if column.role is Role.OWNER and column.name in X.columns]
    if owners is None and not names:
        raise UsageError(
            "Owners are to be protected, and nothing says whose each row is; let entries see the owner column in fit "
            '(owner = "fit"), or give fit the owners of all rows as owners=.'
        )
    held = np.asarray(X[names[0]].astype(str) if owners is None else [str(one) for one in owners])
    if len(held) != len(X):
        raise UsageError(f"There are {len(X)} rows and {len(held)} owners; give one owner for each row.")
    # Chosen for each owner by itself: whose rows are taken must not depend on who else is there.
    kept = np.sort(Units(held, MOST).positions)
    return Rows(X.iloc[kept], y[kept], np.unique(held[kept], return_inverse=True)[1])


class PrivateTable:
    """What several models of one table share: a budget, the rows, what was asked of them, and the head."""

    def __init__(
        self, rows: Rows, schema: Schema, spending: Spending, known: Known | None = None, clock: Clock | None = None
    ) -> None:
        self.rows, self.schema, self.spending, self.clock = rows, schema, spending, clock
        hidden = {*schema.fit_only, *(column.name for column in schema.columns if column.role is Role.OWNER)}
        self.columns = columns_of(schema, rows.X.drop(columns=[name for name in hidden if name in rows.X.columns]))
        self.known = self._asked(known or Known())
        self.preparation = Preparation(self.known)
        # All classes of the task, whether a row has them or not: which have one would tell of rows.
        if schema.classes:
            kind = object if rows.y.dtype == object else None
            self.classes = np.array(schema.classes, dtype=kind)
        self._fitted: list[DataStep] = []

    def _asked(self, known: Known) -> Known:
        X, columns = self.rows.X, self.columns
        days = moments(X, columns.datetime)
        values = numbers(X, columns.numeric)
        wanted = Wanted(
            numbers={
                **{name: values[:, place] for place, name in enumerate(columns.numeric)},
                **{name: days[:, place] for place, name in enumerate(columns.datetime)},
            },
            categories={name: strings(X, name) for name in columns.categorical},
            target=None if self.schema.classes else np.asarray(self.rows.y, dtype=np.float64),
            units=self.rows.units,
            most=self.rows.most,
        )
        return prepared(wanted, len(X), known, self.spending.allowance)

    @property
    def members(self) -> Members:
        """Who is drawn for a step."""
        return Members(self.known.records, self.rows.units, self.rows.most)

    def recipe(self, epochs: int, rate: float, seed: int) -> Recipe:
        """Large batches, no held-out rows, no decay and no clipping but the regime's own."""
        size = int(np.clip(2 ** round(np.log2(max(self.known.records, 2) / STEPS)), 16, LARGEST))
        return Recipe(
            epochs=epochs,
            batch=size,
            rate=rate,
            decay=0.0,
            clip=0.0,
            held_out=0.0,
            seed=seed,
            threads=self.schema.threads,
        )

    def fit(self, network: Any, reader: TableReader, recipe: Recipe, bound: float, share: float = 1.0) -> Any:
        """Fit a network with a share of what is left of the budget; each unit's gradient is shortened to `bound`."""
        from bakeoff.privacy.clipping import Flat
        from bakeoff.training.fitting import fit

        records = reader.read(self.rows.X, network.head.targets(self.rows.y))
        regime = self.spending.regime(recipe, self.members, Flat(bound), share)
        found = fit(network, records, recipe, regime=regime, clock=self.clock)
        self._fitted += found.steps
        return found

    @property
    def told(self) -> tuple[DataStep, ...]:
        """Every data step so far."""
        return (*self.preparation.steps, *self._fitted)

    def claim(self) -> dict[str, Any]:
        """What may be claimed after all fits; NoGuarantee where a step is not accounted for."""
        return self.spending.told(self.told)


@dataclass(frozen=True)
class Model:
    """A fitted network and what reads rows for it."""

    reader: TableReader
    network: Any
    history: Any

    def answers(self, X: Frame) -> Array:
        """Probabilities float64 (rows, classes), or numbers (rows, 1)."""
        from bakeoff.training.seeding import threads

        with threads(1):
            return np.asarray(self.network.answers(self.reader.read(X)))


def fit_network(table: PrivateTable, numeric: str = "piecewise", epochs: int = 20, share: float = 1.0) -> Model:
    """An encoder for each type of column and a residual trunk, without dropout: noise does what it was for."""
    from bakeoff.training.heads import head_for
    from bakeoff.training.network import TableNetwork, TrunkShape
    from bakeoff.training.seeding import seeded

    shape = TrunkShape(width=64, depth=1, dropout=0.0, entry=0.0)
    encoders = _encoders(table.columns, numeric)
    reader = TableReader(encoders).learn(table.rows.X, table.preparation)
    head = head_for(table.schema, shape.width, table.rows.y, table.preparation)
    recipe = table.recipe(epochs, 1e-2, table.schema.seed)
    with seeded(recipe.seed):
        network = TableNetwork(encoders, shape, head)
    found = table.fit(network, reader, recipe, BOUND, share)
    return Model(reader, found.network, found.history)


def fit_linear(table: PrivateTable, epochs: int = 20, share: float = 1.0) -> Model:
    """Logistic or linear regression on binned, one-hot and hashed features."""
    from bakeoff.training.encoders.sparse import ByType, Sparse
    from bakeoff.training.layers.sparse import Given, PlainClassHead, PlainNumberHead
    from bakeoff.training.network import TableNetwork

    schema, columns = table.schema, table.columns
    outputs = len(schema.classes) or 1
    encoder = Sparse(ByType(columns.numeric, columns.datetime, columns.categorical, columns.text), outputs)
    reader = TableReader([encoder]).learn(table.rows.X, table.preparation)
    head: Any
    if schema.classes:
        head = PlainClassHead(schema.classes)
    else:
        low, high = table.known.target or (-1.0, 1.0)
        head = PlainNumberHead((low + high) / 2, (high - low) / 12**0.5)
    network = TableNetwork([encoder], Given(outputs), head)
    found = table.fit(network, reader, table.recipe(epochs, 0.1, schema.seed), 1.0, share)
    return Model(reader, found.network, found.history)


def _encoders(columns: Columns, numeric: str) -> list[Any]:
    from bakeoff.training.encoders.categories import Categories
    from bakeoff.training.encoders.dates import Dates
    from bakeoff.training.encoders.numeric import Numeric, NumericStyle
    from bakeoff.training.encoders.pictures import Pictures
    from bakeoff.training.encoders.texts import Bag, BagStyle

    style = NumericStyle(style=numeric)
    found: list[Any] = []
    if columns.numeric:
        found.append(Numeric(columns.numeric, style))
    if columns.datetime:
        found.append(Dates(columns.datetime, style))
    if columns.categorical:
        found.append(Categories(columns.categorical, slots=VALUE_SLOTS))
    found += [Bag(name, BagStyle(slots=TEXT_SLOTS, dropout=0.0)) for name in columns.text]
    found += [Pictures(name) for name in columns.image]
    if not found:
        raise Declined("There is no column to read: every one is absent when it is asked.")
    return found
