"""The private regime: gradients as the slow loop gives them, noise of the deviation that the ledger states, no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("cryptography")

import numpy as np
import torch
from naive import gradients
from private_made import ADAM, RECORDS, SGD, Small, gradient_of, has_deviation, positions, records_of, step_of

from bakeoff.errors import NoGuarantee, UsageError
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.clipping import Automatic, Clipping, Flat, Layerwise, Quantile
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.poisson import PoissonLoop
from bakeoff.privacy.regime import PrivateSettings, PrivateSGD, PrivateStep
from bakeoff.training import Recipe, Records, fit
from bakeoff.training.fitting import Fitting

KINDS = {"flat": lambda: Flat(0.3), "automatic": lambda: Automatic(0.3), "by layer": lambda: Layerwise(0.3)}


def by_hand(network: Small, records: Records, some: Sequence[int], clipping: Clipping) -> torch.Tensor:
    """The sum of clipped gradients, one record at a time."""
    each = gradients(network, lambda places: network.losses(records.batch(np.array(some)[places])), len(some))
    sizes = {name: held.numel() for name, held in network.named_parameters()}
    groups = clipping.groups(sizes)
    norms = torch.zeros(max(groups) + 1, len(some))
    for group, held in zip(groups, each.values(), strict=True):
        norms[group] += held.flatten(1).pow(2).sum(1)
    factors = clipping.factors(norms.sqrt())
    return torch.cat([factors[group] @ held.flatten(1) for group, held in zip(groups, each.values(), strict=True)])


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_a_step_is_the_clipped_sum_of_the_loop_by_a_constant(kind: str) -> None:
    network = Small()
    step = step_of(network, sigma=0.0, clipping=KINDS[kind]())
    some = [3, 4, 17, 30, 31]
    assert step.gradient(network, RECORDS.batch(positions(*some))) is None
    wanted = by_hand(network, RECORDS, some, KINDS[kind]()) / SGD.batch  # by 10, and not by the 5 there were
    assert torch.allclose(gradient_of(network), wanted, atol=1e-6)
    assert not torch.allclose(wanted, by_hand(network, RECORDS, some, Flat(1e6)) / SGD.batch, atol=1e-3)
    with pytest.raises(NoGuarantee, match="added no noise"):
        step.ledger.epsilon(1e-5)


@pytest.mark.parametrize("physical", [1, 2, 5, 100])
def test_physical_batches_change_nothing(physical: int) -> None:
    network = Small()
    some = RECORDS.batch(positions(*range(11)))
    found = []
    for size in (0, physical):
        step = step_of(network, sigma=0.5, physical=size, seed=3)
        step.gradient(network, some)
        found.append(gradient_of(network))
        assert step.taken == 1
        assert [entry.count for entry in step.ledger.entries] == [1]
    assert torch.allclose(*found, atol=1e-6)


@pytest.mark.parametrize("some", [(), (0, 1, 2)])
def test_the_noise_has_the_deviation_that_the_ledger_states(some: tuple[int, ...]) -> None:
    """Deviation = sigma x sensitivity / divisor, for a step without records as for any other."""
    network = Small(words=5000, width=8)
    noiseless, step = step_of(network, sigma=0.0, clipping=Flat(0.3)), step_of(network, sigma=1.7, clipping=Flat(0.3))
    step.sampled(0.25, divisor=16.0)
    noiseless.sampled(0.25, divisor=16.0)
    noiseless.gradient(network, RECORDS.batch(positions(*some)))
    without = gradient_of(network)
    step.gradient(network, RECORDS.batch(positions(*some)))
    noise = gradient_of(network) - without
    assert (noise[:8] == 0).all()  # the padding row, of which no record has a gradient
    assert has_deviation(noise[8:], 1.7 * 0.3 / 16)
    for off in (0.95, 1.05):
        assert not has_deviation(noise[8:], off * 1.7 * 0.3 / 16)
    (entry,) = step.ledger.entries
    assert (entry.rate, entry.sigma, entry.count) == (0.25, 1.7, 1)


def test_every_step_draws_noise_of_its_own() -> None:
    network = Small()
    step = step_of(network, sigma=1.0)
    found = []
    for _ in range(3):
        step.gradient(network, RECORDS.batch(positions()))
        found.append(gradient_of(network))
    correlation = np.corrcoef(torch.stack(found)[:, 6:].numpy())
    assert np.abs(correlation[np.triu_indices(3, 1)]).max() < 0.35
    assert step.ledger.entries[0].count == 3


def test_dropout_is_secret_too() -> None:
    """Masks of a known seed would move with one record more; without dropout the partner sees no difference."""

    def gradients_of(dropout: float, seed: int | None) -> list[torch.Tensor]:
        found = []
        for _ in range(2):
            network = Small(dropout=dropout)
            step = step_of(network, sigma=0.0, seed=seed)
            torch.manual_seed(7)
            for _ in range(2):
                step.gradient(network, RECORDS.batch(positions(*range(20))))
                found.append(gradient_of(network).clone())
            torch.testing.assert_close(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(7)))
        return found

    first, second, again, _ = gradients_of(0.5, None)
    assert not torch.allclose(first, again, atol=1e-4)
    assert not torch.allclose(first, second, atol=1e-4)
    first, second, again, last = gradients_of(0.5, 3)
    assert torch.equal(first, again)
    assert torch.equal(second, last)
    first, _, again, _ = gradients_of(0.0, None)
    assert torch.allclose(first, again, atol=1e-6)


def test_an_owner_moves_the_step_by_no_more_than_the_bound() -> None:
    network = Small()
    owner = np.arange(40) // 5
    step = step_of(network, sigma=0.0, clipping=Flat(0.2))

    def gradient(owners: Sequence[int]) -> torch.Tensor:
        some = np.flatnonzero(np.isin(owner, owners))
        step.add(network, RECORDS.batch(some), np.unique(owner[some], return_inverse=True)[1])
        step.finish(network)
        return gradient_of(network).clone() * SGD.batch

    whole = gradient(range(8))
    moved = [float((whole - gradient([one for one in range(8) if one != left])).norm()) for left in range(8)]
    assert max(moved) <= 0.2 * (1 + 1e-4)
    assert max(moved) > 0.1  # and not by very much less: the bound is that of the owner
    each = step_of(network, sigma=0.0, clipping=Flat(0.2))  # the partner: bounded record by record it moves further
    each.gradient(network, RECORDS.batch(np.flatnonzero(owner == 0)))
    assert float(gradient_of(network).norm()) * SGD.batch > 0.3


@pytest.mark.parametrize("physical", [0, 3, 7])
def test_a_fit_draws_whole_owners(physical: int) -> None:
    owner = np.random.default_rng(0).integers(100, 120, 40)
    owners, seen = len(np.unique(owner)), []

    class Watching(PrivateStep):
        def add(self, network, batch, units=None):
            seen.append((batch.positions, units))
            super().add(network, batch, units)

    ledger = Ledger("owner")
    regime = PrivateSGD(ledger, PrivateSettings(1.0, Flat(0.5), units=owner, most=2, physical=physical))
    regime.step = Watching(ledger, regime.settings)
    found = fit(Small(), RECORDS, SGD, regime=regime)
    noisy = [entry for entry in ledger.entries if entry.private]
    assert [(entry.rate, entry.count) for entry in noisy] == [(10 / owners, 4)]
    assert [entry.name for entry in ledger.entries if not entry.private] == ["number of owners"]
    assert [epoch.steps for epoch in found.history.epochs] == [2, 2]
    for some, units in seen:
        for unit in range(units.max() + 1):
            (one,) = set(owner[some[units == unit]])
            assert (units == unit).sum() == min(2, (owner == one).sum())


@pytest.mark.parametrize("recipe", [SGD, ADAM])
@pytest.mark.parametrize("physical", [0, 4])
def test_a_fit_takes_the_planned_steps_and_tells_nothing_of_the_records(recipe: Recipe, physical: int) -> None:
    ledger = Ledger()
    settings = PrivateSettings(sigma=0.8, clipping=Flat(0.5), physical=physical)
    found = fit(Small(), RECORDS, recipe, regime=PrivateSGD(ledger, settings))
    noisy = [entry for entry in ledger.entries if entry.private]
    assert [(entry.rate, entry.sigma, entry.count) for entry in noisy] == [(0.25, 0.8, 8)]
    assert [entry.name for entry in ledger.entries if not entry.private] == ["number of records"]
    assert not ledger.broken
    assert found.steps == ()
    assert [(epoch.steps, epoch.records, epoch.loss) for epoch in found.history.epochs] == [(4, 40, None)] * 2
    assert all(torch.isfinite(held).all() for held in found.network.parameters())


def test_it_learns_where_the_noise_is_small() -> None:
    records = records_of(600)
    recipe = replace(ADAM, epochs=8, batch=60, rate=0.03)
    network = fit(Small(), records, recipe, regime=PrivateSGD(Ledger(), PrivateSettings(0.4, Automatic()))).network
    assert network.held_out_loss(records_of(300, seed=1), "cpu") < 0.6
    assert Small().held_out_loss(records_of(300, seed=1), "cpu") > 1.0


def test_epsilon_is_that_of_the_steps_that_were_taken(require) -> None:
    require("dp-accounting")
    from bakeoff.privacy.accounting import epsilon_of
    from bakeoff.privacy.entries import Entry, Kind

    ledger = Ledger()
    fit(Small(), RECORDS, SGD, regime=PrivateSGD(ledger, PrivateSettings(sigma=2.0)))
    assert ledger.epsilon(1e-3) == epsilon_of([Entry(Kind.SAMPLED, "gradients", 8, rate=0.25, sigma=2.0)], 1e-3)


@pytest.mark.parametrize("shape", [None, [1.0, 0.5]])
def test_a_budget_is_kept_with_what_was_spent_before(require, shape: list[float] | None) -> None:
    require("dp-accounting")
    ledger = Ledger()
    ledger.released("bins of 'age'", sigma=6.0)
    regime = PrivateSGD.within(Budget(2.0, 1e-3), ledger, 40, SGD, PrivateSettings(shape=shape, sigma=99.0))
    fit(Small(), RECORDS, SGD, regime=regime)
    assert 1.97 < ledger.epsilon(1e-3) <= 2.0
    sigmas = [entry.sigma for entry in ledger.entries if entry.name == "gradients"]
    assert len(sigmas) == (1 if shape is None else 2)
    assert sigmas[-1] == pytest.approx(sigmas[0] * (1.0 if shape is None else 0.5))
    assert regime.settings.records == 40
    with pytest.raises(UsageError, match="budget is for each owner"):
        PrivateSGD.within(Budget(2.0, 1e-3, "owner"), Ledger(), 40, SGD)
    with pytest.raises(UsageError, match="delta"):
        PrivateSGD.within(Budget(2.0, 0.1), Ledger(), 40, SGD)


def test_noise_follows_its_schedule_and_each_step_stands_in_the_ledger() -> None:
    network, ledger = Small(heed=0.0), Ledger()
    recipe = replace(SGD, epochs=3)
    fit(network, RECORDS, recipe, regime=PrivateSGD(ledger, PrivateSettings(2.0, shape=[1.0, 0.5, 0.25])))
    noisy = [(entry.sigma, entry.count) for entry in ledger.entries if entry.private]
    assert noisy == [(2.0, 4), (1.0, 4), (0.5, 4)]
    with pytest.raises(UsageError, match="number of steps that are planned"):
        step_of(Small(), shape=[1.0, 0.5])


def test_quantile_clipping_keeps_the_sigma_and_puts_more_noise_on_gradients() -> None:
    network = Small(words=800, width=8)
    clipping = Quantile(bound=0.5, deviation=1.0)
    step = step_of(network, sigma=1.5, clipping=clipping)
    step.gradient(network, RECORDS.batch(positions()))
    assert step.ledger.entries[0].sigma == 1.5
    multiplier = (1.5**-2 - 0.5**2) ** -0.5
    assert multiplier > 2.2
    assert has_deviation(gradient_of(network)[8:], multiplier * 0.5 / 10)
    bound = step.clipping.sensitivity
    assert bound != 0.5
    step.gradient(network, RECORDS.batch(positions()))  # and the next step's noise is that of the new bound
    assert has_deviation(gradient_of(network)[8:], multiplier * bound / 10)
    regime = PrivateSGD(Ledger(), PrivateSettings(1.5, clipping))
    for _ in range(2):  # what was learnt in one fit must not reach the next
        fit(Small(), RECORDS, SGD, regime=regime)
        assert regime.step.clipping.sensitivity != 0.5
        assert clipping.sensitivity == 0.5


def test_a_fit_that_was_interrupted_goes_on_with_its_ledger_and_new_noise(tmp_path: Path) -> None:
    where = tmp_path / "fit.pt"

    class Broken(PoissonLoop):
        def rounds(self, fitting, epoch):
            if epoch == 1:
                raise KeyboardInterrupt
            yield from super().rounds(fitting, epoch)

    def regime(ledger: Ledger, sigma: float = 0.7) -> PrivateSGD:
        ledger.public("vocabulary of 'note'")
        return PrivateSGD(ledger, PrivateSettings(sigma, Quantile(deviation=2.0)))

    first = regime(Ledger())
    first.outer = Broken(first.ledger)
    with pytest.raises(KeyboardInterrupt):
        fit(Small(), RECORDS, SGD, regime=first, checkpoint=where)
    second = regime(Ledger())
    fit(Small(), RECORDS, SGD, regime=second, checkpoint=where)
    assert second.step.taken == 8
    noisy = [(entry.sigma, entry.count) for entry in second.ledger.entries if entry.private]
    assert noisy == [(0.7, 8)]
    assert first.step.clipping.sensitivity != second.step.clipping.sensitivity != 1.0
    with pytest.raises(UsageError, match=r"made with sigma 0\.7 and this fit has 0\.6"):
        fit(Small(), RECORDS, SGD, regime=regime(Ledger(), 0.6), checkpoint=where)


def test_the_clock_ends_a_fit_and_the_ledger_says_so() -> None:
    ledger = Ledger()
    fitting = Fitting(Small(), RECORDS, SGD, PrivateStep(ledger))
    fitting.step.begin(fitting.network, SGD)
    rounds = PoissonLoop(ledger, records=40).rounds(fitting, 0)
    next(rounds)
    rounds.close()
    assert [(entry.name, entry.detail) for entry in ledger.entries if not entry.private] == [
        ("end by the clock", "after 1 of 4 steps of an epoch")
    ]
    assert [entry.count for entry in ledger.entries if entry.private] == [1]


def test_half_precision_is_bounded_as_single_precision_is() -> None:
    class Half(Small):
        def losses(self, batch):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.mixed):
                return super().losses(batch).float()

    network = Half()
    some = RECORDS.batch(positions(*range(9)))
    found = []
    for mixed in (False, True):
        network.mixed = mixed
        step = step_of(network, sigma=0.0, clipping=Automatic(0.5))
        step.gradient(network, some)
        found.append(gradient_of(network))
    assert found[1].dtype == torch.float32
    assert float((found[0] - found[1]).norm() / found[0].norm()) < 0.02
    assert float((found[0] - found[1]).norm()) > 0  # half precision was used
