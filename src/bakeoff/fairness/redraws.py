"""What would be seen if the truth were another one: values of groups drawn anew around any values.

Shares of rows have the spread of whatever truth they are drawn around, on a scale on which it is the same everywhere
(Anscombe, 1948, "The transformation of Poisson, binomial and negative-binomial data", Biometrika 35); a group without a
single hit is drawn as one that may have had some. Other figures keep the deviations of their resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bakeoff.nouns import Array

RIGHT = np.pi / 2  # a share of 1 on Anscombe's scale


class Redraws(Protocol):
    """Values (groups,) drawn anew (groups, draws), jointly for all groups."""

    def around(self, truth: Array) -> Array:
        """Values that are seen where the truth is this, (groups, draws)."""

    def beyond(self, values: Array, by: Array) -> Array:
        """Values (groups,) moved by so many standard errors (groups,)."""

    def errors(self, values: Array) -> Array:
        """Standard errors (groups,)."""

    def needed(self, seen: float) -> Array:
        """The least truth from which each draw of a group is at least what was seen, (groups, draws)."""

    def mirrored(self) -> Redraws:
        """The same of mirrored values."""


@dataclass(frozen=True)
class Shifted:
    """Deviations (groups, draws) that are the same wherever the truth lies, NaN where a draw holds nothing."""

    deviations: Array

    def around(self, truth: Array) -> Array:
        """As `Redraws.around`."""
        return truth[:, None] + self.deviations

    def errors(self, values: Array) -> Array:
        """As `Redraws.errors`."""
        there = np.isfinite(self.deviations)
        count = np.maximum(there.sum(1), 1)
        held = np.where(there, self.deviations, 0.0)
        return np.asarray(np.sqrt(np.maximum((held**2).sum(1) / count - (held.sum(1) / count) ** 2, 0.0)))

    def beyond(self, values: Array, by: Array) -> Array:
        """As `Redraws.beyond`."""
        return np.asarray(values + by * self.errors(values))

    def needed(self, seen: float) -> Array:
        """As `Redraws.needed`."""
        return np.where(np.isfinite(self.deviations), seen - self.deviations, np.inf)

    def mirrored(self) -> Shifted:
        """As `Redraws.mirrored`."""
        return Shifted(-self.deviations)


@dataclass(frozen=True)
class Shares:
    """Shares of `rows` (groups,), with normal `noise` (groups, draws) of deviation 1; mirrored, 1 less the share."""

    rows: Array
    noise: Array

    def around(self, truth: Array) -> Array:
        """As `Redraws.around`."""
        angle = np.arcsin(np.sqrt(np.clip(truth, 0.0, 1.0)))[:, None] + self._off
        np.clip(angle, 0.0, RIGHT, out=angle)
        np.sin(angle, out=angle)
        np.square(angle, out=angle)
        angle *= 1 + 0.75 / self.rows[:, None]
        angle -= 0.375 / self.rows[:, None]
        return np.clip(angle, 0.0, 1.0, out=angle)

    def errors(self, values: Array) -> Array:
        """As `Redraws.errors`."""
        share = (values * self.rows + 0.375) / (self.rows + 0.75)
        return np.asarray(np.sqrt(share * (1 - share) / self.rows))

    def beyond(self, values: Array, by: Array) -> Array:
        """As `Redraws.beyond`."""
        moved = self._angle(values) + by * self._width[:, 0]
        return np.asarray(np.sin(np.clip(moved, 0.0, RIGHT)) ** 2)

    def needed(self, seen: float) -> Array:
        """As `Redraws.needed`."""
        angle = self._angle(np.full(len(self.rows), seen))[:, None] - self._off
        return np.where(angle > RIGHT, np.inf, np.sin(np.clip(angle, 0.0, RIGHT)) ** 2)

    def mirrored(self) -> Shares:
        """As `Redraws.mirrored`."""
        return Shares(self.rows, -self.noise)

    @property
    def _width(self) -> Array:
        return np.asarray(0.5 / np.sqrt(self.rows + 0.5))[:, None]

    @property
    def _off(self) -> Array:
        return np.asarray(self.noise * self._width)

    def _angle(self, values: Array) -> Array:
        return np.asarray(np.arcsin(np.sqrt((values * self.rows + 0.375) / (self.rows + 0.75))))
