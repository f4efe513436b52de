"""End-to-end scores of links equal those of looking at every pair and record, and their replicates are bootstraps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.nouns import Sides
from bakeoff.stats import resample
from bakeoff.tasks.linkage import MEASURES, score_links


def problem(seed, within, complete, records=14, pairs=40):
    """Records, labelled pairs that agree with hidden things, and an entry's links."""
    rng = np.random.default_rng(seed)
    left, right = int(rng.integers(2, records)), int(rng.integers(2, records))
    thing = rng.integers(0, records // 2, left + (0 if within else right))
    every = [
        (i, j) for i in range(left) for j in (range(i + 1, left) if within else range(right))
    ]  # fmt: skip
    some = [every[place] for place in rng.permutation(len(every))[:pairs]]
    label = np.array([int(thing[i] == thing[j if within else left + j]) for i, j in some])
    test = rng.random(len(some)) < 0.5
    test[0] = True
    positions = np.array(some).reshape(-1, 2)
    frame = pd.DataFrame({"name": range(left)})
    other = None if within else pd.DataFrame({"name": range(right)})
    sides = Sides(frame, other, positions[~test], positions[test], complete=complete)
    linked = [pair for pair in every if rng.random() < 0.25]
    links = np.array([(i, j, rng.choice([0.2, 0.5, 0.6, 1.0])) for i, j in linked]).reshape(-1, 3)
    return sides, label[test], label[~test], links, rng


def merged(pairs, nodes):
    of = {node: frozenset([node]) for node in nodes}
    for a, b in pairs:
        group = of[a] | of[b]
        for node in group:
            of[node] = group
    return of


def slow_scores(links, sides, truth, labels):
    """Everything by its words, with sets of pairs and records."""
    within = sides.right is None
    shift = 0 if within else len(sides.left)
    nodes = range(len(sides.left) + (0 if within else len(sides.right)))

    def pair(i, j):
        return tuple(sorted((int(i), int(j) + shift)))

    test = [pair(*positions) for positions in sides.test]
    train = [pair(*positions) for positions in sides.train]
    match = {p for p, y in [*zip(test, truth, strict=True), *zip(train, labels, strict=True)] if y}
    real = merged(match, nodes)
    scored = {pair(i, j): score for i, j, score in links}
    linked = {p for p, score in scored.items() if score > 0.5}
    hits = sum(p in linked and y for p, y in zip(test, truth, strict=True))
    said = sum(p in linked for p in test)
    unlabelled = [p for p in linked if p not in test and p not in train and p[1] not in real[p[0]]]
    tested = {}
    for node in nodes:
        of_node = [p in test for p in [*test, *train] if node in p]
        tested[node] = np.mean(of_node) if of_node else len(test) / (len(test) + len(train))
    said += sum((tested[a] + tested[b]) / 2 for a, b in unlabelled) if sides.complete else 0
    found = {"link_precision": hits / said if said else 0.0}
    if truth.any():
        found["link_recall"] = hits / truth.sum()
        found["link_f1"] = 2 * hits / (said + truth.sum())
        found["candidate_recall"] = sum(p in scored and y for p, y in zip(test, truth, strict=True)) / truth.sum()
    found["candidates_per_record"] = len(scored) * (2 if within else 1) / len(sides.left)
    found["unlabelled_links"] = len(unlabelled)
    counted = linked if sides.complete else linked - set(unlabelled)
    own = merged(counted, nodes)
    seen = {node for p in test for node in p}
    precision = [len(own[r] & real[r] & seen) / len(own[r] & seen) for r in seen]
    recall = [len(own[r] & real[r] & seen) / len(real[r] & seen) for r in seen]
    found["b_cubed_precision"], found["b_cubed_recall"] = p, r = np.mean(precision), np.mean(recall)
    found["b_cubed_f1"] = 2 * p * r / (p + r)
    clusters, guessed = ({of[r] & seen for r in seen if len(of[r] & seen) > 1} for of in (real, own))
    if clusters:
        found["cluster_f1"] = 2 * len(clusters & guessed) / (len(clusters) + len(guessed))
    return found


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_values_are_those_of_the_words(seed, within, complete):
    sides, truth, labels, links, _ = problem(seed, within, complete)
    scores = score_links(links, sides, truth, labels, resample(len(truth), "k", folds=5))
    expected = slow_scores(links, sides, truth, labels)
    assert list(scores) == list(MEASURES)
    for name, score in scores.items():
        assert score.value == pytest.approx(expected.get(name, np.nan), abs=1e-12, nan_ok=True), name
        assert np.isnan(score.value) or score.replicates is None or score.replicates.shape == (5,)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_groups_score_as_all_their_pairs_do(seed, within, complete):
    sides, truth, labels, _, rng = problem(seed, within, complete)
    left = len(sides.left)
    groups = rng.integers(0, 6, left + (0 if within else len(sides.right))) * 10
    pairs = [
        (i, j, 1.0)
        for i in range(left)
        for j in (range(i + 1, left) if within else range(len(sides.right)))
        if groups[i] == groups[j if within else left + j]
    ]
    weights = resample(len(truth), "k", folds=4)
    by_groups = score_links(groups, sides, truth, labels, weights)
    by_pairs = score_links(np.array(pairs).reshape(-1, 3), sides, truth, labels, weights)
    for name in MEASURES:
        if name in ("b_cubed_precision", "b_cubed_recall", "b_cubed_f1", "cluster_f1") and not within:
            continue  # two right records of a group without a left one are one cluster only for groups
        assert by_groups[name].value == pytest.approx(by_pairs[name].value, nan_ok=True), name
        if by_pairs[name].replicates is not None:
            np.testing.assert_allclose(by_groups[name].replicates, by_pairs[name].replicates)


def test_a_group_of_a_million_is_scored_without_its_pairs():
    records = 1_000_000
    frame = pd.DataFrame({"name": np.zeros(records)})
    test = np.stack([np.arange(0, 200, 2), np.arange(1, 201, 2)], axis=1)
    sides = Sides(frame, None, test[:50], test[50:], complete=True)
    truth = np.tile([1, 0], 25)
    scores = score_links(np.zeros(records, dtype=np.int64), sides, truth, truth)
    assert scores["candidates_per_record"].value == records - 1
    # All pairs but the 50 labelled non-matches and the 50 labelled matches are links without a label.
    assert scores["unlabelled_links"].value == records * (records - 1) // 2 - 100
    assert scores["link_recall"].value == 1.0
    # Records of no label count by half, as half of the labelled pairs are test pairs; those of the test count whole.
    wrong = (100 + 0.5 * (records - 200)) * (records - 1) / 2 - 50
    assert scores["link_precision"].value == pytest.approx(25 / (50 + wrong))


def test_replicates_draw_test_pairs_and_whole_clusters():
    rng = np.random.default_rng(11)
    one, two = rng.integers(0, 40, 60), rng.integers(0, 40, 60)
    matches = np.argwhere(one[:, None] == two)
    positions = np.unique(np.concatenate([matches, rng.integers(0, 60, (150, 2))]), axis=0)
    label = (one[positions[:, 0]] == two[positions[:, 1]]).astype(int)
    test = rng.random(len(positions)) < 0.6
    frame = pd.DataFrame({"name": range(60)})
    sides, truth, labels = Sides(frame, frame, positions[~test], positions[test]), label[test], label[~test]
    right = np.concatenate([matches[rng.random(len(matches)) < 0.7], positions[label == 0][:6]])
    links = np.column_stack([right, np.ones(len(right))])
    weights = resample(len(truth), "k", folds=400)
    scores = score_links(links, sides, truth, labels, weights)
    drawn = np.repeat(np.arange(len(truth)), weights.weights[7].astype(int))
    again = Sides(sides.left, sides.right, sides.train, sides.test[drawn])
    expected = slow_scores(links, again, truth[drawn], labels)
    for name in ("link_precision", "link_recall", "link_f1", "candidate_recall"):
        assert scores[name].replicates[7] == pytest.approx(expected[name])
    for name in ("b_cubed_precision", "b_cubed_recall", "b_cubed_f1", "cluster_f1"):
        replicates = scores[name].replicates
        assert 0 < replicates.std() < 0.2 and abs(replicates.mean() - scores[name].value) < 0.05
    assert scores["candidates_per_record"].replicates is None


def test_links_of_nothing_and_perfect_links():
    sides, truth, labels, _, _ = problem(3, within=True, complete=True, records=30, pairs=200)
    nothing = score_links(np.empty((0, 3)), sides, truth, labels, resample(len(truth), "k"))
    for name in ("link_precision", "link_recall", "link_f1", "candidate_recall"):
        assert nothing[name].value == 0.0
    assert nothing["b_cubed_precision"].value == 1.0 and nothing["cluster_f1"].value == 0.0
    right = np.concatenate([sides.test[truth == 1], sides.train[labels == 1]])
    perfect = score_links(np.column_stack([right, np.ones(len(right))]), sides, truth, labels)
    for name in set(MEASURES) - {"candidates_per_record", "unlabelled_links"}:
        assert perfect[name].value == pytest.approx(1.0), name
    assert perfect["unlabelled_links"].value == 0
