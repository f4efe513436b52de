"""Do measures of encodings and measures of classifiers agree, over models? They need not.

Cao et al. 2022, "On the intrinsic and extrinsic fairness evaluation metrics for contextualized language
representations", found that in general they do not. Every metric is turned so that larger is more biased, and with few
models nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.arrays import numbers
from bakeoff.fairness.groups import adjusted
from bakeoff.fairness.measures import INSUFFICIENT, Measure
from bakeoff.nouns import Array
from bakeoff.stats import interval

PEARSON, SPEARMAN, PARTIAL = "Pearson correlation", "Spearman correlation", "partial correlation given accuracy"
TYPICAL = "median Spearman correlation"
LEAST = 8  # models below which any correlation may be chance
ROUNDING = 1e-20  # of a sum of squares: what is left of a metric that accuracy tells wholly


@dataclass(frozen=True)
class AgreementSettings:
    """`permutations` of the models for p, `resamples` of them for intervals; `least` models are needed."""

    permutations: int = 10_000
    resamples: int = 2000
    least: int = LEAST
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.permutations < 1 or self.resamples < 1 or self.least < 4 or not 0 < self.level < 1:
            raise UsageError("Agreement needs at least 1 permutation, 1 resample and 4 models, and a level.")


def agreement(
    intrinsic: Mapping[str, Sequence[float]],
    extrinsic: Mapping[str, Sequence[float]],
    accuracy: Sequence[float] | None = None,
    settings: AgreementSettings | None = None,
) -> tuple[Measure, ...]:
    """Correlations over models of each intrinsic with each extrinsic metric, by their names.

    All sequences hold one value for each model, in the same order, and larger must mean more biased (|effect size|,
    |score - 50|, a gap). With `accuracy` the correlation given it stands beside. Intervals are of resampled models,
    within each of which values are ranked and regressed on accuracy anew. p is two-sided, of permuted models, and
    adjusted for all pairs. UsageError for different lengths or values that are no numbers.
    """
    given = settings or AgreementSettings()
    first, second = (_checked(some) for some in (intrinsic, extrinsic))
    models = {len(values) for values in (*first.values(), *second.values())}
    if accuracy is not None:
        accuracy = _finite(accuracy, "The accuracy of the models")
        models.add(len(accuracy))
    if len(models) != 1:
        raise UsageError(f"The metrics are of different numbers of models: {sorted(models)}; give one value for each.")
    found: list[Measure] = []
    for one, values in first.items():
        for other, against in second.items():
            found += _pair(f"{one} and {other}", values, against, accuracy, given)
    return tuple(replace(one) for one in adjusted(found))


def typical_agreement(
    intrinsic: Mapping[str, Sequence[float]],
    extrinsic: Mapping[str, Sequence[float]],
    settings: AgreementSettings | None = None,
) -> Measure:
    """The median over all pairs of their Spearman correlations, with an interval from resampled models.

    It answers whether metrics agree in general, which no single pair does. p is two-sided, of models permuted on the
    one side and together on all metrics of the other. Metrics that are the same for all models are left out. UsageError
    as `agreement` raises it.
    """
    given = settings or AgreementSettings()
    first, second = (_stacked(some) for some in (intrinsic, extrinsic))
    models = first.shape[1]
    if models != second.shape[1]:
        raise UsageError(f"The metrics are of {models} and of {second.shape[1]} models; give one value for each.")
    if models < given.least or not (len(first) and len(second)):
        why = f"{models} models say nothing of a correlation; {given.least} are needed"
        if models >= given.least:
            why = "all metrics of one side are the same for all models"
        return Measure(TYPICAL, "", "all pairs", None, n=models, status=INSUFFICIENT, reason=why)
    random = np.random.default_rng([given.seed % 2**32, 19])
    value = float(_medians(first[:, None], second[:, None])[0])
    picked = random.integers(0, models, (given.resamples, models))
    low, high = interval(_medians(first[:, picked], second[:, picked]), given.level)
    orders = random.random((given.permutations, models)).argsort(1)
    permuted = _medians(first[:, orders], second[:, None])
    p = float((1 + (np.abs(permuted) >= abs(value) - 1e-12).sum()) / (1 + given.permutations))
    return Measure(TYPICAL, "", "all pairs", value, min(low, value), max(high, value), models, expected=0.0, p=p)


def _stacked(metrics: Mapping[str, Sequence[float]]) -> Array:
    held = [one for one in _checked(metrics).values() if one.std() > 0] or [np.zeros(0)]
    lengths = {len(one) for one in _checked(metrics).values()}
    if len(lengths) > 1:
        raise UsageError(f"The metrics are of different numbers of models: {sorted(lengths)}; give one value for each.")
    return np.stack(held) if held[0].size else np.zeros((0, next(iter(lengths))))


def _medians(first: Array, second: Array) -> Array:
    """For each draw the median of the rank correlations of each metric of the one with each of the other.

    Both are (metrics, draws, models); NaN where a draw leaves no pair of metrics that differ between models.
    """
    one, other = (_standard(_ranks(some)) for some in (first, second))
    found = np.einsum("adm,bdm->dab", one, np.broadcast_to(other, (len(other), *one.shape[1:])), optimize=True)
    flat = found.reshape(len(found), -1) / first.shape[2]
    there = np.isfinite(flat).any(1)
    out = np.full(len(flat), np.nan)
    out[there] = np.nanmedian(flat[there], axis=1)
    return out


def _standard(rows: Array) -> Array:
    """Of mean 0 and deviation 1 along the last axis; NaN where nothing differs."""
    spread = rows.std(-1, keepdims=True)
    away = rows - rows.mean(-1, keepdims=True)
    return np.divide(away, spread, out=np.full(rows.shape, np.nan), where=spread > 0)


def _checked(metrics: Mapping[str, Sequence[float]]) -> dict[str, Array]:
    if not metrics:
        raise UsageError("There is no metric on one side; give at least one intrinsic and one extrinsic metric.")
    return {name: _finite(values, f"The metric {name!r}") for name, values in metrics.items()}


def _finite(given: Sequence[float], what: str) -> Array:
    values = numbers(given, what)
    if not np.isfinite(values).all():
        raise UsageError(f"{what} has values that are no numbers; leave those models out.")
    return values


def _pair(
    family: str, first: Array, second: Array, accuracy: Sequence[float] | None, settings: AgreementSettings
) -> list[Measure]:
    known = None if accuracy is None else np.asarray(accuracy, dtype=np.float64)
    pair = _Pair(first, second, known)
    names = (PEARSON, SPEARMAN) if known is None else (PEARSON, SPEARMAN, PARTIAL)
    found = []
    for name in names:
        told = (name, family, "models", None)
        if pair.models < settings.least:
            why = f"{pair.models} models say nothing of a correlation; {settings.least} are needed"
            found.append(Measure(*told, n=pair.models, status=INSUFFICIENT, reason=why))
        elif np.isnan(pair.value(name)):
            why = "one of the two metrics is the same for all models"
            if first.std() > 0 and second.std() > 0:
                why = "one of the two metrics follows from the accuracy of the models alone"
            found.append(Measure(*told, n=pair.models, status=INSUFFICIENT, reason=why))
        else:
            found.append(_correlated(name, family, pair, settings))
    return found


@dataclass(frozen=True)
class _Pair:
    """Two metrics of the same models (models,), and their accuracy where it is given."""

    first: Array
    second: Array
    known: Array | None = None

    @property
    def models(self) -> int:
        return len(self.first)

    def value(self, name: str) -> float:
        """The correlation of that name over all models; nan where there is none."""
        return float(self.drawn(name, np.arange(self.models)[None])[0])

    def drawn(self, name: str, picked: Array) -> Array:
        """The same over each draw of models (draws, models): ranked and regressed anew within it, (draws,)."""
        one, other = self.first[picked], self.second[picked]
        if name == SPEARMAN:
            one, other = _ranks(one), _ranks(other)
        elif name == PARTIAL and self.known is not None:
            one, other = (_residuals(some, self.known[picked]) for some in (one, other))
        return _rowwise(one, other)

    def permuted(self, name: str, orders: Array) -> Array:
        """The same where the first metric is permuted over models: given accuracy, what that leaves of it is.

        The residuals are permuted and regressed anew (Freedman and Lane, 1983).
        """
        one, other = self.first, self.second
        if name == SPEARMAN:
            one, other = _ranks(one), _ranks(other)
        if name != PARTIAL or self.known is None:
            return _rowwise(one[orders], other[None])
        left = _residuals(one[None], self.known[None])[0]
        again = (some[None] for some in (other, self.known))
        return _rowwise(_residuals(left[orders], self.known[None]), _residuals(*again))


def _correlated(name: str, family: str, pair: _Pair, settings: AgreementSettings) -> Measure:
    value, models = pair.value(name), pair.models
    random = np.random.default_rng([settings.seed % 2**32, 16])
    orders = random.random((settings.permutations, models)).argsort(1)
    permuted = pair.permuted(name, orders)
    p = float((1 + (np.abs(permuted) >= abs(value) - 1e-12).sum()) / (1 + settings.permutations))
    picked = random.integers(0, models, (settings.resamples, models))
    # Ties, of which resamples are full, pull rank correlations about; their intervals are wide enough as they are.
    level = settings.level if name == SPEARMAN else _expanded(settings.level, models - (name == PARTIAL))
    low, high = interval(pair.drawn(name, picked), level)
    return Measure(name, family, "models", value, min(low, value), max(high, value), models, expected=0.0, p=p)


def _expanded(level: float, models: int) -> float:
    """The level of a percentile interval that is as wide as one of Student's t (Hesterberg, 2015, section 5.1.3).

    Without it intervals of a correlation over ten models hold the truth 89 times in a hundred.
    """
    from scipy.stats import norm, t

    return float(1 - 2 * norm.cdf(-np.sqrt(models / (models - 1)) * t.ppf((1 + level) / 2, models - 1)))


def _rowwise(one: Array, other: Array) -> Array:
    a, b = one - one.mean(1, keepdims=True), other - other.mean(1, keepdims=True)
    below = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.divide((a * b).sum(1), below, out=np.full(below.shape, np.nan), where=below > 0)


def _ranks(values: Array) -> Array:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=-1), dtype=np.float64)


def _residuals(values: Array, known: Array) -> Array:
    """What a straight line of the known value leaves in each row (rows, models); 0 where that is only rounding."""
    away, centred = (some - some.mean(1, keepdims=True) for some in (known, values))
    square = (away**2).sum(1)
    slope = np.divide((away * centred).sum(1), square, out=np.zeros(len(centred)), where=square > 0)
    left = centred - slope[:, None] * away
    lost = (left**2).sum(1) <= ROUNDING * (centred**2).sum(1)
    return np.asarray(np.where(lost[:, None], 0.0, left))
