"""Texts rewritten from a noisy code: what it costs is in the ledger, and the published form is shown to be wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dp_accounting")

from bakeoff.errors import NoGuarantee, NotFound, UsageError  # noqa: E402
from bakeoff.privacy import Budget, Neighbours  # noqa: E402
from bakeoff.privacy.releases import gaussian_delta  # noqa: E402
from bakeoff.privacy.texts import TextCoder, published_epsilon  # noqa: E402
from bakeoff.privacy.texts.code_network import CodeNetwork, CodeShape  # noqa: E402
from bakeoff.privacy.texts.published import attacked  # noqa: E402
from bakeoff.training.recipe import Recipe  # noqa: E402

LITTLE = CodeShape(dimensions=6, embedding=16, width=32, hide=0.2, longest=12)
QUICK = Recipe(epochs=1, batch=32, rate=5e-3, decay=0.0, held_out=0.0)
DISHES = ["soup", "bread", "rice", "cake", "fish", "salad"]
PLACES = ["rome", "oslo", "lima", "kyoto", "cairo", "quito"]


def sentences(count, seed=0):
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        dish, place = random.choice(DISHES), random.choice(PLACES)
        made.append(random.choice([f"book a table with {dish} in {place}", f"is there {dish} near {place}"]))
    return made


@pytest.fixture(scope="module")
def open_coder():
    recipe = Recipe(epochs=50, batch=32, rate=1e-2, decay=0.0, held_out=0.0)
    return TextCoder(3_000.0, shape=LITTLE).fit(sentences(400), name="made-up requests", recipe=recipe)


@pytest.mark.parametrize("epsilon", [0.5, 3.0, 20.0])
def test_a_text_costs_what_was_asked_for(epsilon):
    coder = TextCoder(epsilon, shape=LITTLE).fit(sentences(40), name="made up", recipe=QUICK)
    told = coder.rewrite(sentences(3))
    assert told.epsilon == pytest.approx(epsilon, rel=2e-3)
    # The same by Balle and Wang's formula, for codes that are 2 apart.
    assert gaussian_delta(epsilon, coder.spread / 2) == pytest.approx(1e-5, rel=1e-3)
    assert told.ledger.neighbours is Neighbours.REPLACE
    assert [entry.kind.value for entry in told.ledger.entries] == ["public", "released"]


def test_the_noise_of_a_code_is_as_wide_as_the_ledger_says():
    coder = TextCoder(5.0, shape=LITTLE, seed=0).fit(sentences(40), name="made up", recipe=QUICK)
    texts = sentences(5) * 800
    noise = coder.release(texts) - coder.encode(texts)
    (released,) = [entry for entry in coder.ledger().entries if entry.kind.value == "released"]
    assert abs(noise.std() / released.sigma - 1) < 6 / math.sqrt(2 * noise.size)
    assert abs(noise.mean()) < 6 * released.sigma / math.sqrt(noise.size)


def test_no_code_is_longer_than_one_whatever_the_weights():
    torch.manual_seed(0)
    network = CodeNetwork(10, LITTLE, 0.0)
    with torch.no_grad():
        network.narrow.weight.mul_(1_000)
    codes = network.codes(torch.randint(1, 14, (50, 7)))
    assert codes.norm(dim=1).max() <= 1 + 1e-6 and codes.norm(dim=1).min() > 0.99
    coder = TextCoder(3.0, shape=LITTLE).fit(sentences(40), name="made up", recipe=QUICK)
    with torch.no_grad():
        coder.network.narrow.weight.mul_(1_000)
    assert np.linalg.norm(coder.encode(["", "a b c", *sentences(30)]), axis=1).max() <= 1.0


def test_hardly_any_noise_gives_texts_back_and_much_does_not(open_coder):
    texts = sentences(200, seed=5)
    plain = open_coder.rewrite(texts).texts
    assert np.mean([one == other for one, other in zip(texts, plain, strict=True)]) > 0.2
    told = open_coder.at(1.0).rewrite(texts)
    changed = told.texts
    assert told.epsilon == pytest.approx(1.0, rel=2e-3)
    assert np.mean([one == other for one, other in zip(texts, changed, strict=True)]) < 0.1
    assert set(" ".join(changed).split()) <= set(open_coder.words)


def test_what_private_training_spends_is_added():
    texts = sentences(120)
    words = sorted({word for text in texts for word in text.split()})
    recipe = Recipe(epochs=1, batch=60, rate=5e-3, decay=0.0)
    coder = TextCoder(4.0, shape=LITTLE).fit_privately(texts, words, Budget(6.0, 1e-5), recipe=recipe)
    told = coder.rewrite(texts[:5])
    kinds = [entry.kind.value for entry in told.ledger.entries]
    assert kinds[0] == "public" and kinds.count("sampled") == 1 and kinds[-1] == "released"
    assert 6.0 < told.epsilon < 10.0
    assert told.ledger.as_plain()["neighbours"] == "replace one"


def test_a_seed_breaks_the_guarantee():
    coder = TextCoder(4.0, shape=LITTLE, seed=1).fit(sentences(40), name="made up", recipe=QUICK)
    first, second = coder.rewrite(sentences(3)), coder.rewrite(sentences(3))
    with pytest.raises(NoGuarantee, match="noise was drawn from a seed"):
        _ = first.epsilon
    assert second.sentence().startswith("No guarantee: noise was drawn from a seed")
    assert first.as_plain()["guarantee"]["epsilon"] is None


def test_it_can_be_kept(open_coder, tmp_path):
    open_coder.save(tmp_path / "coder.pt")
    again = TextCoder.load(tmp_path / "coder.pt")
    texts = sentences(5)
    assert np.allclose(again.encode(texts), open_coder.encode(texts), atol=1e-6)
    assert again.rewrite(texts).ledger.as_plain() == open_coder.rewrite(texts).ledger.as_plain()
    (tmp_path / "other").write_bytes(b"no network")
    with pytest.raises(UsageError, match="is not a saved auto-encoder of texts that can be read"):
        TextCoder.load(tmp_path / "other")


def test_what_cannot_be_is_told_in_a_sentence():
    with pytest.raises(NotFound, match="not fitted yet; call fit with public texts, or fit_privately"):
        TextCoder().rewrite(["a"])
    with pytest.raises(UsageError, match="epsilon is -1; a privacy budget is a number above 0"):
        TextCoder(-1)
    with pytest.raises(UsageError, match="There are 1 texts and 0 words to learn from"):
        TextCoder().fit(["only once"], name="few")
    with pytest.raises(UsageError, match="an even width"):
        CodeShape(width=7)


def test_as_many_texts_as_delta_could_tell_one_of_are_refused(open_coder):
    with pytest.raises(UsageError, match=r"delta is 0\.01 and there are 100 records"):
        open_coder.at(50.0, 0.01).rewrite(sentences(1) * 100)
    assert len(open_coder.at(50.0, 0.01).rewrite(sentences(1) * 99).texts) == 99


def test_empty_and_strange_texts_are_rewritten(open_coder):
    found = open_coder.rewrite(["", "zzz qqq", "???", " ".join(["soup"] * 100)]).texts
    assert len(found) == 4 and all(isinstance(text, str) for text in found)
    assert open_coder.rewrite([]).texts == ()


@pytest.mark.parametrize("dimensions", [36, 64, 128])
def test_the_published_form_is_wrong_by_six_and_more(dimensions):
    found = published_epsilon(1.0, dimensions)
    assert found.factor == pytest.approx(math.sqrt(dimensions)) and found.factor >= 6
    # Even with delta allowed: about that of a Gaussian whose codes are as far apart in units of its deviation.
    assert 3.0 < found.at_delta < found.pure


def test_the_published_form_in_one_dimension_is_right():
    found = published_epsilon(1.0, 1)
    assert found.pure == 1.0 and found.at_delta <= 1.0 + 1e-3


def test_an_attack_shows_that_the_published_claim_does_not_hold():
    assert attacked(1.0, 64, 40_000, seed=0) > 1.5
    assert attacked(1.0, 1, 40_000, seed=0) <= 1.0
    assert attacked(1.0, 64, 40_000, seed=0) <= published_epsilon(1.0, 64).at_delta + 0.1


@pytest.mark.parametrize(("claimed", "dimensions", "delta"), [(0.0, 4, 1e-5), (1.0, 0, 1e-5), (1.0, 4, 0.0)])
def test_a_claim_that_cannot_be_is_told(claimed, dimensions, delta):
    with pytest.raises(UsageError, match=r"cannot be; both are above 0|delta is 0\.0"):
        published_epsilon(claimed, dimensions, delta)
