"""The next character: places are drawn fairly, and perplexities are those of the texts where every place is asked."""

from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rescored import assert_replicates_are_rescored

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import Task
from bakeoff.tasks import Kind, Written
from bakeoff.tasks.labels import objects
from bakeoff.tasks.language_model import LanguageModel, positions, question, truth, truths, turns

KIND = LanguageModel()
TEXTS = st.lists(st.one_of(st.text("ab \nü你😀", max_size=9), st.text(max_size=9)), min_size=1, max_size=6).filter(any)


def asking(classes):
    return Task("lm", "lm", "", "language_model", "text", "bits_per_byte", classes=classes)


def everywhere(texts):
    """All places of the texts in order."""
    places = [(row, cut) for row, text in enumerate(texts) for cut in range(len(text) + 1)]
    rows, cuts = np.array(places, dtype=np.int64).T
    return rows, cuts


def chances(rows, width, seed=0):
    found = np.random.default_rng(seed).random((rows, width)) + 1e-3
    return found / found.sum(axis=1, keepdims=True)


def test_it_is_a_kind_of_numbers():
    assert isinstance(KIND, Kind) and not isinstance(KIND, Written) and KIND.answers == "numbers"
    assert not KIND.probes.withhold and not KIND.probes.ask and KIND.probes.reason


def test_classes_are_the_commonest_characters():
    assert KIND.classes(objects(["bab", "cc\n"])) == ("b", "c", "\n", "a", "<other>", "<end>")
    many = "".join(chr(0x4E00 + number) * (2 if number < 1_000 else 1) for number in range(1_200))
    classes = KIND.classes(objects([many]))
    assert len(classes) == 1_002 and classes[:2] == ("一", "丁") and classes[-3] == chr(0x4E00 + 999)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(0, 99))
def test_all_places_asked_give_the_perplexities_of_the_texts(texts, seed):
    """By hand, character after character, against the codes of asked places and of whole texts."""
    task = asking(KIND.classes(objects(texts[:1])))
    rows, cuts = everywhere(texts)
    answers = chances(len(rows), len(task.classes), seed)
    nats = 0.0
    for row, (text, cut) in enumerate(zip(rows, cuts, strict=True)):
        sign = texts[text][cut] if cut < len(texts[text]) else "<end>"
        column = task.classes.index(sign if sign in task.classes else "<other>")
        nats -= math.log(answers[row, column])
    many = sum(len(text.encode()) + 1 for text in texts)
    words = sum(len(text.split()) for text in texts)
    asked = KIND.encode(truths(texts, rows, cuts), task)
    whole = KIND.encode(objects(texts), task)
    assert len(whole) == len(rows) == sum(len(text) + 1 for text in texts)
    assert np.array_equal(asked[:, 0], whole[:, 0])
    for codes in (asked, whole):
        scores = {name: score.value for name, score in KIND.score(codes, answers, task).items()}
        assert scores["bits_per_byte"] == pytest.approx(nats / math.log(2) / many)
        assert scores["perplexity_per_byte"] == pytest.approx(math.exp(nats / many))
        if words:
            assert scores["perplexity_per_word"] == pytest.approx(math.exp(min(700, nats / words)))
        else:
            assert math.isinf(scores["perplexity_per_word"]) or scores["perplexity_per_word"] > 1e300
        right = answers.argmax(axis=1) == codes[:, 0]
        assert scores["accuracy"] == pytest.approx(right.mean())
        assert KIND.closeness(codes, answers, task).tolist() == [
            answers[row, int(code)] for row, code in enumerate(codes[:, 0])
        ]


def test_a_small_example_by_hand():
    """Each of the nine places at one half: 9 bits for 9 bytes, and 4.5 bits a word."""
    texts = ["ab ab", "ab"]
    task = asking(KIND.classes(objects(texts)))
    codes = KIND.encode(truths(texts, *everywhere(texts)), task)
    answers = np.full((9, 5), 0.5 / 4)
    answers[np.arange(9), codes[:, 0].astype(int)] = 0.5
    scores = {name: score.value for name, score in KIND.score(codes, answers, task).items()}
    assert scores == pytest.approx(
        {"bits_per_byte": 1.0, "perplexity_per_byte": 2.0, "perplexity_per_word": 2 ** (9 / 3), "accuracy": 1.0}
    )
    answers[0] = np.eye(5)[(int(codes[0, 0]) + 1) % 5]
    lost = KIND.score(codes, answers, task)["bits_per_byte"].value
    assert lost == pytest.approx((8 - math.log2(1e-7)) / 9)


def test_some_places_estimate_all_of_them():
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("abcdefg   \n"), 80)) for _ in range(60)]
    task = asking(KIND.classes(objects(texts)))
    share = KIND.constants(KIND.encode(objects(texts), task), task)["bits_per_byte"]
    whole = KIND.encode(objects(texts), task)
    due = KIND.score(whole, KIND.repeat(share, whole), task)["perplexity_per_word"].value
    found = []
    for number in range(40):
        codes = KIND.encode(truths(texts, *positions(texts, 300, bytes([number]))), task)
        found.append(KIND.score(codes, KIND.repeat(share, codes), task)["perplexity_per_word"].value)
    error = np.std(np.log(found)) / np.sqrt(len(found))
    assert abs(np.mean(np.log(found)) - math.log(due)) < 4 * error < 0.1


@settings(max_examples=15, deadline=None)
@given(TEXTS, st.integers(0, 99))
def test_replicates_are_scores_of_the_places_drawn(texts, seed):
    texts = [*texts, "a b"]
    task = asking(KIND.classes(objects(texts)))
    codes = KIND.encode(truths(texts, *everywhere(texts)), task)
    assert_replicates_are_rescored(KIND, codes, chances(len(codes), len(task.classes), seed), task)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=0, max_size=8), st.integers(1, 60), st.binary(max_size=4))
def test_places_are_distinct_and_named_by_the_key(sizes, most, key):
    texts = ["x" * size for size in sizes]
    rows, cuts = positions(texts, most, key)
    total = sum(sizes) + len(sizes)
    drawn = list(zip(rows.tolist(), cuts.tolist(), strict=True))
    assert len(drawn) == min(most, -(-total // 16)) == len(set(drawn)) and drawn == sorted(drawn)
    assert all(0 <= cut <= sizes[row] for row, cut in drawn)
    again = positions(texts, most, key)
    assert np.array_equal(again[0], rows) and np.array_equal(again[1], cuts)


@pytest.mark.parametrize("length", [15, 25, 200])
def test_every_place_is_drawn_as_often(length):
    """Both ways of drawing, of few places and of many: a chi-square over the places far from its tail."""
    texts, most = ["x" * length, "y" * length], 2
    seen: Counter[tuple[int, int]] = Counter()
    for number in range(3_000):
        seen.update(zip(*(part.tolist() for part in positions(texts, most, number.to_bytes(2, "big"))), strict=True))
    places = 2 * (length + 1)
    due = 3_000 * min(most, -(-places // 16)) / places
    chi_square = sum((seen[row, cut] - due) ** 2 / due for row in range(2) for cut in range(length + 1))
    assert chi_square < places + 5 * math.sqrt(2 * places)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6_000), min_size=1, max_size=4), st.integers(1, 900), st.binary(max_size=2))
def test_nothing_shows_a_truth_before_it_is_answered(sizes, most, key):
    texts = ["x" * size for size in sizes]
    rows, cuts = positions(texts, most, key)
    turn = turns(rows, cuts)
    assert turn.min() >= 0 and turn.max() < 64
    seen: dict[tuple[int, int], int] = {}  # the first turn in which each character is shown
    for row, cut, due in zip(rows.tolist(), cuts.tolist(), turn.tolist(), strict=True):
        for shown in range(cut - len(question(texts[row], cut)), cut):
            seen[row, shown] = min(due, seen.get((row, shown), 64))
    for row, cut, due in zip(rows.tolist(), cuts.tolist(), turn.tolist(), strict=True):
        assert seen.get((row, cut), 64) > due


def test_a_long_text_is_asked_from_end_to_end_in_few_turns():
    rows, cuts = positions(["x" * 200_000], 4_000, b"k")
    turn = turns(rows, cuts)
    assert 3_200 < len(cuts) < 4_000 and turn.max() == 63
    assert np.histogram(cuts, 10, (0, 200_000))[0].min() > 300
    few = positions(["x" * 50] * 2_000, 4_000, b"k")
    assert len(few[0]) == 4_000 and turns(*few).max() < 16


def test_what_is_shown_and_what_is_asked():
    text = "".join(chr(65 + number % 26) for number in range(600))
    assert question(text, 0) == "" and question(text, 3) == "ABC"
    assert question(text, 600) == text[100:] and len(question(text, 550)) == 500
    assert truth(text, 0) == "A" and truth(text, 600) == "<end>"
    label = truths(["ü b", ""], np.array([0, 1]), np.array([0, 0]))
    assert [json.loads(cell) for cell in label] == [
        {"next": "ü", "of": [5, 6, 2]},
        {"next": "<end>", "of": [5, 6, 2]},
    ]


def test_constants_are_how_often_characters_occur():
    task = asking(("a", "b", "<other>", "<end>"))
    constants = KIND.constants(KIND.encode(objects(["aab", "a"]), task), task)
    assert set(constants) == set(KIND.metrics)
    assert constants["bits_per_byte"].tolist() == pytest.approx([4 / 10, 2 / 10, 1 / 10, 3 / 10])
    assert KIND.repeat(constants["accuracy"], np.zeros((2, 3))).shape == (2, 4)


def test_answers_are_probabilities():
    task = asking(("a", "<other>", "<end>"))
    assert KIND.accept(np.full((2, 3), 1 / 3), task).shape == (2, 3)
    with pytest.raises(Refused, match="sum to"):
        KIND.accept(np.ones((2, 3)), task)


def test_labels_that_cannot_be_asked_about():
    good = objects(["ab", ""])
    task = asking(KIND.classes(good))
    assert KIND.check(task, good, good) == []
    assert "no character in any test row" in KIND.check(task, good, objects([""]))[0]
    assert "kept for the house's own labels" in KIND.check(task, good, objects(['{"next": "a"', "b"]))[0]
    assert "has no value in 1 of 2" in KIND.check(task, objects(["ab", None]), good)[0]
    single = objects(["aa"])
    assert "single character 'a'" in KIND.check(asking(KIND.classes(single)), single, good)[0]
    with pytest.raises(TaskError, match="missing"):
        KIND.encode(objects([None]), task)
