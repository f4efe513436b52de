"""Masked language models: what they learn, what they never see, and their files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from neural import torch

from bakeoff.errors import NotFound, UsageError
from bakeoff.training import Known, Recipe
from bakeoff.training.sequences import MaskedLM, MaskedShape, TokenShape
from bakeoff.training.sequences.masked import MaskedNetwork

RECIPE = Recipe(epochs=150, batch=16, rate=1e-2, clip=50.0, held_out=0.0, seed=1)
TEXTS = ["the nurse is here", "the cook was there"] * 16


def shape(kind: str) -> MaskedShape:
    return MaskedShape(16, TokenShape(kind, 16, 1, 2, 0.0), least=1, hidden=0.3)


@pytest.fixture(scope="module", params=["transformer", "recurrent"])
def model(request):
    return MaskedLM(shape(request.param)).fit(TEXTS, RECIPE)


def chance(model, text, place, word):
    codes, _ = model.read(text)
    hidden = [*codes[:place], model.mask, *codes[place + 1 :]]
    (found,) = model.log_probs([hidden], [[(place, model.read(word)[0][0])]])
    return float(np.exp(found[0]))


def test_a_hidden_word_is_told_from_both_sides(model):
    assert chance(model, "the nurse is here", 2, "is") > 0.8
    assert chance(model, "the cook was there", 2, "is") < 0.2
    assert chance(model, "the nurse is here", 1, "nurse") > 0.7, "from what comes behind it alone"
    assert chance(model, "the cook was there", 1, "nurse") < 0.3


def test_answers_depend_on_the_text_alone_and_are_probabilities(model):
    codes = [model.read("the nurse is here")[0], model.read("the cook")[0]]
    every = [[(1, code) for code in range(model.mask)] for _ in codes]
    together, alone = model.log_probs(codes, every), model.log_probs(codes[1:], every[1:])
    assert np.exp(together[1]).sum() == pytest.approx(1.0)
    assert together[1] == pytest.approx(alone[0], abs=1e-5)
    words = model.encode_words(["the nurse is here", "the cook"])
    assert [one.shape for one in words] == [(4, 16), (2, 16)]
    assert model.encode(["the cook"])[0] == pytest.approx(words[1].mean(0), abs=1e-5)
    assert model.encode(["", "zebra"]).shape == (2, 16)


def test_a_mask_is_never_seen_through():
    """What is asked for is hidden, but for one in ten left in place while learning: told here, where all are hidden."""
    network = MaskedNetwork(9, shape("transformer"))
    seen = []
    network.reader.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    codes = torch.tensor([[3, 4, 5, 6, 7, 8, 3, 4, 5, 6], [3, 4, 0, 0, 0, 0, 0, 0, 0, 0]])

    class Given:
        targets = codes

    network.eval()
    losses = network.losses(Given())
    mask = network.table.weight[network.mask]
    covered = (seen[0] == mask).all(-1)
    assert covered.sum(1).tolist() == [1, 1], "every seventh word, and one of a text too short for it"
    assert covered[0, 3] and losses.shape == (2,) and (losses > 0).all()
    network.train()
    torch.manual_seed(0)
    shares = [(network.losses(Given()), (seen[-1] == mask).all(-1).float()[0].mean())[1] for _ in range(200)]
    assert float(sum(shares)) / 200 == pytest.approx(0.3 * 0.8, abs=0.06)


def test_padding_changes_no_loss():
    network = MaskedNetwork(9, shape("recurrent")).eval()
    codes = torch.tensor([[3, 4, 5, 6], [3, 4, 0, 0]])
    both = network.losses(type("Batch", (), {"targets": codes}))
    alone = network.losses(type("Batch", (), {"targets": codes[1:, :2]}))
    assert both[1].item() == pytest.approx(alone[0].item(), abs=1e-5)
    assert network.losses(type("Batch", (), {"targets": torch.zeros((0, 1), dtype=torch.long)})).shape == (0,)


def test_a_seed_gives_the_same_weights_and_a_file_brings_them_back(tmp_path):
    quick = replace(RECIPE, epochs=2, held_out=0.3)
    first, second = (MaskedLM(shape("transformer")).fit(TEXTS, quick) for _ in range(2))
    assert np.array_equal(first.encode(["the cook"]), second.encode(["the cook"]))
    assert first.history.epochs[-1].held_out is not None
    first.save(tmp_path / "model.pt")
    read = MaskedLM.load(tmp_path / "model.pt")
    assert read.read("the cook, zebra") == first.read("the cook, zebra")
    assert np.array_equal(read.encode(["the cook"]), first.encode(["the cook"]))
    assert chance(read, "the nurse is here", 1, "nurse") == chance(first, "the nurse is here", 1, "nurse")
    (tmp_path / "other.pt").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is not a saved masked language model"):
        MaskedLM.load(tmp_path / "other.pt")


def test_words_may_come_from_outside_and_what_is_wrong_is_told():
    known = Known(vocabularies={"words": ["the", "cook"]})
    found = MaskedLM(shape("recurrent"), known).fit(TEXTS, replace(RECIPE, epochs=1))
    found.preparation.require_public()
    assert found.read("The cook zebra")[0][2] == found.unknown
    with pytest.raises(UsageError, match="no texts"):
        MaskedLM().fit([])
    with pytest.raises(NotFound, match="not fitted"):
        MaskedLM().save(None)
    with pytest.raises(UsageError, match="share of hidden words"):
        MaskedShape(hidden=1.0)
