"""The scorer of pairs: alignment, standing among rivals, the second look, calibration and the switch for rivals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs_of_every_shape import PAIRED
from rapidfuzz.distance import JaroWinkler
from scipy import sparse
from sklearn.metrics import log_loss

from bakeoff.algorithms.matching import PairScorer, ScorerOptions
from bakeoff.algorithms.matching.alignment import JOINED, NEAR, SHORT, Alignment, order, partners
from bakeoff.algorithms.matching.blend import calibrated
from bakeoff.algorithms.matching.context import CLOSE, NEAREST, SAME, View, by_rare_terms, nearest, standing
from bakeoff.algorithms.matching.rivals import rivals_of, second_look
from bakeoff.algorithms.matching.switch import choose
from bakeoff.algorithms.thresholds import logits
from bakeoff.errors import EntryError

FEW = settings(max_examples=30, deadline=None)
WORDS = st.lists(st.text("abc1", min_size=1, max_size=5), min_size=1, max_size=6)
CHEAP = ScorerOptions(effort=0.0)


def spelling(word, other):
    """What alignment says of one word, without acronyms: the slow obvious version."""
    if word in other:
        return {1.0}
    near = [JaroWinkler.similarity(word, there) for there in other if not any(map(str.isdigit, word))]
    worths = [value for value in near if value >= NEAR]
    if len(word) > 3 and word in "".join(other):
        worths.append(JOINED)
    return {min(0.99, max(worths))} if worths else {0.0, SHORT}


@FEW
@given(WORDS, WORDS)
def test_words_are_partnered_by_spelling_joining_and_abbreviation(first, second):
    there = [word for word in second if word not in first]
    for word, worth in zip(first, partners(first, second)[0], strict=True):
        wanted = {1.0} if word in second else spelling(word, there) | spelling(word, second) | {0.0, SHORT}
        assert any(abs(worth - value) < 1e-9 for value in wanted)
        if word in second:
            assert worth == 1


def test_words_written_otherwise_are_found_and_strange_ones_are_not():
    first = ["visual", "interactive", "dbms", "j", "smith", "harddrive", "photoshop"]
    second = [
        "data",
        "base",
        "management",
        "system",
        "visuals",
        "inter",
        "john",
        "smith",
        "hard",
        "drive",
        "illustrator",
    ]
    found = dict(zip(first, partners(first, second)[0], strict=True))
    assert found["smith"] == 1 and found["harddrive"] == JOINED and found["photoshop"] == 0
    assert found["visual"] > NEAR and found["j"] == SHORT and found["interactive"] >= SHORT and found["dbms"] == SHORT


@FEW
@given(WORDS, WORDS)
def test_order_is_that_of_common_subsequence_run_and_beginning(first, second):
    table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
    runs = table.copy()
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            table[i + 1, j + 1] = table[i, j] + 1 if a == b else max(table[i, j + 1], table[i + 1, j])
            runs[i + 1, j + 1] = runs[i, j] + 1 if a == b else 0
    begin = next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    shorter = min(len(first), len(second))
    assert order(first, second) == pytest.approx((table[-1, -1] / shorter, runs.max() / shorter, begin))


def test_a_rare_word_left_over_weighs_more_than_a_common_one():
    texts = [f"software thing{number}" for number in range(50)]
    rare, common = Alignment().fit(texts).score(["software thing1"] * 2, ["software", "thing1"])
    assert rare[1] > common[1] and rare[0] < common[0]
    assert np.isnan(Alignment().fit(texts).score(["", "a"], ["a", ""])).all()


def made_view(seed, left, right, terms=6):
    """Rows of length one with a few terms, some rows empty and some equal."""
    rng = np.random.default_rng(seed)
    sides = []
    for size in (left, right):
        rows = rng.integers(0, 3, (size, terms)) * (rng.random((size, terms)) < 0.6)
        norms = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        sides.append(sparse.csr_matrix((rows / norms).astype(np.float32)))
    return View("record characters", *sides)


def slow_standing(cosines, a, b, apart):
    out = [cosines[a, b]]
    best = []
    for row, own, me in ((cosines[a], b, a), (cosines[:, b], a, b)):
        others = [value for at, value in enumerate(row) if at != own and not (apart and at == me) and value > 0]
        rival = max(others, default=0.0)
        top = max(rival, cosines[a, b], 1e-9)
        better = sum(value > cosines[a, b] + SAME for value in others)
        near = sum(value >= CLOSE * top - 1e-9 for value in others)
        level = sum(abs(value - cosines[a, b]) <= SAME for value in others)
        out += [1 / (1 + better), cosines[a, b] - rival, cosines[a, b] / top, near, level]
        best.append(better == 0)
    return [*out, all(best)]


@FEW
@given(st.integers(0, 10**6), st.integers(2, 14), st.integers(2, 14), st.booleans(), st.sampled_from([1, 20, 10**6]))
def test_standing_is_what_the_whole_matrix_says(seed, left, right, apart, cells):
    view = made_view(seed, left, left if apart else right)
    view = View(view.name, view.left, view.left) if apart else view
    cosines = (view.left @ view.right.T).toarray().astype(np.float64)
    pairs = [(a, b) for a in range(left) for b in range(cosines.shape[1]) if not (apart and a == b)]
    found = standing(view, np.array(pairs), apart, cells)
    wanted = np.array([slow_standing(cosines, a, b, apart) for a, b in pairs], dtype=float)
    near = [4, 9]  # a rival right at the edge of near may be counted or not
    rest = [at for at in range(found.shape[1]) if at not in near]
    assert np.allclose(found[:, rest], wanted[:, rest], atol=2e-5)
    assert (np.abs(found[:, near] - wanted[:, near]) > 0.5).mean() < 0.05 or len(pairs) < 20
    assert max(left, right) < NEAREST


def test_the_nearest_are_the_largest_products_in_every_chunking():
    view = made_view(3, 9, 30)
    products = (view.left @ view.right.T).toarray()
    for cells in (1, 64, 10**6):
        rows, scores = nearest(view.left, view.right, 4, cells)
        assert np.allclose(np.sort(scores, axis=1), np.sort(products, axis=1)[:, -4:], atol=1e-6)
        assert all(
            np.isclose(products[at, row], score)
            for at in range(9)
            for row, score in zip(rows[at], scores[at], strict=True)
            if row >= 0
        )
    left_out, _ = nearest(view.right, view.right, 4, 64, np.arange(30))
    assert not (left_out == np.arange(30)[:, None]).any()


def test_rare_terms_find_the_nearest_of_all_and_few_terms_miss_some():
    rng = np.random.default_rng(5)
    rows = (rng.random((150, 400)) < np.linspace(0.002, 0.2, 400)) * rng.random((150, 400))
    rows = np.vstack([rows, rows * (rng.random(rows.shape) < 0.8)])
    index = sparse.csr_matrix((rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32))
    own = np.arange(300)
    found, scores = nearest(index, index, 5, 10**6, own)
    for cells in (1, 10**6):
        there, same = by_rare_terms(index, index, 5, cells, own, work=10**6)
        assert np.allclose(same, np.sort(scores, axis=1)[:, ::-1], atol=1e-6)
        assert not (there == own[:, None]).any()
    best = scores.argmax(axis=1)
    few, told = by_rare_terms(index, index, 5, 10**6, own, work=30)
    hits = np.mean([found[at, best[at]] in few[at] for at in range(300)])
    assert 0.5 < hits < 1
    at = int(np.flatnonzero(few[:, 0] >= 0)[0])
    assert told[at, 0] == pytest.approx(float((index[at] @ index[few[at, 0]].T).toarray()[0, 0]), abs=1e-6)


def slow_second(view, pairs, chances, rivals, a, b):
    own = chances[(a, b)]
    out = [own_logit(own)]
    for side in range(2):
        me, other = (a, b) if side == 0 else (b, a)
        group = {tuple(pair) for pair in rivals.pairs[rivals.sides[side]].tolist() if pair[side] == me}
        others = sorted(((chances[pair], -pair[1 - side]) for pair in group if pair != (a, b)), reverse=True)
        top = others[0][0] if others else 0.0
        total = sum(chances[pair] for pair in group | {(a, b)})
        rows = (view.right if side == 0 else view.left).toarray()
        alike = float(rows[-others[0][1]] @ rows[other]) if others else 0.0
        out += [
            own_logit(top),
            own_logit(own) - own_logit(top),
            others[1][0] if len(others) > 1 else 0.0,
            sum(chance > 0.5 for chance, _ in others),
            own / max(total, 1e-9),
            alike,
            alike * top,
        ]
    return out


def own_logit(chance):
    return float(logits(np.array([chance]))[0])


@FEW
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_the_second_look_is_what_each_records_list_says(seed, left, right, k):
    view = made_view(seed, left, right)
    rng = np.random.default_rng(seed)
    asked = np.array([(a, b) for a in range(left) for b in range(right) if rng.random() < 0.4] or [(0, 0)])
    rivals = rivals_of([view], asked, False, k)
    chances = rng.choice([0.01, 0.2, 0.6, 0.9], len(rivals.pairs))
    named = {tuple(pair): chance for pair, chance in zip(rivals.pairs.tolist(), chances, strict=True)}
    wanted = [slow_second(view, rivals.pairs, named, rivals, a, b) for a, b in asked.tolist()]
    assert np.allclose(second_look(asked, rivals, chances, view), wanted, atol=1e-5)


def test_calibration_mends_scores_that_are_too_sure():
    rng = np.random.default_rng(0)
    chances = rng.random(4000)
    matches = rng.random(4000) < chances
    sure = 1 / (1 + np.exp(-4 * logits(chances)))
    curve, held = calibrated(sure, matches, 0)
    assert np.abs(held - chances).mean() < 0.05 < np.abs(sure - chances).mean()
    ranked = curve(np.linspace(0.001, 0.999, 200))
    assert (np.diff(ranked) > 0).all(), "two different scores became equal"


def test_the_switch_goes_on_for_what_helps_and_not_for_noise():
    rng = np.random.default_rng(1)
    truth = rng.random(600)
    matches = rng.random(600) < truth
    vague = np.full(600, matches.mean())
    records = np.arange(600) // 3
    helped = choose(vague, truth, matches, records)
    assert helped.on and helped.log_loss[1] == pytest.approx(log_loss(matches, truth)) and helped.f1[1] > helped.f1[0]
    assert not choose(truth, vague, matches, records).on
    assert not choose(truth, truth, matches, records).on


def test_one_records_luck_does_not_turn_the_switch():
    matches = np.ones(300, dtype=bool)
    without = np.full(300, 0.8)
    with_ = np.where(np.arange(300) < 100, 0.99, 0.79)
    assert choose(without, with_, matches, np.arange(300)).on
    assert not choose(without, with_, matches, np.where(np.arange(300) < 100, 0, np.arange(300))).on


def scored(name, options=CHEAP, **changes):
    shape = PAIRED[name]()
    scorer = PairScorer(shape.schema(sides=False), options)
    return shape, scorer.fit(shape.left, shape.right, shape.train, shape.labels == 1, **changes)


@pytest.mark.parametrize("name", PAIRED)
def test_pairs_of_every_shape_are_scored_with_rivals_and_without(name):
    for context in ("on", "off"):
        shape, scorer = scored(name, ScorerOptions(context=context, effort=0.0))
        answers = scorer.chances(shape.left, shape.right, shape.test)
        assert answers.shape == (len(shape.test),) and ((answers >= 0) & (answers <= 1)).all()
        assert scorer.held_out_.shape == (len(shape.train),)
        if shape.learnable and "title" in shape.left:
            right = (answers >= scorer.threshold_) == (shape.truth == 1)
            assert right.mean() > 0.85
        importance = scorer.importance()
        assert sum(importance.values()) == pytest.approx(1) or not any(importance.values())


@pytest.mark.parametrize("name", ["every type", "every type, one table"])
def test_a_pair_is_scored_alike_in_any_batch_and_again(name):
    options = ScorerOptions(context="on", effort=0.0)
    (shape, scorer), (_, again) = scored(name, options), scored(name, options)
    whole = scorer.chances(shape.left, shape.right, shape.test)
    turned = scorer.chances(shape.left, shape.right, shape.test[::-1])[::-1]
    one = np.concatenate([scorer.chances(shape.left, shape.right, shape.test[at : at + 1]) for at in range(5)])
    assert np.array_equal(whole, turned) and np.array_equal(whole[:5], one)
    assert np.array_equal(whole, again.chances(shape.left, shape.right, shape.test))
    alone = scorer.chances_alone(shape.asked(shape.test))
    assert alone.shape == whole.shape and not np.array_equal(alone, whole)


def test_other_tables_are_scored_by_their_own_rivals():
    shape, scorer = scored("every type", ScorerOptions(context="on", effort=0.0))
    whole = scorer.chances(shape.left, shape.right, shape.test)
    same = scorer.chances(shape.left.copy(), shape.right.copy(), shape.test)
    assert np.array_equal(whole, same)
    used = np.unique(shape.test[:, 1])
    fewer = np.column_stack([shape.test[:, 0], np.searchsorted(used, shape.test[:, 1])])
    assert not np.array_equal(whole, scorer.chances(shape.left, shape.right.iloc[used[::-1]], fewer))
    assert np.array_equal(whole, scorer.chances(shape.left, shape.right, shape.test))


def test_contributions_by_column_rank_pairs_as_the_scores_do():
    shape, scorer = scored("every type", ScorerOptions(context="off", effort=0.0))
    by_column = scorer.contributions(shape.left, shape.right, shape.test)
    assert set(by_column) == set(scorer.importance())
    total = np.sum(list(by_column.values()), axis=0)
    answers = scorer.chances(shape.left, shape.right, shape.test)
    assert np.corrcoef(total, logits(answers))[0, 1] > 0.95


def test_weights_move_the_chances():
    shape, scorer = scored("every type")
    heavy = np.where(shape.labels == 1, 50.0, 1.0)
    _, other = scored("every type", weights=heavy)
    assert not np.array_equal(scorer.held_out_, other.held_out_)


def test_large_tables_are_scored_without_rivals_unless_asked(monkeypatch):
    monkeypatch.setattr("bakeoff.algorithms.matching.pair_scorer.LARGEST", 10)
    assert not scored("every type")[1].context_.on
    assert "larger" in scored("every type")[1].context_.reason
    assert scored("every type", ScorerOptions(context="on", effort=0.0))[1].context_.on


def test_options_that_make_no_sense_are_named():
    for wrong in ({"context": "maybe"}, {"effort": 1.5}):
        with pytest.raises(EntryError, match=next(iter(wrong))):
            ScorerOptions(**wrong)
