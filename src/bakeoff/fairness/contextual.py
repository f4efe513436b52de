"""The contextual association test: one vector of each word drawn from many contexts, again and again (CEAT).

Guo and Caliskan 2021, "Detecting emergent intersectional biases". Each draw gives an effect size; all are put together
by a random-effects model. The published p-value treats draws of the same few words as if each were news, so it finds
associations among random vectors nine times in ten: it is given for comparison (`published_p`), and the p to read is
that of permuting the target words between the two sets on the same drawn contexts, which holds what it promises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.encodings import WordSets
from bakeoff.fairness.measures import Measure
from bakeoff.nouns import Array
from bakeoff.stats import interval

METRIC = "combined effect size"
LEAST = 20  # contexts of a word below which its pool says little
RESAMPLED = 500  # draws of contexts that resamples of words are computed on


@dataclass(frozen=True)
class ContextDraws:
    """`samples` draws of contexts, `permutations` of the target words, `resamples` of all words for the interval."""

    samples: int = 10_000
    permutations: int = 1000
    resamples: int = 200
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.samples, self.permutations, self.resamples) < 2 or not 0 < self.level < 1:
            raise UsageError("A contextual test needs 2 samples, 2 permutations, 2 resamples, and a level.")


@dataclass(frozen=True)
class Contextual:
    """The test's measure, whose p is that of permutations, and the p as it was published."""

    measure: Measure
    published_p: float
    standard_error: float


def contextual_association(
    pools: Mapping[str, Array], sets: WordSets, draws: ContextDraws | None = None, name: str = ""
) -> Contextual:
    """The combined effect size of words whose vectors depend on their context.

    `pools` holds for each word its vectors, (contexts, width). UsageError for a word without a pool or with fewer than
    20 contexts, for numbers that are none, or vectors of different widths.
    """
    given = draws or ContextDraws()
    cosines = _cosines(_checked(pools, sets), sets, given)
    ones = len(sets.one)
    scores = cosines[:, :, :ones].mean(2) - cosines[:, :, ones:].mean(2)
    first = len(sets.first)
    labels = np.arange(scores.shape[1]) < first
    variances = scores.var(axis=1, ddof=1)
    combined, error = _combined(_effects(scores, variances, labels[None]), variances)
    value, standard = float(combined[0]), float(error[0])
    random = np.random.default_rng([given.seed % 2**32, 8])
    permuted = np.stack([random.permutation(labels) for _ in range(given.permutations - 1)])
    others, _ = _combined(_effects(scores, variances, permuted), variances)
    p = float((1 + (np.abs(others) >= abs(value) - 1e-12).sum()) / given.permutations)
    low, high = _interval(cosines[:RESAMPLED], first, ones, given)
    n = float(sum(len(pools[word]) for word in sets.all))
    measure = Measure(METRIC, name, "first - second", value, min(low, value), max(high, value), n, expected=0.0, p=p)
    return Contextual(measure, math.erfc(abs(value / standard) / math.sqrt(2)), standard)


def _checked(pools: Mapping[str, Array], sets: WordSets) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for word in sets.all:
        pool = np.asarray(pools[word], dtype=np.float64) if word in pools else np.zeros((0, 0))
        if len(pool) < LEAST:
            raise UsageError(f"The word {word!r} has {len(pool)} contexts and {LEAST} are needed; give more sentences.")
        if pool.ndim != 2 or not np.isfinite(pool).all():
            raise UsageError(f"The contexts of {word!r} are no vectors of numbers; give an array (contexts, width).")
        lengths = np.linalg.norm(pool, axis=1, keepdims=True)
        if not lengths.all():
            raise UsageError(f"A context of {word!r} has a vector of zeros, which has no direction; leave it out.")
        found[word] = pool / lengths
    widths = {pool.shape[1] for pool in found.values()}
    if len(widths) > 1:
        raise UsageError(f"The contexts have vectors of different widths: {sorted(widths)}.")
    return found


def _cosines(pools: Mapping[str, Array], sets: WordSets, draws: ContextDraws) -> Array:
    """Cosines float64 (samples, targets, attributes) of one drawn context of each word."""
    targets, attributes = (*sets.first, *sets.second), (*sets.one, *sets.other)
    random = np.random.default_rng([draws.seed % 2**32, 7])
    place = {word: random.integers(0, len(pools[word]), draws.samples) for word in sets.all}
    left, right = (_stacked(pools, words) for words in (targets, attributes))
    gram = left[0] @ right[0].T
    rows = np.stack([left[1][word] + place[word] for word in targets], axis=1)
    columns = np.stack([right[1][word] + place[word] for word in attributes], axis=1)
    return gram[rows[:, :, None], columns[:, None, :]]


def _stacked(pools: Mapping[str, Array], words: tuple[str, ...]) -> tuple[Array, dict[str, int]]:
    distinct = tuple(dict.fromkeys(words))
    sizes = [len(pools[word]) for word in distinct]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).tolist()
    return np.concatenate([pools[word] for word in distinct]), dict(zip(distinct, starts, strict=True))


def _effects(scores: Array, variances: Array, labels: Array) -> Array:
    """Effect sizes (samples, partitions) of scores (samples, targets); `labels` bool (partitions, targets)."""
    weights = np.where(labels, 1 / labels.sum(1, keepdims=True), -1 / (~labels).sum(1, keepdims=True))
    return np.asarray(scores @ weights.T / np.sqrt(variances)[:, None])


def _combined(effects: Array, variances: Array) -> tuple[Array, Array]:
    """The random-effects mean of each column (DerSimonian and Laird, 1986), and its standard error.

    As published, the variance of one draw is that of its association scores.
    """
    weight = 1 / variances[:, None]
    whole, samples = weight.sum(), len(effects)
    spread = (weight * effects**2).sum(0) - (weight * effects).sum(0) ** 2 / whole
    scale = whole - (weight**2).sum() / whole
    between = np.maximum(0.0, (spread - (samples - 1)) / scale)
    inverse = 1 / (variances[:, None] + between)
    return (inverse * effects).sum(0) / inverse.sum(0), 1 / np.sqrt(inverse.sum(0))


def _interval(cosines: Array, first: int, ones: int, draws: ContextDraws) -> tuple[float, float]:
    """Of resampled words, those of every set by themselves."""
    random = np.random.default_rng([draws.seed % 2**32, 9])
    found = np.full(draws.resamples, math.nan)
    _, targets, attributes = cosines.shape
    for place in range(draws.resamples):
        rows = np.concatenate([random.integers(0, first, first), random.integers(first, targets, targets - first)])
        near = random.multinomial(ones, np.full(ones, 1 / ones)) / ones
        far = random.multinomial(attributes - ones, np.full(attributes - ones, 1 / (attributes - ones)))
        weights = np.concatenate([near, -far / (attributes - ones)])
        scores = (cosines @ weights)[:, rows]
        variances = scores.var(axis=1, ddof=1)
        if variances.min() > 0:
            labels = np.arange(targets) < first
            found[place] = _combined(_effects(scores, variances, labels[None]), variances)[0][0]
    return interval(found, draws.level)
