"""Every network for tables and texts goes through a whole private fit, the self check included."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("cryptography")

import torch

sys.path.append(str(Path(__file__).parents[1] / "training"))
from rows_made import ENCODERS
from sequences_made import NAMES, RECIPE, fitted
from test_private_networks import table
from test_sequence_networks import own_records

from bakeoff.privacy import Automatic, Ledger, PrivateSettings, PrivateSGD
from bakeoff.training import Recipe, Records, fit
from bakeoff.training.heads import NumberHead

PRIVATE = Recipe(epochs=1, batch=8, rate=1e-3, decay=0.0, clip=0.0, held_out=0.0, optimiser="sgd")


def assert_fits(network, records: Records) -> None:
    ledger = Ledger()
    regime = PrivateSGD(ledger, PrivateSettings(1.0, Automatic(), physical=4))
    before = torch.cat([held.detach().flatten().clone() for held in network.parameters()])
    found = fit(network, records, PRIVATE, regime=regime)
    after = torch.cat([held.detach().flatten() for held in network.parameters()])
    assert not ledger.broken
    assert [entry.count for entry in ledger.entries if entry.private] == [found.history.epochs[0].steps]
    assert not regime.step.book.report.mapped
    assert torch.isfinite(after).all()
    assert (after != before).float().mean() > 0.9


def test_a_table_by_all_encoders() -> None:
    assert_fits(*table([name for name in ENCODERS if "hashed" not in name], NumberHead(12, 1.0, 2.0)))


@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_sequences(name: str) -> None:
    model = fitted(name, replace(RECIPE, epochs=1))
    assert_fits(model.network, own_records(name, model))
