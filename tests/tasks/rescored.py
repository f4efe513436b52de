"""What a bootstrap replicate must be: the score of the rows that it drew, each as often as it was drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bakeoff.stats import resample


def assert_replicates_are_rescored(kind, codes, answers, task, folds=12):
    """Every replicate of every metric is the score of the resampled rows; all metrics are looked at."""
    weights = resample(len(codes), "k", folds=folds)
    scores = kind.score(codes, answers, task, weights)
    plain = kind.score(codes, answers, task)
    assert list(scores) == list(kind.metrics)
    for name, score in scores.items():
        assert score.value == pytest.approx(plain[name].value, rel=1e-9, abs=1e-12, nan_ok=True)
        if math.isnan(score.value):
            assert score.replicates is None
            continue
        for fold in range(folds):
            rows = np.repeat(np.arange(len(codes)), weights.weights[fold].astype(int))
            again = kind.score(codes[rows], answers[rows], task, only=(name,))[name].value
            due = score.value if math.isnan(again) else again
            assert score.replicates[fold] == pytest.approx(due, rel=1e-9, abs=1e-12), (name, fold)
