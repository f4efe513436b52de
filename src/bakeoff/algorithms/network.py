"""The network baseline: an encoder for each type of column, a residual trunk, calibrated on held-out rows."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from bakeoff.algorithms.columns import columns_of
from bakeoff.algorithms.table_network import SEEDS, batch_for, encoders_for, least_texts, shape_for
from bakeoff.errors import Declined, MissingExtra
from bakeoff.extras import need
from bakeoff.nouns import Array, Frame, Schema
from bakeoff.training.calibration import Temperature
from bakeoff.training.clock import Clock
from bakeoff.training.encoders import Encoder
from bakeoff.training.encoders.pictures import Pictures
from bakeoff.training.encoders.texts import Sequence, SequenceStyle
from bakeoff.training.history import History
from bakeoff.training.preparation import DataStep, Known, Preparation
from bakeoff.training.reader import TableReader
from bakeoff.training.recipe import Recipe

with suppress(MissingExtra):  # imported with the entry, outside the clock; its absence is declined in fit
    need("torch._dynamo", "neural")  # what torch's optimisers would import when the first one is made

SHARE = 0.8  # of the time budget is for fitting: what is left is for answers


@dataclass(frozen=True)
class NetworkOptions:
    """What can be chosen: `texts` bag, convolution, recurrent or transformer; `numbers` piecewise, periodic or linear;

    `epochs` at most, `members` fitted one after another with other rows held out, so far as time allows, their answers
    averaged; `device` cpu or cuda, and `mixed` precision there; `known` holds vocabularies, categories and ranges that
    are public, so that they are not taken from training rows. With `privacy`, an epsilon or a `bakeoff.privacy.Budget`,
    the whole fit stays within it: one member, texts as hashed bags, as many epochs as were planned.
    """

    texts: str = "bag"
    numbers: str = "piecewise"
    epochs: int = 25
    members: int = 3
    device: str = "cpu"
    mixed: bool = False
    known: Known | None = None
    privacy: Any = None


@dataclass(frozen=True)
class Member:
    """One fitted network, its temperature, and how its fit went."""

    network: Any
    temperature: Temperature
    history: History


class Network:
    """A neural network for any mix of columns, classification and regression, within the time budget.

    Declined when torch is not installed, or when the task is neither classification nor regression. `steps_` are the
    data steps of the fit, `members_` its networks with their epochs; `repeatable_` is False where the clock had a hand
    in the fit. After a private fit `ledger_` holds what was spent, and `claim_` what may be claimed.
    """

    def __init__(self, **options: Any) -> None:
        self.options = NetworkOptions(**options)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What it was made with, by name."""
        return {one.name: getattr(self.options, one.name) for one in fields(self.options)}

    def set_params(self, **parameters: Any) -> Network:
        """Change what it was made with; ValueError for a name that there is not."""
        unknown = sorted(set(parameters) - set(self.get_params()))
        if unknown:
            raise ValueError(f"Network has no parameter {unknown[0]!r}; it has {', '.join(self.get_params())}.")
        self.options = replace(self.options, **parameters)
        return self

    def fit(self, X: Frame, y: Array, *, schema: Schema, owners: Any = None) -> Network:
        """Learn from training rows, some of which are held out to tell when to stop and how sure to be.

        `owners` tells whose each row is, for a private fit that protects owners; a column of that role will do too.
        """
        clock = Clock(SHARE * schema.time_budget)
        if schema.kind not in ("classification", "regression"):
            raise Declined(f"The baseline 'network' classifies and estimates numbers; this task is {schema.kind}.")
        try:
            need("torch", "neural")
        except MissingExtra as missing:
            raise Declined(str(missing)) from missing
        if self.options.privacy is not None:
            return self._learn_privately((X, y, owners), schema, clock)
        preparation = Preparation(self.options.known)
        self.reader_ = TableReader(self._encoders(X, schema)).learn(X, preparation)
        y = np.asarray(y)
        if schema.classes:
            present = set(np.unique(y).tolist())
            # A class without a training row would be taught by nobody that it is rare.
            self.classes_ = np.array([label for label in schema.classes if label in present], dtype=y.dtype)
        self._learn(X, y, schema, preparation, clock)
        self.steps_: tuple[DataStep, ...] = preparation.steps
        return self

    def _learn_privately(self, given: tuple[Frame, Array, Any], schema: Schema, clock: Clock) -> Network:
        from bakeoff.algorithms.private_table import PrivateTable, fit_network, rows_of
        from bakeoff.privacy.spending import Spending

        spending = Spending(self.options.privacy)
        X, y, owners = given
        rows = rows_of(X, y, schema, spending, owners)
        table = PrivateTable(rows, schema, spending, self.options.known, clock)
        model = fit_network(table, self.options.numbers, self.options.epochs)
        self.reader_, self.ledger_ = model.reader, spending.ledger
        if schema.classes:
            self.classes_ = table.classes
        self.members_: list[Member] = [Member(model.network, Temperature(), model.history)]
        self.repeatable_ = False  # nobody can draw the noise again
        self.claim_ = table.claim()
        self.steps_ = table.told
        return self

    def _encoders(self, X: Frame, schema: Schema) -> list[Encoder]:
        columns = columns_of(schema, X.drop(columns=[name for name in schema.fit_only if name in X.columns]))
        found = encoders_for(columns, X, self.options.numbers)
        if self.options.texts != "bag":
            least = least_texts(len(X))
            found += [Sequence(name, SequenceStyle(kind=self.options.texts, least=least)) for name in columns.text]
        found += [Pictures(name) for name in columns.image]
        if not found:
            raise Declined("The baseline 'network' found no column to read: every one is absent when it is asked.")
        return found

    def _learn(self, X: Frame, y: Array, schema: Schema, preparation: Preparation, clock: Clock) -> None:
        from bakeoff.training.fitting import fit
        from bakeoff.training.heads import head_for
        from bakeoff.training.network import TableNetwork
        from bakeoff.training.seeding import seeded

        asked = replace(schema, classes=tuple(self.classes_.tolist())) if schema.classes else schema
        shape = shape_for(len(X))
        head = head_for(asked, shape.width, y, preparation)
        records = self.reader_.read(X, head.targets(y))
        self.members_ = []
        self.repeatable_ = True
        longest = 0.0
        for number in range(self.options.members):
            # The first is worth more than all the others: they get the time that it leaves.
            if number and clock.left() < longest:
                self.repeatable_ = False
                break
            began = clock.elapsed()
            recipe = self._recipe(len(X), schema, number)
            with seeded(recipe.seed):
                network = TableNetwork(self.reader_.encoders, shape, copy.deepcopy(head))
            found = fit(network, records, recipe, clock=clock)
            self.repeatable_ = self.repeatable_ and not found.history.timed
            self.members_.append(self._calibrated(found, records, preparation))
            longest = max(longest, clock.elapsed() - began)

    def _calibrated(self, found: Any, records: Any, preparation: Preparation) -> Member:
        from bakeoff.training.seeding import threads

        for step in found.steps:
            preparation.taken(step.name, step.column, step.size, step.rows, step.detail)
        temperature = Temperature()
        if hasattr(self, "classes_") and len(found.held_out):
            held = records.take(found.held_out)
            with threads(1):
                outputs = found.network.outputs(held, device=self.options.device)
            temperature = Temperature.found(outputs, held.targets)
            preparation.taken("temperature", "", 1, len(held), f"{temperature.value:.3g}")
        return Member(found.network.to("cpu"), temperature, found.history)

    def _recipe(self, rows: int, schema: Schema, number: int) -> Recipe:
        return Recipe(
            epochs=self.options.epochs,
            batch=batch_for(rows),
            seed=schema.seed + number * SEEDS,
            threads=schema.threads,
            device=self.options.device,
            mixed=self.options.mixed,
        )

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_): the mean over the members, each with its own temperature."""
        from bakeoff.training.seeding import threads

        records = self.reader_.read(X)
        with threads(1):
            told = [member.temperature.probabilities(member.network.outputs(records)) for member in self.members_]
        return np.mean(told, axis=0)

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        if hasattr(self, "classes_"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        from bakeoff.training.seeding import threads

        records = self.reader_.read(X)
        with threads(1):
            return np.mean([member.network.answers(records)[:, 0] for member in self.members_], axis=0)
