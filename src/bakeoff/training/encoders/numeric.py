"""Numeric columns: scaled, with bins at quantiles, a missing value as its own sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Frame
from bakeoff.training.preparation import Preparation
from bakeoff.training.reading import numbers

STYLES = ("piecewise", "periodic", "linear")
QUANTILES = 1_000
IQR_OF_NORMAL = 1.349


@dataclass(frozen=True)
class NumericStyle:
    """How numbers are embedded: `style` is piecewise, periodic or linear, `width` the features of each column.

    `bins` is the most bins of a piecewise-linear encoding; `frequencies` and `spread` are the number and the first
    standard deviation of a periodic embedding's frequencies.
    """

    style: str = "piecewise"
    width: int = 12
    bins: int = 24
    frequencies: int = 16
    spread: float = 0.1

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise UsageError(f"There is no style {self.style!r} for numbers; styles are {', '.join(STYLES)}.")


@dataclass(frozen=True)
class Scale:
    """One column's centre, scale, bin edges (scaled) and quantiles (as given; empty where not asked for)."""

    centre: float
    scale: float
    edges: tuple[float, ...]
    quantiles: tuple[float, ...]


class Numeric:
    """All numeric columns of a table; a column's values never meet another's before the trunk."""

    name = "numeric"

    def __init__(self, columns: Sequence[str], style: NumericStyle | None = None) -> None:
        self.columns = tuple(columns)
        self.style = style or NumericStyle()

    def learn(self, X: Frame, preparation: Preparation) -> None:
        """Centre, scale and bin edges of each column: from known ranges where they are given, else from the rows."""
        self.learn_values(numbers(X, self.columns), preparation)

    def learn_values(self, values: Array, preparation: Preparation) -> None:
        """As learn, of values float64 (rows, columns) with NaN where missing."""
        self.scales = []
        for name, column in zip(self.columns, values.T, strict=True):
            limits = preparation.known.ranges.get(name)
            quantiles = preparation.known.quantiles.get(name)
            if quantiles is not None:
                self.scales.append(self._of_quantiles(name, np.asarray(quantiles, dtype=np.float64), preparation))
            elif limits is not None:
                self.scales.append(self._known(name, limits, preparation))
            else:
                self.scales.append(self._taken(name, column[np.isfinite(column)], preparation))

    def _known(self, name: str, limits: tuple[float, float], preparation: Preparation) -> Scale:
        low, high = limits
        if not low < high:
            raise UsageError(f"The range of {name!r} is given as {low} to {high}; the first must be the smaller one.")
        scale = (high - low) / np.sqrt(12)  # the standard deviation of values spread evenly over the range
        edges = np.linspace(-np.sqrt(3), np.sqrt(3), self.style.bins + 1)
        quantiles = (low, high) if self.style.style == "periodic" else ()
        preparation.public("range", name, 2, f"{low:g} to {high:g}")
        return Scale((low + high) / 2, float(scale), tuple(edges.tolist()), quantiles)

    def _of_quantiles(self, name: str, given: Array, preparation: Preparation) -> Scale:
        if len(given) < 2 or (np.diff(given) < 0).any() or not np.isfinite(given).all():
            raise UsageError(f"The quantiles of {name!r} are at least two numbers in ascending order.")
        low, centre, high = np.quantile(given, [0.25, 0.5, 0.75])
        scale = float((high - low) / IQR_OF_NORMAL) or float(given.std()) or 1.0
        edges: Array = np.zeros(0)
        if self.style.style == "piecewise":
            edges = _edges(np.quantile(given, np.linspace(0, 1, self.style.bins + 1)), centre, scale)
        kept = tuple(given.tolist()) if self.style.style == "periodic" else ()
        preparation.public("bins", name, len(given), "quantiles")
        return Scale(float(centre), scale, tuple(edges.tolist()), kept)

    def _taken(self, name: str, known: Array, preparation: Preparation) -> Scale:
        if not len(known):
            preparation.taken("scale", name, 0, 0, "no value")
            return Scale(0.0, 1.0, (), ())
        low, centre, high = np.quantile(known, [0.25, 0.5, 0.75])
        scale = float((high - low) / IQR_OF_NORMAL) or float(known.std()) or 1.0
        preparation.taken("scale", name, 2, len(known), "median and spread")
        edges: Array = np.zeros(0)
        quantiles: Array = np.zeros(0)
        if self.style.style == "piecewise":
            edges = _edges(np.quantile(known, np.linspace(0, 1, self.style.bins + 1)), centre, scale)
            preparation.taken("bins", name, len(edges), len(known), "quantiles")
        if self.style.style == "periodic":
            quantiles = np.quantile(known, np.linspace(0, 1, min(QUANTILES, len(known))))
            preparation.taken("quantiles", name, len(quantiles), len(known))
        return Scale(float(centre), scale, tuple(edges.tolist()), tuple(quantiles.tolist()))

    def read(self, X: Frame) -> Mapping[str, Array]:
        """`values` float32 (rows, columns), 0 where missing, and `missing` bool (rows, columns)."""
        return self.read_values(numbers(X, self.columns))

    def read_values(self, values: Array) -> Mapping[str, Array]:
        """As read, of values float64 (rows, columns) with NaN where missing."""
        missing = ~np.isfinite(values)
        scaled = np.zeros(values.shape, dtype=np.float32)
        for j, scale in enumerate(self.scales):
            column = values[:, j]
            if scale.quantiles:
                scaled[:, j] = normal_scores(column, np.asarray(scale.quantiles))
            else:
                # Far outside what was seen a float32 would overflow; so far out nothing distinguishes values any more.
                scaled[:, j] = np.clip(np.nan_to_num((column - scale.centre) / scale.scale), -1e6, 1e6)
        scaled[missing] = 0.0
        return {"values": scaled, "missing": missing}

    def layers(self) -> Any:
        """The embedding that the style names."""
        from bakeoff.training.layers.numbers import NumericLayers

        return NumericLayers([scale.edges for scale in self.scales], self.style)


def _edges(quantiles: Array, centre: float, scale: float) -> Array:
    """Scaled edges that differ as float32 too; none where there is but one."""
    scaled = np.clip((np.unique(quantiles) - centre) / scale, -1e6, 1e6)  # as values are when they are read
    edges = np.unique(scaled.astype(np.float32)).astype(np.float64)
    return edges if len(edges) > 1 else np.zeros(0)


def normal_scores(values: Array, quantiles: Array) -> Array:
    """The normal deviate of each value's place among ascending quantiles, kept within 3; NaN stays 0."""
    from scipy.stats import norm

    steps = np.linspace(0, 1, len(quantiles)) if len(quantiles) > 1 else np.array([0.5])
    known = np.nan_to_num(values)
    # Equal quantiles make a step: its middle is taken, as the mean of the places from the left and from the right.
    up = np.interp(known, quantiles, steps)
    down = 1 - np.interp(-known, -quantiles[::-1], steps)
    return np.clip(norm.ppf(np.clip((up + down) / 2, 1e-7, 1 - 1e-7)), -3, 3)
