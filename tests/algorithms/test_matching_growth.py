"""New records: the kept index grows, and tells what a search among all records under the same weights would tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs_of_every_shape import CATEGORICAL, NUMERIC, TEXT, made
from test_blocking_keys import people

from bakeoff.algorithms import Matcher, blocking
from bakeoff.algorithms.blocking import Blocker
from bakeoff.algorithms.matching import growing, sifted_scorer
from bakeoff.algorithms.matching.context import Context, spoken
from bakeoff.algorithms.matching.growing import Growth, Nearest
from bakeoff.algorithms.matching.reading import read
from bakeoff.algorithms.matching.search import Effort
from bakeoff.algorithms.matching.vectors import Vectors
from bakeoff.nouns import Array, Column, Frame, Schema

ANY = Schema((), "matching", "label", "f1", (0, 1), 0, 0.0)
FEW = settings(deadline=None, max_examples=60)


def slow(cosines: Array, k: int) -> list[list[int]]:
    """The k largest of each row, the earlier first among equals; -inf is none."""
    return [
        sorted((at for at in range(len(row)) if row[at] > -np.inf), key=lambda at, row=row: (-row[at], at))[:k]
        for row in cosines
    ]


def lists(near: Nearest) -> list[list[int]]:
    return [[at for at in row if at >= 0] for row in near.partners.tolist()]


def table(rows: int) -> Frame:
    return pd.DataFrame(index=range(rows))


@FEW
@given(
    st.integers(0, 10**6),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 5),
    st.sampled_from(["left", "right", "one"]),
)
def test_lists_grow_to_those_of_all_cosines(seed: int, old: int, new: int, k: int, where: str) -> None:
    rng = np.random.default_rng(seed)
    apart, side = where == "one", int(where == "right")
    sizes = [old, int(rng.integers(1, 9))]
    first = sizes[side]
    sizes[side] += new
    shape = (sizes[0], sizes[0]) if apart else (sizes[0], sizes[1])
    cosines = rng.integers(0, 4, shape) / 4.0  # many are equal
    cosines[cosines == 0] = -np.inf
    if apart:
        cosines = np.minimum(cosines, cosines.T)
        np.fill_diagonal(cosines, -np.inf)
    whole = {0: cosines, 1: cosines.T}
    asked = [(0, k)] if apart else [(0, k), (1, k)]
    before = cosines[:first, :first] if apart else (cosines[:, :first] if side else cosines[:first])
    start = {}
    for key in asked:
        part = before.T if key[0] else before
        rows = [(row, at, part[row, at]) for row, found in enumerate(slow(part, k)) for at in found]
        columns = tuple(np.array(given) for given in zip(*rows, strict=True)) if rows else (np.zeros(0, int),) * 3
        start[key] = Nearest.of(columns, len(part), k)
        assert lists(start[key]) == slow(part, k)
    across = cosines[:, first:] if apart or side else cosines[first:].T
    cut = int(rng.integers(0, len(across) + 1))
    parts = [(at, across[at:to]) for at, to in ((0, cut), (cut, len(across))) if to > at]
    frames = [table(sizes[0]), None if apart else table(sizes[1])]
    olds = [*frames]
    olds[side] = frames[side].iloc[:first]
    found = growing.grown(start, Growth(tuple(olds), tuple(frames), side), parts)
    for key in asked:
        assert lists(found[key]) == slow(whole[key[0]], k)
        assert not len(found[key].found()[0]) or np.all(found[key].found()[2] > -np.inf)


def split(shape: str, side: int, new: int) -> tuple[Growth, Schema]:
    """Tables of texts whose last records on one side are new, and their schema."""
    kinds = {"title": TEXT, "brand": CATEGORICAL, "price": NUMERIC}
    given = made(kinds, things=40, one=shape == "one")
    after = (given.left, given.right)
    before = [*after]
    before[side] = after[side].iloc[:-new]
    ignored = ("brand",) if shape == "ignored" else ()
    columns = tuple(Column(name, kind) for name, kind in kinds.items())
    return Growth((before[0], before[1]), after, side), Schema(
        columns, "matching", "label", "f1", (0, 1), 0, 0.0, ignored=ignored
    )


@pytest.mark.parametrize("effort", [None, Effort(10**6, 10**3)], ids=["exact", "keys"])
@pytest.mark.parametrize(("shape", "side"), [("two", 0), ("two", 1), ("one", 0), ("ignored", 1)])
def test_a_grown_blocker_finds_what_comparing_all_records_finds(shape: str, side: int, effort: Effort | None) -> None:
    growth, schema = split(shape, side, 7)
    blocker = Blocker(schema, effort=effort, cells=100).fit(*growth.before)
    known = blocker.candidates(4)
    blocker.standing(known[["left", "right"]].to_numpy())
    grown = blocker.grown(growth)
    texts = read(*growth.after, schema)
    rows = [blocker.weights_.transform(texts.joined(at)) for at in range(len(texts.cells))]
    cosines = np.minimum((rows[0] @ rows[-1].T).toarray().astype(np.float64), 1.0)
    cosines[cosines <= 0] = -np.inf
    if growth.after[1] is None:
        np.fill_diagonal(cosines, -np.inf)
    wanted = {(row, at) for row, found in enumerate(slow(np.round(cosines, 5), 4)) for at in found}
    if growth.after[1] is None:
        wanted = {(min(pair), max(pair)) for pair in wanted}
    found = grown.candidates(4)
    pairs = set(map(tuple, found[["left", "right"]].to_numpy().tolist()))
    least = np.sort(cosines, axis=1)[:, -4:].min(axis=1)
    for one, other in pairs ^ wanted:  # only records that are as near as the last one may differ
        assert min(abs(cosines[one, other] - least[one]), abs(cosines[other, one] - least[other])) < 2e-5
    fresh = grown.candidates(4, growth)
    new = growth.has_new(found["left"].to_numpy(), found["right"].to_numpy())
    pd.testing.assert_frame_equal(fresh, found[new].reset_index(drop=True))
    assert 0 < len(fresh) < len(found)
    asked = found[["left", "right"]].to_numpy()
    best = [
        np.sort(np.where(cosines > 0, cosines, 0.0) if at == 0 else np.where(cosines > 0, cosines, 0.0).T, axis=1)
        for at in (0, 1)
    ]
    standing = grown.standing(asked)
    for place, ranked in enumerate(best):
        top = ranked[asked[:, place], -1]
        rival = np.where(standing[:, 0] >= top - 1e-6, ranked[asked[:, place], -2], top)
        assert np.allclose(standing[:, 1 + 3 * place], standing[:, 0] - rival, atol=1e-5)
    assert len(blocker.candidates(4)) == len(known), "the blocker itself stays as it is"


def test_very_many_new_records_are_a_search_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    growth, schema = split("two", 0, 7)
    blocker = Blocker(schema).fit(*growth.before)
    assert blocker.grown(growth).weights_ is blocker.weights_
    monkeypatch.setattr(blocking, "EXACT", 100)
    anew = blocker.grown(growth)
    assert anew.weights_ is not blocker.weights_
    pd.testing.assert_frame_equal(anew.candidates(3), Blocker(schema).fit(*growth.after).candidates(3))


@pytest.mark.parametrize(("shape", "side"), [("two", 0), ("two", 1), ("one", 0), ("ignored", 1)])
def test_a_grown_context_holds_the_rows_of_all_records(shape: str, side: int) -> None:
    growth, schema = split(shape, side, 7)
    context = Context(schema).fit(*growth.before)
    grown, whole = context.grown(growth), Context(schema, context.name_).fit(*growth.after)
    tables = [each for each in growth.after if each is not None]
    said = spoken(*whole._texts(*whole._read(tables)))
    assert [name for name, _, _ in said] == [view.name for view in grown.views_]
    for view, old, (_, _, texts) in zip(grown.views_, context.views_, said, strict=True):
        assert view.weights is old.weights
        for rows, spelled in zip((view.left, view.right), (texts * 2)[:2], strict=True):
            assert abs(rows - old.weights.transform(spelled)).sum() == 0
    assert grown.standing(np.array([[0, 1]])).shape == (1, 60)


@pytest.mark.parametrize("one", [False, True])
def test_grown_embeddings_are_those_of_all_records(one: bool) -> None:
    rng = np.random.default_rng(4)
    things = rng.normal(size=(30, 8))
    sides = [pd.DataFrame({"photo": list(things + rng.normal(scale=0.3, size=things.shape))}) for _ in range(2)]
    sides[1].loc[3, "photo"] = None
    after = (pd.concat(sides, ignore_index=True), None) if one else (sides[0], sides[1])
    side = 0 if one else 1
    before = [*after]
    before[side] = after[side].iloc[:-5]
    growth = Growth((before[0], before[1]), after, side)
    model = Vectors(ANY, ["photo"], []).fit(*growth.before)
    model.candidates(*growth.before, 4)
    grown = model.grown(growth)
    for k in (4, 6):
        found = grown.candidates(*after, k)
        again = model.candidates(*after, k)  # reads all records, under the same centre
        pd.testing.assert_frame_equal(found, again)
    pairs = found[["left", "right"]].to_numpy()
    assert np.allclose(grown.chances(*after, pairs), model.chances(*after, pairs), atol=1e-6)
    fresh = grown.candidates(*after, 4, growth)
    assert 0 < len(fresh) < len(found)
    assert growth.has_new(fresh["left"].to_numpy(), fresh["right"].to_numpy()).all()


@pytest.mark.parametrize("kind", ["labelled", "large", "unlabelled"])
def test_new_people_join_their_partners_as_all_of_them_would_be_matched(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = people(120, seed=2)
    if kind == "large":
        monkeypatch.setattr(sifted_scorer, "MOST", 10)
    rng = np.random.default_rng(0)
    same = np.arange(60)
    other = (same[:, None] + rng.integers(1, 50, (60, 2))) % 60
    pairs = pd.DataFrame({"left": np.repeat(same, 3), "right": np.column_stack([same, other]).ravel()})
    pairs["label"] = (pairs["left"] == pairs["right"]).astype(int)
    model = Matcher(effort=0.2).fit(left, right[:100], None if kind == "unlabelled" else pairs)
    model.groups()
    news = pd.concat([model.match_new(right[start : start + 10], side="right") for start in (100, 110)])
    kept = model.matched_.groups
    whole = model.groups(left, right)["group_id"].to_numpy()
    together = [[groups[at] == groups[120 + at] for at in range(100, 120)] for groups in (kept, whole)]
    assert together[0] == together[1]
    assert news["joined"].tolist() == together[0]
    assert sum(together[0]) >= 18
    assert len(model.matched_.right) == 120
