"""What a private fit refuses, and where no epsilon is stated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("cryptography")

import torch
from private_made import RECORDS, SGD, Small, gradient_of, positions, records_of, step_of

from bakeoff.errors import BakeoffError, NoGuarantee, UsageError
from bakeoff.privacy.clipping import Flat
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.regime import PrivateSettings, PrivateSGD, PrivateStep, recipe_for
from bakeoff.training import Recipe, fit


def test_no_epsilon_is_stated_for_other_samples_or_a_seed() -> None:
    network = Small()
    step = step_of(network, rate=None)
    step.gradient(network, RECORDS.batch(positions(1, 2)))
    with pytest.raises(NoGuarantee, match="not said to be drawn by Poisson sampling"):
        step.ledger.epsilon(1e-5)
    with pytest.raises(NoGuarantee, match="drawn from a seed"):
        step_of(network, seed=1).ledger.epsilon(1e-5)
    good = step_of(network)
    good.gradient(network, RECORDS.batch(positions(1, 2)))
    assert not good.ledger.broken


class Mixing(Small):
    def losses(self, batch):
        found = super().losses(batch)
        return found - found.mean()


@pytest.mark.parametrize("first", [(7,), (7, 8)])
def test_a_loss_that_mixes_records_is_refused(first: tuple[int, ...]) -> None:
    network = Mixing()
    with pytest.raises(UsageError):
        step = step_of(network)
        step.gradient(network, RECORDS.batch(positions(*first)))
        step.gradient(network, RECORDS.batch(positions(1, 2, 3)))


class ByPadding(Small):
    """A mean over as many words as the batch's longest text has: short texts depend on the others' length."""

    def losses(self, batch):
        words = batch.inputs["text"]["words"]
        return super().losses(batch) * words.shape[1]


def test_answers_that_depend_on_how_far_others_are_padded_are_refused() -> None:
    with pytest.raises(UsageError, match="depends on the other records"):
        fit(ByPadding(), RECORDS, SGD, regime=PrivateSGD(Ledger()))


class Remembering(Small):
    def __init__(self, remember: bool = True) -> None:
        super().__init__()
        self.remember = remember
        self.register_buffer("largest", torch.zeros(()))

    def losses(self, batch):
        if self.remember:
            self.largest = self.largest.maximum(batch.inputs["numbers"]["values"].max())
        return super().losses(batch)


def test_a_network_that_remembers_its_records_is_refused() -> None:
    with pytest.raises(UsageError, match="something of the records that pass through it, in largest"):
        fit(Remembering(), RECORDS, SGD, regime=PrivateSGD(Ledger()))
    fit(Remembering(remember=False), RECORDS, SGD, regime=PrivateSGD(Ledger()))


def test_a_network_that_was_not_looked_at_is_refused() -> None:
    with pytest.raises(UsageError, match="looked at no network"):
        PrivateStep(Ledger()).book  # noqa: B018
    with pytest.raises(UsageError, match="call begin"):
        PrivateStep(Ledger()).gradient(Small(), RECORDS.batch(positions(1)))
    step = step_of(Small())
    with pytest.raises(UsageError, match="not the one"):
        step.gradient(Small(), RECORDS.batch(positions(1)))


def test_a_parameter_that_is_set_free_later_is_refused() -> None:
    network = Small()
    network.out.requires_grad_(False)
    step = step_of(network)
    step.gradient(network, RECORDS.batch(positions(1, 2)))
    assert network.out.weight.grad is None
    network.out.requires_grad_(True)
    with pytest.raises(UsageError, match="was frozen is learnt now"):
        step.gradient(network, RECORDS.batch(positions(1, 2)))
    step.begin(network, SGD)
    step.gradient(network, RECORDS.batch(positions(1, 2)))


def test_what_a_refused_batch_had_added_is_not_gone_on_with() -> None:
    records = records_of(10)
    records.parts["numbers"]["values"][8, 1] = np.nan
    network = Small()
    step = step_of(network, sigma=0.0, clipping=Flat(0.3))
    step.gradient(network, records.batch(positions(0, 1)))
    wanted = gradient_of(network).clone()
    step.add(network, records.batch(positions(3, 4)))
    with pytest.raises(BakeoffError, match="not a number"):
        step.add(network, records.batch(positions(8, 9)))
    step.gradient(network, records.batch(positions(0, 1)))
    assert torch.allclose(gradient_of(network), wanted, atol=1e-6)


def test_gradients_that_are_no_numbers_are_refused() -> None:
    records = records_of(10)
    records.parts["numbers"]["values"][8, 1] = np.nan
    network = Small()
    step = step_of(network)
    step.gradient(network, records.batch(positions(0, 1, 2)))
    with pytest.raises(BakeoffError, match="not a number"):
        step.gradient(network, records.batch(positions(3, 8)))


@pytest.mark.parametrize("recipe", [replace(SGD, clip=1.0), replace(SGD, held_out=0.1), Recipe()])
def test_a_recipe_that_looks_at_records_is_refused(recipe: Recipe) -> None:
    with pytest.raises(UsageError, match="Set both to 0"):
        fit(Small(), RECORDS, recipe, regime=PrivateSGD(Ledger()))
    step_of(Small(), recipe=recipe_for(recipe))


def test_other_bad_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="sigma of private gradients is -1"):
        PrivateSettings(sigma=-1.0)
    with pytest.raises(UsageError, match="physical batch has -2"):
        PrivateSettings(physical=-2)
    with pytest.raises(UsageError, match="Owners are given of 7 records, and there are 40"):
        fit(Small(), RECORDS, SGD, regime=PrivateSGD(Ledger("owner"), PrivateSettings(units=np.arange(7))))
