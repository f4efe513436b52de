"""Associations and stereotypes against published figures, slow versions and simulations."""

import json
import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from bakeoff.errors import UsageError
from bakeoff.fairness import (
    ContextDraws,
    Draws,
    Pairs,
    Triples,
    WordSets,
    association,
    contextual_association,
    crows_pairs,
    looked_up,
    stereoset,
)

FEW = Draws(partitions=20_000, resamples=50)


@pytest.fixture(scope="module")
def weat(bakeoff_data):
    frame = pd.read_parquet(bakeoff_data / "weat/word2vec_subset.parquet")
    words = pd.read_parquet(bakeoff_data / "weat/word_sets.parquet")
    about = json.loads((bakeoff_data / "weat/about.json").read_text())["more"]
    vectors = dict(zip(frame["word"], frame["vector"], strict=True))
    return vectors, words.groupby("set_name", sort=False)["word"].apply(tuple).to_dict(), about


@pytest.mark.parametrize("test", ["WEAT1", "WEAT2", "WEAT6", "WEAT7", "WEAT8", "WEAT9", "WEAT10"])
def test_effect_sizes_of_word2vec_are_the_published_ones(weat, test):
    vectors, sets, about = weat
    chosen = WordSets(*(sets[name] for name in about["tests"][test])).among(vectors)
    found = association(looked_up(vectors), chosen, FEW, test)
    assert found.value == pytest.approx(about["expected_effect_size"][test], abs=5e-4)
    assert found.low <= found.value <= found.high
    published = {"WEAT1": 1e-5, "WEAT2": 1e-5, "WEAT6": 7e-5, "WEAT7": 0.023, "WEAT8": 0.0039, "WEAT9": 0.0074}
    assert found.p == pytest.approx(published.get(test, 0.65), rel=0.15, abs=2e-4)


def random_sets(random, size=4):
    words = [f"w{place}" for place in range(4 * size)]
    vectors = dict(zip(words, random.normal(size=(4 * size, 12)), strict=True))
    return vectors, WordSets(*(tuple(words[at : at + size]) for at in range(0, 4 * size, size)))


def cosine(first, second):
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_the_effect_size_and_exact_p_are_those_of_the_definition():
    random = np.random.default_rng(0)
    for _ in range(10):
        vectors, sets = random_sets(random)
        found = association(looked_up(vectors), sets, FEW)
        score = {
            word: np.mean([cosine(vectors[word], vectors[one]) for one in sets.one])
            - np.mean([cosine(vectors[word], vectors[one]) for one in sets.other])
            for word in (*sets.first, *sets.second)
        }
        both = list(score)
        gap = np.mean([score[word] for word in sets.first]) - np.mean([score[word] for word in sets.second])
        assert found.value == pytest.approx(gap / np.std(list(score.values()), ddof=1), abs=1e-12)
        observed = sum(score[word] for word in sets.first)
        larger = [sum(score[word] for word in part) > observed + 1e-12 for part in combinations(both, 4)]
        assert found.p == pytest.approx(np.mean(larger), abs=1e-12)
        sampled = association(looked_up(vectors), sets, Draws(partitions=69, resamples=2))
        assert sampled.p == pytest.approx(np.mean(larger), abs=0.25), "random partitions, where all are too many"


def pools_of(random, shift=0.0, contexts=40, size=6, width=16):
    _, sets = random_sets(random, size)
    axis = np.zeros(width)
    axis[0] = shift
    centres = {word: random.normal(size=width) for word in sets.all}
    for words, sign in ((sets.first, 1), (sets.one, 1), (sets.second, -1), (sets.other, -1)):
        for word in words:
            centres[word] = centres[word] + sign * axis
    return {word: centre + random.normal(size=(contexts, width)) for word, centre in centres.items()}, sets


def test_the_combined_effect_size_is_that_of_the_published_formula():
    random = np.random.default_rng(1)
    pools, sets = pools_of(random, 0.5, size=3)
    constant = {word: np.repeat(pool[:1], 20, axis=0) for word, pool in pools.items()}
    found = contextual_association(constant, sets, ContextDraws(50, 20, 5))
    plain = association(looked_up({word: pool[0] for word, pool in constant.items()}), sets, FEW)
    assert found.measure.value == pytest.approx(plain.value, abs=1e-9), "one context each: the static test"

    effects, variances = random.normal(size=30), random.uniform(0.1, 1, 30)
    from bakeoff.fairness.contextual import _combined

    weight = 1 / variances
    q = (weight * effects**2).sum() - (weight * effects).sum() ** 2 / weight.sum()
    between = max(0.0, (q - 29) / (weight.sum() - (weight**2).sum() / weight.sum()))
    inverse = 1 / (variances + between)
    value, error = _combined(effects[:, None], variances)
    assert value[0] == pytest.approx((inverse * effects).sum() / inverse.sum(), abs=1e-12)
    assert error[0] == pytest.approx(1 / math.sqrt(inverse.sum()), abs=1e-12)


def test_permutations_find_nothing_in_random_vectors_where_the_published_p_finds_much():
    """Of 100 cases at 0.05 at most 12 (more come once in a thousand); the published p finds most of them."""
    random = np.random.default_rng(2)
    draws = ContextDraws(300, 200, 2)
    found = [contextual_association(*pools_of(random), draws) for _ in range(100)]
    assert sum(one.measure.p < 0.05 for one in found) <= 12
    assert sum(one.published_p < 0.05 for one in found) >= 60, "the partner"
    planted = [contextual_association(*pools_of(random, 2.0), draws) for _ in range(20)]
    assert sum(one.measure.p < 0.05 for one in planted) >= 18
    assert all(one.measure.low <= one.measure.value <= one.measure.high for one in planted)


def test_stereoset_is_exactly_the_official_figure(bakeoff_data):
    frame = pd.read_parquet(bakeoff_data / "stereoset/intrasentence_gender_race.parquet")
    frame = frame[(frame["bias_type"] == "gender") & frame["score_gpt2"].notna()]
    official = {
        "gpt2": (93.2779, 62.6678, 69.6454),
        "gpt2-medium": (93.58, 65.58, 64.42),
        "bert-base-cased": (82.50, 61.48, 63.56),
    }
    for model, figures in official.items():
        wide = frame.pivot(index=["cluster_id", "target"], columns="gold_label", values=f"score_{model}")
        triples = Triples(
            wide.index.get_level_values("target").tolist(),
            *(wide[label].to_numpy() for label in ("stereotype", "anti-stereotype", "unrelated")),
        )
        assert len(wide) == 255
        measures = stereoset(triples, draws=200)
        assert [round(one.value, 2) for one in measures] == [round(one, 2) for one in figures]
        assert all(one.low < one.value < one.high for one in measures)


def test_pairs_are_counted_by_kind_and_direction_and_ties_for_neither_side():
    pairs = Pairs(
        np.array([2.0, 1.0, 5.0, 3.0, 0.0]),
        np.array([1.0, 1.0, 2.0, 1.0, 4.0]),
        ["age", "age", "race", "race", "race"],
        ["stereo", "stereo", "stereo", "antistereo", "antistereo"],
    )
    found = {(one.family, one.group): (one.value, one.n) for one in crows_pairs(pairs)}
    assert found["", "all pairs"] == (75.0, 4)
    assert found["kind", "age"] == (100.0, 1)
    assert found["direction", "antistereo"] == (50.0, 2)
    level = crows_pairs(Pairs(np.ones(3), np.ones(3), ["a"] * 3))[0]
    assert (level.status, level.value) == ("insufficient", None)
    biased = crows_pairs(Pairs(np.ones(200), np.zeros(200), ["a"] * 200))[0]
    assert biased.p < 1e-9


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: WordSets((), ("b",), ("c",), ("d",)), "'first' of an association test holds no word"),
        (lambda: WordSets(("a",), ("a",), ("c",), ("d",)), "'a' is in 'first' and in 'second'"),
        (lambda: WordSets(("a",), ("b",), ("c",), ("d",)).among({"a": 0}), "None of the words of 'second'"),
        (lambda: association(lambda words: np.ones(3), random_sets(np.random.default_rng(0))[1]), "shape .3,. for 16"),
        (lambda: association(lambda w: np.full((len(w), 2), np.nan), random_sets(np.random.default_rng(0))[1]), "none"),
        (lambda: association(lambda w: np.zeros((len(w), 2)), random_sets(np.random.default_rng(0))[1]), "of zeros"),
        (lambda: contextual_association({}, random_sets(np.random.default_rng(0))[1]), "'w0' has 0 contexts"),
        (lambda: Triples(["a"], np.ones(2), np.ones(1), np.ones(1)), "three scores"),
        (lambda: Triples(["a"], np.full(1, np.nan), np.ones(1), np.ones(1)), "no numbers"),
        (lambda: crows_pairs(Pairs(np.ones(2), np.ones(1), ["a"])), "two scores"),
        (lambda: Draws(partitions=0), "at least 1 partition"),
    ],
)
def test_bad_input_of_associations_is_told(call, why):
    with pytest.raises(UsageError, match=why):
        call()


def test_targets_that_do_not_differ_say_nothing():
    sets = random_sets(np.random.default_rng(0))[1]
    same = association(lambda words: np.ones((len(words), 3)), sets)
    assert (same.status, same.value) == ("insufficient", None)
