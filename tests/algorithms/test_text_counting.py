"""Counting characters: against the slow obvious version, against published rules, and on real text."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.algorithms.text import ContextMixing, NGram
from bakeoff.algorithms.text.characters import Alphabet, Stream, windows
from bakeoff.algorithms.text.counting import ABSENT, Ladder, _discounts
from bakeoff.algorithms.text.counts import divided
from bakeoff.algorithms.text.mixing import Mixing
from bakeoff.algorithms.text.recency import ORDERS, TRUST, recent
from bakeoff.tasks.language_model import CONTEXT, END, OTHER, LanguageModel

TEXTS = st.lists(st.text("ab c", max_size=12), min_size=1, max_size=6)
CLASSES = ("a", "b", " ", "c", OTHER, END)


def slow(texts: list[str], order: int, classes: int):
    """P(symbol | context) by interpolated modified Kneser-Ney, written as the equations stand."""
    begin = "<begin>"
    seen = [[begin, *text, END] for text in texts]
    raw = [defaultdict(Counter) for _ in range(order)]
    for symbols in seen:
        for place in range(1, len(symbols)):
            for length in range(min(order - 1, place) + 1):
                raw[length][tuple(symbols[place - length : place])][symbols[place]] += 1
    counts = [defaultdict(Counter) for _ in range(order)]
    for length in range(order):
        for context, followed in raw[length].items():
            for symbol, own in followed.items():
                longer = sum(
                    1
                    for wide, others in (raw[length + 1].items() if length + 1 < order else ())
                    if wide[1:] == context and symbol in others
                )
                counts[length][context][symbol] = longer or own
    taken = [
        _discounts(np.array([one for followed in level.values() for one in followed.values()], dtype=np.int64))
        for level in counts
    ]

    def probability(context: tuple[str, ...], symbol: str, length: int) -> float:
        shorter = 1 / classes if length == 0 else probability(context, symbol, length - 1)
        wanted = (begin, *context)[-length:] if length else ()
        followed = counts[length].get(wanted) if len(context) + 1 >= length else None
        if not followed:
            return shorter
        total = sum(followed.values())
        rest = sum(taken[length][min(count, 3)] for count in followed.values()) / total
        own = followed[symbol]
        return max(own - taken[length][min(own, 3)], 0) / total + rest * shorter

    return lambda prefix, symbol: probability(tuple(prefix), symbol, order - 1)


@settings(max_examples=25, deadline=None)
@given(TEXTS, st.text("abz ", max_size=6), st.integers(1, 4))
def test_kneser_ney_is_that_of_the_equations(texts, prefix, order):
    model = NGram(order=order).fit(None, texts)
    found = model.predict_proba(pd.DataFrame({"text": [prefix]}))[0]
    wanted = slow(texts, order, len(model.classes_))
    assert np.allclose(found, [wanted(prefix, one) for one in model.classes_], atol=1e-7)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()


def test_discounts_are_chen_and_goodmans():
    counts = np.array([1] * 10 + [2] * 4 + [3] * 2 + [4])
    y = 10 / (10 + 2 * 4)
    assert np.allclose(_discounts(counts), [0, 1 - 2 * y * 4 / 10, 2 - 3 * y * 2 / 4, 3 - 4 * y * 1 / 2])
    assert (_discounts(np.array([], dtype=int)) > 0)[1:].all()


def test_a_texts_probability_is_the_product_of_its_characters():
    texts = ["play some jazz", "play it", "jazz"]
    for model in (NGram(order=4).fit(None, texts), ContextMixing(order=4).fit(None, texts * 5)):
        asked = ["play jazz", "", "it"]
        one_by_one = []
        for text in asked:
            rows = pd.DataFrame({"text": [text[:cut] for cut in range(len(text) + 1)]})
            chances = model.predict_proba(rows)
            places = [list(model.classes_).index(one) for one in [*text, END]]
            one_by_one.append(sum(math.log(chances[row, place]) for row, place in enumerate(places)))
        assert np.allclose(model.log_prob(asked), one_by_one)


def test_only_the_last_characters_count_and_a_cut_text_has_no_beginning():
    texts = ["abc" * 300, "cab" * 10]
    model = ContextMixing(order=5).fit(None, texts)
    whole = "abc" * 300
    rows = pd.DataFrame({"text": [whole, whole[-CONTEXT:]]})
    first, second = model.predict_proba(rows)
    assert np.allclose(first, second)
    stream = Stream(Alphabet(CLASSES), ["c" * CONTEXT, "c"], prefixes=True)
    assert stream.codes[stream.starts].tolist() == [stream.alphabet.other, stream.alphabet.begin]


def test_mixing_beats_each_of_what_it_mixes_on_what_it_learnt_from():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 400)
    logs = np.log(rng.dirichlet(np.ones(4), (400, 2))).astype(np.float32)
    logs[np.arange(400), 0, truth] += 1.0  # the first model knows something, the second nothing
    logs -= np.log(np.exp(logs).sum(axis=2, keepdims=True))
    buckets = np.arange(400) % 2
    mixing = Mixing(3).fit(logs, buckets, truth)
    found = mixing.probabilities(logs, buckets)
    assert np.allclose(found.sum(axis=1), 1)
    assert -np.log(found[np.arange(400), truth]).mean() < -logs[np.arange(400), 0, truth].mean()
    assert mixing.weights_[0, 0] > 0.5 > abs(mixing.weights_[0, 1])


def test_what_a_text_said_before_is_counted_as_the_obvious_loop_does():
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("ab "), size)) for size in (0, 1, 3, 40, 90)]
    alphabet = Alphabet(CLASSES)
    stream = Stream(alphabet, texts, prefixes=True)
    coarse = np.full((len(texts), len(CLASSES)), 1 / len(CLASSES))
    found = recent(*windows(stream, np.arange(len(texts)), 60), coarse)
    for row, text in enumerate(texts):
        shown = text[-60:]
        answer = coarse[row]
        for level, (order, trust) in enumerate(zip(ORDERS, TRUST, strict=True)):
            counts = np.zeros(len(CLASSES))
            for place in range(order, len(shown)):
                if shown[place - order : place] == shown[len(shown) - order :]:
                    counts[alphabet.codes(shown[place])[0]] += 1
            answer = (counts + trust * answer) / (counts.sum() + trust)
            assert np.allclose(found[level][row], answer), (row, level)


def test_rungs_that_no_place_reaches_are_passed_over():
    rungs = [np.zeros(2, dtype=np.int64), np.full(2, ABSENT)]
    ladder = Ladder(3).fit(rungs, np.array([0, 1]))
    found, deep = ladder.probabilities(rungs)
    assert np.allclose(found[0], found[1])
    assert deep.tolist() == [1, 1]


def test_few_texts_lend_their_ends_to_the_weights():
    learn, held = divided(["a" * 1000, "short"], 0)
    assert [len(one) for one in learn] == [900, 5]
    assert [len(one) for one in held] == [100]
    learn, held = divided([str(number) for number in range(100)], 0)
    assert sorted(learn + held) == sorted(str(number) for number in range(100))
    assert len(held) == 10


def test_a_character_that_is_not_among_the_classes_is_other():
    model = NGram(order=3).fit(None, ["abc", "abd"])
    assert tuple(model.classes_) == LanguageModel().classes(np.array(["abc", "abd"], dtype=object))
    assert np.isfinite(model.log_prob(["≠ab"])).all()


@pytest.mark.slow
def test_bits_of_shakespeare_are_below_those_of_the_reference(bakeoff_data):
    def texts(*parts):
        return pd.concat(
            [pd.read_parquet(bakeoff_data / "tiny_shakespeare" / f"{part}.parquet") for part in parts]
        ).text

    asked = list(texts("test"))
    characters = sum(len(text) + 1 for text in asked)
    bits = {}
    for model in (NGram(order=6), ContextMixing()):
        model.fit(None, texts("train", "valid"))
        bits[type(model).__name__] = -model.log_prob(asked).sum() / math.log(2) / characters
    assert bits["NGram"] < 2.411  # a 6-gram with Witten-Bell smoothing
    assert bits["ContextMixing"] < bits["NGram"] - 0.1
