"""What the baselines read from a frame, by column type.

A column that is told in the schema but absent from the rows reads as missing: a column may be shown in fit alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bakeoff.errors import Declined
from bakeoff.nouns import Array, ColumnType, Frame, Schema
from bakeoff.training.reading import numbers, strings

__all__ = ["Columns", "columns_of", "dates", "numbers", "readable_columns", "strings"]

DATE_PARTS = 8


@dataclass(frozen=True)
class Columns:
    """Names of the visible columns by what can be done with them; tokens are read as text."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    text: tuple[str, ...]
    datetime: tuple[str, ...]
    image: tuple[str, ...]

    @property
    def without_images(self) -> int:
        """How many columns there are besides images."""
        return len(self.numeric) + len(self.categorical) + len(self.text) + len(self.datetime)


def columns_of(schema: Schema, X: Frame) -> Columns:
    """The schema's columns that the training rows have, by type."""

    def of(*types: ColumnType) -> tuple[str, ...]:
        return tuple(name for name in schema.of_type(*types) if name in X.columns)

    return Columns(
        numeric=of(ColumnType.NUMERIC),
        categorical=of(ColumnType.CATEGORICAL),
        text=of(ColumnType.TEXT, ColumnType.TOKENS),
        datetime=of(ColumnType.DATETIME),
        image=of(ColumnType.IMAGE),
    )


def readable_columns(schema: Schema, X: Frame, who: str) -> Columns:
    """As columns_of, for a baseline that does not read images; Declined when nothing else is there."""
    columns = columns_of(schema, X)
    if not columns.without_images:
        raise Declined(f"The baseline {who!r} does not read images, and this table has no other column.")
    return columns


def dates(X: Frame, names: tuple[str, ...]) -> Array:
    """Datetime columns as float64 (rows, DATE_PARTS x names); a missing date is NaN in all its parts.

    The parts are days since 1970, month, day, weekday, hour, minute, and the season as sine and cosine.
    """
    parts = [np.empty((len(X), 0))]
    for name in names:
        raw = X[name] if name in X.columns else pd.Series(pd.NaT, index=X.index)
        when = pd.DatetimeIndex(pd.to_datetime(raw, errors="coerce", utc=True))
        days = (when - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta(days=1)
        angle = np.asarray(when.day_of_year, dtype=np.float64) * (2 * np.pi / 365.25)
        fields = [days, when.month, when.day, when.day_of_week, when.hour, when.minute, np.sin(angle), np.cos(angle)]
        parts.append(np.column_stack([np.asarray(field, dtype=np.float64) for field in fields]))
    return np.hstack(parts)
