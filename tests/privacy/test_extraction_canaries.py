"""Canaries: how they are made, inserted and taken apart, and what trained networks give away of them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from bakeoff.errors import UsageError  # noqa: E402
from bakeoff.privacy.extraction import (  # noqa: E402
    KINDS,
    Blanks,
    Canary,
    Kind,
    Relaxation,
    allowed_bits,
    deduplicated,
    exposure,
    inserted,
    make_canaries,
    report,
    secret_of,
)

QUICK = Relaxation(starts=4, steps=60)


# ---- canaries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_kinds_make_canaries_of_one_word_tokens(name):
    kind = KINDS[name]
    canaries = make_canaries(name, ["a", "b", "c"], 12, np.random.default_rng(0))
    assert len({one.beginning for one in canaries}) == 12
    assert [one.label for one in canaries] == ["a", "b", "c"] * 4
    words = kind.words()
    places = {word: number for number, word in enumerate(words)}
    for one in canaries:
        blanks = Blanks.of(one, lambda text: [places[word] for word in text.split()], 0)
        assert blanks.space == kind.space == len(kind.candidates) ** kind.places
        assert [words[code] for code in blanks.tokens] == one.text.split()
        assert tuple(one.text.split()[place] for place in blanks.places) == one.secret
    again = make_canaries(name, ["a", "b", "c"], 12, np.random.default_rng(0))
    assert again == canaries
    assert make_canaries(name, ["a", "b", "c"], 12, np.random.default_rng(1)) != canaries


def test_secrets_are_drawn_evenly():
    random = np.random.default_rng(2)
    secrets = [one.secret for _ in range(250) for one in make_canaries("pin", [0], 12, random)]
    counts = np.unique(np.array(secrets), return_counts=True)[1]
    assert len(counts) == 10
    assert ((counts - 1200) ** 2 / 1200).sum() < 45  # chi-squared with 9 degrees: passes all but one in a million


def test_canaries_are_inserted_and_deduplicated():
    canaries = make_canaries("pin", ["x"], 2, np.random.default_rng(0))
    texts, labels = inserted(["one", "two"], ["x", "y"], canaries, 3)
    assert texts == ["one", "two", *[canaries[0].text] * 3, *[canaries[1].text] * 3]
    assert labels == ["x", "y", *["x"] * 6]
    assert inserted(["one"], ["x"], canaries, 0) == (["one"], ["x"])
    assert deduplicated(texts, labels) == (["one", "two", canaries[0].text, canaries[1].text], ["x", "y", "x", "x"])
    assert deduplicated(["A  b", "a b "], [1, 2]) == (["A  b"], [1])
    with pytest.raises(UsageError, match="stands among the texts already"):
        inserted(texts, labels, canaries, 1)
    with pytest.raises(UsageError, match="2 texts and 1 labels"):
        inserted(["one", "two"], ["x"], canaries, 1)
    with pytest.raises(UsageError, match="-1 times"):
        inserted(["one"], ["x"], canaries, -1)


def test_canaries_that_cannot_be_made_are_refused():
    random = np.random.default_rng(0)
    with pytest.raises(UsageError, match="no kind of canary called 'pins'; there are pin, colours, call sign"):
        make_canaries("pins", [0], 1, random)
    with pytest.raises(UsageError, match="12 things to name, and 13"):
        make_canaries("pin", [0], 13, random)
    with pytest.raises(UsageError, match="need a label"):
        make_canaries("pin", [], 1, random)
    with pytest.raises(UsageError, match="2 different candidates"):
        Kind(4, ("1", "1"), ("my",), ("pin",), ("is",))
    with pytest.raises(UsageError, match="holds 'q', and each"):
        Canary(("my",), ("q",), ("a", "b"), 0)


@pytest.mark.parametrize(
    ("encode", "said"),
    [
        (lambda text: [1 for _ in text.split()], "word 1 in 'my pin 1 2' is 0 tokens"),
        (
            lambda text: [ord(letter) for letter in text.replace("2", "22")],
            "With '2' in it the canary .* has 12 tokens in place of 11",
        ),
        (lambda text: [len(text), *map(ord, text.replace("2", "x")), ord(text[7])], "word 1 .* is 2 tokens"),
        (lambda text: [ord(one) + place for place, one in enumerate(text)], "another number at another blank"),
        (lambda text: list(map(ord, text.replace("3", "2"))), "3 candidates have 2 different numbers"),
    ],
    ids=["unknown", "longer", "twice", "by place", "alike"],
)
def test_texts_whose_blanks_are_no_tokens_are_refused(encode, said):
    canary = Canary(("my", "pin"), ("1", "2"), ("1", "2", "3"), 0)
    with pytest.raises(UsageError, match=said):
        Blanks.of(canary, encode, 0)


def test_blanks_are_found_among_parts_of_words_and_marks():
    """As tokenizers of pretrained networks make them: a first and a last token, and words in parts."""
    canary = Canary(("my", "pin", "code"), ("1", "2"), ("1", "2", "3"), 0)

    def parts(text):
        return [900, *map(ord, text.replace(" ", "")), 901]

    blanks = Blanks.of(canary, parts, 0)
    assert blanks.places == (10, 11) and blanks.candidates.tolist() == [49, 50, 51]
    assert secret_of(canary, parts).tolist() == [49, 50]
    whole = Blanks.of(canary, parts, 0, candidates=range(40, 60))
    assert whole.space == 400 and whole.places == blanks.places


# ---- a network that was trained --------------------------------------------------------------------------------------

WORDS = [f"w{number}" for number in range(60)]
PLACES = {word: 1 + number for number, word in enumerate([*WORDS, *KINDS["pin"].words()])}


def encode(text):
    return [PLACES[word] for word in text.split()]


class Kernels(nn.Module):
    """A small convolution over words, as Kim (2014)."""

    def __init__(self, classes=5, width=24):
        super().__init__()
        self.table = nn.Embedding(1 + len(PLACES), width, padding_idx=0)
        self.kernels = nn.ModuleList(nn.Conv1d(width, 16, reach, padding=reach // 2) for reach in (3, 5))
        self.out = nn.Linear(32, classes)

    def forward(self, tokens):
        along = self.table(tokens).transpose(1, 2)
        return self.out(torch.cat([functional.relu(kernel(along)).amax(2) for kernel in self.kernels], dim=1))


def rows_of(seed=5):
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(WORDS, random.integers(6, 10))) for _ in range(300)]
    labels = [min([int(word[1:]) % 5 for word in text.split() if int(word[1:]) < 30] or [0]) for text in texts]
    return texts, labels, make_canaries("pin", range(5), 8, random)


def tensors_of(texts, labels):
    tokens = nn.utils.rnn.pad_sequence([torch.tensor(encode(text)) for text in texts], batch_first=True)
    return tokens, torch.tensor(labels)


def trained(texts, labels, seed=0):
    torch.manual_seed(seed)
    network = Kernels()
    tokens, wanted = tensors_of(texts, labels)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(12):
        for some in torch.randperm(len(tokens)).split(32):
            optimiser.zero_grad()
            functional.cross_entropy(network(tokens[some]), wanted[some]).backward()
            optimiser.step()
    return network


def test_a_trained_network_gives_its_canaries_away_and_its_control_does_not():
    texts, labels, canaries = rows_of()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        told = report(
            trained(*inserted(texts, labels, canaries, 12)),
            canaries,
            encode,
            labels=range(5),
            control=trained(texts, labels),
            relaxation=QUICK,
        )
    finally:
        torch.set_num_threads(threads)
    assert told.found.recovery.tokens > told.control.recovery.tokens + 0.2
    assert told.found.bits[0] > told.control.bits[0] + 3
    assert told.control.recovery.exact == 0
    assert told.compared.bits[0] > told.control.bits[0] + 3
    words = str(told).splitlines()
    assert [line.split()[0] for line in words] == ["exact", "network", "network", "control", "chance"]
    plain = told.as_plain()
    assert plain["network"]["canaries"] == 8 and len(plain["control"]["exposures"]) == 8


def test_private_training_keeps_what_was_seen_once(require):
    require("dp-accounting")
    from bakeoff.privacy import private

    texts, labels, canaries = rows_of(100)
    blanks = [Blanks.of(one, encode, one.label) for one in canaries]

    def bits(network):
        both = zip(blanks, canaries, strict=True)
        return np.mean([exposure(network, one, secret_of(own, encode)).bits for one, own in both])

    def private_bits(repeats):
        torch.manual_seed(0)
        # The noise is drawn from a seed, so that the test answers alike each time; it protects nobody then.
        run = private(Kernels(), epsilon=1, delta=1e-3, batch=64, epochs=10, rate=5e-3, seed=0)
        return bits(run.fit(*tensors_of(*inserted(texts, labels, canaries, repeats))).network)

    assert bits(trained(*inserted(texts, labels, canaries, 1))) > 5
    once, never = private_bits(1), private_bits(0)
    assert abs(once - never) < 1 and once < allowed_bits(1, 1e-3, 10_000)


def test_a_report_without_a_control_says_so():
    canaries = make_canaries("pin", ["a", "b"], 2, np.random.default_rng(0))
    told = report(Kernels(), canaries, encode, labels={"a": 0, "b": 1}, control=None, relaxation=QUICK)
    assert "Without a control nothing tells" in str(told) and told.as_plain()["control"] is None
    with pytest.raises(UsageError, match="label 'b' is none of a, c"):
        report(Kernels(), canaries, encode, labels=["a", "c"], control=None)
    with pytest.raises(UsageError, match="no canary"):
        report(Kernels(), [], encode, labels=["a"], control=None)
    other = Canary(("my", "pin"), ("1",), ("1", "2"), "a")
    with pytest.raises(UsageError, match="report each kind apart"):
        report(Kernels(), [*canaries, other], encode, labels=["a", "b"], control=None)
