"""Quantiles, counts and values told of rows: as the rows are without noise, and no more than the ledger says."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from bakeoff.errors import UsageError
from bakeoff.privacy.histograms import Bounds, frequent, weights_of
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.preparing import Columns, Values, prepared, told
from bakeoff.privacy.quantiles import LEVELS, ordered, sketched, unordered
from bakeoff.privacy.releases import Allowance, Normals, gaussian_delta, gaussian_sigma
from bakeoff.training.encoders.categories import Categories
from bakeoff.training.encoders.numeric import Numeric
from bakeoff.training.preparation import Known, Preparation, Source, step_title

SHARES = np.linspace(0.02, 0.98, 33)


class Watched(Allowance):
    """An allowance that keeps the true counts beside the noise that they were given."""

    def __init__(self, sigma: float = 1.0, delta: float = 1e-6, noise: Normals | None = None) -> None:
        super().__init__(Ledger(), sigma, delta, noise or Normals(0))
        self.asked: list[tuple[np.ndarray, float]] = []

    def counts(self, counts, deviation):
        self.asked.append((np.array(counts), deviation))
        return super().counts(counts, deviation)


class Silent(Normals):
    """No noise at all: what is told is what is there."""

    def normal(self, size):
        return np.zeros(size)


@settings(max_examples=200)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=2, max_size=30))
def test_numbers_keep_their_order_as_codes(values):
    held = np.sort(np.array(values))
    codes = ordered(held)
    assert (np.diff(codes) >= 0).all() and ((np.diff(codes) > 0) == (np.diff(held) > 0)).all()
    assert np.array_equal(unordered(codes), held)
    assert codes.min() >= 0 and codes.max() < 2**32


@pytest.mark.parametrize("spread", ["normal", "lognormal", "whole", "both signs", "dates", "tiny"])
def test_without_noise_quantiles_are_those_of_the_rows(spread):
    rng = np.random.default_rng(3)
    values = {
        "normal": rng.normal(50, 3, 4_000),
        "lognormal": rng.lognormal(8, 2, 4_000),
        "whole": rng.integers(17, 90, 4_000).astype(float),
        "both signs": rng.normal(0, 1e-3, 4_000),
        "dates": rng.uniform(19_000, 20_000, 4_000),
        "tiny": rng.uniform(1e-30, 2e-30, 4_000),
    }[spread]
    found = sketched(values, np.ones(len(values)), 1e-9, Watched(noise=Silent())).quantiles(SHARES)
    ranks = [(np.mean(values < one * (1 - 1e-4 * np.sign(one))), np.mean(values <= one)) for one in found]
    # A cell that holds less than a 64th of all is not looked into, so ranks are that far off at most.
    off = [max(low - share, share - high, 0) for (low, high), share in zip(ranks, SHARES, strict=True)]
    assert max(off) <= 1 / 64 + 1e-9


def test_noise_moves_quantiles_little_and_missing_values_not_at_all():
    rng = np.random.default_rng(4)
    values = rng.normal(100, 15, 20_000)
    gaps = np.concatenate([values, np.full(5_000, np.nan)])
    found = sketched(gaps, np.ones(len(gaps)), 10.0, Watched(noise=Normals(1))).quantiles(SHARES)
    assert np.abs(np.searchsorted(np.sort(values), found) / len(values) - SHARES).max() < 0.03


def test_nothing_is_told_of_numbers_that_noise_hides():
    found = sketched(np.arange(20.0), np.ones(20), 50.0, Watched(noise=Normals(2)))
    assert not len(found.quantiles([0.5])) or len(found) <= 2


def _cost(before: Watched, after: Watched) -> float:
    """The sum of (change / deviation)^2 over everything that was told: 1 / sigma^2 of the whole, for one record."""
    pairs = list(zip(before.asked, after.asked, strict=True))
    assert all(len(one) == len(other) and a == b for (one, a), (other, b) in pairs)
    return sum(float(((one - other) ** 2).sum()) / deviation**2 for (one, deviation), (other, _) in pairs)


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_one_record_moves_a_sketch_by_no_more_than_its_sigma(weight):
    values = np.random.default_rng(5).integers(0, 6, 3_000).astype(float)
    weights = np.full(len(values), weight)
    held, without = Watched(noise=Silent()), Watched(noise=Silent())
    sketched(values, weights, 7.0, held)
    sketched(values[1:], weights[1:], 7.0, without)
    assert len(held.asked) == LEVELS
    assert _cost(held, without) <= 1 / 7.0**2 + 1e-12
    if weight == 1:
        assert _cost(held, without) == pytest.approx(1 / 7.0**2)


def test_a_record_that_counted_twice_would_be_noticed():
    values = np.random.default_rng(5).integers(0, 6, 3_000).astype(float)
    held, without = Watched(noise=Silent()), Watched(noise=Silent())
    sketched(values, np.r_[2.0, np.ones(2_999)], 7.0, held)
    sketched(values[1:], np.ones(2_999), 7.0, without)
    assert _cost(held, without) > 1.5 / 7.0**2


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=20), min_size=2, max_size=12), st.integers(1, 4))
def test_one_record_moves_counts_by_no_more_than_its_values(held, most):
    bounds = Bounds(most, 3.0, 1e-6)
    # Of long records some values are taken at random; they are cut here, so that others' choices are alike.
    cut = [sorted(set(one))[:most] for one in held]
    whole, less = Watched(noise=Silent()), Watched(noise=Silent())
    frequent(cut, np.ones(len(cut)), bounds, whole)
    names = sorted({value for one in cut for value in one})
    rest = [*cut[1:]]
    frequent(rest, np.ones(len(rest)), bounds, less)
    counted = dict(zip(names, whole.asked[0][0], strict=True))
    left = dict(zip(sorted({value for one in rest for value in one}), less.asked[0][0], strict=True))
    change = sum((counted[name] - left.get(name, 0.0)) ** 2 for name in names)
    assert math.sqrt(change) <= bounds.sensitivity + 1e-12
    assert whole.asked[0][1] == bounds.deviation == pytest.approx(3.0 * math.sqrt(most))


def test_a_long_record_tells_of_no_more_than_its_bound():
    watched = Watched(noise=Silent())
    frequent([[f"word {n}" for n in range(100)]], np.ones(1), Bounds(7, 1.0, 1e-6), watched)
    assert watched.asked[0][0].sum() == 7


def _passing(bounds: Bounds, draws: int) -> int:
    allowance = Watched(noise=Normals(11))
    # One value that one record alone has, again and again.
    return sum(len(frequent([("mine",)], np.ones(1), bounds, allowance)) for _ in range(draws))


def test_what_one_record_alone_has_is_told_as_seldom_as_delta_says():
    draws, delta = 4_000, 0.05
    most = binom.isf(1e-7, draws, delta)
    assert _passing(Bounds(1, 2.0, delta), draws) <= most

    class Lower(Bounds):
        @property
        def threshold(self) -> float:
            return super().threshold - 1.5

    assert _passing(Lower(1, 2.0, delta), draws) > most


@pytest.mark.parametrize(("values", "records"), [(1, 1), (8, 1), (8, 16)])
def test_the_threshold_holds_for_all_of_a_units_values(values, records):
    bounds = Bounds(values, 5.0, 1e-7, records)
    one = norm.sf((bounds.threshold - 0.5 - 1) / bounds.deviation)
    assert values * records * one == pytest.approx(1e-7)


def test_frequent_values_come_in_the_order_of_their_counts():
    held = [("often",)] * 300 + [("less",)] * 200 + [("once",)]
    found = frequent(held, np.ones(501), Bounds(1, 3.0, 1e-6), Watched(noise=Normals(0)))
    assert list(found) == ["often", "less"]


def test_a_unit_weighs_one_however_many_records_it_has_and_nobody_elses_choice_changes():
    units = np.array(["a"] * 10 + ["b"] + ["c"] * 3)
    weights, count = weights_of(units, len(units), 4)
    assert count == 3
    for unit in "abc":
        assert weights[units == unit].sum() == pytest.approx(1.0)
    assert (weights > 0).sum() == 4 + 1 + 3
    without, _ = weights_of(units[units != "a"], 4, 4)
    assert np.array_equal(without, weights[units != "a"])
    assert np.array_equal(weights_of(None, 5, 1)[0], np.ones(5))


def test_a_gaussian_release_costs_what_it_is_planned_to(require):
    require("dp-accounting")
    for epsilon, delta in ((0.5, 1e-5), (3.0, 1e-5), (8.0, 1e-7)):
        sigma = gaussian_sigma(epsilon, delta)
        assert gaussian_delta(epsilon, sigma) == pytest.approx(delta, rel=1e-6)
        ledger = Ledger()
        ledger.released("one", sigma)
        assert ledger.epsilon(delta) == pytest.approx(epsilon, rel=2e-3)


@given(st.dictionaries(st.text(min_size=1), st.floats(0.01, 100), min_size=1, max_size=8), st.floats(0.1, 1.0))
def test_an_allowance_is_divided_without_a_rest(weights, share):
    sigmas = Allowance(Ledger(), 3.0, 1e-6).divided(weights, share)
    assert sum(sigma**-2 for sigma in sigmas.values()) == pytest.approx(share / 9.0)


def test_noise_from_the_system_has_the_deviation_one():
    found = Normals().normal(200_001)
    assert len(found) == 200_001
    # The sum of squares is chi-square: six deviations away it is wrong, and 5 % more noise is 11 away.
    room = 6 * math.sqrt(2 / len(found))
    assert abs(np.mean(found**2) - 1) < room < abs(1.05**2 - 1) / 2
    assert abs(found.mean()) < 6 / math.sqrt(len(found))
    assert np.array_equal(Normals(3).normal(5), Normals(3).normal(5))


def test_an_allowance_without_noise_is_refused():
    with pytest.raises(UsageError, match="sigma above 0"):
        Allowance(Ledger(), 0.0, 1e-6)


def _table(rows: int) -> Columns:
    rng = np.random.default_rng(0)
    return Columns(
        numbers={"age": rng.normal(40, 10, rows), "given": rng.normal(0, 1, rows)},
        categories={"city": rng.choice(["Oslo", "Lima"], rows).tolist(), "told": ["x"] * rows},
        target=rng.normal(1_000, 50, rows),
    )


def test_everything_asked_stands_in_the_ledger_and_nothing_else_is_asked(require):
    require("dp-accounting")
    ledger = Ledger()
    known = Known(ranges={"given": (-3.0, 3.0)}, categories={"told": ["x", "y"]})
    found = prepared(_table(5_000), 5_000, known, Allowance(ledger, 4.0, 1e-6))
    assert sorted(found.categories["city"]) == ["Lima", "Oslo"]
    assert found.categories["told"] == ["x", "y"] and found.ranges["given"] == (-3.0, 3.0)
    assert abs(found.records - 5_000) < 6 * 4 / math.sqrt(0.05)
    assert found.target is not None and abs(sum(found.target) / 2 - 1_000) < 30
    names = [entry.name for entry in ledger.entries]
    assert names == [
        *("number of records", "bins of 'age'", "categories of 'city'", "threshold for categories of 'city'"),
        "target scale",
    ]
    assert sum(entry.sigma**-2 for entry in ledger.entries if entry.sigma) == pytest.approx(1 / 16)
    alone = Ledger()
    alone.released("all at once", 4.0)
    alone.spent("thresholds", 0.0, 1e-6)
    assert ledger.epsilon(1e-5) == pytest.approx(alone.epsilon(1e-5), rel=1e-3)


def test_where_rows_are_few_categories_are_left_to_be_hashed():
    ledger = Ledger()
    found = prepared(_table(200), 200, Known(), Allowance(ledger, 4.0, 1e-6))
    assert not found.categories and not any("categories" in entry.name for entry in ledger.entries)


def test_encoders_read_what_was_told_and_the_ledger_takes_their_steps():
    frame = pd.DataFrame({"age": np.random.default_rng(1).normal(40, 10, 4_000), "city": ["Oslo", "Lima"] * 2_000})
    ledger = Ledger()
    asked = Columns(numbers={"age": frame.age.to_numpy()}, categories={"city": frame.city.tolist()})
    known = prepared(asked, len(frame), Known(), Allowance(ledger, 4.0, 1e-6))
    preparation = Preparation(known)
    numeric, categories = Numeric(["age"]), Categories(["city"])
    numeric.learn(frame, preparation)
    categories.learn(frame, preparation)
    assert [step.source for step in preparation] == [Source.PRIVATE, Source.PRIVATE]
    ledger.took(preparation.steps)
    assert not ledger.broken
    plain = Preparation()
    of_rows = Numeric(["age"])
    of_rows.learn(frame, plain)
    near = (numeric.scales[0].centre, numeric.scales[0].scale)
    assert near == pytest.approx((of_rows.scales[0].centre, of_rows.scales[0].scale), rel=0.1)
    ledger = Ledger()
    ledger.took(plain.steps)
    assert ledger.broken


def test_known_quantiles_are_read_as_those_of_rows_would_be():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.lognormal(0, 1, 5_000)})
    of_rows, known = Numeric(["a"]), Numeric(["a"])
    of_rows.learn(frame, Preparation())
    quantiles = np.quantile(frame.a, np.linspace(0, 1, 49))
    preparation = Preparation(Known(quantiles={"a": quantiles.tolist()}))
    known.learn(frame, preparation)
    assert known.scales[0].centre == pytest.approx(of_rows.scales[0].centre, rel=0.02)
    assert len(known.scales[0].edges) == len(of_rows.scales[0].edges)
    assert np.allclose(known.scales[0].edges, of_rows.scales[0].edges, rtol=0.1, atol=0.05)
    assert [(step.name, step.source) for step in preparation] == [("bins", Source.PUBLIC)]
    for wrong in ([1.0], [2.0, 1.0], [1.0, float("nan")]):
        with pytest.raises(UsageError, match="ascending"):
            Numeric(["a"]).learn(frame, Preparation(Known(quantiles={"a": wrong})))


def test_labels_and_lengths_are_told_together():
    ledger = Ledger()
    values = {"labels": Values("labels of 'labels'", [("yes",)] * 900 + [("rare",)])}
    lengths = {"answer length": np.r_[np.full(880, 3.0), np.full(21, 9.0)]}
    records, found, sketches = told(values, lengths, Columns(), 901, Allowance(ledger, 2.0, 1e-6))
    assert abs(records - 901) < 6 * 2 / math.sqrt(0.05)
    assert found["labels"] == ["yes"]
    assert sketches["answer length"].quantiles([0.5])[0] == pytest.approx(3.0, abs=0.01)
    assert step_title("labels", "labels") in {entry.name for entry in ledger.entries}
