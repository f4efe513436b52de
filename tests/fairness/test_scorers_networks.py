"""The house's own networks as encoders and scorers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from toy_networks import FRAMES, TEXTS, causal, masked, table, tagged

from bakeoff.errors import UsageError
from bakeoff.fairness import (
    CausalModel,
    Clusters,
    ContextDraws,
    Draws,
    MaskedModel,
    WordSets,
    association,
    averaged,
    context_pools,
    contextual_association,
    increased_log_probability,
    looked_up,
    of_network,
    pseudo_log_likelihood,
    score_pairs,
    score_triples,
    word_contexts,
)

FEW = Draws(partitions=500, resamples=20)
WHO = ("she", "he")
SETS = WordSets(("nurse", "cook"), ("pilot", "miner"), ("she",), ("he",))


def test_a_planted_association_is_found_in_a_masked_model(require):
    require("torch")
    model = of_network(masked())
    assert isinstance(model, MaskedModel)
    found = increased_log_probability(model, SETS, ("The [TRAIT] said that [GROUP] left",), FEW)
    assert min(found.biases[word] for word in SETS.first) > 1 > -1 > max(found.biases[word] for word in SETS.second)
    assert found.measure.value > 1.5
    women, men = ([FRAMES[2].format(job=job, who=who) for job in SETS.first] for who in WHO)
    pairs = score_pairs(model, women, men)
    assert (pairs.more - pairs.less > 0.3).all()
    pools = context_pools(model.encode_spans, word_contexts(TEXTS, SETS.all, most=25))
    assert contextual_association(pools, SETS, ContextDraws(50, 20, 5)).measure.value > 0.5
    vectors = model.word_vectors([*SETS.all, "zebra"])
    assert set(vectors) == set(SETS.all)
    assert association(looked_up(vectors), SETS, FEW).value is not None


def test_a_pseudo_log_likelihood_asks_for_every_word(require):
    require("torch")
    model = of_network(masked())
    text = "The nurse said that she left"
    codes = model.model.read(text)[0]
    slow = sum(
        float(model.model.log_probs([[*codes[:at], model.mask, *codes[at + 1 :]]], [[(at, code)]])[0][0])
        for at, code in enumerate(codes)
    )
    assert pseudo_log_likelihood(model, [text]) == pytest.approx([slow], abs=1e-4)
    assert model.log_prob([text]) == pytest.approx([slow], abs=1e-4)


@pytest.mark.parametrize("make", [masked, causal, tagged])
def test_a_words_vector_is_that_of_its_place(make, require):
    require("torch")
    model = of_network(make())
    text = "the nurse said that she left"
    spans = [(4, 9), (20, 23), (4, 9)]
    found = model.encode_spans([text, text, "the pilot"], spans)
    assert found.shape == (3, model.encode([text]).shape[1]) and np.isfinite(found).all()
    assert not np.allclose(found[0], found[1]) and not np.allclose(found[0], found[2])
    assert found[0] == pytest.approx(model.encode_spans([text], spans[:1])[0], abs=1e-5), "whatever stands beside it"
    one = model.encode_spans([text, "nurse"], [(0, len(text)), (0, 5)])
    assert one == pytest.approx(model.encode([text, "nurse"]), abs=1e-5), "a text is all of its words"
    assert model.encode(["", "a"]).shape[0] == 2


def test_a_causal_model_scores_whole_texts_and_their_mean(require):
    require("torch")
    model = of_network(causal())
    assert isinstance(model, CausalModel) and not isinstance(model, MaskedModel)
    clusters = Clusters(["a"], ["ab BLANK"], ["ab"], ["bb"], ["b"])
    found = score_triples(model, clusters)
    assert found.unrelated == pytest.approx(model.log_prob(["ab b"]) / 5)
    assert increased_log_probability(model, SETS, ("[GROUP] is a [TRAIT].",), FEW).associations.shape == (4, 2)


def test_a_tables_network_encodes_the_texts_of_a_column(require):
    require("torch")
    network, reader = table()
    model = of_network(network, reader=reader, column="remark")
    found = model.encode(["all fine", "box was torn", "all fine"])
    assert found.shape == (3, 16) and np.array_equal(found[0], found[2]) and not np.allclose(found[0], found[1])
    assert association(averaged(model.encode), SETS, FEW).n == 4
    only = of_network(network, reader=reader).encode(["all fine"])
    assert only[0] == pytest.approx(found[0], abs=1e-5), "the one column of texts"
    with pytest.raises(UsageError, match="its reader and the name of its column"):
        of_network(network)


def test_a_fitted_baseline_stands_for_its_network(require):
    require("torch")
    from bakeoff.algorithms.network import Network
    from bakeoff.nouns import Column, ColumnType, Schema

    rows = pd.DataFrame({"remark": ["all fine", "box was torn", "came late", "all good"] * 15})
    columns = (Column("remark", ColumnType.TEXT),)
    schema = Schema(columns, "classification", "y", "log_loss", ("no", "yes"), 0, 60.0)
    entry = Network(epochs=1, members=2).fit(rows, np.array(["no", "yes"] * 30), schema=schema)
    assert np.isfinite(of_network(entry).encode(["all fine", "torn"])).all()
    inner = type("Entry", (), {"model_": causal()})()
    assert isinstance(of_network(inner), CausalModel)


def test_what_cannot_be_read_is_told(require):
    require("torch")
    model = of_network(masked())
    with pytest.raises(UsageError, match="reads no word"):
        model.encode_spans(["the nurse"], [(9, 9)])
    with pytest.raises(UsageError, match="A dict is none of the networks"):
        of_network({})
