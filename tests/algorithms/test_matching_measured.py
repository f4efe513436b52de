"""On public sets of records the similarity baseline reaches Magellan's published F1, and blocking keeps the matches."""

from __future__ import annotations

import numpy as np
import pytest
from er_sets import read_set
from sklearn.metrics import f1_score

from bakeoff.algorithms import Blocker, Linkage, Similarity

QUICK = {"beer": 0.788, "itunes_amazon": 0.912, "fodors_zagats": 1.0}
LONG = {"abt_buy": 0.436, "amazon_google": 0.491, "walmart_amazon": 0.719, "dblp_acm": 0.984, "dblp_scholar": 0.923}
WHOLE = ("beer", "fodors_zagats", "abt_buy", "amazon_google")  # with tables that hold more than the pairs


def long(names):
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", [*QUICK, *long(LONG)])
def test_similarity_is_at_or_above_magellan(bakeoff_data, name):
    shape = read_set(bakeoff_data / name)
    model = Similarity().fit(shape.asked(shape.train), shape.labels, schema=shape.schema())
    assert f1_score(shape.truth, model.predict(shape.asked(shape.test))) >= {**QUICK, **LONG}[name]


@pytest.mark.parametrize("name", [*WHOLE, *long(["dblp_acm", "walmart_amazon"])])
def test_ten_candidates_keep_ninety_seven_percent_of_the_labelled_matches(bakeoff_data, name):
    shape = read_set(bakeoff_data / name)
    matches = np.vstack([shape.train[shape.labels == 1], shape.test[shape.truth == 1]])
    found = Blocker(shape.schema(sides=False)).fit(shape.left, shape.right).candidates(10)
    assert len(found) <= 10 * len(shape.left)
    there = set(zip(found["left"].tolist(), found["right"].tolist(), strict=True))
    assert sum(tuple(pair) in there for pair in matches.tolist()) / len(matches) >= 0.97


@pytest.mark.slow
@pytest.mark.parametrize(("name", "pairs_alone"), [("abt_buy", 0.92), ("amazon_google", 0.71)])
def test_rivals_of_a_pair_tell_more_than_the_pair_alone(bakeoff_data, name, pairs_alone):
    shape = read_set(bakeoff_data / name)
    model = Linkage().fit(shape.left, shape.right, shape.pairs(), schema=shape.schema(sides=False))
    asked = shape.asked(shape.test).assign(left=shape.test[:, 0], right=shape.test[:, 1])
    assert f1_score(shape.truth, model.predict(asked)) > pairs_alone + 0.02
