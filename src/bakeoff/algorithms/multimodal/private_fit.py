"""The ensemble under a privacy budget: members whose whole path is accounted, weighed by a rule that asks no row.

Which members take part follows from the types of columns and from the noisy number of rows; each has an equal part of
the budget and an equal weight. The others sit out, and it is told why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.multimodal.roster import ROSTER
from bakeoff.algorithms.multimodal.told import MemberTold, MoreTime
from bakeoff.algorithms.private_table import Model, PrivateTable, fit_linear, fit_network, rows_of
from bakeoff.errors import Declined, UsageError
from bakeoff.nouns import Array, Frame, Schema
from bakeoff.privacy.spending import Spending
from bakeoff.training.clock import Clock

MANY = 50_000  # rows from which a network learns more than it costs a linear model beside it
WHY_NOT = {
    "constant": "the others know the shares of classes better",
    "boosting": "its trees are grown on training rows without a mechanism",
    "boosting on linear": "its trees are grown on training rows without a mechanism",
    "boosting with text": "its trees are grown on training rows without a mechanism",
    "extra trees": "its trees are grown on training rows without a mechanism",
    "sentences": "its classifier is fitted without a mechanism",
    "pictures": "its classifier is fitted without a mechanism",
}


@dataclass(frozen=True)
class PrivateEnsemble:
    """The mean of its members' answers."""

    models: tuple[Model, ...]

    def answers(self, X: Frame) -> Array:
        """Probabilities float64 (rows, classes), or numbers (rows, 1)."""
        return np.mean([model.answers(X) for model in self.models], axis=0)


@dataclass(frozen=True)
class PrivateFit:
    """What came of a private fit: the ensemble, the ledger and its claim, and what is told of members."""

    ensemble: PrivateEnsemble
    classes: Array | None
    ledger: Any
    claim: dict[str, Any]
    told: tuple[MemberTold, ...]
    records: int


def fit_privately(
    X: Frame,
    y: Array,
    schema: Schema | None,
    asked: tuple[Any, Any, Sequence[str] | None],
    clock: Clock,
) -> PrivateFit:
    """Fit what can be accounted; `asked` are the privacy, whose each row is, and the members that are wanted.

    A fit that the clock ends has spent less. UsageError without a schema, and where no wanted member can take part.
    """
    privacy, owners, wanted = asked
    if schema is None:
        raise UsageError(
            "A private fit needs a schema: column types and classes that are told by the rows would tell of them. "
            "Give schema=, or run it on a table with `bakeoff privacy fit`."
        )
    unable = sorted(set(wanted or ()) & set(WHY_NOT) - {"constant"})
    if unable:
        raise UsageError(
            f"The member {unable[0]!r} cannot take part in a private fit: {WHY_NOT[unable[0]]}; linear, network can."
        )
    spending = Spending(privacy)
    table = PrivateTable(rows_of(X, y, schema, spending, owners), schema, spending, clock=clock)
    chosen, absent = _chosen(table, wanted)
    models, told = [], []
    for place, name in enumerate(chosen):
        began = clock.elapsed()
        share = 1 / (len(chosen) - place)
        models.append(fit_network(table, share=share) if name == "network" else fit_linear(table, share=share))
        told.append(MemberTold(name, clock.elapsed() - began, None, 1 / len(chosen)))
    told += [MemberTold(name, 0.0, None, 0.0, f"sat out: {why}") for name, why in absent.items()]
    classes = table.classes if schema.classes else None
    ensemble = PrivateEnsemble(tuple(models))
    return PrivateFit(ensemble, classes, spending.ledger, table.claim(), tuple(told), table.known.records)


def _chosen(table: PrivateTable, wanted: Sequence[str] | None) -> tuple[list[str], dict[str, str]]:
    """The members that take part, and why the others do not."""
    columns, records = table.columns, table.known.records
    useless = {"pictures": not columns.image, "sentences": not columns.text, "boosting with text": not columns.text}
    absent = {name: WHY_NOT[name] for name in ROSTER if name in WHY_NOT and wanted is None and not useless.get(name)}
    if not columns.without_images and not columns.image:
        raise Declined("There is no column to read: every one is absent when it is asked.")
    able = [name for name in ("linear", "network") if name == "network" or columns.without_images]
    if wanted is not None:
        chosen = [name for name in able if name in wanted]
        if not chosen:
            raise UsageError(f"None of the members {', '.join(wanted)} can take part in a private fit of this table.")
        return chosen, absent
    if columns.image or records >= MANY:
        return able, absent
    absent["network"] = "a linear model alone does better with the whole budget on so few rows"
    return ["linear"], absent


NOTHING_MORE = MoreTime((), 0.0, 0.0)
