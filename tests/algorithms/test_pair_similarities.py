"""Similarities, thresholds and blocking are what their slow obvious versions say, on random texts and matrices."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz
from scipy import sparse
from tables_of_every_shape import png

from bakeoff.algorithms import similarities as alike
from bakeoff.algorithms.blocking import Blocker, candidates, nearest
from bakeoff.algorithms.records import clean, first_number, numbered, plain, words
from bakeoff.algorithms.tfidf import TfIdf, cosines
from bakeoff.algorithms.thresholds import moved, threshold

WORD = st.text("ab1-é", min_size=1, max_size=4)
SENTENCE = st.lists(WORD, max_size=5).map(" ".join)
SENTENCES = st.lists(st.tuples(SENTENCE, SENTENCE), min_size=1, max_size=8)
FEW = settings(max_examples=40, deadline=None)


def common_subsequence(a: str, b: str) -> int:
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def indel(a: str, b: str) -> float:
    return 2 * common_subsequence(a, b) / (len(a) + len(b)) if a or b else 1.0


def jaro_winkler(a: str, b: str) -> float:
    if not a or not b:
        return float(a == b)
    reach = max(0, max(len(a), len(b)) // 2 - 1)
    taken: dict[int, int] = {}
    for i, x in enumerate(a):
        for j in range(max(0, i - reach), min(len(b), i + reach + 1)):
            if j not in taken.values() and b[j] == x:
                taken[i] = j
                break
    if not taken:
        return 0.0
    m = len(taken)
    first, second = [a[i] for i in sorted(taken)], [b[j] for j in sorted(taken.values())]
    turned = sum(x != y for x, y in zip(first, second, strict=True)) // 2
    jaro = (m / len(a) + m / len(b) + (m - turned) / m) / 3
    prefix = 0
    while prefix < min(4, len(a), len(b)) and a[prefix] == b[prefix]:
        prefix += 1
    return jaro + prefix * 0.1 * (1 - jaro) if jaro > 0.7 else jaro


@FEW
@given(SENTENCES)
def test_string_similarities_are_the_textbooks(pairs):
    left, right = ([plain(pair[side]) for pair in pairs] for side in (0, 1))
    found = alike.strings(left, right)
    for row, (a, b) in enumerate(zip(left, right, strict=True)):
        by_word = [" ".join(sorted(text.split())) for text in (a, b)]
        assert found[row, 0] == pytest.approx(indel(a, b))
        assert found[row, 1] == pytest.approx(fuzz.token_set_ratio(a, b) / 100)
        assert found[row, 2] == pytest.approx(indel(*by_word))
        assert found[row, 3] == pytest.approx(fuzz.partial_ratio(a, b) / 100)
        assert found[row, 4] == pytest.approx(jaro_winkler(a, b))


@FEW
@given(SENTENCES)
def test_shared_words_and_numbers_are_counted(pairs):
    left, right = ([clean(pair[side]) for pair in pairs] for side in (0, 1))
    in_words, in_numbers = alike.shared_words(left, right), alike.shared_numbers(left, right)
    held = alike.contained(left, right)
    for row, (a, b) in enumerate(zip(left, right, strict=True)):
        x, y = set(a.split()), set(b.split())
        if x and y:
            both = len(x & y)
            expected = [both / len(x | y), both / min(len(x), len(y)), both / len(x), both / len(y)]
            assert in_words[row, :4] == pytest.approx(expected)
        assert in_words[row, 4] == (a == b)
        n, o = set(numbered(a)), set(numbered(b))
        squeezed = [text.translate(alike.SEPARATORS) for text in (a, b)]
        n_there = {token for token in n if token in o or (len(token) >= 3 and token in squeezed[1])}
        o_there = {token for token in o if token in n or (len(token) >= 3 and token in squeezed[0])}
        assert in_numbers[row, :3].tolist() == [len(n_there | o_there), len(n - n_there), len(o - o_there)]
        if set(words(a)):
            assert held[row] == pytest.approx(len(set(words(a)) & set(words(b))) / len(set(words(a))))
        else:
            assert np.isnan(held[row])


def slow_cosine(a: list[str], b: list[str], texts: list[list[str]]) -> float:
    def weigh(terms: list[str]) -> dict[str, float]:
        held = {}
        for term, count in Counter(terms).items():
            seen = sum(term in text for text in texts)
            held[term] = (1 + math.log(count)) * math.log(1 + (len(texts) - seen + 0.5) / (seen + 0.5))
        return held

    x, y = weigh(a), weigh(b)
    size = math.sqrt(sum(w * w for w in x.values()) * sum(w * w for w in y.values()))
    return sum(w * y.get(term, 0.0) for term, w in x.items()) / size if size else 0.0


def grams(text: str) -> list[str]:
    """3- and 4-grams of each word with a blank at both ends; a word shorter than n is one term, once."""
    found = []
    for part in text.split():
        padded = f" {part} "
        for n in (3, 4):
            found.append(padded[:n])
            if len(padded) <= n:
                break
            found += [padded[i : i + n] for i in range(1, len(padded) - n + 1)]
    return found


@FEW
@given(SENTENCES, SENTENCES)
def test_cosines_weigh_terms_that_were_never_seen(known, asked):
    texts = [plain(text) for pair in known for text in pair]
    left, right = ([plain(pair[side]) for pair in asked] for side in (0, 1))
    for terms, split in (("words", str.split), ("characters", grams)):
        found = cosines(left, right, TfIdf(terms).fit(texts))
        for row, (a, b) in enumerate(zip(left, right, strict=True)):
            assert found[row] == pytest.approx(slow_cosine(split(a), split(b), [split(t) for t in texts]), abs=1e-5)


def test_numbers_dates_and_pictures_apart():
    nan = math.nan
    found = alike.numbers(np.array([1.0, 2.0, nan, 0.0]), np.array([1.0, -2.0, 3.0, 0.0]))
    expected = [[0, 0, 1], [4, 2, 0], [nan, nan, nan], [0, 0, 1]]
    assert np.array_equal(found, np.array(expected), equal_nan=True)
    dates = pd.Series(["2024-01-03T12:00", None, "no date"], dtype="str")
    assert np.array_equal(alike.days(dates), [19725.5, nan, nan], equal_nan=True)
    rng = np.random.default_rng(0)
    dark, light = png(0, rng), png(3, rng)
    seen = alike.pictures([dark, dark, None, b"broken"], [dark, light, dark, dark])
    assert seen[0] == pytest.approx([1, 0, 1])
    assert seen[1, 0] < seen[0, 0] and seen[1, 1] > 0 and seen[1, 2] == 0
    assert np.isnan(seen[2:]).all()


@pytest.mark.parametrize(
    ("text", "number"),
    [("$ 1.29", 1.29), ("7,5 %", 7.5), ("1,234.50 EUR", 1234.5), ("none", math.nan), ("310/246", 310), ("1.2.3", 1.23)],
)
def test_the_first_number_of_a_text(text, number):
    assert first_number(text) == pytest.approx(number, nan_ok=True)


def test_models_written_with_and_without_separators_are_shared():
    shared = alike.shared_numbers(["sony ps-lx350h turntable", "a1 b2"], ["sony pslx350h", "a1 c3"])
    assert shared.tolist() == [[1, 0, 0, 1], [1, 1, 1, 1]]
    spaced = alike.shared_numbers(["canon ixus 95 is"], ["canon ixus95is"])
    assert spaced[0, 2] == 0, "the right model stands in the left text but for blanks"
    assert clean("Caf&eacute;  &#40;GRAND&#41;") == "cafe (grand)"


@FEW
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=60))
def test_the_threshold_has_the_largest_expected_f1(drawn):
    scores = np.array([score / 12 for score, _ in drawn])
    matches = np.array([match for _, match in drawn], dtype=bool)
    at = threshold(scores, matches)
    if matches.all() or not matches.any():
        assert at == 0.5
        return
    from sklearn.linear_model import LogisticRegression

    feature = np.log(np.clip(scores, 1e-6, 1 - 1e-6) / (1 - np.clip(scores, 1e-6, 1 - 1e-6)))[:, None]
    curve = LogisticRegression(C=1e3).fit(feature, matches)
    chances = curve.predict_proba(feature)[:, 1]
    if curve.coef_[0, 0] <= 0:
        assert at == 0.5
        return

    def expected(cut):
        called = scores >= cut
        return 2 * chances[called].sum() / (called.sum() + chances.sum())

    assert expected(at) == pytest.approx(max(expected(cut) for cut in scores))
    shifted = moved(scores, at)
    assert np.array_equal(shifted >= 0.5, scores >= at) or np.isclose(scores, at).any()
    assert (np.diff(shifted[np.argsort(scores, kind="stable")]) >= 0).all()


def test_moving_a_threshold_puts_it_at_one_half():
    assert moved(np.array([0.1, 0.3, 0.9]), 0.3)[1] == pytest.approx(0.5)
    assert moved(np.array([0.2, 0.8]), 0.5) == pytest.approx([0.2, 0.8])


@FEW
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 12), st.integers(1, 14), st.booleans())
def test_the_nearest_are_those_of_the_whole_product_for_any_chunk(seed, left, right, k, apart):
    rng = np.random.default_rng(seed)
    # Few different values, so that many products are equal.
    first = rng.integers(0, 3, (left, 5)).astype(np.float32) / 4
    second = first if apart else rng.integers(0, 3, (right, 5)).astype(np.float32) / 4
    products = first @ second.T
    expected = []
    for row in range(left):
        order = sorted(range(len(second)), key=lambda column: (-products[row, column], column))
        near = [c for c in order if products[row, c] > 0 and not (apart and c == row)][:k]
        expected += [(row, c, min(float(products[row, c]), 1.0)) for c in near]
    for cells in (1, 7, 10**6):
        found = nearest(sparse.csr_matrix(first), sparse.csr_matrix(second), k, cells, apart)
        rows = [tuple(row) for part in found for row in zip(*(values.tolist() for values in part), strict=True)]
        assert [row[:2] for row in rows] == [row[:2] for row in expected]
        assert [row[2] for row in rows] == pytest.approx([row[2] for row in expected])


def records(seed: int, size: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = ["".join(rng.choice(list("abcd"), 6)) for _ in range(25)]
    titles = [" ".join(rng.choice(names, rng.integers(0, 5))) for _ in range(size)]
    return pd.DataFrame({"title": titles, "price": rng.integers(1, 30, size).astype(float)})


@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_standing_is_that_among_all_pairs(seed, one):
    left, right = records(seed, 30), None if one else records(seed + 100, 20)
    blocker = Blocker().fit(left, right)
    sides = blocker.sides_
    whole = (sides[0] @ sides[-1].T).toarray().astype(np.float64)
    if one:
        np.fill_diagonal(whole, 0.0)
    rng = np.random.default_rng(seed)
    pairs = np.column_stack([rng.integers(0, whole.shape[0], 60), rng.integers(0, whole.shape[1], 60)])
    pairs = pairs[pairs[:, 0] != pairs[:, 1]] if one else pairs
    found = blocker.standing(pairs)
    for row, (a, b) in enumerate(pairs.tolist()):
        score = whole[a, b]
        expected = [score]
        for others, place in ((whole[a], b), (whole[:, b], a)):
            rival = max(np.delete(others, place), default=0.0)
            top = max(others.max(), 1e-9)
            expected += [score - rival, score / top, float(score >= top - 1e-6)]
        assert found[row] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("one", [False, True])
def test_candidates_are_bounded_sorted_and_the_same_for_any_chunk(one):
    left, right = records(1, 40), None if one else records(2, 30)
    found = candidates(left, right, 4)
    assert found.columns.tolist() == ["left", "right", "score"]
    assert found["left"].is_monotonic_increasing
    if one:
        assert (found["left"] < found["right"]).all() and not found.duplicated(["left", "right"]).any()
    else:
        assert found.groupby("left").size().max() == 4
        assert found.groupby("left")["score"].is_monotonic_decreasing.all()
    cut = Blocker(cells=50).fit(left, right).candidates(4)
    pd.testing.assert_frame_equal(found, cut)
    assert found["score"].min() > 0 and found["score"].max() <= 1
    assert candidates(left.iloc[:0], left, 3).empty
    assert candidates(left.assign(title="", price=math.nan), left, 3).empty
