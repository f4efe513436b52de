"""Metrics of answers about pairs, with bootstrap replicates that equal scoring the drawn pairs.

At a fixed threshold a metric is a function of counts, which are summed by resampled group. Average precision and the
best F1 depend on the order of the scores: the pairs are sorted once, and each replicate sums its weights along them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Score
from bakeoff.tasks.scoring import GroupSums, defined, score_classes

CELLS = 4_000_000  # numbers held at once while replicates are summed along the sorted pairs


def score_pairs(truth: Array, answers: Array, wanted: Sequence[str], resample: Resample | None) -> dict[str, Score]:
    """The wanted metrics of probabilities (pairs, 2) against 0 and 1 (pairs,).

    A pair is answered as a match where its second probability is above the first. Values are scikit-learn's, with 0 for
    a precision without any answered match; without a true match all but log loss and precision are undefined (nan).
    `best_f1` is the largest F1 over all thresholds on these very pairs, in every replicate again: it is optimistic.
    """
    truth = np.asarray(truth, dtype=np.int64)
    scores: dict[str, Score] = {}
    if at_threshold := [name for name in wanted if name in COUNTED]:
        counts = pair_counts(truth == 1, answers[:, 1] > answers[:, 0], GroupSums(len(truth), resample))
        scores |= {name: counted(name, counts, resample) for name in at_threshold}
    if ranked := [name for name in wanted if name in RANKED]:
        scores |= _by_rank(truth == 1, answers[:, 1], ranked, resample)
    if "log_loss" in wanted:
        scores |= score_classes(truth, answers, ("log_loss",), resample)
    return {name: scores[name] for name in wanted}


def pair_counts(true: Array, answered: Array, groups: GroupSums) -> Array:
    """True matches answered, answered matches, and true matches in each group: float64 (groups, 3)."""
    kinds = groups.counts(2 * true.astype(np.int64) + answered, 4)
    return np.stack([kinds[:, 3], kinds[:, 1] + kinds[:, 3], kinds[:, 2] + kinds[:, 3]], axis=1)


def counted(name: str, counts: Array, resample: Resample | None) -> Score:
    """Precision, recall or F1 of counts (groups, 3) as `pair_counts` gives them."""
    statistic = COUNTED[name]
    value = float(statistic(*counts.sum(axis=0)))
    if resample is None or not np.isfinite(value):
        return Score(value)
    return Score(value, defined(statistic(*(resample.weights @ counts).T), value))


def precision_of(hits: Array, answered: Array, true: Array) -> Array:
    """Hits among what was answered, 0 where nothing was."""
    return np.asarray(hits / np.maximum(answered, 1e-300))


def recall_of(hits: Array, answered: Array, true: Array) -> Array:
    """Hits among what is true, nan where nothing is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(true > 0, hits / true, np.nan))


def f1_of(hits: Array, answered: Array, true: Array) -> Array:
    """The harmonic mean of precision and recall, nan where nothing is true."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(true > 0, 2 * hits / (answered + true), np.nan))


COUNTED = {"f1": f1_of, "precision": precision_of, "recall": recall_of}
RANKED = ("average_precision", "best_f1")


def _by_rank(true: Array, scores: Array, wanted: Sequence[str], resample: Resample | None) -> dict[str, Score]:
    order = np.argsort(-scores, kind="stable")
    ranked, hit = scores[order], true[order]
    # Pairs of one score are answered alike, so a threshold lies only after the last of them.
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.empty(0, dtype=int)
    values = _of_sums(np.ones((1, len(hit))), hit, last, wanted)
    if resample is None:
        return {name: Score(float(values[name][0])) for name in wanted}
    if resample.rows != len(true):
        raise ValueError(f"The resample is of {resample.rows} rows and there are {len(true)}.")
    group = resample.group[order]
    held: dict[str, list[Array]] = {name: [] for name in wanted}
    step = max(1, CELLS // max(len(hit), 1))
    for start in range(0, resample.folds, step):
        made = _of_sums(resample.weights[start : start + step][:, group], hit, last, wanted)
        for name in wanted:
            held[name].append(made[name])
    scored = {}
    for name in wanted:
        value = float(values[name][0])
        finite = np.isfinite(value)
        scored[name] = Score(value, defined(np.concatenate(held[name]), value) if finite else None)
    return scored


def _of_sums(weights: Array, hit: Array, last: Array, wanted: Sequence[str]) -> dict[str, Array]:
    """Average precision and best F1 of sorted pairs for each row of weights (folds, pairs)."""
    answered = np.cumsum(weights, axis=1)[:, last]
    hits = np.cumsum(weights * hit, axis=1)[:, last]
    if not answered.shape[1]:
        return {name: np.full(len(weights), np.nan) for name in wanted}
    true = hits[:, -1:]
    found = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        if "average_precision" in wanted:
            more = np.diff(hits, axis=1, prepend=0.0)
            precision = hits / np.maximum(answered, 1e-300)
            area = (more * precision).sum(axis=1) / true[:, 0]
            found["average_precision"] = np.where(true[:, 0] > 0, area, np.nan)
        if "best_f1" in wanted:
            best = (2 * hits / (answered + true)).max(axis=1)
            found["best_f1"] = np.where(true[:, 0] > 0, best, np.nan)
    return found
