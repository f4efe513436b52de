"""The search over keys finds what comparing all pairs finds, in memory that does not grow with their number."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from er_sets import read_set
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.algorithms.blocking import Blocker, nearest, record_texts
from bakeoff.algorithms.matching import grams, keys, search
from bakeoff.algorithms.matching.lookup import words_of
from bakeoff.algorithms.matching.search import Effort, effort_for
from bakeoff.algorithms.records import fields_of, plain, wholes
from bakeoff.algorithms.tfidf import TfIdf
from bakeoff.nouns import Array, Column, ColumnType, Frame, Schema

ALL = Effort(10**7, 10**5)  # no cap
ANY = Schema((), "matching", "label", "f1", (0, 1), 0, 0.0)
CELLS = st.one_of(st.none(), st.text("ab1 é", max_size=9), st.sampled_from(["ada", "ada lovelace", "1815 12 10"]))
TABLES = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12)


def frame(rows: list[tuple[str | None, str | None]]) -> Frame:
    return pd.DataFrame(rows, columns=["name", "other"], dtype=object)


def people(records: int, seed: int = 0) -> tuple[Frame, Frame]:
    """Two tables of the same people in the same order; one cell of every second right record is misspelt."""
    rng = np.random.default_rng(seed)
    names = ["".join(rng.choice(list("abcdefghijklmnop"), 6)) for _ in range(records)]
    street = [f"{names[at]} road {at % 97}" for at in rng.integers(0, max(1, records // 20), records)]
    born = (np.datetime64("1950-01-01") + rng.integers(0, 20_000, records)).astype(str)
    left = pd.DataFrame({"name": names, "street": street, "born": born})
    right = left.copy()
    column = rng.choice(["name", "born"], records)
    for row in range(0, records, 2):
        text = right.at[row, column[row]]
        right.at[row, column[row]] = text[:2] + text[3:]
    return left, right


def recall(found: Frame, pairs: Array) -> float:
    there = found["left"].to_numpy() << 32 | found["right"].to_numpy()
    return float(np.isin(pairs[:, 0] << 32 | pairs[:, 1], there).mean())


@given(st.lists(st.text("abé1 \u00df\U0001f600xyz", min_size=1, max_size=9).filter(lambda word: " " not in word)))
@settings(deadline=None)
def test_ngrams_of_whole_arrays_are_those_of_scikit_learn(words: list[str]) -> None:
    found = grams.counts(words)
    found.sum_duplicates()
    assert abs(found - TfIdf("characters")._count(words)).sum() == 0


@given(TABLES, TABLES)
@settings(max_examples=40, deadline=None)
def test_records_read_once_are_what_reading_cell_by_cell_gives(first: list, second: list) -> None:
    left, right = frame(first), frame(second)
    texts = []
    for side, table in (("left", left), ("right", right)):
        named = table.add_prefix(f"{side}_")
        texts.append([plain(text) for text in wholes(named, side, fields_of(ANY, named))])
    assert record_texts(left, right, ANY) == texts


def test_ignored_columns_take_their_words_out_of_the_read_records() -> None:
    table = pd.DataFrame({"name": ["red lamp", "blue lamp"], "colour": ["red", "blue"]})
    columns = tuple(Column(name, ColumnType.TEXT) for name in table.columns)
    ignoring = Schema(columns, "matching", "label", "f1", (0, 1), 0, 0.0, ignored=("colour",))
    assert record_texts(table, None, ignoring) == [["lamp", "lamp"]]
    assert record_texts(table, None, ANY) == [["red lamp red", "blue lamp blue"]]


@given(TABLES, st.one_of(st.none(), TABLES), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_without_a_cap_the_search_over_keys_is_the_exact_one(first: list, second: list | None, k: int) -> None:
    left, right = frame(first), None if second is None else frame(second)
    exact, other = Blocker().fit(left, right), Blocker(effort=ALL).fit(left, right)
    assert (exact.how_, other.how_) == ("exact", "keys")
    assert other.texts_ == exact.texts_ == record_texts(left, right, ANY)
    for mine, theirs in zip(exact.sides_, other.sides_, strict=True):
        assert abs(mine - theirs).max() < 1e-6
    one, two = exact._nearest(0, k), other._nearest(0, k)
    assert np.array_equal(one[0], two[0])  # each record has as many
    assert np.allclose(one[2], two[2], atol=1e-5)  # of the same cosines, rank by rank; equal ones may change places


@given(TABLES, st.one_of(st.none(), TABLES), st.integers(1, 4), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_candidates_are_sorted_different_and_at_most_k(first: list, second: list | None, k: int, budget: int) -> None:
    left, right = frame(first), None if second is None else frame(second)
    blocker = Blocker(effort=Effort(budget, 2)).fit(left, right)
    found = blocker.candidates(k)
    assert not found.duplicated(["left", "right"]).any()
    order = found.sort_values(["left", "score", "right"], ascending=[True, False, True], ignore_index=True)
    assert found.equals(order)
    assert found["score"].between(0, 1, inclusive="right").all()
    if right is None:
        assert (found["left"] < found["right"]).all()
    else:
        assert found.groupby("left").size().max() <= k if len(found) else True
    every = Blocker().fit(left, right).candidates(10**6)
    assert set(zip(found["left"], found["right"], strict=True)) <= set(zip(every["left"], every["right"], strict=True))


@pytest.mark.parametrize("budget", [1, 5])
def test_a_record_of_common_words_alone_still_has_candidates(budget: int) -> None:
    left = pd.DataFrame({"name": ["ada byron"] * 30 + ["zoe unseen"]})
    right = pd.DataFrame({"name": ["ada byron"] * 40})
    found = Blocker(effort=Effort(budget, 3)).fit(left, right).candidates(3)
    assert found.groupby("left").size().tolist() == [3] * 30
    assert np.allclose(found["score"], 1.0)  # the last left record shares no n-gram, and has none


@pytest.mark.parametrize("one", [False, True])
def test_most_planted_matches_are_found_on_a_small_budget(one: bool) -> None:
    left, right = people(3_000)
    pairs = np.column_stack([np.arange(3_000), np.arange(3_000) + 3_000 * one])
    if one:
        left, right = pd.concat([left, right], ignore_index=True), None
    found = Blocker(effort=Effort(30, 10)).fit(left, right).candidates(5)
    assert recall(found, pairs) > 0.99
    assert recall(found, pairs[:, [0, 0]] + np.array([0, 7])) < 0.1  # other pairs are not


def test_standing_over_keys_without_a_cap_is_the_exact_one() -> None:
    left, right = people(300)
    pairs = np.random.default_rng(0).integers(0, 300, (500, 2))
    exact, other = Blocker().fit(left, right), Blocker(effort=ALL).fit(left, right)
    assert np.allclose(exact.standing(pairs), other.standing(pairs), atol=1e-4)


def test_the_best_partners_of_a_right_record_are_among_those_that_looked_at_it() -> None:
    left, right = people(500)
    blocker = Blocker(effort=Effort(50, 5)).fit(left, right)
    found = blocker.candidates(5)
    best = found.sort_values("score").drop_duplicates("right", keep="last").set_index("right")["score"]
    partner, cosine = blocker._best(1)
    assert np.allclose(cosine[best.index, 0], best)
    assert ((partner[:, 0] >= 0) == np.isin(np.arange(500), best.index)).all()


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MEETINGS", 500)
    monkeypatch.setattr(search, "MEASURED", 300)
    left, right = people(400)
    found = [Blocker(effort=Effort(20, 5, threads)).fit(left, right).candidates(5) for threads in (1, 3)]
    assert found[0].equals(found[1])


def test_parts_of_the_work_give_what_all_of_it_at_once_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = people(400)
    whole = Blocker(effort=Effort(20, 5)).fit(left, right).candidates(5)
    monkeypatch.setattr(keys, "ROWS", 7)
    monkeypatch.setattr(grams, "AT_ONCE", 11)
    monkeypatch.setattr(search, "MEETINGS", 50)
    parts = Blocker(effort=Effort(20, 5)).fit(left, right).candidates(5)
    assert whole[["left", "right"]].equals(parts[["left", "right"]])
    assert np.allclose(whole["score"], parts["score"])


def test_large_tables_are_searched_over_keys_and_small_ones_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = people(100)
    assert Blocker().fit(left, right).how_ == "exact"
    monkeypatch.setattr("bakeoff.algorithms.blocking.EXACT", 9_999)
    blocker = Blocker().fit(left, right)
    assert (blocker.how_, blocker.lookup_.effort) == ("keys", effort_for(100, ANY.threads))


def test_words_are_counted_text_by_text() -> None:
    matrix, words = words_of(["", "b a b", "c"])
    assert words == ["b", "a", "c"]
    assert matrix.toarray().tolist() == [[0, 0, 0], [2, 1, 0], [0, 0, 1]]
    assert words_of([""])[0].shape == (1, 0)


@given(st.integers(0, 8), st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_measured_products_and_kept_rows_are_those_of_the_dense_matrices(
    rows: int, columns: int, depth: int, seed: int
) -> None:
    from scipy import sparse

    rng = np.random.default_rng(seed)
    left, right = rng.random((rows, 6)) * (rng.random((rows, 6)) < 0.4), rng.random((columns, 6))
    pairs = np.column_stack([rng.integers(0, max(rows, 1), 9), rng.integers(0, columns, 9)])[: 9 * (rows > 0)]
    found = search.measured(sparse.csr_matrix(left), sparse.csr_matrix(right), *pairs.T)
    assert np.allclose(found, np.minimum((left[pairs[:, 0]] * right[pairs[:, 1]]).sum(1), 1.0))
    parts = list(search.gathered(sparse.csr_matrix(left), sparse.csr_matrix(right.T), Effort(1, depth)))
    asked = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0)
    wanted = list(nearest(sparse.csr_matrix(left), sparse.csr_matrix(right), depth))
    assert np.array_equal(asked, np.concatenate([part[0] for part in wanted]) if wanted else asked)


# Where the exact search keeps the labelled matches, the one over keys does: beer's figure is what 66 of 68 are.
@pytest.mark.parametrize(("name", "least"), [("beer", 0.97), ("abt_buy", 0.98), ("amazon_google", 0.98)])
def test_public_sets_searched_over_keys_keep_their_matches(name: str, least: float, bakeoff_data: Path) -> None:
    _keeps(name, least, bakeoff_data)


@pytest.mark.slow
def test_walmart_amazon_searched_over_keys_keeps_its_matches(bakeoff_data: Path) -> None:
    _keeps("walmart_amazon", 0.98, bakeoff_data)


def _keeps(name: str, least: float, home: Path) -> None:
    shape = read_set(home / name)
    effort = effort_for(max(len(shape.left), len(shape.right)))
    found = Blocker(shape.schema(sides=False), effort=effort).fit(shape.left, shape.right).candidates(10)
    matches = np.vstack([shape.train[shape.labels == 1], shape.test[shape.truth == 1]])
    assert recall(found, matches) >= least


@pytest.mark.slow
def test_memory_of_a_large_search_is_bounded(require: Callable[[str], None]) -> None:
    left, right = people(200_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = Blocker().fit(left, right).candidates(10)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    assert recall(found, np.column_stack([np.arange(200_000)] * 2)) > 0.98
    assert grown < 4  # GiB; all similarities would take 149
