"""The quick products against plain ones, whatever lies how in memory."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from bakeoff.privacy.rules import products
from bakeoff.privacy.rules.cells import curve
from bakeoff.privacy.rules.products import inner, product, repeated, summed

QUICK = settings(deadline=None, max_examples=25)
KINDS = some.sampled_from([torch.float32, torch.float64])
LAYOUTS = some.sampled_from(["whole", "turned", "with gaps"])


def laid(rows: int, columns: int, layout: str, kind: torch.dtype) -> torch.Tensor:
    random = torch.Generator().manual_seed(rows * 1000 + columns)
    if layout == "turned":
        return torch.randn(columns, rows, generator=random, dtype=kind).t()
    if layout == "with gaps":
        return torch.randn(rows, 3 * columns, generator=random, dtype=kind)[:, columns : 2 * columns]
    return torch.randn(rows, columns, generator=random, dtype=kind)


def same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return found.shape == expected.shape and torch.allclose(
        found.double(), expected, atol=1e-5 * max(1.0, float(expected.abs().max()))
    )


# Sizes on both sides of what is too small to be worth the quick way.
@QUICK
@given(
    some.sampled_from([1, 7, 96, 301]), some.sampled_from([1, 64]), some.sampled_from([3, 80]), LAYOUTS, LAYOUTS, KINDS
)
def test_products_are_those_of_plain_matrices(rows, inside, columns, one, other, kind):
    left, right = laid(rows, inside, one, kind), laid(columns, inside, other, kind)
    bias = laid(1, columns, "whole", kind)[0]
    expected = left.double() @ right.double().t()
    assert same(product(left, right), expected)
    assert same(product(left, right, bias), expected + bias.double())
    assert same(repeated(right, rows)(left), expected)


@QUICK
@given(
    some.sampled_from([1, 7, 301, 1024, 2500]), some.sampled_from([1, 48]), some.sampled_from([3, 80]), LAYOUTS, KINDS
)
def test_sums_over_rows_are_those_of_plain_matrices(rows, wide, narrow, layout, kind):
    left, right = laid(rows, wide, layout, kind), laid(rows, narrow, layout, kind)
    expected = left.double().t() @ right.double()
    assert same(summed(left, right), expected)
    assert same(inner(left.t(), right.t()), expected)
    assert same(summed(right, left), expected.t())


def test_no_rows_sum_to_zeros():
    assert torch.equal(summed(torch.ones(0, 4), torch.ones(0, 2)), torch.zeros(4, 2))


def test_a_machine_without_the_quick_way_takes_the_plain_one(monkeypatch):
    left, right = laid(96, 64, "whole", torch.float32), laid(80, 64, "whole", torch.float32)
    monkeypatch.setattr(products, "_onednn", lambda: None)
    assert torch.equal(product(left, right), left @ right.t())
    assert torch.equal(repeated(right, 96)(left), left @ right.t())


def test_the_quick_tangent_is_one_to_the_last_digits_of_its_range():
    values = torch.cat([torch.linspace(-30, 30, 10_001), torch.tensor([-1e30, 1e30, 0.0, 1e-20])])
    assert float((curve(values).double() - values.double().tanh()).abs().max()) < 2e-7
    assert float((curve(values.double()) - values.double().tanh()).abs().max()) < 1e-15
    assert torch.equal(curve(values.bfloat16()), values.bfloat16().tanh())
