"""What is counted of a context and its question, and where answers are found in it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some
from neural import torch

from bakeoff.training import Known, Preparation
from bakeoff.training.sequences.layers import TokenShape
from bakeoff.training.sequences.overlap import FEATURES, REACHES, Rarity, overlap, stem, tokens
from bakeoff.training.sequences.span import SpanReader, _places
from bakeoff.training.sequences.span_network import SpanShape
from bakeoff.training.sequences.words import WordStyle

QUICK = settings(deadline=None, max_examples=40)
CONTEXT = "The Panthers gave up 308 points. They were leading the league! Who knew?"


@QUICK
@given(some.text(max_size=60), some.text(max_size=30))
def test_any_text_has_finite_numbers_for_each_token(context, question):
    own = tokens(context)
    assert [context[begin:end] for begin, end in zip(own.begins, own.ends, strict=True)] == list(own.words)
    found = overlap(own, tokens(question), Rarity())
    assert found.shape == (len(own.words), FEATURES) and np.isfinite(found).all()


def test_words_of_the_question_are_found_in_the_context():
    own = tokens(CONTEXT)
    rarity = Rarity().learn([own, tokens("The other league"), tokens("The third")], Preparation())
    found = overlap(own, tokens("Which team led the league in POINTS?"), rarity)
    exact, alike = found[:, 0], found[:, 1]
    assert [own.words[place] for place in np.flatnonzero(exact)] == ["the", "league", "?"]
    assert own.words[int(np.flatnonzero(alike > exact)[-1])] == "points"
    assert rarity.of(["the"])[0] == 0 and rarity.of(["never"])[0] == 1
    assert found[:, 8 + len(REACHES)].max() > 0, "the best sentence is marked"
    assert not overlap(own, tokens("xyz"), rarity)[:, :3].any()


def test_a_window_counts_what_the_loop_counts():
    own, question = tokens(CONTEXT), tokens("points league")
    found = overlap(own, question, Rarity())
    shared = found[:, 2] * found[:, 3]
    total = sum(Rarity().of(sorted(set(question.stems))))
    for at, reach in enumerate(REACHES):
        slow = [
            sum(shared[other] for other in range(len(shared)) if other != place and abs(other - place) <= reach) / total
            for place in range(len(shared))
        ]
        assert np.allclose(found[:, 7 + at], slow, atol=1e-6)


def test_forms_of_a_word_have_one_stem():
    assert stem("Leading") == stem("leads") == stem("lead") and stem("is") == "is"
    assert stem("panthers") != stem("pantries")


def test_answers_are_found_by_their_characters():
    own = tokens(CONTEXT)
    start = CONTEXT.index("308 points")
    answer = {"text": ["308 points", "308 points.", "nowhere"], "answer_start": [start, start, 999]}
    (begin, end), (_, further) = _places(own, answer)
    assert own.words[begin : end + 1] == ("308", "points") and further == end + 1


def test_an_answer_ends_no_sooner_than_it_begins_and_is_no_longer_than_those_learnt_from():
    random = np.random.default_rng(0)
    words = [f"w{place}" for place in range(30)]
    contexts = [" ".join(random.choice(words, random.integers(1, 25))) for _ in range(30)]
    answers = [{"text": [one.split(" ")[0]], "answer_start": [0]} for one in contexts]
    style = WordStyle(embedding=8, affixes=0, least=1, unseen=0.0, dropout=0.0)
    reader = SpanReader(SpanShape(style, TokenShape(width=8), question=8))
    from bakeoff.training import Recipe

    reader.fit(contexts, ["what?"] * 30, answers, Recipe(epochs=1, batch=16, held_out=0.0))
    with torch.no_grad():  # what was hardly learnt points anywhere
        for held in reader.network.parameters():
            held.normal_(generator=torch.Generator().manual_seed(3))
    found = reader.predict([*contexts, ""], ["what?"] * 31)
    spans = [context[begin:end] for context, (begin, end) in zip(contexts, found[:-1].tolist(), strict=True)]
    assert reader.cap == 1 and all(" " not in span and span for span in spans)
    assert found[-1].tolist() == [0, 0] and len(set(map(tuple, found.tolist()))) > 3


def test_known_words_take_nothing_from_contexts_but_the_length_of_answers():
    known = Known(vocabularies={"words": ["fly", "oslo"], "common words": ["to"]})
    style = WordStyle(embedding=4, affixes=4)
    reader = SpanReader(SpanShape(style, TokenShape(width=8), question=8), known)
    from bakeoff.training import Recipe

    answers = [{"text": ["Oslo"], "answer_start": [7]}] * 4
    reader.fit(["fly to Oslo"] * 4, ["where"] * 4, answers, Recipe(epochs=1, held_out=0.0))
    assert [step.name for step in reader.preparation.from_training] == ["answer length"]
