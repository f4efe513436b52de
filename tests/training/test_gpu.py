"""On a GPU a network learns as on the CPU, in full and in mixed precision; skipped where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from neural import torch
from rows_made import ENCODERS, frame, labels_of

from bakeoff.training import Preparation, Recipe, TableNetwork, TableReader, fit
from bakeoff.training.heads import ClassHead
from bakeoff.training.network import TrunkShape
from bakeoff.training.seeding import seeded

ROWS = frame(400, gaps=0.1)
CHOSEN = ("numbers, piecewise", "dates", "categories", "bag", "recurrent", "pictures")


@pytest.fixture(autouse=True)
def gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")


def fitted(recipe, **aids):
    reader = TableReader([ENCODERS[name]() for name in CHOSEN]).learn(ROWS, Preparation())
    with seeded(0):
        network = TableNetwork(reader.encoders, TrunkShape(width=32), ClassHead(32, ("no", "yes")))
    records = reader.read(ROWS, network.head.targets(labels_of(ROWS)))
    return fit(network, records, recipe, **aids), records


@pytest.mark.parametrize("mixed", [False, True])
def test_it_learns_on_the_gpu_and_answers_alike_on_the_cpu(mixed):
    found, records = fitted(Recipe(epochs=15, batch=32, device="cuda", mixed=mixed))
    there = found.network.answers(records, device="cuda")
    here = found.network.to("cpu").answers(records)
    assert np.allclose(there, here, atol=1e-2)
    assert np.mean(here.argmax(axis=1) == records.targets) > 0.8


def test_a_fit_that_was_interrupted_goes_on(tmp_path):
    recipe = Recipe(epochs=3, batch=32, device="cuda")
    fitted(replace(recipe, seconds=1000), checkpoint=tmp_path / "fit.pt")
    found, _ = fitted(recipe, checkpoint=tmp_path / "fit.pt")
    assert [epoch.number for epoch in found.history.epochs] == [0, 1, 2]
