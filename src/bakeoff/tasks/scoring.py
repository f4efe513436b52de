"""Metrics with bootstrap replicates, from sums within the groups that are resampled.

Every metric but AUC is a function of sums over rows. So one pass makes the sums of each group, and the replicates
follow from the product weights (folds, groups) @ sums (groups, ...), as if each resampled table had been scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.auc import WORTH_A_THREAD, macro_auc
from bakeoff.tasks.kinds import Score

SMALLEST = 1e-7  # log loss counts any probability of the true class as at least this
BINS = 15

Statistic = Callable[..., Array]


class GroupSums:
    """Sums within the groups of a resample, or over all rows when there is none."""

    def __init__(self, rows: int, resample: Resample | None) -> None:
        if resample is not None and resample.rows != rows:
            raise ValueError(f"The resample is of {resample.rows} rows and there are {rows}.")
        self.resample = resample
        self.sizes: Array = np.array([float(rows)]) if resample is None else resample.sizes

    def counts(self, codes: Array, width: int) -> Array:
        """How often each code below `width` occurs in each group: float64 (groups, width)."""
        if self.resample is None:
            return np.bincount(codes, minlength=width)[None, :].astype(np.float64)
        groups = self.resample.groups
        place = self.resample.group * np.int64(width) + codes
        return np.bincount(place, minlength=groups * width).reshape(groups, width).astype(np.float64)

    def sums(self, values: Array) -> Array:
        """Sums of values (rows,) in each group: (groups,)."""
        return np.array([values.sum()]) if self.resample is None else self.resample.sums(values)

    def binned(self, values: Array, codes: Array, width: int) -> Array:
        """Sums of values (rows,) by group and code: (groups, width)."""
        if self.resample is None:
            return np.bincount(codes, weights=values, minlength=width)[None, :]
        groups = self.resample.groups
        place = self.resample.group * np.int64(width) + codes
        return np.bincount(place, weights=values, minlength=groups * width).reshape(groups, width)

    def score(self, statistic: Statistic, *sums: Array) -> Score:
        """The statistic of the sums over all rows, and of those of every replicate."""
        value = float(statistic(*(part.sum(axis=0) for part in sums)))
        if self.resample is None or not np.isfinite(value):
            return Score(value)
        replicates = statistic(*(self.resample.weights @ part for part in sums))
        return Score(value, defined(replicates, value))


def defined(replicates: Array, value: float) -> Array:
    """Replicates with `value` in place of those where the metric is undefined (a fold without a class, say)."""
    return np.where(np.isfinite(replicates), replicates, value)


def score_classes(truth: Array, answers: Array, wanted: Sequence[str], resample: Resample | None) -> dict[str, Score]:
    """The wanted metrics of class probabilities (rows, classes) against int codes (rows,)."""
    groups = GroupSums(len(answers), resample)
    true = groups.counts(truth, answers.shape[1])
    if "auc" not in wanted:
        scores = _scores_but_auc(truth, answers, true, wanted, groups)
    elif answers.size < WORTH_A_THREAD:
        scores = _scores_but_auc(truth, answers, true, wanted, groups)
        scores["auc"] = macro_auc(truth, answers, true, resample)
    else:
        # Ranking takes longest and mostly sorts, which leaves the interpreter free for the other metrics.
        with ThreadPoolExecutor(1) as beside:
            area = beside.submit(macro_auc, truth, answers, true, resample)
            scores = _scores_but_auc(truth, answers, true, wanted, groups)
            scores["auc"] = area.result()
    return {name: scores[name] for name in wanted}


def _scores_but_auc(
    truth: Array, answers: Array, true: Array, wanted: Sequence[str], groups: GroupSums
) -> dict[str, Score]:
    width = answers.shape[1]
    scores: dict[str, Score] = {}
    if set(wanted) & {"accuracy", "balanced_accuracy", "macro_f1", "calibration_error"}:
        answer = answers.argmax(axis=1)
        right = answer == truth
        # One spare code takes the wrong answers, which is cheaper than picking the right ones and their groups out.
        hits = groups.counts(np.where(right, truth, width), width + 1)[:, :width]
        if "accuracy" in wanted:
            scores["accuracy"] = groups.score(_accuracy, hits, true)
        if "balanced_accuracy" in wanted:
            scores["balanced_accuracy"] = groups.score(_balanced, hits, true)
        if "macro_f1" in wanted:
            scores["macro_f1"] = groups.score(_macro_f1, hits, groups.counts(answer, width), true)
        if "calibration_error" in wanted:
            scores["calibration_error"] = _calibration(groups, answers, answer, right)
    if "log_loss" in wanted:
        losses = -np.log(np.clip(_picked(answers, truth), SMALLEST, 1.0))
        scores["log_loss"] = groups.score(_mean, groups.sums(losses), groups.sizes)
    return scores


def score_numbers(truth: Array, answers: Array, wanted: Sequence[str], resample: Resample | None) -> dict[str, Score]:
    """The wanted metrics of numbers (rows,) against float64 (rows,)."""
    groups = GroupSums(len(truth), resample)
    error = answers - truth
    scores: dict[str, Score] = {}
    squares = groups.sums(error * error)
    if "rmse" in wanted:
        scores["rmse"] = groups.score(_root_mean, squares, groups.sizes)
    if "mae" in wanted:
        scores["mae"] = groups.score(_mean, groups.sums(np.abs(error)), groups.sizes)
    if "r2" in wanted:
        # Centred first, so that the spread is not lost in the rounding of large targets.
        centred = truth - truth.mean()
        scores["r2"] = groups.score(_r2, squares, groups.sums(centred), groups.sums(centred * centred), groups.sizes)
    return {name: scores[name] for name in wanted}


def _picked(answers: Array, codes: Array) -> Array:
    """The answer of each row in the column of its code (rows,)."""
    rows, width = answers.shape
    return np.ravel(answers).take(np.arange(0, rows * width, width) + codes)


def _accuracy(hits: Array, true: Array) -> Array:
    return hits.sum(axis=-1) / true.sum(axis=-1)


def _balanced(hits: Array, true: Array) -> Array:
    """Mean recall over the classes that occur."""
    recall = np.divide(hits, true, out=np.zeros_like(hits), where=true > 0)
    return recall.sum(axis=-1) / (true > 0).sum(axis=-1)


def _macro_f1(hits: Array, answered: Array, true: Array) -> Array:
    """Mean F1 over the classes that occur in truth or answers."""
    either = answered + true
    f1 = np.divide(2 * hits, either, out=np.zeros_like(hits), where=either > 0)
    return f1.sum(axis=-1) / (either > 0).sum(axis=-1)


def _mean(sums: Array, sizes: Array) -> Array:
    return sums / sizes


def _root_mean(sums: Array, sizes: Array) -> Array:
    return np.sqrt(sums / sizes)


def _r2(squares: Array, sums: Array, sums_of_squares: Array, sizes: Array) -> Array:
    """1 - squared error / spread; without any spread 1 when there is no error, else 0, as in scikit-learn."""
    spread = sums_of_squares - sums * sums / sizes
    flat = spread <= 1e-12 * sums_of_squares
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(flat, np.where(squares == 0, 1.0, 0.0), 1 - squares / spread)


def _calibration(groups: GroupSums, answers: Array, answer: Array, right: Array) -> Score:
    """Expected calibration error of the top label in 15 bins of equal width (Guo et al. 2017, arXiv 1706.04599).

    An absolute value of a noisy sum grows with the noise, so replicates lie above the value; they are moved to have the
    value as their mean, which keeps their spread.
    """
    confidence = _picked(answers, answer)
    place = np.clip(np.searchsorted(np.arange(BINS + 1) / BINS, confidence, side="left") - 1, 0, BINS - 1)
    gaps = groups.binned(right - confidence, place, BINS)
    score = groups.score(lambda gap, size: np.abs(gap).sum(axis=-1) / size, gaps, groups.sizes)
    if score.replicates is None:
        return score
    return Score(score.value, np.maximum(0.0, score.replicates - score.replicates.mean() + score.value))
