"""What one record adds to a step stays within the sensitivity that its clipping declares."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import UsageError
from bakeoff.privacy.clipping import Automatic, Flat, Layerwise, Quantile

SIZES = {"table.weight": 120, "block.first.weight": 40, "block.first.bias": 4, "block.second.weight": 16, "out": 20}
KINDS = {
    "flat": Flat,
    "automatic": Automatic,
    "by size": Layerwise,
    "equal": lambda bound: Layerwise(bound, shares="equal"),
    "given": lambda bound: Layerwise({"": bound, "block": 2 * bound, "block.second": 0.1 * bound}),
    "automatic by layer": lambda bound: Layerwise(bound, automatic=0.01),
    "quantile": lambda bound: Quantile(bound=bound),
}


@pytest.mark.parametrize("kind", KINDS)
@given(bound=st.floats(1e-3, 1e3), scale=st.floats(1e-6, 1e6), seed=st.integers(0, 99))
def test_a_record_adds_no_more_than_the_sensitivity(kind: str, bound: float, scale: float, seed: int) -> None:
    clipping = KINDS[kind](bound)
    groups = clipping.groups(SIZES)
    assert len(groups) == len(SIZES)
    generator = torch.Generator().manual_seed(seed)
    norms = torch.rand(max(groups) + 1, 20, generator=generator).pow(3) * scale
    norms[:, 0] = 0.0
    added = (clipping.factors(norms) * norms).norm(dim=0)
    assert bool((added <= clipping.sensitivity * (1 + 1e-5)).all())
    assert added[0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_long_gradients_reach_the_sensitivity(kind: str) -> None:
    clipping = KINDS[kind](0.7)
    norms = torch.full((max(clipping.groups(SIZES)) + 1, 3), 1e4)
    added = (clipping.factors(norms) * norms).norm(dim=0)
    assert torch.allclose(added, torch.full((3,), clipping.sensitivity), rtol=1e-4)


def test_short_gradients_are_left_alone_by_a_bound_and_stretched_by_automatic_clipping() -> None:
    norms = torch.tensor([[0.01, 0.5, 2.0]])
    assert Flat(1.0).factors(norms).tolist() == [[1.0, 1.0, 0.5]]
    assert torch.allclose(Automatic(1.0, 0.01).factors(norms), torch.tensor([[50.0, 1 / 0.51, 1 / 2.01]]))


def test_layers_are_clipped_by_module_and_share_the_bound() -> None:
    clipping = Layerwise(2.0)
    assert clipping.groups(SIZES) == (0, 1, 1, 2, 3)
    assert clipping.sensitivity == pytest.approx(math.hypot(*clipping.bounds)) == pytest.approx(2.0)
    assert clipping.bounds == pytest.approx([2 * math.sqrt(part / 200) for part in (120, 44, 16, 20)])
    named = Layerwise({"": 3.0, "block": 4.0, "block.second": 12.0})
    named.groups(SIZES)
    assert named.bounds == (3.0, 4.0, 12.0, 3.0)
    assert named.sensitivity == pytest.approx(math.sqrt(9 + 16 + 144 + 9))


def test_the_bound_follows_the_quantile_of_the_norms() -> None:
    from bakeoff.privacy.noise import Noise

    random, noise = np.random.default_rng(0), Noise(seed=0)
    clipping = Quantile(bound=50.0, quantile=0.7, deviation=4.0)
    clipping.expect(200)
    for _ in range(150):
        for _ in range(2):  # physical batches are counted together
            clipping.factors(torch.from_numpy(random.lognormal(0.0, 1.0, (1, random.binomial(200, 0.5)))).float())
        clipping.finish(noise)
    wanted = math.exp(0.5244)  # the 70 % quantile of a log-normal distribution
    assert clipping.bound == pytest.approx(wanted, rel=0.2)
    other = Quantile(bound=1.0, quantile=0.7, deviation=4.0)
    other.restore(clipping.state())
    assert other.sensitivity == clipping.bound


@given(sigma=st.floats(0.3, 20), deviation=st.floats(11, 100))
def test_the_count_and_the_gradients_together_are_the_step_that_was_asked_for(sigma: float, deviation: float) -> None:
    # Two Gaussian releases of one sample are one: their 1 / sigma^2 add up. The count moves by 1/2.
    clipping = Quantile(deviation=deviation)
    clipping.expect(100)
    gradients = clipping.multiplier(sigma)
    assert gradients >= sigma
    assert gradients**-2 + (deviation / 0.5) ** -2 == pytest.approx(sigma**-2)


def test_a_count_with_too_little_noise_is_refused() -> None:
    clipping = Quantile()
    clipping.expect(10)
    with pytest.raises(UsageError, match=r"count of quantile clipping has noise 0\.5"):
        clipping.multiplier(1.5)
    clipping.expect(100)
    assert clipping.multiplier(1.5) < 1.6


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Flat(0.0), "bound of clipping is 0.0"),
        (lambda: Flat(math.inf), "bound of clipping is inf"),
        (lambda: Automatic(1.0, 0.0), "stability of automatic clipping is 0.0"),
        (lambda: Layerwise(-1.0), "bound of clipping is -1.0"),
        (lambda: Layerwise(1.0, shares="depth"), "no shares 'depth'"),
        (lambda: Layerwise({"block": 1.0}).groups(SIZES), "no bound for 'table'"),
        (lambda: Layerwise({"blo": 1.0, "table": 1.0}).groups(SIZES), "no bound for 'block.first'"),
        (lambda: Layerwise({"": 1.0}).sensitivity, "no sensitivity before"),
        (lambda: Quantile().expect(0), "expected number of records in a batch is 0"),
        (lambda: Quantile().multiplier(1.0), "does not know how many records"),
        (lambda: Quantile(quantile=1.0), "between 0 and 1"),
        (lambda: Quantile(pace=-1), "pace of quantile clipping is -1"),
        (lambda: Quantile(deviation=-1), "deviation of the count's noise is -1"),
    ],
)
def test_bad_settings_are_refused(make, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()
