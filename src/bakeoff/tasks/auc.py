"""Area under the ROC curve, one class against the rest, exact with ties, and its replicates.

The value counts pairs in whole numbers. A non-negative double keeps its order when its bits are read as an integer, so
one value sort of (bits, label) gives every count, and no argsort is needed.

Replicates are of first order: the placements of DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44, 837-845),
summed by resampled group. They come from a second sort whose keys carry the group in place of a score's last bits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Score

SCORE_BITS = 62  # a double from 0 to 1 has its two top bits clear
WORTH_A_THREAD = 200_000
BLOCK = 1 << 16  # sorted keys are walked through in pieces that stay in the processor's cache


def macro_auc(truth: Array, answers: Array, true: Array, resample: Resample | None) -> Score:
    """The mean over classes of the AUC of each class against the rest, replicates included.

    `true` (groups, classes) counts each class in each group. Two classes have one AUC. A class that no test row has, or
    that all have, has no AUC and is left out of the mean, in replicates as well; the value is nan when none is left.
    """
    rows, width = answers.shape
    totals = true.sum(axis=0)
    classes = [code for code in ([1] if width == 2 else range(width)) if 0 < totals[code] < rows]
    if not classes:
        return Score(float("nan"))
    values = np.empty(len(classes))
    of_positive = np.empty((resample.groups if resample else 0, len(classes)))
    of_negative = np.empty_like(of_positive)
    due = list(enumerate(classes))

    def work() -> None:
        # Two buffers for all classes of a thread: fresh pages from the system cost as much as a sort.
        scores, keys = np.empty(rows), np.empty(rows, dtype=np.uint64)
        while due:
            try:
                place, code = due.pop()
            except IndexError:  # the other thread took the last one
                return
            np.copyto(scores, answers[:, code])
            positive = truth == code
            values[place] = auc(scores, positive, keys)
            if resample is not None:
                of_positive[:, place], of_negative[:, place] = placements(scores, positive, resample, keys)

    if rows * len(classes) < WORTH_A_THREAD or (os.cpu_count() or 1) < 2:
        work()
    else:
        with ThreadPoolExecutor(2) as pool:
            for thread in [pool.submit(work), pool.submit(work)]:
                thread.result()
    value = float(values.mean())
    if resample is None:
        return Score(value)
    positives = resample.weights @ true[:, classes]
    negatives = resample.weights @ (resample.sizes[:, None] - true[:, classes])
    with np.errstate(divide="ignore", invalid="ignore"):
        areas = resample.weights @ of_positive / positives + resample.weights @ of_negative / negatives
    # A fold that lacks a class, or all the others, has no area for it.
    areas = np.clip(areas - values, 0.0, 1.0)
    counted = np.isfinite(areas)
    total, shares = np.where(counted, areas, 0.0).sum(axis=1), counted.sum(axis=1)
    return Score(value, np.where(shares > 0, total / np.maximum(shares, 1), value))


def auc(scores: Array, positive: Array, keys: Array | None = None) -> float:
    """The share of (positive, negative) pairs in which the positive scores higher, ties half.

    `scores` float64 (rows,), none below 0; `positive` bool (rows,) with at least one of either kind; `keys` uint64
    (rows,) is written over when given.
    """
    keys = score_bits(scores, keys)
    keys <<= np.uint64(1)
    keys |= positive
    keys.sort()
    places = np.flatnonzero((keys.astype(np.uint8) & 1).view(bool))
    positives, negatives = len(places), len(keys) - len(places)
    # Within a tie negatives come first, so this counts ties as won; half of them is taken back.
    won = int(places.sum()) - positives * (positives - 1) // 2
    ties = mixed_ties(keys, places)
    return (2 * won - int((ties.negatives * ties.positives).sum())) / (2 * positives * negatives)


def placements(scores: Array, positive: Array, resample: Resample, keys: Array | None = None) -> tuple[Array, Array]:
    """Sums in each group of every row's placement: ((groups,) of positives, (groups,) of negatives).

    The placement of a positive is the share of negatives below it, that of a negative the share of positives above it,
    ties half. `scores` lie from 0 to 1; to make room for the group they are cut to about 40 significant bits. `keys`
    uint64 (rows,) is written over when given.
    """
    group_bits = max(1, (resample.groups - 1).bit_length())
    keys = score_bits(scores, keys)
    keys >>= np.uint64(max(0, SCORE_BITS + 1 + group_bits - 64))
    keys <<= np.uint64(1)
    keys |= positive
    keys <<= np.uint64(group_bits)
    keys |= resample.group.view(np.uint32)
    keys.sort()

    # First as if no scores were equal, with negatives in front; ties are put right afterwards.
    positives, found = int(np.count_nonzero(positive)), 0
    of_positive, of_negative, places = np.zeros(resample.groups), np.zeros(resample.groups), []
    for start, groups, flags in _walk(keys, group_bits):
        here = np.flatnonzero(flags)
        below = (start - found + here - np.arange(len(here))).astype(np.float64)
        of_positive += np.bincount(groups[here], weights=below, minlength=resample.groups)
        above = (positives - found) - np.cumsum(flags, dtype=np.float64)
        of_negative += np.bincount(groups, weights=above, minlength=resample.groups)
        of_negative -= np.bincount(groups[here], weights=above[here], minlength=resample.groups)
        places.append(start + here)
        found += len(here)
    ties = mixed_ties(keys, np.concatenate(places), group_bits)
    mask = np.uint64((1 << group_bits) - 1)

    def halves(starts: Array, lengths: Array, rivals: Array) -> Array:
        groups = (keys[_runs(starts, lengths)] & mask).astype(np.int64)
        return np.bincount(groups, weights=np.repeat(rivals / 2, lengths), minlength=resample.groups)

    of_positive -= halves(ties.start, ties.positives, ties.negatives)
    of_negative -= halves(ties.start - ties.negatives, ties.negatives, ties.positives)
    return of_positive / (len(keys) - positives), of_negative / positives


def score_bits(scores: Array, keys: Array | None = None) -> Array:
    """Scores of 0 and above as uint64 in the same order, written to `keys` when given; -0.0 counts as 0."""
    keys = np.empty(len(scores), dtype=np.uint64) if keys is None else keys
    np.add(scores, 0.0, out=keys.view(np.float64))
    return keys


@dataclass(frozen=True, eq=False)
class Ties:
    """Scores that negatives and positives share: where the positives of each start, and how many of either kind."""

    start: Array
    negatives: Array
    positives: Array


def mixed_ties(keys: Array, places: Array, low_bits: int = 0) -> Ties:
    """The ties in sorted keys (score, positive, low bits of no account), given the positions of positives."""
    low = np.uint64(low_bits)
    own, previous = keys[places] >> low, keys[places - 1] >> low
    # A label of 1 after a label of 0 whose score and label are just one less is the first positive of a tie.
    first = np.flatnonzero(own - previous == 1)
    start, negative = places[first], own[first] - np.uint64(1)
    negatives = np.ones(len(first), dtype=np.int64)
    # Most ties have one negative, which is seen at once; searching for the others' first is dear.
    longer = np.flatnonzero((start > 1) & (keys[start - 2] >> low == negative))
    negatives[longer] = start[longer] - np.searchsorted(keys, negative[longer] << low)
    return Ties(start, negatives, np.searchsorted(own, own[first], side="right") - first)


def _walk(keys: Array, group_bits: int) -> Iterator[tuple[int, Array, Array]]:
    """Pieces of sorted keys (score, positive, group): where each starts, its groups int64 and its labels bool."""
    mask = np.uint32((1 << group_bits) - 1)
    for start in range(0, len(keys), BLOCK):
        low = keys[start : start + BLOCK].astype(np.uint32)
        yield start, (low & mask).astype(np.int64), (low >> np.uint32(group_bits) & np.uint32(1)).astype(bool)


def _runs(starts: Array, lengths: Array) -> Array:
    """The positions of runs, one after the other: start, start + 1, ... of each."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)
