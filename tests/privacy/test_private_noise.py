"""Private noise: it is Gaussian with the deviation that was asked for, far into the tails, and never the same twice."""

from __future__ import annotations

import copy
import os
import pickle
import warnings

import pytest

pytest.importorskip("torch")
pytest.importorskip("cryptography")

import numpy as np
import torch
from private_made import has_deviation
from scipy import stats

from bakeoff.errors import UsageError
from bakeoff.privacy import noise as source
from bakeoff.privacy.noise import Noise


def drawn(count: int = 200_000, seed: int | None = 0) -> np.ndarray:
    return Noise(seed).normal((count,)).numpy().astype(np.float64)


@pytest.mark.parametrize("deviation", [1e-6, 0.37, 25.0])
def test_the_deviation_is_what_was_asked_for(deviation: float) -> None:
    held = torch.zeros(300, 100)
    Noise().add(held, deviation)
    assert has_deviation(held, deviation)
    other = torch.ones(300, 100)
    Noise().fill(other, deviation)
    assert has_deviation(other, deviation)


@pytest.mark.parametrize("off", [0.95, 1.05, 0.5, 0.0])
def test_a_deviation_that_is_off_by_5_percent_is_noticed(off: float) -> None:
    held = torch.zeros(300, 100)
    Noise().add(held, 0.37 * off)
    assert not has_deviation(held, 0.37)


def test_numbers_are_gaussian_and_independent() -> None:
    found = drawn(2_000_000)
    assert stats.kstest(found, "norm").pvalue > 1e-6
    for power, expected, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10_170)):
        assert abs((found**power).mean() - expected) < 5 * np.sqrt(spread / len(found)), power
    for lag in (1, 2, 7, source.PAIRS, 2 * source.PAIRS):  # numbers of one pair lie a block's half apart
        for power in (1, 2):
            one, other = found[:-lag] ** power, found[lag:] ** power
            assert abs(np.corrcoef(one, other)[0, 1]) < 6 / np.sqrt(len(one)), (lag, power)


def test_tails_are_neither_cut_off_nor_heavy() -> None:
    found = np.abs(drawn(8_000_000))
    for beyond in (3.0, 4.0, 5.0):
        expected = 2 * stats.norm.sf(beyond) * len(found)
        seen = int((found > beyond).sum())
        assert stats.poisson.sf(seen - 1, expected) > 1e-7, beyond
        assert stats.poisson.cdf(seen, expected) > 1e-7, beyond


def test_a_radius_far_out_gets_further_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = source._Stream(0)
    stream._raw[:] = 0  # no bit set at all: the point lies beyond 6.6 deviations, where 32 bits end
    uniform = np.empty(source.PAIRS, dtype=np.float32)
    stream._uniform(uniform)
    radius = np.sqrt(-2 * np.log(uniform.astype(np.float64)))
    assert 6.66 < radius.min() < 6.7
    assert radius.max() > 7.5
    assert len(np.unique(radius)) > 0.99 * len(radius)
    monkeypatch.setattr(source, "RARE", 1 << 31)  # and where every other radius gets them, nothing else changes
    assert stats.kstest(drawn(), "norm").pvalue > 1e-6


@pytest.mark.parametrize("way", [source.by_tangent, source.by_sine])
def test_both_ways_put_points_where_the_radius_and_the_turn_say(way) -> None:
    random = np.random.default_rng(0)
    uniform = np.concatenate([[1.0, 2.0**-80, 2.0**-32], random.random(50_000)]).astype(np.float32)
    turns = np.concatenate([[-(2**31), 2**31 - 1, 0], random.integers(-(2**31), 2**31, 50_000)]).astype(np.float32)
    first, second = uniform.copy(), turns.copy()
    way(first, second, np.empty_like(first))
    radius = np.sqrt(-2 * np.log(uniform.astype(np.float64)))
    angle = turns.astype(np.float64) * 2 * np.pi / 2**32
    assert np.allclose(first, radius * np.cos(angle), atol=5e-6)
    assert np.allclose(second, radius * np.sin(angle), atol=5e-6)


def test_only_a_seed_is_drawn_again() -> None:
    assert np.array_equal(drawn(1000), drawn(1000))
    assert not np.array_equal(drawn(1000), drawn(1000, seed=1))
    assert len(np.intersect1d(drawn(1000, seed=None), drawn(1000, seed=None))) < 5


def test_a_copy_goes_on_with_noise_of_its_own() -> None:
    noise = Noise()
    noise.number(1.0)
    for other in (copy.deepcopy(noise), pickle.loads(pickle.dumps(noise))):
        assert not torch.equal(other.normal((100,)), noise.normal((100,)))


def test_a_forked_process_does_not_repeat_its_parents_noise() -> None:
    noise = Noise()
    noise.number(1.0)
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        try:
            os.write(writing, noise.normal((100,)).numpy().tobytes())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as held:
        told = np.frombuffer(held.read(), dtype=np.float32)
    assert len(told) == 100
    assert len(np.intersect1d(told, noise.normal((100,)).numpy())) < 3


def test_parts_of_any_size_are_handed_out_once() -> None:
    whole = drawn(5 * source.PAIRS + 17)
    noise = Noise(0)
    pieces = [noise.normal((size,)).numpy() for size in (1, 30_000, 2 * source.PAIRS + 5)]
    pieces.append(noise.normal((len(whole) - sum(map(len, pieces)),)).numpy())
    assert np.array_equal(np.concatenate(pieces).astype(np.float64), whole)


def test_tensors_that_lie_otherwise_and_other_precisions_get_it_too() -> None:
    for held in (torch.zeros(60, 500).t(), torch.zeros(30_000, dtype=torch.float64), torch.zeros(40, 2, 400)[:, 1]):
        Noise().add(held, 2.0)
        assert has_deviation(held, 2.0)
    half = torch.zeros(30_000, dtype=torch.bfloat16)
    Noise().fill(half, 2.0)
    assert has_deviation(half.float(), 2.0)
    assert has_deviation([Noise().number(3.0) for _ in range(400)], 3.0)


def test_no_deviation_is_no_noise_and_a_bad_one_is_refused() -> None:
    held = torch.ones(5)
    Noise().add(held, 0.0)
    assert held.tolist() == [1.0] * 5
    Noise().fill(held, 0.0)
    assert held.tolist() == [0.0] * 5
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="deviation of private noise"):
            Noise().add(held, wrong)


def test_a_gpu_draws_its_own() -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")
    held = torch.zeros(300, 100, device="cuda")
    noise = Noise()
    noise.add(held, 0.37)
    assert has_deviation(held.cpu(), 0.37)
    again = torch.zeros(300, 100, device="cuda")
    noise.fill(again, 0.37)
    assert has_deviation(again.cpu(), 0.37)
    assert not torch.equal(held, again)
