"""Samples are Poisson's, plans follow from public numbers alone, and whoever belongs together stays together."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bakeoff.errors import UsageError
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.poisson import Plan, PoissonLoop, Units, poisson
from bakeoff.training import Recipe

DRAWS = 20_000


def test_every_record_is_drawn_by_a_coin_of_its_own() -> None:
    random, count, rate = np.random.default_rng(0), 12, 0.3
    seen = np.zeros((DRAWS, count))
    for draw in range(DRAWS):
        seen[draw, poisson(random, count, rate)] = 1
    spread = np.sqrt(rate * (1 - rate))
    assert np.abs(seen.mean(0) - rate).max() < 6 * spread / np.sqrt(DRAWS)
    sizes = np.bincount(seen.sum(1).astype(int), minlength=count + 1)
    wanted = stats.binom(count, rate).pmf(np.arange(count + 1)) * DRAWS
    likely = wanted > 5
    assert stats.chisquare(sizes[likely], wanted[likely] * sizes[likely].sum() / wanted[likely].sum()).pvalue > 1e-6
    together = np.corrcoef(seen.T)[np.triu_indices(count, 1)]  # a batch of fixed size has -1 / (count - 1) here
    assert np.abs(together).max() < 6 / np.sqrt(DRAWS) < 1 / (count - 1)


def test_samples_rise_without_repeats_and_may_be_empty_or_whole() -> None:
    random = np.random.default_rng(1)
    for count, rate in ((1000, 0.5), (100_000, 1e-3)):
        drawn = poisson(random, count, rate)
        assert drawn.dtype == np.int64
        assert (np.diff(drawn) > 0).all()
        assert drawn.max() < count
    assert poisson(random, 5, 1.0).tolist() == [0, 1, 2, 3, 4]
    assert len(poisson(random, 5, 0.0)) == len(poisson(random, 0, 0.5)) == 0
    with pytest.raises(UsageError, match=r"sampling rate is 1\.5"):
        poisson(random, 5, 1.5)


def test_a_plan_follows_from_public_numbers() -> None:
    plan = Plan.of(1000, Recipe(epochs=3, batch=64))
    assert (plan.rate, plan.divisor, plan.epoch_steps, plan.steps) == (0.064, 64.0, 16, 48)
    whole = Plan.of(40, Recipe(epochs=3, batch=64))
    assert (whole.rate, whole.divisor, whole.steps) == (1.0, 40.0, 3)
    with pytest.raises(UsageError, match="public number of records is 0"):
        Plan.of(0, Recipe())
    recipe = Recipe(batch=10)
    assert PoissonLoop(Ledger()).plan(200, recipe).rate == 0.05
    assert PoissonLoop(Ledger(), records=400).plan(200, recipe).rate == 0.025
    assert PoissonLoop(Ledger(), units=Units(np.arange(200) // 4, 2)).plan(200, recipe).rate == 0.2


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(1, 5))
def test_a_unit_keeps_at_most_so_many_of_its_own_records(labels: list[int], most: int) -> None:
    units = Units(np.array(labels), most)
    assert len(units) == len(set(labels))
    for place, label in enumerate(sorted(set(labels))):
        own = units.of(place)
        assert len(own) == min(most, labels.count(label))
        assert len(set(own.tolist())) == len(own)
        assert {labels[position] for position in own} == {label}


def test_what_is_kept_of_a_unit_depends_on_no_other() -> None:
    labels = np.array([5, 5, 5, 5, 5, 9, 9])
    kept = Units(labels, 2).of(0)
    assert kept.tolist() == [0, 2]
    assert Units(labels[:5], 2).of(0).tolist() == kept.tolist()
    assert Units(np.r_[labels, [7] * 9], 2).of(0).tolist() == kept.tolist()
    with pytest.raises(UsageError, match="At most 0 records of each owner"):
        Units(labels, 0)


@given(st.integers(0, 60), st.integers(0, 12), st.booleans(), st.integers(0, 99))
def test_physical_batches_hold_every_drawn_record_once_and_units_whole(
    drawn: int, physical: int, grouped: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 9, 200)
    units = Units(random.integers(0, 60, 200), 5) if grouped else None
    loop = PoissonLoop(Ledger(), physical=physical, units=units)
    sample = random.choice(len(units) if units else 200, min(drawn, len(units) if units else 200), replace=False)
    wanted = np.concatenate([[], *(units.of(one) for one in sample)]) if units else sample
    parts = list(loop._physical(sample, lengths))
    found = np.concatenate([[], *(positions for positions, _ in parts)])
    assert sorted(found.tolist()) == sorted(wanted.tolist())
    of_unit = {int(position): one for one in range(len(units or ())) for position in units.of(one)} if units else {}
    where: dict[int, set[tuple[int, int]]] = {}
    for place, (positions, numbers) in enumerate(parts):
        assert len(positions)
        assert not physical or len(positions) <= physical or (numbers is not None and numbers.max() == 0)
        for position, number in zip(positions, numbers if numbers is not None else positions, strict=True):
            where.setdefault(of_unit.get(int(position), int(position)), set()).add((place, int(number)))
    assert all(len(places) == 1 for places in where.values())
