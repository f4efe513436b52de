"""Assignment, clusters, thresholds and estimates of the matcher, each against the slow obvious version."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from bakeoff.algorithms.matching import assignment, clusters
from bakeoff.algorithms.matching.assignment import assign
from bakeoff.algorithms.matching.clusters import Rules, cluster, total_gain
from bakeoff.algorithms.matching.estimates import average_precision, estimate
from bakeoff.algorithms.matching.evidence import Evidence, confidences, grouped, unscored
from bakeoff.algorithms.matching.onetoone import Partners, kept, validated
from bakeoff.algorithms.matching.tradeoff import best_chance, f_alpha
from bakeoff.algorithms.matching.vectors import nearest_vectors
from bakeoff.errors import EntryError

QUICK = settings(max_examples=40, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def partitions(n):
    """Every partition of n things as group numbers."""
    if not n:
        yield []
        return
    for smaller in partitions(n - 1):
        for group in range(max(smaller, default=-1) + 2):
            yield [*smaller, group]


def pairs_of(rng, n, share=0.8):
    pairs = np.array(list(combinations(range(n), 2)), dtype=np.int64).reshape(-1, 2)
    return pairs[rng.random(len(pairs)) < share]


def holds(groups, rules):
    together = [] if rules.together is None else rules.together
    apart = [] if rules.apart is None else rules.apart
    sizes_fit = not rules.largest or np.bincount(groups).max() <= rules.largest
    return (
        sizes_fit and all(groups[a] == groups[b] for a, b in together) and all(groups[a] != groups[b] for a, b in apart)
    )


@QUICK
@given(SEEDS, st.integers(1, 7))
def test_few_records_get_the_best_partition(seed, n):
    rng = np.random.default_rng(seed)
    pairs = pairs_of(rng, n)
    gains = rng.normal(size=len(pairs))
    found = cluster(n, pairs[:, 0], pairs[:, 1], gains)
    best = max(total_gain(np.array(groups), pairs[:, 0], pairs[:, 1], gains) for groups in partitions(n))
    assert total_gain(found, pairs[:, 0], pairs[:, 1], gains) == pytest.approx(best, abs=1e-9)
    assert found[0] == 0


@QUICK
@given(SEEDS, st.integers(3, 6), st.integers(0, 3))
def test_rules_hold_and_the_partition_is_the_best_of_those_that_keep_them(seed, n, largest):
    rng = np.random.default_rng(seed)
    pairs = pairs_of(rng, n, 1.0)
    gains = rng.normal(size=len(pairs))
    one, other = rng.permutation(n)[:2], rng.permutation(n)[:2]
    rules = Rules(apart=other[None, :], largest=largest)
    if largest != 1 and sorted(one) != sorted(other):
        rules = Rules(together=one[None, :], apart=other[None, :], largest=largest)
    found = cluster(n, pairs[:, 0], pairs[:, 1], gains, rules)
    assert holds(found, rules)
    allowed = [np.array(groups) for groups in partitions(n) if holds(np.array(groups), rules)]
    best = max(total_gain(groups, pairs[:, 0], pairs[:, 1], gains) for groups in allowed)
    assert total_gain(found, pairs[:, 0], pairs[:, 1], gains) == pytest.approx(best, abs=1e-9)


@QUICK
@given(SEEDS, st.integers(3, 30))
def test_greedy_groups_are_no_worse_than_components_and_no_single_move_gains(seed, n):
    rng = np.random.default_rng(seed)
    pairs = pairs_of(rng, n, 0.5)
    gains = rng.normal(size=len(pairs))
    exact, clusters.EXACT = clusters.EXACT, 2
    try:
        found = cluster(n, pairs[:, 0], pairs[:, 1], gains)
    finally:
        clusters.EXACT = exact
    value = total_gain(found, pairs[:, 0], pairs[:, 1], gains)
    linked = clusters.components(pairs[gains > 0, 0], pairs[gains > 0, 1], n)
    assert value >= total_gain(linked, pairs[:, 0], pairs[:, 1], gains) - 1e-9
    for record in range(n):
        for group in {*found.tolist(), n}:
            moved = found.copy()
            moved[record] = group
            assert total_gain(moved, pairs[:, 0], pairs[:, 1], gains) <= value + 1e-9


def test_a_bad_link_between_two_groups_does_not_join_them():
    first, second = np.array([0, 0, 1, 3, 3, 4, 2]), np.array([1, 2, 2, 4, 5, 5, 3])
    across = [(a, b) for a in range(3) for b in range(3, 6) if (a, b) != (2, 3)]
    more = np.array(across)
    gains = np.r_[np.full(6, 2.0), 1.0, np.full(len(across), -1.0)]
    found = cluster(6, np.r_[first, more[:, 0]], np.r_[second, more[:, 1]], gains)
    assert found.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(set(clusters.components(first, second, 6).tolist())) == 1


def test_fixed_groups_keep_apart_whatever_the_scores_say():
    fixed = np.array([7, 7, 9, -1, -1])
    first, second = np.array([0, 2, 3, 1]), np.array([3, 3, 4, 2])
    found = cluster(5, first, second, np.array([2.0, 1.0, 3.0, 9.0]), Rules(fixed=fixed))
    assert found.tolist() == [0, 0, 1, 0, 0]


def test_labels_that_contradict_each_other_by_a_chain_are_told():
    rules = Rules(together=np.array([[0, 1], [1, 2]]), apart=np.array([[0, 2]]))
    with pytest.raises(
        EntryError, match="records 0 and 2 are labelled no match and belong together by other labels; c"
    ):
        cluster(3, np.zeros(0, int), np.zeros(0, int), np.zeros(0), rules)


@QUICK
@given(SEEDS, st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_the_assignment_has_the_largest_sum(seed, lefts, rights, sparse):
    rng = np.random.default_rng(seed)
    pairs = np.array([(a, b) for a in range(lefts) for b in range(rights)], dtype=np.int64)
    pairs = pairs[rng.random(len(pairs)) < 0.7]
    gains = rng.normal(size=len(pairs)) + 0.3
    dense, assignment.DENSE = assignment.DENSE, 0 if sparse else assignment.DENSE
    try:
        stays = assign(pairs[:, 0], pairs[:, 1], gains)
    finally:
        assignment.DENSE = dense
    worth = {tuple(pair): gain for pair, gain in zip(pairs.tolist(), gains, strict=True)}
    size = max(lefts, rights)
    best = max(
        sum(max(0.0, worth.get((a, b), 0.0)) for a, b in enumerate(order)) for order in permutations(range(size))
    )
    assert gains[stays].sum() == pytest.approx(best, abs=1e-9)
    assert (gains[stays] > 0).all()
    for place in (0, 1):
        assert len(set(pairs[stays, place].tolist())) == stays.sum()


@QUICK
@given(SEEDS, st.integers(1, 30), st.floats(0, 1))
def test_the_threshold_has_the_largest_expected_score_of_all(seed, n, alpha):
    rng = np.random.default_rng(seed)
    chances = rng.choice(rng.random(max(1, n // 2)), n)
    weights = rng.random(n) + 0.1
    at = best_chance(chances, alpha, weights)
    held = np.clip(alpha, 1e-3, 1 - 1e-3)

    def value(threshold):
        called = chances >= threshold
        hits = (chances * weights)[called].sum()
        return float(f_alpha(hits, weights[called].sum(), (chances * weights).sum(), held))

    assert value(at) == pytest.approx(max(value(threshold) for threshold in chances), abs=1e-12)


def test_the_tradeoff_is_f1_precision_and_recall():
    truth, called = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 0])
    hits = int((truth & called).sum())
    for alpha, beta in ((0.5, 1.0), (0.8, 0.5), (0.2, 2.0)):
        expected = precision_recall_fscore_support(truth, called, beta=beta, average="binary")
        assert f_alpha(hits, called.sum(), truth.sum(), alpha) == pytest.approx(expected[2])
        assert f_alpha(hits, called.sum(), truth.sum(), 1.0) == pytest.approx(expected[0])
        assert f_alpha(hits, called.sum(), truth.sum(), 0.0) == pytest.approx(expected[1])
    chances = np.linspace(0.01, 0.99, 50)
    thresholds = [best_chance(chances, alpha) for alpha in (0.0, 0.2, 0.5, 0.8, 1.0)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < 0.02
    assert thresholds[-1] > 0.95


@QUICK
@given(SEEDS, st.integers(2, 40))
def test_the_area_is_that_of_scikit_learn_with_weights(seed, n):
    rng = np.random.default_rng(seed)
    chances, matches = rng.choice(rng.random(5), n), rng.random(n) < 0.5
    matches[0] = True
    weights = rng.random((3, n)) + 0.01
    found = average_precision(chances, matches, weights)
    for row, weight in zip(found, weights, strict=True):
        assert row == pytest.approx(average_precision_score(matches, chances, sample_weight=weight))


@QUICK
@given(SEEDS, st.integers(4, 60), st.booleans())
def test_estimates_are_scikit_learns_and_intervals_hold_them(seed, n, weighted):
    rng = np.random.default_rng(seed)
    chances, matches = rng.random(n), rng.random(n) < 0.5
    matches[:2] = True, False
    chances[0] = 0.9
    weights = rng.random(n) + 0.1 if weighted else None
    found = estimate(chances, matches, 0.5, weights, np.arange(n) // 2)
    expected = precision_recall_fscore_support(matches, chances >= 0.5, average="binary", sample_weight=weights)
    for figure, value in zip((found.precision, found.recall, found.f1), expected, strict=False):
        assert figure.value == pytest.approx(value)
        assert 0 <= figure.low <= figure.value <= figure.high <= 1
    assert sum(map(sum, found.confusion)) == pytest.approx(n if weights is None else weights.sum())


def test_an_interval_of_few_pairs_without_an_error_has_a_width():
    found = estimate(np.array([0.9, 0.8, 0.1, 0.2]), np.array([True, True, False, False]), 0.5)
    assert found.f1.value == 1.0
    assert found.f1.low < 0.5


def test_pairs_of_weight_zero_do_not_count():
    chances, matches = np.array([0.9, 0.8, 0.1, 0.7]), np.array([True, True, False, False])
    found = estimate(chances, matches, 0.5, np.array([2.0, 3.0, 5.0, 0.0]))
    assert (found.pairs, found.precision.value) == (3, 1.0)
    assert estimate(chances, matches, 0.5, np.array([2.0, 3.0, 5.0, 5.0])).precision.value == pytest.approx(0.5)


@pytest.mark.parametrize("matches", [np.zeros(3, bool), np.ones(3, bool), np.zeros(0, bool)])
def test_estimates_of_one_class_or_no_pair_are_undefined_and_no_crash(matches):
    found = estimate(np.full(len(matches), 0.2), matches, 0.5)
    assert np.isnan(found.precision.value)
    assert str(found.precision) == "undefined"


def test_unscored_pairs_are_those_within_groups_without_a_score():
    groups = np.array([0, 0, 0, 1, 1])
    evidence = Evidence(np.array([[0, 1], [3, 4]]), np.array([0.9, 0.9]), 5)
    assert unscored(groups, evidence).tolist() == [[0, 2], [1, 2]]
    assert unscored(groups, evidence, np.array([4, 4, 4, -1, -1])).tolist() == []
    across = Evidence(np.array([[0, 0]]), np.array([0.9]), 2, 3)
    assert unscored(groups, across).tolist() == [[1, 0]]


def test_a_chain_is_cut_where_its_ends_are_unlike():
    evidence = Evidence(np.array([[0, 1], [1, 2]]), np.array([0.9, 0.8]), 3)
    whole, _ = grouped(evidence, 0.5, Rules(), lambda pairs: np.full(len(pairs), 0.7))
    cut, scored = grouped(evidence, 0.5, Rules(), lambda pairs: np.full(len(pairs), 0.001))
    assert whole.tolist() == [0, 0, 0]
    assert cut.tolist() == [0, 0, 1]
    assert len(scored.chances) == 3
    sure = confidences(cut, scored)
    assert sure[:2] == pytest.approx([0.9, 0.9])
    assert sure[2] == pytest.approx(0.2 * 0.999)


def test_labels_that_hold_take_their_records_out_of_the_assignment():
    positions = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    chances = np.array([1.0, 0.95, 0.9, 0.6])
    forced = np.array([True, False, False, False])
    assert kept(positions, chances, 0.5).tolist() == [True, False, False, True]
    assert kept(positions, np.array([0.6, 0.95, 0.9, 0.6]), 0.5, forced).tolist() == [True, False, False, True]
    assert kept(positions, np.array([0.6, 0.95, 0.9, 0.6]), 0.5).tolist() == [False, True, True, False]


def test_a_pair_is_taken_when_either_record_has_a_likelier_partner():
    positions = np.array([[0, 0], [1, 1], [1, 0]])
    partners = Partners(positions, np.array([0.9, 0.8, 0.7]), 0.5, (3, 3))
    asked = np.array([[0, 0], [1, 0], [2, 1], [2, 2]])
    assert partners.taken(asked, np.array([0.9, 0.7, 0.85, 0.6])).tolist() == [False, True, False, False]


def test_one_to_one_is_on_only_where_it_takes_back_more_wrong_links_than_right_ones():
    called = np.ones(20, bool)
    wrong = np.arange(20) < 8
    assert validated(called, wrong, ~wrong).on
    assert not validated(called, wrong, wrong).on
    assert not validated(called, np.zeros(20, bool), ~wrong).on


@QUICK
@given(SEEDS, st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.booleans())
def test_nearest_vectors_are_those_of_the_full_matrix(seed, n, m, k, apart):
    rng = np.random.default_rng(seed)
    queries = rng.normal(size=(n, 5))
    index = queries if apart else rng.normal(size=(m, 5))
    index[rng.random(len(index)) < 0.2] = 0.0
    found = list(nearest_vectors(queries, index, k, apart=apart, cells=20))
    rows, columns, scores = (
        (np.concatenate(parts) for parts in zip(*found, strict=True)) if found else [np.zeros(0)] * 3
    )
    products = queries @ index.T
    products[:, ~index.any(axis=1)] = -np.inf
    products[~queries.any(axis=1)] = -np.inf
    if apart:
        np.fill_diagonal(products, -np.inf)
    for row in range(n):
        expected = np.sort(products[row][np.isfinite(products[row])])[::-1][:k]
        assert np.sort(scores[rows == row])[::-1] == pytest.approx(expected)
        assert len(set(columns[rows == row].tolist())) == len(expected)
