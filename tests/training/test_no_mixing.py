"""What an encoder or a network answers to a record does not depend on the others in its batch, nor on padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from neural import torch
from rows_made import ENCODERS, frame, learnt, shaken

from bakeoff.training import Records, TableNetwork
from bakeoff.training.heads import ClassHead
from bakeoff.training.network import TrunkShape

QUICK = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
HELD = {name: learnt(name) for name in ENCODERS}
LAYERS = {name: shaken(encoder.layers(), torch) for name, encoder in HELD.items()}
ROWS = frame(40, seed=9, gaps=0.25)


def answers(layer, records, positions):
    batch = records.batch(np.asarray(positions, dtype=np.int64))
    (parts,) = batch.inputs.values()
    with torch.inference_mode():
        return layer(parts).numpy()


def alike(layer, records, positions) -> bool:
    together = answers(layer, records, positions)
    alone = np.vstack([answers(layer, records, [place]) for place in positions])
    return bool(np.allclose(together, alone, atol=2e-5, rtol=1e-4))


@pytest.mark.parametrize("name", ENCODERS)
@QUICK
@given(some.lists(some.integers(0, 39), min_size=1, max_size=9), some.booleans())
def test_a_record_is_answered_alike_alone_and_in_any_batch(name, positions, plain):
    layer = LAYERS[name]
    for module in layer.modules():
        if hasattr(module, "plain"):
            module.plain = plain
    records = Records({name: HELD[name].read(ROWS)}, len(ROWS))
    assert answers(layer, records, positions).shape == (len(positions), layer.width)
    assert alike(layer, records, positions)


def test_a_layer_that_mixes_records_is_caught():
    class Mixing(torch.nn.Module):
        width = 24

        def __init__(self):
            super().__init__()
            self.inner = LAYERS["numbers, piecewise"]
            self.norm = torch.nn.BatchNorm1d(24)  # in training mode, as private training would meet it

        def forward(self, parts):
            found = self.inner(parts)
            return self.norm(found) if len(found) > 1 else found

    records = Records({"numeric": HELD["numbers, piecewise"].read(ROWS)}, len(ROWS))
    assert not alike(Mixing(), records, [1, 2, 3])


@pytest.mark.parametrize("name", ENCODERS)
def test_an_empty_batch_has_no_answers(name):
    records = Records({name: HELD[name].read(ROWS)}, len(ROWS))
    assert answers(LAYERS[name], records, []).shape == (0, LAYERS[name].width)


@pytest.mark.parametrize("name", ["bag", "recurrent"])
def test_fused_and_plain_operations_agree_in_answers_and_gradients(name):
    encoder = learnt(name)
    records = Records({name: encoder.read(ROWS)}, len(ROWS))
    (parts,) = records.batch(np.arange(20)).inputs.values()
    found = []
    for plain in (False, True):
        layer = shaken(encoder.layers(), torch)
        for module in layer.modules():
            if hasattr(module, "plain"):
                module.plain = plain
        out = layer(parts)
        (out**2).sum().backward()
        found.append([out.detach(), *[parameter.grad for parameter in layer.parameters()]])
    for fused, plain in zip(*found, strict=True):
        assert torch.allclose(fused, plain, atol=1e-4, rtol=1e-4)


def test_a_whole_network_answers_in_the_order_it_was_asked():
    encoders = [HELD[name] for name in ("numbers, piecewise", "dates", "categories", "bag", "recurrent", "pictures")]
    network = shaken(TableNetwork(encoders, TrunkShape(width=16), ClassHead(16, ("a", "b", "c"))), torch)
    records = Records({encoder.name: encoder.read(ROWS) for encoder in encoders}, len(ROWS))
    whole = network.answers(records)
    assert np.allclose(whole.sum(axis=1), 1)
    order = np.random.default_rng(0).permutation(len(ROWS))
    assert np.allclose(network.answers(records.take(order)), whole[order], atol=1e-5)
    assert network.answers(records.take(order[:0])).shape == (0, 3)
    assert np.ptp(whole, axis=0).min() > 1e-3, "answers that are all alike would agree in any order"
