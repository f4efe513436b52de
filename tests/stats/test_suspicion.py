"""Labels that good answers speak against."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.stats.suspicion import agreed_outliers, doubts


def planted(rng, rows=1500, share=0.05, strength=4.0):
    truth = rng.integers(0, 3, rows)
    z = rng.normal(0, 1, (rows, 3))
    z[np.arange(rows), truth] += strength
    odds = np.exp(z)
    flipped = rng.random(rows) < share
    labels = np.where(flipped, (truth + rng.integers(1, 3, rows)) % 3, truth)
    return odds / odds.sum(axis=1, keepdims=True), labels, flipped


def test_flipped_labels_are_found_and_clean_ones_are_left_alone():
    rng = np.random.default_rng(1)
    probabilities, labels, flipped = planted(rng)
    found = doubts(probabilities, labels)
    assert (found.doubted & flipped).sum() >= 0.8 * flipped.sum()
    assert (found.doubted & flipped).sum() >= 0.95 * found.doubted.sum()
    assert found.share.mean() == pytest.approx(flipped.mean(), rel=0.25)
    clean = doubts(*planted(rng, share=0.0)[:2])
    assert clean.doubted.mean() < 0.003


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 4))
def test_the_definition_row_by_row(seed, rows, classes):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), rows)
    labels = rng.integers(0, classes, rows)
    found = doubts(probabilities, labels)
    joint = np.zeros((classes, classes))
    for row in range(rows):
        sure = [
            c
            for c in range(classes)
            if (labels == c).any() and probabilities[row, c] >= probabilities[labels == c, c].mean()
        ]
        best = max(sure, key=lambda c: probabilities[row, c], default=None)
        assert found.doubted[row] == (best is not None and best != labels[row])
        if best is not None:
            assert found.suggested[row] == best
            joint[labels[row], best] += 1
    for row in range(rows):
        counted = joint[labels[row]]
        assert found.share[row] == pytest.approx(1 - counted[labels[row]] / counted.sum() if counted.sum() else 0.0)


def test_outliers_count_as_far_as_everybody_agrees():
    rng = np.random.default_rng(2)
    residuals = rng.normal(0, 1, (3, 500))
    residuals[:, 7] = 20, 30, 12
    residuals[:, 8] = 20, 30, -12
    far = agreed_outliers(residuals)
    assert np.flatnonzero(np.abs(far) > 5).tolist() == [7]
    spread = [1.4826 * np.median(np.abs(each - np.median(each))) for each in residuals]
    assert far[7] == pytest.approx(min((residuals[k, 7] - np.median(residuals[k])) / spread[k] for k in range(3)))
    assert far[8] == 0
