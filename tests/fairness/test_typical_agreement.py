"""Whether metrics agree in general: the median rank correlation over all pairs of them."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from bakeoff.errors import UsageError
from bakeoff.fairness import AgreementSettings, typical_agreement

FEW = AgreementSettings(permutations=300, resamples=200)


def metrics(random, models, names, pull=0.0, cause=None):
    cause = random.normal(size=models) if cause is None else cause
    return {name: (pull * cause + random.normal(size=models)).tolist() for name in names}


def test_it_is_the_median_of_all_pairs():
    random = np.random.default_rng(0)
    first, second = metrics(random, 12, "abc"), metrics(random, 12, "xy")
    second["y"] = np.round(second["y"])
    slow = [spearmanr(one, other).statistic for one in first.values() for other in second.values()]
    found = typical_agreement(first, second, FEW)
    assert found.value == pytest.approx(np.median(slow), abs=1e-12)
    assert found.low <= found.value <= found.high and found.n == 12
    same = {**first, "d": [1.0] * 12}
    assert typical_agreement(same, second, FEW).value == pytest.approx(found.value), "what never differs is left out"


def test_a_common_cause_is_found_and_chance_is_not():
    """Of 60 null cases at 0.05 at most 10 (more come once in 3,000); a cause is found in nearly all."""
    random = np.random.default_rng(1)
    null = [typical_agreement(metrics(random, 16, "abc"), metrics(random, 16, "xyz"), FEW) for _ in range(60)]
    assert sum(one.p < 0.05 for one in null) <= 10
    planted = []
    for _ in range(20):
        cause = random.normal(size=16)
        sides = (metrics(random, 16, names, 3.0, cause) for names in ("abc", "xyz"))
        planted.append(typical_agreement(*sides, FEW))
    assert sum(one.p < 0.05 and one.low > 0.3 for one in planted) >= 18


def test_few_models_and_metrics_that_never_differ_say_nothing():
    random = np.random.default_rng(2)
    few = typical_agreement(metrics(random, 7, "a"), metrics(random, 7, "x"), FEW)
    assert (few.value, few.status) == (None, "insufficient") and "7 models" in few.reason
    flat = typical_agreement({"a": [1.0] * 9}, metrics(random, 9, "x"), FEW)
    assert flat.value is None and "the same for all models" in flat.reason


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({}, {"x": [1.0]}, "no metric on one side"),
        ({"a": [1.0, 2.0]}, {"x": [1.0]}, "of 2 and of 1 models"),
        ({"a": [1.0, 2.0], "b": [1.0]}, {"x": [1.0, 2.0]}, "different numbers of models"),
        ({"a": [float("nan")]}, {"x": [1.0]}, "'a' has values that are no numbers"),
    ],
)
def test_bad_input_of_agreement_is_told(first, second, why):
    with pytest.raises(UsageError, match=why):
        typical_agreement(first, second)
