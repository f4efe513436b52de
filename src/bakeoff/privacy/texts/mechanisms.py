"""How one word becomes another: noise on its vector, or a draw among all words that favours near ones.

All of them are metric differential privacy for a metric that each names. A point is a word's row, or the one point at
which every unknown word is; only known words come out.

The proofs are about real numbers. Chance comes in steps of 2^-53, so an outcome that should be rarer than that never
comes: whoever sees it may rule a word out for which the promise leaves odds of 10^16 and more to one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Protocol

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.texts.chance import Chance
from bakeoff.privacy.texts.vectors import Vectors

EUCLIDEAN = "the Euclidean distance of two words"
SPACED = "the greatest difference of two words in their distance to any word, counted in the spacing around each,"
SAMPLE = 200  # words from which the figures of a guarantee are taken
CLOSE = 30  # words by which the nearest in a metric is looked for
AROUND = 10  # neighbours that say how dense it is around a word
BEYOND = 1e-3  # the share that all words behind the truncation may have together


class Mechanism(Protocol):
    """One way of replacing words."""

    metric: str
    epsilon: float

    def draw(self, points: Array, chance: Chance) -> Array:
        """A word's row for each point, int64 (n,) to int64 (n,)."""

    def log_odds(self, points: Array, outcomes: Array) -> Array:
        """How likely each outcome is from each point, in logs: float64 (points, outcomes).

        Up to a constant for each outcome, and for noise on vectors by its density, which is what a guess needs.
        """

    def apart(self, point: int, words: Array) -> Array:
        """The metric from a point to some words, float64 (words,)."""

    @property
    def farthest(self) -> float:
        """A bound on the metric of any two points."""


class Laplace:
    """Noise with density falling as exp(-epsilon * length), then the nearest word (Feyisetan et al. 2020, WSDM)."""

    metric = EUCLIDEAN

    def __init__(self, vectors: Vectors, epsilon: float) -> None:
        self.vectors, self.epsilon = vectors, checked(epsilon)

    @property
    def farthest(self) -> float:
        """As the vectors say."""
        return self.vectors.farthest

    def draw(self, points: Array, chance: Chance) -> Array:
        """As the protocol says."""
        found = np.empty(len(points), dtype=np.int64)
        for part in self.vectors.parts(len(points)):
            noisy = self.vectors.of(points[part]) + self.noise(len(points[part]), chance)
            found[part] = self.vectors.distances(noisy).argmin(axis=1)
        return found

    def noise(self, rows: int, chance: Chance) -> Array:
        """float64 (rows, width): a direction by chance, and a length that is Gamma(width, 1 / epsilon)."""
        width = self.vectors.width
        direction = chance.normal(rows, width)
        length = -np.log(chance.uniform(rows, width)).sum(axis=1) / self.epsilon
        return direction * (length / np.linalg.norm(direction, axis=1))[:, None]

    def log_odds(self, points: Array, outcomes: Array) -> Array:
        """As the protocol says."""
        return -self.epsilon * self.vectors.distances(self.vectors.of(points))[:, outcomes]

    def apart(self, point: int, words: Array) -> Array:
        """As the protocol says."""
        return self.vectors.distances(self.vectors.of(np.array([point])))[0, words]


class Ranked(Laplace):
    """The same, and then one of the neighbours of the word that came out, by its rank (Asghar et al. 2026, PoPETs).

    In many dimensions the nearest word is the one there was, or one far away; a rank r, the word itself being 0, drawn
    with chance exp(-step * epsilon * r) brings near ones back, and costs nothing, since it looks at nothing but the
    outcome. The paper tunes `step` for each vocabulary; here it is such that, at the epsilon where noise alone leaves
    every other word as it is, a rank is 0 for every other word. The public vectors tell that epsilon.
    """

    def __init__(self, vectors: Vectors, epsilon: float, step: float | None = None) -> None:
        super().__init__(vectors, epsilon)
        self._step = step

    @cached_property
    def step(self) -> float:
        """ln 2 over the epsilon at which half of the words come out as they went in."""
        return self._step if self._step is not None else math.log(2) / halfway(self.vectors)

    def draw(self, points: Array, chance: Chance) -> Array:
        """As the protocol says."""
        near = super().draw(points, chance)
        rate, most = self.step * self.epsilon, len(self.vectors)
        # The inverse of a geometric distribution that ends with the last word.
        whole = -np.expm1(-rate * most)
        ranks = np.minimum(np.floor(-np.log1p(-chance.uniform(len(near)) * whole) / rate), most - 1).astype(np.int64)
        found = near.copy()
        moved = np.flatnonzero(ranks)
        for part in self.vectors.parts(len(moved)):
            rows = moved[part]
            apart = self.vectors.distances(self.vectors.matrix[near[rows]])
            apart[np.arange(len(rows)), near[rows]] = -1.0  # the word itself comes first, whatever equals it
            for row, distances in zip(rows.tolist(), apart, strict=True):
                rank = int(ranks[row])
                found[row] = np.argpartition(distances, rank)[rank]
        return found


class Truncated:
    """A draw with chance exp(-epsilon * min(distance, limit) / 2) (the truncated exponential mechanism, TEM).

    Carvalho, Vasiloudis, Feyisetan and Wang (2023, SDM) draw by Gumbel noise of scale 2 / epsilon on the words within
    `limit` and on one more that stands for all others, which is this distribution; here it is drawn directly. The
    limit is theirs (theorem 3 there): words behind it have at most a share of 0.001 together.
    """

    metric = EUCLIDEAN

    def __init__(self, vectors: Vectors, epsilon: float) -> None:
        self.vectors, self.epsilon = vectors, checked(epsilon)
        self.limit = 2 / epsilon * math.log((1 - BEYOND) * (len(vectors) - 1) / BEYOND)

    @property
    def farthest(self) -> float:
        """No draw is moved by more than the limit allows."""
        return min(self.limit, self.vectors.farthest)

    def scores(self, points: Array) -> Array:
        """How far each word counts as being from each point, float64 (n, words)."""
        return np.minimum(self.vectors.distances(self.vectors.of(points)), self.limit)

    def draw(self, points: Array, chance: Chance) -> Array:
        """As the protocol says."""
        each, inverse = np.unique(points, return_inverse=True)
        where = np.argsort(inverse, kind="stable")
        ends = np.cumsum(np.bincount(inverse, minlength=len(each)))
        found = np.empty(len(points), dtype=np.int64)
        begin = 0
        for part in self.vectors.parts(len(each)):
            sums = np.cumsum(np.exp(-self.epsilon / 2 * self.scores(each[part])), axis=1)
            for row, end in zip(sums, ends[part].tolist(), strict=True):
                asked = where[begin:end]
                found[asked] = np.searchsorted(row, chance.uniform(len(asked)) * row[-1], side="right")
                begin = end
        return np.minimum(found, len(self.vectors) - 1)

    def log_odds(self, points: Array, outcomes: Array) -> Array:
        """As the protocol says, exactly."""
        found = np.empty((len(points), len(outcomes)))
        for part in self.vectors.parts(len(points)):
            logs = -self.epsilon / 2 * self.scores(points[part])
            most = logs.max(axis=1, keepdims=True)
            found[part] = (logs - most - np.log(np.exp(logs - most).sum(axis=1, keepdims=True)))[:, outcomes]
        return found

    def apart(self, point: int, words: Array) -> Array:
        """As the protocol says; never more than the limit, which bounds what a draw tells."""
        return np.minimum(self.vectors.distances(self.vectors.of(np.array([point])))[0, words], self.limit)


class Density(Truncated):
    """The same with distances counted in the spacing of words around the one that is replaced.

    Where words stand close, little noise; where they are far between, as much as it takes to reach others. The spacing
    (mean distance to the ten nearest words, over the median word's) comes from the public vectors. Noise that follows
    the density is Xu et al.'s idea (2021, FLAIRS); the draw is the exponential mechanism, since a distance in
    one's own units obeys no triangle inequality: the metric is the greatest difference of two words' scores.
    """

    metric = SPACED

    @cached_property
    def spacing(self) -> Array:
        """float64 (points,), 1 for the median word."""
        near = min(AROUND, len(self.vectors) - 1)
        found = np.empty(self.vectors.points)
        points = np.arange(self.vectors.points)
        for part in self.vectors.parts(len(points)):
            apart = self.vectors.distances(self.vectors.of(points[part]))
            # A word's own distance, 0, is among the first; it adds nothing to their sum.
            found[part] = np.partition(apart, near, axis=1)[:, : near + 1].sum(axis=1) / near
        return np.maximum(found / np.median(found), 0.05)

    @property
    def farthest(self) -> float:
        """Scores lie between 0 and the limit."""
        return min(self.limit, 2 * self.vectors.farthest / float(self.spacing.min()))

    def scores(self, points: Array) -> Array:
        """As counted here."""
        apart = self.vectors.distances(self.vectors.of(points))
        return np.minimum(apart / self.spacing[points][:, None], self.limit)

    def apart(self, point: int, words: Array) -> Array:
        """As the protocol says."""
        mine = self.scores(np.array([point]))
        found = np.empty(len(words))
        for part in self.vectors.parts(len(words)):
            found[part] = np.abs(self.scores(words[part]) - mine).max(axis=1)
        return found


METHODS: Mapping[str, Callable[[Vectors, float], Mechanism]] = {
    "truncated": Truncated,
    "density": Density,
    "laplace": Laplace,
    "ranked": Ranked,
}


def mechanism_of(method: str, vectors: Vectors, epsilon: float) -> Mechanism:
    """The mechanism of that name; UsageError for a name or an epsilon that is none."""
    if method not in METHODS:
        raise UsageError(f"There is no way of replacing words called {method!r}; there are {', '.join(METHODS)}.")
    return METHODS[method](vectors, epsilon)


def checked(epsilon: float) -> float:
    """UsageError where epsilon is not above 0 and finite."""
    if not (epsilon > 0 and math.isfinite(epsilon)):
        raise UsageError(f"epsilon is {epsilon}; give a number above 0, such as 20 for each typical distance.")
    return float(epsilon)


def distances_of(mechanism: Mechanism, vectors: Vectors) -> tuple[float, float]:
    """Over a few words, the median of the metric to the nearest other word and to any.

    The nearest is looked for among those that lie nearest as vectors.
    """
    nearest, typical = [], []
    some = _some(len(vectors))
    for word in some[: SAMPLE // 4].tolist():
        around = np.argsort(vectors.distances(vectors.of(np.array([word])))[0])[: CLOSE + 1]
        nearest.append(mechanism.apart(word, around[around != word]).min())
        typical.append(mechanism.apart(word, some[some != word][:CLOSE]))
    return float(np.median(nearest)), float(np.median(np.concatenate(typical)))


def halfway(vectors: Vectors) -> float:
    """The epsilon at which noise leaves every other word as it is.

    With noise t u / epsilon, of direction u and length t at epsilon 1, word w remains the nearest so long as epsilon
    is above 2 t u.(x - w) / |x - w|^2 for every other word x.
    """
    random = np.random.default_rng(2)
    found = []
    for word in _some(len(vectors)).tolist():
        apart = vectors.distances(vectors.matrix[[word]])[0] ** 2
        away = apart > 0
        direction = random.normal(size=vectors.width)
        along = (vectors.matrix - vectors.matrix[word]) @ (direction / np.linalg.norm(direction))
        found.append(2 * random.gamma(vectors.width) * (along[away] / apart[away]).max())
    return max(float(np.median(found)), 1e-9)


def _some(words: int) -> Array:
    """A few of so many words, always the same."""
    return np.random.default_rng(1).permutation(words)[:SAMPLE]
