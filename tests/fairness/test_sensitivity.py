"""Prediction sensitivity against closed forms, differences and planted dependence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import UsageError
from bakeoff.fairness import (
    SensitivitySettings,
    hard_weights,
    of_black_box,
    of_embeddings,
    of_linear,
    prediction_sensitivity,
    soft_weights,
)


def softmax(logits):
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 5), inputs=st.integers(1, 6))
def test_the_closed_form_is_that_of_small_differences(seed, classes, inputs):
    random = np.random.default_rng(seed)
    weights, bias = random.normal(size=(classes, inputs)), random.normal(size=classes)
    X = random.normal(size=(7, inputs))
    jacobian, shares = of_linear(weights, bias, X)
    near, found = of_black_box(lambda rows: softmax(rows @ weights.T + bias), X, np.full(inputs, 1e-5))
    assert np.allclose(shares, found, atol=1e-12)
    assert np.allclose(jacobian, near, atol=1e-8)


def test_of_a_logistic_regression_it_is_the_mean_of_p_q_w():
    random = np.random.default_rng(0)
    weights, X = np.array([[0.7, -1.3, 0.0]]), random.normal(size=(500, 3))
    jacobian, shares = of_linear(weights, np.array([0.2]), X)
    p = 1 / (1 + np.exp(-(X @ weights[0] + 0.2)))
    assert np.allclose(shares[:, 1], p)
    names = ["a", "b", "c"]
    for place, name in enumerate(names):
        found, _ = prediction_sensitivity(jacobian, shares, hard_weights(names, [name]))
        assert found.value == pytest.approx(np.mean(p * (1 - p)) * abs(weights[0, place]), abs=1e-6)
        assert found.low - 1e-12 <= found.value <= found.high + 1e-12
    blind, relative = prediction_sensitivity(jacobian, shares, hard_weights(names, ["c"]))
    assert (blind.value, relative.value) == (0.0, 0.0)
    uniform = prediction_sensitivity(jacobian, shares, np.ones(3))[1]
    assert uniform.value == pytest.approx(1.0)
    larger = prediction_sensitivity(jacobian, shares, hard_weights(names, ["b"]))[1]
    assert larger.value == pytest.approx(3 * 1.3 / 2.0)


def test_soft_weights_are_those_of_the_status_model_and_planted_dependence_is_ranked():
    """Four models that look more and more at what tells of the status: ranked right in at least 95 of 100 draws."""
    right = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        X = random.normal(size=(300, 5))
        status, _ = of_linear(np.array([[2.0, 0.5, 0.0, 0.0, 0.0]]), np.zeros(1), X)
        weights = soft_weights(status)
        assert weights.shape == X.shape
        values = []
        for strength in (0.0, 0.4, 0.8, 1.2):
            own = np.array([[strength, 0.0, 1.0, 1.0, 0.5]]) + random.normal(0, 0.05, (1, 5))
            jacobian, shares = of_linear(own, np.zeros(1), X)
            values.append(prediction_sensitivity(jacobian, shares, weights, SensitivitySettings(draws=2))[1].value)
        right += values == sorted(values)
    assert right >= 95
    chosen = soft_weights(np.array([[[1.0, -2.0], [3.0, 0.0]]]), np.array([1]))
    assert chosen.tolist() == [[3.0, 0.0]]


def test_trees_are_asked_by_steps_that_matter():
    from sklearn.ensemble import RandomForestClassifier

    random = np.random.default_rng(1)
    X = random.normal(size=(400, 3))
    y = (X[:, 0] + 0.2 * random.normal(size=400) > 0).astype(int)
    forest = RandomForestClassifier(50, random_state=0).fit(X, y)
    jacobian, shares = of_black_box(forest.predict_proba, X, X.std(0))
    looked_at, ignored = (
        prediction_sensitivity(jacobian, shares, hard_weights(["a", "b", "c"], [name]))[0].value for name in ("a", "b")
    )
    assert looked_at > 5 * ignored


def test_autograd_over_tokens_is_the_norm_of_small_differences(require):
    require("torch")
    import torch

    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 3).double()
    embedded = torch.randn(5, 6, 4, dtype=torch.float64)
    jacobian, shares = of_embeddings(lambda held: layer(held.tanh().mean(1)), embedded)
    assert jacobian.shape == (5, 3, 6)
    slow = np.zeros((5, 3, 6, 4))
    for token in range(6):
        for place in range(4):
            step = torch.zeros_like(embedded)
            step[:, token, place] = 1e-6
            up, down = (layer((embedded + sign * step).tanh().mean(1)).softmax(-1) for sign in (1, -1))
            slow[:, :, token, place] = ((up - down) / 2e-6).detach().numpy()
    assert np.allclose(jacobian, np.linalg.norm(slow, axis=3), atol=1e-8)
    assert np.allclose(shares.sum(1), 1)


def test_rows_without_weights_are_left_out_and_nothing_is_told_of_none():
    jacobian, shares = of_linear(np.array([[1.0, 2.0]]), np.zeros(1), np.zeros((4, 2)))
    weights = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    found, _ = prediction_sensitivity(jacobian, shares, weights)
    assert found.n == 1
    nothing, _ = prediction_sensitivity(jacobian, shares, np.zeros(2))
    assert (nothing.status, nothing.value) == ("insufficient", None)
    constant, relative = prediction_sensitivity(np.zeros((4, 2, 2)), shares, np.ones(2))
    assert (constant.value, relative.status) == (0.0, "insufficient")


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: prediction_sensitivity(np.zeros((2, 2)), np.zeros((2, 2)), np.ones(2)), "must be .rows, classes, in"),
        (lambda: prediction_sensitivity(np.zeros((2, 2, 2)), np.zeros((2, 2)), -np.ones(2)), "not negative"),
        (lambda: prediction_sensitivity(np.full((2, 2, 2), np.nan), np.zeros((2, 2)), np.ones(2)), "be numbers"),
        (lambda: hard_weights(["a"], ["b"]), "no input called b"),
        (lambda: hard_weights(["a"], []), "no input called so"),
        (lambda: of_black_box(lambda rows: rows, np.zeros((2, 2)), np.array([1.0, 0.0])), "a step above 0"),
        (lambda: SensitivitySettings(classes="all"), "no class weights 'all'"),
    ],
)
def test_bad_input_of_sensitivity_is_told(call, why):
    with pytest.raises(UsageError, match=why):
        call()
