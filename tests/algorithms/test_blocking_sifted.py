"""Millions of candidates are scored at a glance, and closely where the glance leaves a doubt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler
from test_blocking_keys import people

from bakeoff.algorithms.blocking import Blocker
from bakeoff.algorithms.matching import Matcher, sifted_scorer, sifting
from bakeoff.algorithms.matching.pair_scorer import PairScorer
from bakeoff.algorithms.matching.search import Effort
from bakeoff.algorithms.matching.sifted_scorer import SiftedScorer, is_large
from bakeoff.algorithms.matching.sifting import Sifter, glanced, spelt
from bakeoff.nouns import Frame

EFFORT = Effort(50, 5)


def labelled(blocker: Blocker) -> Frame:
    found = blocker.candidates(5)
    return found[["left", "right"]].assign(label=found["left"] == found["right"])


def test_a_sifter_learnt_on_some_tables_finds_the_matches_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Blocker(effort=EFFORT).fit(*people(600, seed=1))
    sifter = Sifter().fit(known, labelled(known))
    blocker = Blocker(effort=EFFORT).fit(*people(800, seed=2))
    pairs = labelled(blocker)
    chances = sifter.chances(blocker, pairs)
    called, truth = chances >= 0.5, pairs["label"].to_numpy()
    assert 2 * (called & truth).sum() / (called.sum() + truth.sum()) > 0.97
    assert sifter.looked_ < len(pairs) / 2  # most pairs are told at a glance
    monkeypatch.setattr(sifting, "AT_ONCE", 97)
    parts = Sifter(threads=2)
    parts.glance_, parts.close_ = sifter.glance_, sifter.close_
    assert np.array_equal(parts.chances(blocker, pairs), chances)
    assert len(sifter.chances(blocker, pairs[:0])) == 0
    monkeypatch.setattr(sifting, "DOUBT", -1.0)
    close = parts.chances(blocker, pairs)
    assert parts.looked_ == len(pairs)  # without an end to doubt, none are
    assert ((close >= 0.5) == truth).mean() > 0.97


def test_a_weighted_sample_gives_the_chances_of_what_it_stands_for() -> None:
    blocker = Blocker(effort=EFFORT).fit(*people(600, seed=1))
    pairs = labelled(blocker)
    unsure = pairs.assign(label=np.random.default_rng(0).random(len(pairs)) < 0.5)  # nothing to learn
    weighted = unsure.assign(weight=np.where(unsure["label"], 1.0, 9.0))
    plain = Sifter().fit(blocker, unsure).chances(blocker, unsure).mean()
    assert abs(plain - 0.5) < 0.1
    assert Sifter().fit(blocker, weighted).chances(blocker, unsure).mean() < 0.25


def test_features_are_what_comparing_cell_by_cell_gives() -> None:
    left = pd.DataFrame({"name": ["ada byron", "bob", None], "city": ["rome", None, "oslo"]})
    right = pd.DataFrame({"name": ["ada biron", "bob", "cyd"], "city": ["rome", "oslo", "olso"]})
    blocker = Blocker(effort=EFFORT).fit(left, right)
    pairs = np.array([[0, 0], [1, 1], [2, 2], [0, 2], [0, 0]])
    close = spelt(blocker.records_, pairs)
    for row, (a, b) in enumerate(pairs):
        for column, name in enumerate(("name", "city")):
            one, other = left.at[a, name], right.at[b, name]
            if isinstance(one, str) and isinstance(other, str):
                alike = [JaroWinkler.normalized_similarity(one, other), fuzz.ratio(one, other) / 100]
            else:
                alike = [np.nan, np.nan]
            assert np.allclose(close[row, 2 * column : 2 * column + 2], alike, equal_nan=True)
    glance = glanced(blocker, pairs)
    assert np.allclose(glance[:, :7], blocker.standing(pairs), atol=1e-6)
    equal = [[0, 1], [1, np.nan], [np.nan, 0], [0, 0], [0, 1]]
    assert np.array_equal(glance[:, 9:], equal, equal_nan=True)
    assert glance[:, 7].tolist() == [1, 1, 0, 0, 1]
    assert glance[:, 8].tolist() == [1, 0, 1, 2, 1]


def test_the_matcher_of_large_tables_sifts_its_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = people(800, seed=3)
    pairs = labelled(Blocker(effort=EFFORT).fit(left, right))
    some = pairs[pairs["left"] < 400]
    assert isinstance(
        Matcher(effort=0.0).fit(left[:60], right[:60], some[(some[["left", "right"]] < 60).all(axis=1)]).scorer_,
        PairScorer,
    )
    monkeypatch.setattr(sifted_scorer, "MOST", 3_000)
    matcher = Matcher().fit(left, right, some)
    assert isinstance(matcher.scorer_, SiftedScorer)
    links = matcher.link(left, right)
    fresh = links[links["left"] >= 400]  # of records without a label
    called, truth = fresh["score"] >= 0.5, fresh["left"] == fresh["right"]
    assert 2 * (called & truth).sum() / (called.sum() + truth.sum()) > 0.95
    asked = links.sample(50, random_state=0)[["left", "right"]]
    whole = matcher.predict_proba(asked)[:, 1]
    alone = [matcher.predict_proba(asked.iloc[[row]])[0, 1] for row in range(5)]
    assert np.allclose(whole[:5], alone)
    assert matcher.estimates_ is not None and matcher.estimates_.f1.value > 0.9
    assert "Rivals of a pair count: yes" in matcher.report()
    row = fresh[called].iloc[0]
    assert len(matcher.explain(int(row["left"]), int(row["right"])))
    assert sum(matcher.importance().values()) == pytest.approx(1)


def test_what_is_large_is_told_by_all_candidates() -> None:
    table = pd.DataFrame(index=range(50_001))
    assert is_large(table, None, 20) and is_large(table[:2], table, 20)
    assert not is_large(table[:50_000], table[:50_000], 20)
