"""Association tests of static encodings: WEAT for words, SEAT for sentences.

Caliskan, Bryson and Narayanan 2017, "Semantics derived automatically from language corpora contain human-like biases";
May et al. 2019, "On measuring social biases in sentence encoders". With s(w) the mean cosine of w with one set of
attributes less that with the other, the effect size is the difference of the mean s of the two sets of targets, by the
standard deviation of s over all targets with n - 1 in its denominator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.encodings import Encode, WordSets, encoded
from bakeoff.fairness.measures import INSUFFICIENT, Measure
from bakeoff.nouns import Array
from bakeoff.stats import interval

METRIC = "association effect size"


@dataclass(frozen=True)
class Draws:
    """How many partitions of the targets are tried for p, how many resamples of words make the interval, which seed."""

    partitions: int = 100_000
    resamples: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.partitions < 1 or self.resamples < 1 or not 0 < self.level < 1:
            raise UsageError("An association test needs at least 1 partition, 1 resample and a level between 0 and 1.")


def association(encode: Encode, sets: WordSets, draws: Draws | None = None, name: str = "") -> Measure:
    """The effect size of one test, its one-sided p, and an interval from resampled words.

    p is the share of partitions of the targets with a larger statistic: of all of them where that many are affordable,
    else of random ones, the observed one counted among them. UsageError as `encoded` raises it.
    """
    given = draws or Draws()
    vectors = dict(zip(sets.all, encoded(encode, sets.all), strict=True))
    targets = np.stack([vectors[word] for word in (*sets.first, *sets.second)])
    one, other = (np.stack([vectors[word] for word in words]) for words in (sets.one, sets.other))
    return tested(targets @ one.T, targets @ other.T, len(sets.first), given, (METRIC, name))


def tested(near: Array, far: Array, first: int, draws: Draws, named: tuple[str, str]) -> Measure:
    """The effect size of associations with the one set (targets, ones) and with the other (targets, others).

    The `first` targets stand against the rest; `named` holds the metric and the family of the measure. Insufficient
    with fewer than three targets, or where their associations do not differ.
    """
    scores = near.mean(1) - far.mean(1)
    metric, name = named
    if len(scores) < 3 or not scores.std(ddof=1) > 0:
        reason = f"{len(scores)} target words whose associations do not differ say nothing; more words are needed"
        return Measure(metric, name, "first - second", None, n=len(scores), status=INSUFFICIENT, reason=reason)
    low, high = _interval(near, far, first, draws)
    value = effect_size(scores, first)
    p = partition_p(scores, first, draws)
    return Measure(
        metric, name, "first - second", value, min(low, value), max(high, value), len(scores), expected=0.0, p=p
    )


def effect_size(scores: Array, first: int) -> float:
    """(mean of the first - mean of the others) / standard deviation with n - 1, of scores (targets,)."""
    return float((scores[:first].mean() - scores[first:].mean()) / scores.std(ddof=1))


def partition_p(scores: Array, first: int, draws: Draws) -> float:
    """The share of partitions whose first part has a larger mean score than the observed one."""
    size = len(scores)
    observed = scores[:first].sum()
    # Sums of the same numbers in another order differ in their last bits, and would count as larger.
    above = observed + 1e-12 * np.abs(scores).sum()
    if math.comb(size, first) <= draws.partitions:
        sums = np.array([scores[list(part)].sum() for part in combinations(range(size), first)])
        return float((sums > above).mean())
    random = np.random.default_rng([draws.seed % 2**32, 5])
    larger, left = 0, draws.partitions - 1
    while left:
        some = min(left, 10_000)
        order = random.random((some, size)).argpartition(first - 1, axis=1)[:, :first]
        larger += int((scores[order].sum(1) > above).sum())
        left -= some
    return float((larger + 1) / draws.partitions)


def _interval(near: Array, far: Array, first: int, draws: Draws) -> tuple[float, float]:
    random = np.random.default_rng([draws.seed % 2**32, 6])
    found = np.empty(draws.resamples)
    for place in range(draws.resamples):
        rows = np.concatenate([random.integers(0, first, first), random.integers(first, len(near), len(near) - first)])
        ones, others = (random.integers(0, one.shape[1], one.shape[1]) for one in (near, far))
        scores = near[np.ix_(rows, ones)].mean(1) - far[np.ix_(rows, others)].mean(1)
        spread = scores.std(ddof=1)
        found[place] = effect_size(scores, first) if spread > 0 else math.nan
    return interval(found, draws.level)


def sets_of(first: Sequence[str], second: Sequence[str], one: Sequence[str], other: Sequence[str]) -> WordSets:
    """The four sets, each word once."""
    return WordSets(*(tuple(dict.fromkeys(words)) for words in (first, second, one, other)))
