"""Bootstrap weights that anybody with the same key draws again, so that entries are compared paired."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bakeoff.nouns import Array


def draws(key: str, purpose: str, size: int, below: int) -> Array:
    """`size` whole numbers from 0 to `below` - 1, named by key and purpose: int64 (size,).

    Only the raw output of PCG64 is used: numpy promises that stream for good, and does not promise the others.
    """
    seed = hashlib.sha256(f"{key}\n{purpose}".encode()).digest()
    raw = np.random.PCG64(int.from_bytes(seed, "big")).random_raw(size)
    return ((raw >> np.uint64(32)) * np.uint64(below) >> np.uint64(32)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Resample:
    """Bootstrap weights of n rows by group.

    `group` int32 (n,) gives each row's group, `sizes` float64 (groups,) the rows in each group, and `weights` float64
    (folds, groups) how often each replicate draws a group.
    """

    group: Array
    sizes: Array
    weights: Array

    @property
    def rows(self) -> int:
        """How many rows are resampled."""
        return len(self.group)

    @property
    def folds(self) -> int:
        """How many replicates there are."""
        return len(self.weights)

    @property
    def groups(self) -> int:
        """How many groups are drawn."""
        return len(self.sizes)

    def sums(self, values: Array) -> Array:
        """Sums of `values` (n,) or (n, m) within each group: (groups,) or (groups, m)."""
        values = np.asarray(values, dtype=np.float64)
        if values.ndim == 1:
            return np.bincount(self.group, weights=values, minlength=self.groups)
        return np.stack([self.sums(values[:, column]) for column in range(values.shape[1])], axis=1)

    def means(self, values: Array) -> Array:
        """The mean of `values` (n,) or (n, m) in every replicate: (folds,) or (folds, m)."""
        sums = self.sums(values)
        weight = self.weights @ self.sizes
        return (self.weights @ sums) / (weight if sums.ndim == 1 else weight[:, None])


@lru_cache(maxsize=12)  # a divided task asks for three of them, and several tasks take turns
def resample(n: int, key: str, folds: int = 200, groups: int = 2048) -> Resample:
    """Weights of `folds` bootstrap replicates of `n` rows, the same for the same key, n and groups.

    Up to `groups` rows are each their own group. Above that, rows are put at random into `groups` groups of equal size
    (give or take one row) and whole groups are drawn: for independent rows this has the variance of drawing rows, to
    1 part in `groups`. Replicate b depends on key and b alone, so more folds only add to the first ones.
    Raises ValueError when n, folds or groups is below 1.
    """
    if min(n, folds, groups) < 1:
        raise ValueError(f"A bootstrap needs at least one row, fold and group; got {n}, {folds} and {groups}.")
    if n <= groups:
        group = np.arange(n, dtype=np.int32)
    else:
        # Row numbers ride in the low bits of random keys: a value sort is several times faster than argsort.
        shuffled = np.sort(draws(key, "groups", n, 2**31) << 32 | np.arange(n)) & (2**32 - 1)
        group = np.empty(n, dtype=np.int32)
        group[shuffled] = np.arange(n) * groups // n
    count = min(n, groups)
    weights = np.empty((folds, count))
    for fold in range(folds):
        weights[fold] = np.bincount(draws(key, f"fold {fold}", count, count), minlength=count)
    sizes = np.bincount(group, minlength=count).astype(np.float64)
    # Shared by every caller with this key, so nobody may write to them.
    for array in (group, sizes, weights):
        array.flags.writeable = False
    return Resample(group, sizes, weights)
