"""Which values there are, told by noisy counts above a threshold, where nobody can list them beforehand.

Noise on the counts hides how often a value comes. A value that only one unit has would still be told by being told at
all; the threshold makes that so unlikely that a small delta pays for it (Korolova et al., Releasing Search Queries and
Clicks Privately, 2009, here with Gaussian noise and `delta` for all of a unit's values together).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.poisson import Units
from bakeoff.privacy.releases import Allowance


@dataclass(frozen=True)
class Bounds:
    """What one unit may add: `values` different ones for each of at most `records`; noise multiplier and delta."""

    values: int
    sigma: float
    delta: float
    records: int = 1

    @property
    def sensitivity(self) -> float:
        """How far one unit's counts can be from none (L2): each at most 1, `values` of them in all by weight."""
        return math.sqrt(self.values)

    @property
    def deviation(self) -> float:
        """Of the noise on each count."""
        return self.sigma * self.sensitivity

    @property
    def threshold(self) -> float:
        """What a noisy count must be above: a value of one unit alone passes with a chance of `delta` at most."""
        from scipy.stats import norm

        # Rounding to whole numbers may lift a count by a half.
        return 1.5 + self.deviation * float(norm.isf(self.delta / (self.values * self.records)))


def frequent(held: Sequence[Iterable[str]], weights: Array, bounds: Bounds, allowance: Allowance) -> dict[str, float]:
    """The values whose noisy counts pass the threshold, the most frequent first, with those counts.

    `held` are each record's values; of a record with more than `bounds.values` different ones, that many are taken at
    random. `weights` (records,) of one unit's records add up to at most 1.
    """
    counts: dict[str, float] = {}
    random = np.random.default_rng()
    for values, weight in zip(held, weights.tolist(), strict=True):
        own = sorted(set(values)) if weight else []
        if len(own) > bounds.values:
            own = [own[place] for place in random.permutation(len(own))[: bounds.values]]
        for value in own:
            counts[value] = counts.get(value, 0.0) + weight
    names = sorted(counts)
    noisy = allowance.counts(np.array([counts[name] for name in names]), bounds.deviation)
    kept = [(name, float(count)) for name, count in zip(names, noisy, strict=True) if count > bounds.threshold]
    return dict(sorted(kept, key=lambda one: (-one[1], one[0])))


def shares(codes: Array, weights: Array, size: int, sigma: float, allowance: Allowance) -> Array:
    """The share of records in each of `size` known classes, float64 (size,), each above 0; one unit changes by 1."""
    noisy = allowance.counts(np.bincount(codes, weights, minlength=size), sigma)
    lifted = np.maximum(noisy, 1.0)
    return lifted / lifted.sum()


def weights_of(units: Array | None, records: int, most: int) -> tuple[Array, int]:
    """What each record weighs so that its unit weighs 1, and how many units there are.

    `units` (records,) holds each record's unit, None where every record is its own. `most` is the public bound on the
    records of one unit: the others weigh nothing, chosen as in a Poisson loop, which depends on nobody else's.
    """
    if units is None:
        return np.ones(records), records
    held = Units(np.asarray(units), most)
    sizes = np.diff(held.offsets)
    weights = np.zeros(records)
    weights[held.positions] = np.repeat(1.0 / sizes, sizes)
    return weights, len(held)


def cells_of(column: Any) -> list[tuple[str, ...]]:
    """A column of strings as each record's values: none where it is empty."""
    return [(cell,) if cell else () for cell in column]
