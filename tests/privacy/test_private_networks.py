"""Every network of `training/` against the loop over records: tables, taggers, spans, writers and language models."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from naive import assert_same

sys.path.append(str(Path(__file__).parents[1] / "training"))
from rows_made import ENCODERS, frame, labels_of, learnt, shaken
from sequences_made import NAMES, RECIPE, fitted
from test_sequence_networks import own_records

from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.training import Records, TableNetwork
from bakeoff.training.heads import ClassHead, NumberHead
from bakeoff.training.network import TrunkShape

ROWS = frame(24, seed=4, gaps=0.2)


def table(names: list[str], head) -> tuple[TableNetwork, Records]:
    encoders = [learnt(name) for name in names]
    for place, encoder in enumerate(encoders):
        encoder.name = f"{encoder.name} {place}"
    network = shaken(TableNetwork(encoders, TrunkShape(width=12, depth=1), head), torch)
    targets = head.targets(labels_of(ROWS)) if isinstance(head, ClassHead) else head.targets(np.arange(24.0) / 9)
    return network, Records({encoder.name: encoder.read(ROWS) for encoder in encoders}, len(ROWS), targets)


def assert_bounded(network, records: Records, count: int) -> None:
    """As the loop, and nothing is run again for want of a rule."""
    places = np.random.default_rng(count).permutation(len(records))[:count]
    assert_same(network, lambda some: network.losses(records.batch(places[some])), count)
    assert not BookKeeping(network).report.mapped


@pytest.mark.parametrize("name", ENCODERS)
def test_a_table_by_each_encoder_equals_the_loop(name):
    assert_bounded(*table([name], ClassHead(12, ("no", "yes"))), 5)


@pytest.mark.parametrize("count", [1, 7])
def test_a_table_by_all_encoders_equals_the_loop(count):
    assert_bounded(*table([name for name in ENCODERS if "hashed" not in name], NumberHead(12, 1.0, 2.0)), count)


@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_sequences_equals_the_loop(name):
    model = fitted(name, replace(RECIPE, epochs=1))
    assert_bounded(shaken(model.network, torch), own_records(name, model), 6)
