"""The fast ranking against loops over pairs, and its replicates against the exact bootstrap."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.nouns import Task
from bakeoff.stats import resample
from bakeoff.tasks import kind
from bakeoff.tasks.auc import BLOCK, auc, placements

CLASSES = kind("classification")


def credit(higher, lower):
    return (higher > lower) + (higher == lower) / 2


def scores_and_labels(rows, seed, levels):
    rng = np.random.default_rng(seed)
    positive = rng.random(rows) < rng.uniform(0.05, 0.95)
    positive[0], positive[-1] = rng.permutation([True, False])
    scores = rng.integers(0, levels, rows) / max(1, levels - 1)
    return np.where(rng.random(rows) < 0.1, -0.0, scores), positive


@settings(max_examples=120, deadline=None)
@given(st.integers(2, 60), st.integers(0, 999), st.sampled_from([1, 2, 4, 20, 10**9]), st.integers(2, 70))
def test_every_pair_counts_and_ties_count_half(rows, seed, levels, groups):
    scores, positive = scores_and_labels(rows, seed, levels)
    pairs = np.array([[credit(p, n) for n in scores[~positive]] for p in scores[positive]])
    assert auc(scores, positive) == pytest.approx(pairs.mean(), abs=1e-14)
    weights = resample(rows, "k", folds=2, groups=groups)
    of_positive, of_negative = placements(scores, positive, weights)
    group = weights.group
    np.testing.assert_allclose(of_positive, np.bincount(group[positive], pairs.mean(1), weights.groups), atol=1e-12)
    np.testing.assert_allclose(of_negative, np.bincount(group[~positive], pairs.mean(0), weights.groups), atol=1e-12)


def test_scores_that_differ_in_their_last_bit_are_told_apart():
    scores = np.array([1 / 3, np.nextafter(1 / 3, 1), 1.0, np.nextafter(1.0, 0)])
    assert auc(scores, np.array([False, True, True, False])) == 0.75
    assert auc(scores, np.array([True, False, False, True])) == 0.25


@pytest.mark.parametrize("levels", [2, 1000, 10**9])
def test_large_tables_in_pieces(levels):
    rows = 2 * BLOCK + 17
    scores, positive = scores_and_labels(rows, 4, levels)
    assert auc(scores, positive) == pytest.approx(sklearn.metrics.roc_auc_score(positive, scores), abs=1e-11)
    weights = resample(rows, "k", folds=2)
    of_positive, of_negative = placements(scores, positive, weights)
    order = np.sort(scores[~positive])
    below = (np.searchsorted(order, scores, "left") + np.searchsorted(order, scores, "right")) / 2 / len(order)
    order = np.sort(scores[positive])
    above = 1 - (np.searchsorted(order, scores, "left") + np.searchsorted(order, scores, "right")) / 2 / len(order)
    group = weights.group
    np.testing.assert_allclose(of_positive, np.bincount(group[positive], below[positive], 2048), rtol=1e-9)
    np.testing.assert_allclose(of_negative, np.bincount(group[~positive], above[~positive], 2048), rtol=1e-9)


def test_many_classes_on_threads_are_scikit_learns():
    rng = np.random.default_rng(2)
    rows, classes = 30_000, 9
    truth = rng.integers(0, classes, rows)
    raw = np.round(rng.dirichlet(np.ones(classes), rows) + 0.3 * np.eye(classes)[truth], 3) + 1e-6
    answers = raw / raw.sum(axis=1, keepdims=True)
    task = Task("t", "t", "", "classification", "y", "auc", classes=tuple(range(classes)))
    assert answers.size > 200_000  # else no threads
    expected = sklearn.metrics.roc_auc_score(truth, answers, multi_class="ovr", average="macro")
    assert CLASSES.score(truth, answers, task, resample(rows, "k"))["auc"].value == pytest.approx(expected, abs=1e-11)


def exact_replicates(truth, answers, weights):
    """AUCs of weighted pairs, macro over the classes that a fold has."""
    rows = weights.weights[:, weights.group]
    areas = []
    for k in range(answers.shape[1]):
        positive = truth == k
        pairs = credit(answers[positive, k][:, None], answers[~positive, k])
        won = ((rows[:, positive] @ pairs) * rows[:, ~positive]).sum(axis=1)
        with np.errstate(invalid="ignore"):
            areas.append(won / rows[:, positive].sum(axis=1) / rows[:, ~positive].sum(axis=1))
    return np.nanmean(areas, axis=0)


@pytest.mark.parametrize(("rows", "classes", "signal"), [(60, 2, 0.3), (150, 3, 0.3), (500, 4, 0.2), (3000, 2, 0.1)])
def test_replicates_follow_the_exact_bootstrap(rows, classes, signal):
    rng = np.random.default_rng(rows)
    truth = rng.integers(0, classes, rows)
    raw = np.round(rng.dirichlet(np.ones(classes), rows) + signal * np.eye(classes)[truth], 2) + 1e-3
    answers = raw / raw.sum(axis=1, keepdims=True)
    task = Task("t", "t", "", "classification", "y", "auc", classes=tuple(range(classes)))
    weights = resample(rows, "k", folds=300)
    ours = CLASSES.score(truth, answers, task, weights)["auc"].replicates
    exact = exact_replicates(truth, answers, weights)
    assert ours.std() == pytest.approx(exact.std(), rel=0.04)
    assert np.corrcoef(ours, exact)[0, 1] > 0.99
    assert abs(ours.mean() - exact.mean()) < 0.05 * exact.std() + 1e-9


def test_answers_all_alike_are_a_coin():
    task = Task("t", "t", "", "classification", "y", "auc", classes=(0, 1, 2))
    truth = np.arange(90) % 3
    score = CLASSES.score(truth, np.tile([0.2, 0.3, 0.5], (90, 1)), task, resample(90, "k"))["auc"]
    assert score.value == 0.5
    np.testing.assert_allclose(score.replicates, 0.5, atol=1e-12)
