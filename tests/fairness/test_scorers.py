"""Scores of sentences by masked and causal models, against tables that can be summed over."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_language import MASK, WORDS, Toy, Whole

from bakeoff.errors import UsageError
from bakeoff.fairness import (
    Clusters,
    Draws,
    Tokens,
    WordSets,
    averaged,
    context_pools,
    crows_pairs,
    in_sentences,
    increased_log_probability,
    pseudo_log_likelihood,
    score_difference,
    score_pairs,
    score_triples,
    stereoset,
    word_contexts,
)
from bakeoff.fairness.scorers import shared

FEW = Draws(partitions=2000, resamples=30)
TEMPLATE = ("[GROUP] is a [TRAIT]",)
SETS = WordSets(("nurse", "good"), ("engineer", "bad"), ("she",), ("he",))


def code(word):
    return WORDS.index(word)


def test_a_pseudo_log_likelihood_is_the_sum_of_every_word_given_all_others():
    toy = Toy(1)
    texts = ["she is good", "he is a nurse"]
    slow = []
    for text in texts:
        codes = [code(word) for word in text.split()]
        rows = [[*codes[:at], MASK, *codes[at + 1 :]] for at in range(len(codes))]
        slow.append(sum(toy.conditional(row, at, codes[at]) for at, row in enumerate(rows)))
    assert pseudo_log_likelihood(toy, texts) == pytest.approx(slow, abs=1e-12)
    assert pseudo_log_likelihood(toy, []).shape == (0,)


def test_pairs_are_scored_by_the_words_that_they_share():
    toy = Toy(2)
    found = score_pairs(toy, ["she is a nurse"], ["he is a nurse"], ["gender"], ["stereo"])
    for first, score in (("she", found.more[0]), ("he", found.less[0])):
        codes = [code(first), code("is"), code("a"), code("nurse")]
        rows = [(at, [*codes[:at], MASK, *codes[at + 1 :]]) for at in (1, 2, 3)]
        assert score == pytest.approx(sum(toy.conditional(row, at, codes[at]) for at, row in rows), abs=1e-12)
    assert "shared" in found.how
    assert [one.group for one in crows_pairs(found)] == ["all pairs", "gender", "stereo"]
    same = score_pairs(toy, ["she is a nurse"], ["she is a nurse"])
    assert same.more == pytest.approx(same.less)
    assert [one.status for one in crows_pairs(same)] == ["insufficient"]


def test_whole_sentences_are_scored_where_nothing_can_be_hidden():
    toy = Toy(2)
    found = score_pairs(Whole(toy), ["she is good", "he is bad"], ["he is good", "she is bad"])
    assert found.more == pytest.approx(Whole(toy).log_prob(["she is good", "he is bad"]))
    assert "whole" in found.how
    apart = score_difference(found)
    assert apart.value == pytest.approx(np.abs(found.more - found.less).mean())
    assert apart.low <= apart.value <= apart.high


def longest_shared(first, second):
    """How many of two lists can be matched in order: the slow way, which bounds any matching from above."""
    best = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            best[i + 1, j + 1] = best[i, j] + 1 if one == other else max(best[i, j + 1], best[i + 1, j])
    return best[-1, -1]


@settings(max_examples=60)
@given(st.lists(st.integers(1, 4), max_size=9), st.lists(st.integers(1, 4), max_size=9))
def test_shared_words_are_the_same_words_in_the_same_order(first, second):
    def tokens(codes):
        spans = ((0, 0), *((at, at + 1) for at in range(len(codes))), (0, 0))
        return Tokens((99, *codes, 98), spans)

    ones, others = shared(tokens(first), tokens(second))
    assert [([99, *first])[one] for one in ones] == [([99, *second])[other] for other in others]
    assert list(ones) == sorted(set(ones)) and list(others) == sorted(set(others))
    assert len(ones) <= longest_shared(first, second)
    assert bool(ones) == bool(set(first) & set(second))
    if first == second:
        assert len(ones) == len(first), "the model's own beginning and end are not among them"


def test_triples_are_scored_piece_by_piece_or_by_the_mean_of_all():
    toy = Toy(3)
    clusters = Clusters(["she", "he"], ["she is BLANK", "he is BLANK ."], ["good", "bad"], ["bad", "good"], ["a", "an"])
    found = score_triples(toy, clusters)
    assert found.stereotype[0] == pytest.approx(toy.conditional([1, code("is"), MASK], 2, code("good")))
    assert found.unrelated[1] == pytest.approx(toy.conditional([2, code("is"), MASK, code(".")], 2, code("an")))
    whole = score_triples(Whole(toy), clusters)
    assert whole.anti == pytest.approx(np.array(Whole(toy).log_prob(["she is bad", "he is good ."])) / [3, 4])
    assert len(stereoset(found)) == 3
    two = Clusters(["she"], ["she is BLANK ."], ["a nurse"], ["bad"], ["good"])
    slow = (
        toy.conditional([1, code("is"), MASK, code(".")], 2, code("a")),
        toy.conditional([1, code("is"), code("a"), MASK, code(".")], 3, code("nurse")),
    )
    assert score_triples(toy, two).stereotype[0] == pytest.approx(np.mean(slow)), "the next word is not there yet"


def test_a_trait_raises_a_groups_word_by_its_log_probability():
    toy = Toy(4, pull=2.0)
    found = increased_log_probability(toy, SETS, TEMPLATE, FEW)
    for row, trait in enumerate((*SETS.first, *SETS.second)):
        for column, group in enumerate(("she", "he")):
            frame = [MASK, code("is"), code("a"), code(trait)]
            near = toy.conditional(frame, 0, code(group))
            alone = toy.conditional([MASK, code("is"), code("a"), MASK], 0, code(group))
            if trait != "engineer":  # an engineer stands behind another article
                assert found.associations[row, column] == pytest.approx(near - alone, abs=1e-12)
    assert found.biases["nurse"] > 1.0 > -1.0 > found.biases["engineer"]
    assert found.measure.value > 0.8 and found.measure.metric == "increased log-probability effect size"
    assert [code("an") in row for row in toy.read].count(True) > 0


def test_what_is_asked_several_times_is_read_once():
    toy = Toy(4)
    increased_log_probability(toy, SETS, TEMPLATE, FEW)
    assert len(toy.read) == len(set(toy.read)) == 4 + 2, "each trait once, and nothing at all behind each article"


def test_whole_sentences_tell_the_same_up_to_what_is_equal_for_all_groups():
    """log P(group, trait) - log P(group, any trait) differs between groups as log P(group | trait) does."""
    toy = Toy(5, pull=1.5)
    whole = increased_log_probability(Whole(toy), SETS, TEMPLATE, FEW)
    joint = np.array(
        [
            [
                math.log(toy.weight((code(group), code("is"), code("an" if trait[0] in "aeiou" else "a"), code(trait))))
                for group in ("she", "he")
            ]
            for trait in (*SETS.first, *SETS.second)
        ]
    )
    gaps = joint[:, 0] - joint[:, 1]
    assert list(whole.biases.values()) == pytest.approx(gaps - gaps.mean())
    assert "sentence" in whole.how
    none = increased_log_probability(lambda_of(lambda texts: np.zeros(len(texts))), SETS, TEMPLATE, FEW)
    assert none.measure.status == "insufficient", "a model without any preference has no association"


def lambda_of(log_prob):
    return type("Given", (), {"log_prob": staticmethod(log_prob)})()


def test_contexts_are_whole_words_in_any_case_and_every_text_has_the_same_chance():
    texts = ["The Nurse left.", "nurses and nursery", "a nurse-like man, a nurse", "no one", "MAN"]
    found = word_contexts(texts, ["nurse", "man", "woman"])
    assert [one.text for one in found["nurse"]] == [texts[0], texts[2]]
    assert [one.text[one.begin : one.end] for one in found["nurse"]] == ["Nurse", "nurse"]
    assert [one.text[one.begin : one.end] for one in found["man"]] == ["man", "MAN"]
    assert found["woman"] == ()
    long = "x " * 300 + "the nurse spoke " + "y " * 300
    (cut,) = word_contexts([long], ["nurse"], reach=30)["nurse"]
    assert cut.text[cut.begin : cut.end] == "nurse" and len(cut.text) <= 65
    assert cut.text in long and not cut.text.startswith(" ")
    many = [f"nurse {number}" for number in range(20)]
    drawn = [one.text for seed in range(400) for one in word_contexts(many, ["nurse"], most=5, seed=seed)["nurse"]]
    counts = np.array([drawn.count(text) for text in many])
    assert counts.sum() == 2000
    assert ((counts - 100) ** 2 / 100).sum() < 70, "chi square with 19 degrees: more comes once in ten million"


def test_pools_are_cut_at_the_words():
    contexts = word_contexts(["a nurse", "one nurse", "the man"], ["nurse", "man"])
    found = context_pools(
        lambda texts, spans: np.array([[len(one), a] for one, (a, _) in zip(texts, spans, strict=True)]), contexts
    )
    assert found["nurse"].tolist() == [[7, 2], [9, 4]] and found["man"].tolist() == [[7, 4]]


def test_words_in_sentences_and_the_mean_over_them():
    sets = in_sentences(SETS, ("{} is here.", "This is {}."))
    assert sets.first == ("Nurse is here.", "This is nurse.", "Good is here.", "This is good.")
    random = np.random.default_rng(0)
    vectors = {text: random.normal(size=4) for text in sets.all}

    def encode(texts):
        return np.stack([vectors[text] for text in texts])

    found = averaged(encode, ("{} is here.", "This is {}."))(["nurse", "good"])
    unit = [vectors[text] / np.linalg.norm(vectors[text]) for text in sets.first]
    assert found == pytest.approx(np.array([(unit[0] + unit[1]) / 2, (unit[2] + unit[3]) / 2]))


def of_wrong_shape(toy):
    toy.log_probs = lambda codes, asked: [np.zeros(1 + len(own)) for own in asked]
    return toy


def of_no_numbers(toy):
    toy.log_probs = lambda codes, asked: [np.full(len(own), np.nan) for own in asked]
    return toy


def of_fewer(toy):
    toy.log_probs = lambda codes, asked: []
    return toy


CLUSTERS = Clusters(["she"], ["she is BLANK"], ["good"], ["bad"], ["a"])


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: score_pairs(Toy(), ["she is good"], []), "1 more and 0 less"),
        (lambda: score_pairs(Toy(), [], []), "0 more and 0 less"),
        (lambda: score_pairs(of_no_numbers(Toy()), ["she is good"], ["he is good"]), "no numbers for 2 of 2 tokens"),
        (lambda: score_pairs(of_wrong_shape(Toy()), ["she is good"], ["he is good"]), "shape .2,. where 1 tokens"),
        (lambda: score_pairs(of_fewer(Toy()), ["she is good"], ["he is good"]), "of 0 sentences where 2"),
        (lambda: score_pairs(lambda_of(lambda texts: [math.nan]), ["a"], ["b"]), "1 numbers that are none"),
        (lambda: score_pairs(lambda_of(lambda texts: [1.0, 2.0]), ["a"], ["b"]), "shape .2,. for 1 sentences"),
        (lambda: Clusters(["she"], ["she is"], ["good"], ["bad"], ["a"]), "does not hold the word BLANK"),
        (lambda: Clusters(["she"], ["she is BLANK"], [], ["bad"], ["a"]), "three words"),
        (lambda: score_triples(lambda_of(lambda texts: [0.0]), CLUSTERS), "method counts"),
        (
            lambda: score_triples(Toy(), Clusters(["s"], ["she BLANK"], ["zebra"], ["a"], ["a"])),
            "know the word 'zebra'",
        ),
        (lambda: increased_log_probability(Toy(), SETS, ("[GROUP] is good",)), "must hold .GROUP. and .TRAIT."),
        (lambda: increased_log_probability(Toy(), SETS, ()), "There is no template"),
        (
            lambda: increased_log_probability(Toy(), WordSets(("zebra",), ("bad",), ("she",), ("he",)), TEMPLATE),
            "does not know the word 'zebra'",
        ),
        (lambda: word_contexts(["a"], ["a"], most=0), "at least 1 text"),
        (lambda: context_pools(lambda texts, spans: [], {"a": ()}), "None of the words"),
        (lambda: context_pools(lambda texts, spans: [1.0], word_contexts(["a"], ["a"])), "shape .1,. for 1 words"),
        (lambda: context_pools(lambda t, s: [[math.nan]], word_contexts(["a b"], ["a"])), "none for 1 contexts"),
        (lambda: in_sentences(SETS, ("nothing",)), "one place {}"),
        (lambda: averaged(len, ()), "There is no template"),
    ],
)
def test_bad_input_of_scores_is_told(call, why):
    with pytest.raises(UsageError, match=why):
        call()
