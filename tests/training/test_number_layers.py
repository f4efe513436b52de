"""Embeddings of numbers agree with the formulas of Gorishniy et al. (2022), written as loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from neural import torch
from rows_made import frame

from bakeoff.training.encoders.dates import calendar
from bakeoff.training.encoders.numeric import Numeric, NumericStyle, normal_scores
from bakeoff.training.layers.numbers import EachLinear, NumericLayers, Periodic, PiecewiseLinear
from bakeoff.training.preparation import Preparation

EDGES = some.lists(
    some.lists(some.integers(-40, 40), unique=True, max_size=6).map(sorted).map(lambda e: [x / 8 for x in e]),
    min_size=1,
    max_size=4,
)


def encoded(value: float, edges: list[float], bins: int) -> list[float]:
    """Piecewise-linear encoding of one number, bin by bin; the outer bins go on by one width at most."""
    found = [0.0] * bins
    for bin_ in range(len(edges) - 1):
        low, high = edges[bin_], edges[bin_ + 1]
        share = (value - low) / (high - low)
        first, last = bin_ == 0, bin_ == len(edges) - 2
        if value < low:
            share = max(share, -1.0) if first else 0.0
        elif value >= high:
            share = min(share, 2.0) if last else 1.0
        found[bin_] = share
    return found


@settings(deadline=None, max_examples=60)
@given(EDGES, some.data())
def test_piecewise_linear_agrees_with_the_loop(edges, data):
    count = data.draw(some.integers(0, 5))
    number = some.integers(-99, 99).map(lambda x: x / 8)
    values = [[data.draw(number) for _ in edges] for _ in range(count)]
    layer = PiecewiseLinear(edges)
    found = layer(torch.tensor(values, dtype=torch.float32).reshape(count, len(edges)))
    wanted = [[encoded(v, e, layer.bins) for v, e in zip(row, edges, strict=True)] for row in values]
    assert found.shape == (count, len(edges), layer.bins)
    if count and layer.bins:
        assert np.allclose(found.numpy(), np.array(wanted), atol=1e-5)


def test_the_encoding_is_continuous_and_each_number_in_range_has_its_own():
    layer = PiecewiseLinear([[-1.0, 0.0, 0.5, 3.0]])
    values = torch.linspace(-1, 3, 400).unsqueeze(1)
    sums = layer(values).sum((1, 2))
    assert (sums.diff() > 0).all()
    assert sums.diff().max() < 0.03


@settings(deadline=None, max_examples=30)
@given(some.integers(1, 4), some.integers(1, 5), some.integers(0, 6), some.integers(0, 99))
def test_periodic_agrees_with_the_loop(columns, frequencies, count, seed):
    torch.manual_seed(seed)
    layer = Periodic(columns, frequencies, 0.7)
    values = torch.randn(count, columns)
    found = layer(values)
    for i in range(count):
        for j in range(columns):
            angles = [2 * math.pi * float(c) * float(values[i, j]) for c in layer.frequencies.detach()[j]]
            wanted = [math.cos(a) for a in angles] + [math.sin(a) for a in angles]
            assert np.allclose(found[i, j].detach().numpy(), wanted, atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(some.integers(1, 4), some.integers(1, 4), some.integers(1, 4), some.integers(0, 5))
def test_each_column_has_its_own_linear_map(columns, inside, outside, count):
    layer = EachLinear(columns, inside, outside)
    values = torch.randn(count, columns, inside)
    found = layer(values)
    for i in range(count):
        for j in range(columns):
            assert torch.allclose(found[i, j], values[i, j] @ layer.weight[j] + layer.bias[j], atol=1e-6)


def test_a_missing_number_is_embedded_by_its_own_sign_alone():
    layer = NumericLayers([(-1.0, 0.0, 1.0)], NumericStyle(width=3))
    with torch.no_grad():
        layer.missing.copy_(torch.tensor([[1.0, 2.0, 3.0]]))
    parts = {"values": torch.tensor([[0.0], [0.0], [5.0]]), "missing": torch.tensor([[True], [False], [True]])}
    found = layer(parts)
    assert found[0].tolist() == found[2].tolist() == [1.0, 2.0, 3.0]
    assert found[1].tolist() != [1.0, 2.0, 3.0]


def test_bins_lie_at_quantiles_and_a_constant_column_has_none():
    rows = frame(400, gaps=0.0)
    rows["weight"] = 5.0
    encoder = Numeric(["size", "weight"], NumericStyle(bins=4))
    encoder.learn(rows, Preparation())
    size, constant = encoder.scales
    wanted = (np.quantile(rows["size"], [0, 0.25, 0.5, 0.75, 1]) - size.centre) / size.scale
    assert np.allclose(size.edges, wanted, atol=1e-6)
    assert constant.edges == ()
    assert not encoder.read(rows)["values"][:, 1].any()


@pytest.mark.parametrize("style", ["piecewise", "periodic", "linear"])
def test_values_far_outside_stay_finite(style):
    rows = frame(50, gaps=0.0)
    encoder = Numeric(["size"], NumericStyle(style))
    encoder.learn(rows, Preparation())
    rows["size"] = [1e300, -1e300, np.inf, -np.inf, np.nan] * 10
    parts = {name: torch.from_numpy(part) for name, part in encoder.read(rows).items()}
    assert torch.isfinite(encoder.layers()(parts)).all()
    assert parts["missing"][:5, 0].tolist() == [False, False, True, True, True]


def test_normal_scores_are_those_of_scikit_learns_quantile_transformer():
    from sklearn.preprocessing import QuantileTransformer

    rng = np.random.default_rng(0)
    values = np.concatenate([rng.exponential(2, 300), np.full(60, 1.0)])
    asked = np.concatenate([rng.exponential(2, 50), [1.0]])
    ours = normal_scores(asked, np.quantile(values, np.linspace(0, 1, 100)))
    theirs = QuantileTransformer(n_quantiles=100, output_distribution="normal", subsample=None).fit(values[:, None])
    assert np.allclose(ours, np.clip(theirs.transform(asked[:, None])[:, 0], -3, 3), atol=1e-6)


def test_the_calendar_is_that_of_known_days():
    days = np.array([[(np.datetime64("2024-07-01") - np.datetime64("1970-01-01")).astype(float) + 0.25], [np.nan]])
    year, month, week, day = 182 / 365.25, 0.0, 0.0, 0.25  # a Monday, six in the morning
    angles = 2 * np.pi * np.array([year, month, week, day])
    assert np.allclose(calendar(days)[0], np.concatenate([np.sin(angles), np.cos(angles)]), atol=1e-6)
    assert not calendar(days)[1].any()
