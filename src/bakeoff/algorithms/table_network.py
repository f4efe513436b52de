"""What the network baseline and the network of an ensemble have in common: encoders, size and batches for a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from bakeoff.algorithms.columns import Columns
from bakeoff.nouns import Frame
from bakeoff.training.encoders import Encoder

MANY = 40  # from so many different values on, a category is read as a text too
SEEDS = 1_000_003  # between networks of one fit, so that no seed of a challenge meets another's
LEAST = 1_000  # rows from which on a term that comes once is left out
OFTEN = 500  # a value that comes less than once in so many rows is read as unseen


def least_texts(rows: int) -> int:
    """In how many texts a term must come to be read."""
    return 2 if rows >= LEAST else 1


def encoders_for(columns: Columns, X: Frame, numbers: str = "piecewise") -> list[Encoder]:
    """An encoder for each kind of column but pictures; a category of many values is read as a text too."""
    from bakeoff.training.encoders.categories import Categories
    from bakeoff.training.encoders.dates import Dates
    from bakeoff.training.encoders.numeric import Numeric, NumericStyle
    from bakeoff.training.encoders.texts import Bag, BagStyle

    style = NumericStyle(style=numbers)
    found: list[Encoder] = []
    if columns.numeric:
        found.append(Numeric(columns.numeric, style))
    if columns.datetime:
        found.append(Dates(columns.datetime, style))
    if columns.categorical:
        found.append(Categories(columns.categorical, least=int(np.clip(len(X) // OFTEN, 1, 10))))
    many = [name for name in columns.categorical if X[name].nunique() > MANY]
    return found + [Bag(name, BagStyle(least=least_texts(len(X)))) for name in (*columns.text, *many)]


def shape_for(rows: int) -> Any:
    """The trunk of a network that learns from so many rows."""
    from bakeoff.training.network import TrunkShape

    return TrunkShape(width=128 if rows < 20_000 else 192, depth=2, dropout=0.3, entry=0.2)


def batch_for(rows: int) -> int:
    """Records in a batch: a power of two, about a twentieth of the rows."""
    return int(np.clip(2 ** round(np.log2(max(rows, 2) / 20)), 16, 512))
