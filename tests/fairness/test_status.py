"""A model of the protected status, its own area under the curve, and sensitivity along what it looks at."""

import numpy as np
import pytest
from scipy import sparse

from bakeoff.errors import UsageError
from bakeoff.fairness import (
    SensitivitySettings,
    StatusSettings,
    linear_sensitivity,
    of_linear,
    prediction_sensitivity,
    soft_sensitivity,
    soft_weights,
    status_model,
)


def people(rows=400, seed=0):
    """Five inputs, of which the first tells the status and the second hints at it."""
    random = np.random.default_rng(seed)
    status = random.choice(["f", "m"], rows)
    inputs = random.normal(size=(rows, 5))
    inputs[:, 0] += 2.0 * (status == "m")
    inputs[:, 1] += 0.5 * (status == "m")
    return inputs, status


LOOKS, BLIND = (
    (np.array([[1.5, 0.0, 1.0, 0.5, 0.0]]), np.zeros(1)),
    (np.array([[0.0, 0.0, 1.0, 0.5, 0.0]]), np.zeros(1)),
)


def test_a_model_that_looks_at_what_tells_of_the_status_is_told_from_one_that_does_not():
    inputs, status = people()
    model = status_model(inputs, status, name="sex")
    (auc,) = model.told
    assert 0.9 < auc.low < auc.value < auc.high <= 1
    assert (auc.group, auc.family, auc.expected) == ("m", "sex", 0.5)
    looks, blind = (soft_sensitivity(own, inputs, model)[1] for own in (LOOKS, BLIND))
    assert looks.low > 1 > blind.high, "relative: more, or less, than along inputs at large"
    assert looks.family == "sex"
    assert soft_sensitivity(LOOKS, inputs, model)[2] == auc


def test_soft_weights_are_the_gradients_of_the_status_model():
    inputs, status = people(100)
    model = status_model(inputs, status)
    jacobian, shares = of_linear(*LOOKS, inputs)
    own = soft_weights(of_linear(model.coefficients, model.intercepts, inputs)[0])
    slow = prediction_sensitivity(jacobian, shares, own)
    for one, other in zip(soft_sensitivity(LOOKS, inputs, model)[:2], slow, strict=True):
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_inputs_that_do_not_tell_the_status_make_it_insufficient():
    random = np.random.default_rng(4)
    inputs, status = random.normal(size=(300, 4)), random.choice(["f", "m"], 300)
    model = status_model(inputs, status, name="sex")
    assert not model.tells
    found = soft_sensitivity((np.ones((1, 4)), np.zeros(1)), inputs, model)
    assert [one.status for one in found] == ["insufficient", "insufficient", "ok"]
    assert "do not tell 'sex' (AUC 0." in found[0].reason


def test_three_groups_have_an_area_each():
    inputs, status = people(600)
    three = np.where((status == "m") & (inputs[:, 2] > 0), "x", status)
    model = status_model(inputs, three)
    assert [one.group for one in model.told] == ["f", "m", "x"]
    assert all(one.value > 0.7 for one in model.told)
    assert model.weights(inputs[:7]).shape == (7, 5)


@pytest.mark.parametrize("kind", ["uniform", "predicted"])
def test_rows_in_parts_and_sparse_inputs_give_the_same(kind, monkeypatch):
    import bakeoff.fairness.sensitivity as home

    random = np.random.default_rng(1)
    inputs = random.normal(size=(50, 6)) * (random.random((50, 6)) < 0.3)
    model = (random.normal(size=(3, 6)), random.normal(size=3))
    weights = random.random(6)
    settings = SensitivitySettings(kind)
    jacobian, shares = of_linear(*model, inputs)
    whole = prediction_sensitivity(jacobian, shares, weights, settings)
    for cells in (home.CELLS, 40):
        monkeypatch.setattr(home, "CELLS", cells)
        for held in (inputs, sparse.csr_matrix(inputs), sparse.coo_matrix(inputs)):
            for one, other in zip(linear_sensitivity(model, held, weights, settings), whole, strict=True):
                assert one.value == pytest.approx(other.value)
                assert one.n == other.n


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: status_model(np.ones((3, 2)), ["a", "b"]), "3 rows of inputs and 2 of 'status'"),
        (lambda: status_model(np.ones((3, 2)), ["a", "b", None]), "1 rows have no 'status'"),
        (lambda: status_model(np.ones((3, 2)), ["a"] * 3), "All rows have one value of 'status'"),
        (lambda: status_model(np.ones((30, 2)), ["a"] * 28 + ["b"] * 2), "2 rows have 'status' 'b' and 10 are needed"),
        (lambda: StatusSettings(folds=1), "needs 2 folds"),
        (lambda: linear_sensitivity(LOOKS, np.ones((4, 3)), np.ones(3)), r"inputs \(4, 3\); they must be"),
        (lambda: linear_sensitivity(LOOKS, np.ones((4, 5)), np.ones(3)), r"shape \(3,\); they must be"),
    ],
)
def test_bad_input_of_the_status_is_told(call, why):
    with pytest.raises(UsageError, match=why):
        call()
