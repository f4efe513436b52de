"""Chance that nobody can foresee: uniform and normal numbers from the operating system's generator."""

from __future__ import annotations

import os

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.releases import Normals


class Chance:
    """Numbers for private text. With a seed they are numpy's and can be repeated, which protects nobody."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self._seeded = None if seed is None else np.random.default_rng([seed, 23])
        self._normals = Normals(seed)

    def uniform(self, *size: int) -> Array:
        """float64 of that shape, above 0 and below 1, in steps of 2^-53."""
        if self._seeded is not None:
            return self._seeded.random(size) * (1 - 2.0**-53) + 2.0**-54
        count = int(np.prod(size))
        bits = np.frombuffer(os.urandom(8 * count), dtype=np.uint64)
        return (((bits >> np.uint64(11)) + 0.5) * 2.0**-53).reshape(size)

    def normal(self, *size: int) -> Array:
        """float64 of that shape."""
        return self._normals.normal(int(np.prod(size))).reshape(size)
