"""Datetime columns: the time that has passed as a number, and where in the year, month, week and day it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Frame
from bakeoff.training.encoders.numeric import Numeric, NumericStyle
from bakeoff.training.preparation import Preparation
from bakeoff.training.reading import moments

PERIODS = 4  # year, month, week, day
PARTS = 2 * PERIODS


class Dates:
    """All datetime columns of a table: elapsed days as a numeric column, and the calendar as sines and cosines."""

    name = "datetime"

    def __init__(self, columns: Sequence[str], style: NumericStyle | None = None) -> None:
        self.columns = tuple(columns)
        self.elapsed = Numeric(self.columns, style)

    def learn(self, X: Frame, preparation: Preparation) -> None:
        """The scale of elapsed days; the calendar is known to everybody."""
        self.elapsed.learn_values(moments(X, self.columns), preparation)
        for name in self.columns:
            preparation.public("calendar", name, PARTS)

    def read(self, X: Frame) -> Mapping[str, Array]:
        """As Numeric, with `calendar` float32 (rows, columns x 8); a missing date has zeros."""
        days = moments(X, self.columns)
        return {**self.elapsed.read_values(days), "calendar": calendar(days)}

    def layers(self) -> Any:
        """Numeric layers of what has passed, beside the calendar."""
        from bakeoff.training.layers.dates import DateLayers

        return DateLayers(self.elapsed.layers(), PARTS * len(self.columns))


def calendar(days: Array) -> Array:
    """Sine and cosine of the place in year, month, week and day, float32 (rows, columns x 8), of days since 1970."""
    known = np.isfinite(days)
    filled = np.where(known, days, 0.0)
    dates = np.floor(filled).astype("int64").astype("datetime64[D]")
    year, month = dates.astype("datetime64[Y]"), dates.astype("datetime64[M]")
    places = [
        (dates - year.astype("datetime64[D]")).astype(float) / 365.25,
        (dates - month.astype("datetime64[D]")).astype(float) / 31,
        np.mod(np.floor(filled) + 3, 7) / 7,  # the first of January 1970 was a Thursday
        filled - np.floor(filled),
    ]
    angles = 2 * np.pi * np.stack(places, axis=-1)
    found = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1) * known[..., None]
    return found.reshape(len(days), -1).astype(np.float32)
