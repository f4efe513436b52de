"""Noise that is owed: the same distribution as noise that is drawn at every step, for less work."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("cryptography")

import torch
from private_made import ADAM, RECORDS, SGD, Small, has_deviation, records_of, step_of
from torch import nn

from bakeoff.errors import BakeoffError
from bakeoff.privacy.clipping import Flat
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.regime import PrivateSettings, PrivateSGD, PrivateStep
from bakeoff.training import Clock, Recipe, fit
from bakeoff.training.fitting import Fitting


def owed_noise(recipe: Recipe, settings: PrivateSettings, words: int = 60) -> torch.Tensor:
    """What a fit adds to an embedding table that nothing depends on: noise alone."""
    records = records_of(40, words=words // 2)  # half of the rows are never read, the others now and then
    network = Small(words=words, width=700, heed=0.0)
    before = network.table.weight.detach().clone()
    fit(network, records, recipe, regime=PrivateSGD(Ledger(), settings))
    return network.table.weight.detach() - before


@pytest.mark.parametrize("lazy", [False, True])
def test_noise_that_is_owed_is_noise_that_is_drawn(lazy: bool) -> None:
    recipe = replace(SGD, epochs=3, schedule="cosine")
    settings = PrivateSettings(1.3, Flat(0.4), shape=[1.0, 0.5, 2.0], lazy=lazy)
    found = owed_noise(recipe, settings)
    probe = Fitting(Small(), RECORDS, recipe, PrivateStep(Ledger()))
    variance = 0.0
    for step in range(12):
        epoch, within = divmod(step, 4)
        probe.progress = (epoch + within * 10 / 40) / 3
        probe.update()
        variance += (probe.rate * 1.3 * settings.shape[epoch] * 0.4 / 10) ** 2
    assert (found[0] == 0).all()
    assert has_deviation(found[1:30], math.sqrt(variance))  # rows that were read in between
    assert has_deviation(found[30:], math.sqrt(variance))
    assert not has_deviation(found[1:], 1.05 * math.sqrt(variance))


def test_rows_are_paid_before_they_are_read_and_not_sooner() -> None:
    network = Small(words=50, width=40)
    step = step_of(network, sigma=1.0)
    before = network.table.weight.detach().clone()
    owed = step.owe(network)
    assert owed is not None
    for _ in range(2):
        step.finish(network)
        assert network.table.weight.grad is None
        owed.updated(0.5)
    assert torch.equal(network.table.weight, before)
    network.table(torch.tensor([[3, 0], [4, 3]]))
    changed = (network.table.weight != before).any(1).nonzero().flatten().tolist()
    assert changed == [3, 4]
    paid = network.table.weight.detach().clone()
    network.table(torch.tensor([[3, 4]]))
    assert torch.equal(network.table.weight, paid)  # once
    owed.close()
    assert (network.table.weight != before).any(1).sum() == 49  # all but the padding
    assert torch.equal(network.table.weight[3:5], paid[3:5])
    assert not network.table._forward_pre_hooks


@pytest.mark.parametrize("recipe", [ADAM, replace(SGD, decay=0.1)])
def test_only_plain_descent_owes(recipe: Recipe) -> None:
    network = Small()
    assert step_of(network).owe(network) is not None
    assert step_of(network, recipe=recipe).owe(network) is None
    assert step_of(network, lazy=False).owe(network) is None
    tied = Small()
    tied.again = nn.Embedding(30, 6)
    tied.again.weight = tied.table.weight
    assert step_of(tied).owe(tied) is None  # another module reads it


def test_lazy_rows_learn_what_dense_ones_learn() -> None:
    found = []
    for lazy in (False, True):
        settings = PrivateSettings(0.0, Flat(0.5), lazy=lazy, seed=1)
        found.append(fit(Small(), RECORDS, SGD, regime=PrivateSGD(Ledger(), settings)).network.state_dict())
    for name, held in found[0].items():
        assert torch.allclose(held, found[1][name], atol=1e-6), name
    assert not torch.allclose(found[0]["table.weight"], Small().table.weight, atol=1e-4)


class PastItsModule(Small):
    """Its table's `forward` is called, and not the module."""

    def losses(self, batch):
        words = batch.inputs["text"]["words"]
        return self.out(torch.tanh(self.hidden(nn.functional.pad(self.table.forward(words).sum(1), (0, 3))))).sum(1)


def test_rows_that_are_read_past_their_module_are_refused_where_they_are_owed_noise() -> None:
    with pytest.raises(BakeoffError, match="without their module being called"):
        fit(PastItsModule(), RECORDS, SGD, regime=PrivateSGD(Ledger()))
    fit(PastItsModule(), RECORDS, SGD, regime=PrivateSGD(Ledger(), PrivateSettings(lazy=False)))


def test_a_fit_that_the_clock_cuts_short_is_paid_in_full() -> None:
    network = Small(words=50, width=40, heed=0.0)
    before = network.table.weight.detach().clone()
    ticks = iter(range(10_000))
    clock = Clock(30.0, now=lambda: float(next(ticks)))
    found = fit(network, RECORDS, replace(SGD, epochs=500), regime=PrivateSGD(Ledger()), clock=clock)
    assert found.history.stopped == "time"
    assert (network.table.weight != before).any(1).sum() == 49  # every row but the padding
    assert not network.table._forward_pre_hooks
