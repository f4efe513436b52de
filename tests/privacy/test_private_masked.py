"""Masked language models against the loop over records: what each adds is bounded as what it is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from naive import assert_same

from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.training import Recipe
from bakeoff.training.sequences import MaskedLM, MaskedShape, TokenShape

TEXTS = [
    "the nurse is here",
    "the cook was there and left in the rain of may",
    "cook",
    "",
    "a b c d e f g h i j k l m n",
]


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
@pytest.mark.parametrize("count", [1, 5])
def test_a_masked_model_equals_the_loop(kind, count):
    shape = MaskedShape(8, TokenShape(kind, 8, 1, 2, 0.0), least=1, hidden=0.3)
    model = MaskedLM(shape).fit(TEXTS * 4, Recipe(epochs=1, batch=4, held_out=0.0))
    records = model.records(TEXTS)
    places = np.random.default_rng(count).permutation(len(records))[:count]
    assert_same(model.network, lambda some: model.network.losses(records.batch(places[some])), count)
    assert not BookKeeping(model.network).report.mapped
