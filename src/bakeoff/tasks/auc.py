"""Area under the ROC curve, one class against the rest, exact with ties, and its replicates.

The value counts pairs in whole numbers. A non-negative double keeps its order when its bits are read as an integer, so
one value sort of (bits, label) gives every count, and no argsort is needed.

Replicates are of first order: the placements of DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44, 837-845), summed
by resampled group. They come from a second sort whose keys carry the group in place of the last bits of the score.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Score

SCORE_BITS = 62  # a double from 0 to 1 has its two top bits clear
WORTH_A_THREAD = 200_000

_Result = TypeVar("_Result")


def macro_auc(truth: Array, answers: Array, true: Array, resample: Resample | None) -> Score:
    """The mean over classes of the AUC of each class against the rest, replicates included.

    `true` (groups, classes) counts each class in each group. Two classes have one AUC. A class that no test row has, or
    that all have, has no AUC and is left out of the mean, in replicates as well; the value is nan when none is left.
    """
    rows, width = answers.shape
    totals = true.sum(axis=0)
    classes = [1] if width == 2 else list(range(width))
    classes = [code for code in classes if 0 < totals[code] < rows]
    if not classes:
        return Score(float("nan"))

    def one(code: int) -> tuple[float, Array | None]:
        scores, is_class = np.ascontiguousarray(answers[:, code]), truth == code
        value = auc(scores, is_class)
        if resample is None:
            return value, None
        return value, _replicates(value, placements(scores, is_class, resample), true[:, code], resample)

    results = _each(one, classes, rows * len(classes))
    value = float(np.mean([area for area, _ in results]))
    if resample is None:
        return Score(value)
    replicates = np.stack([areas for _, areas in results])
    counted = np.isfinite(replicates)
    total = np.where(counted, replicates, 0.0).sum(axis=0)
    shares = counted.sum(axis=0)
    return Score(value, np.where(shares > 0, total / np.maximum(shares, 1), value))


def auc(scores: Array, positive: Array) -> float:
    """The share of (positive, negative) pairs in which the positive scores higher, ties half.

    `scores` float64 (rows,), none below 0; `positive` bool (rows,) with at least one of either kind.
    """
    keys = scores_as_integers(scores) << np.uint64(1)
    keys |= positive
    keys.sort()
    places = np.flatnonzero((keys.astype(np.uint8) & 1).view(bool))
    positives, negatives = len(places), len(keys) - len(places)
    # Within a tie negatives come first, so this counts ties as won; half of them is taken back.
    won = int(places.sum()) - positives * (positives - 1) // 2
    ties = mixed_ties(keys, places)
    return (2 * won - int((ties.negatives * ties.positives).sum())) / (2 * positives * negatives)


def placements(scores: Array, positive: Array, resample: Resample) -> tuple[Array, Array]:
    """Sums in each group of every row's placement: ((groups,) of positives, (groups,) of negatives).

    The placement of a positive is the share of negatives below it, that of a negative the share of positives above it,
    ties half. `scores` lie from 0 to 1. To make room for the group, scores are cut to about 40 significant bits.
    """
    group_bits = max(1, (resample.groups - 1).bit_length())
    drop = max(0, SCORE_BITS + 1 + group_bits - 64)
    keys = scores_as_integers(scores) >> np.uint64(drop)
    keys <<= np.uint64(1)
    keys |= positive
    keys <<= np.uint64(group_bits)
    keys |= resample.group.view(np.uint32)
    keys.sort()
    groups = (keys.astype(np.uint32) & np.uint32((1 << group_bits) - 1)).astype(np.int64)
    keys >>= np.uint64(group_bits)
    places = np.flatnonzero((keys.astype(np.uint8) & 1).view(bool))
    positives, negatives = len(places), len(keys) - len(places)

    # As if no scores were equal, with negatives first: each row against the rows of the other kind below or above it.
    below = (places - np.arange(positives)).astype(np.float64)
    above = np.repeat(np.arange(positives, -1.0, -1.0), np.diff(places, prepend=-1, append=len(keys) - 1))
    ties = mixed_ties(keys, places)
    if len(ties.first):
        below -= _spread(ties.first, ties.positives, ties.negatives / 2, positives)
        above -= _spread(places[ties.first] - ties.negatives, ties.negatives, ties.positives / 2, len(keys))
    above[places] = 0.0
    of_positive = np.bincount(groups[places], weights=below, minlength=resample.groups)
    of_negative = np.bincount(groups, weights=above, minlength=resample.groups)
    return of_positive / negatives, of_negative / positives


def _replicates(value: float, sums: tuple[Array, Array], true: Array, resample: Resample) -> Array:
    """First-order replicates of one AUC (folds,): nan in a fold that lacks the class or the rest."""
    of_positive, of_negative = sums
    positives, negatives = resample.weights @ true, resample.weights @ (resample.sizes - true)
    with np.errstate(divide="ignore", invalid="ignore"):
        areas = (resample.weights @ of_positive) / positives + (resample.weights @ of_negative) / negatives
    return np.clip(areas - value, 0.0, 1.0)


def _each(work: Callable[[int], _Result], classes: list[int], size: int) -> list[_Result]:
    """The work done for each class, on two threads when there is enough of it: sorting lets other threads run."""
    if size < WORTH_A_THREAD or (os.cpu_count() or 1) < 2:
        return [work(code) for code in classes]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, classes))


def scores_as_integers(scores: Array) -> Array:
    """Scores of 0 and above as uint64 in the same order; -0.0 counts as 0."""
    return (scores + 0.0).view(np.uint64)


@dataclass(frozen=True, eq=False)
class Ties:
    """Scores that negatives and positives share: which positive is the first of each, and how many of either kind."""

    first: Array
    negatives: Array
    positives: Array


def mixed_ties(keys: Array, places: Array) -> Ties:
    """The ties in sorted keys (score << 1 | positive), given the positions of positives."""
    # An odd key after an even one that is just one less is the first positive of a tie.
    first = np.flatnonzero((keys[places] - keys[places - 1] == 1) & (places > 0))
    start = places[first]
    negatives = start - np.searchsorted(keys, keys[start] - np.uint64(1), side="left")
    return Ties(first, negatives, np.searchsorted(keys, keys[start], side="right") - start)


def _spread(starts: Array, lengths: Array, values: Array, size: int) -> Array:
    """An array of zeros (size,) with each value written over its own run."""
    edges = np.zeros(size + 1)
    edges[starts] += values
    edges[starts + lengths] -= values
    return np.cumsum(edges[:-1])
