"""Links as numbers: what is accepted, how pairs are answered from them, and how they are kept."""

import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from little_records import asked, little_records

from bakeoff.algorithms.adapters import Adapted, adapt
from bakeoff.algorithms.linkage_adapter import Linking
from bakeoff.arena.answer_forms import AnswerForm
from bakeoff.arena.judging import LINKS_UNPLANNED, CellAnswers, judge_cell, pack, unpack
from bakeoff.arena.linked import GROUPED, SCORED, Linked, accept, answer_pairs, most_links, pack_links, unpack_links
from bakeoff.arena.plans import CellPlan
from bakeoff.arena.stages import Stages
from bakeoff.arena.staging import stage_records
from bakeoff.errors import Declined, EntryError, Refused, StoreError
from bakeoff.nouns import Cell, CellResult, Outcome, Plan, Probe, Schema

TWO = AnswerForm(width=2)
NOTHING = CellPlan({}, (), "")
sizes = st.tuples(st.integers(1, 6), st.none() | st.integers(1, 6))


@st.composite
def links(draw):
    left, right = draw(sizes)
    pair = st.tuples(
        st.integers(0, left - 1),
        st.integers(0, (left if right is None else right) - 1),
        st.sampled_from([0.0, 0.5, 1.0]),
    )
    return (left, right), draw(st.lists(pair, max_size=20))


@given(links())
def test_links_are_merged_and_answer_pairs_as_the_slow_way_does(given_links):
    (left, right), said = given_links
    best = {}
    for a, b, score in said:
        key = (min(a, b), max(a, b)) if right is None else (a, b)
        if right is not None or a != b:
            best[key] = max(score, best.get(key, 0.0))
    linked = accept(SCORED, np.array(said, dtype=float).tobytes(), (left, right))
    assert [tuple(link) for link in linked.values.tolist()] == [(*pair, best[pair]) for pair in sorted(best)]
    every = [
        (a, b) for a in range(left) for b in range(left if right is None else right) if right is not None or a != b
    ]
    expected = [best.get((min(p), max(p)) if right is None else p, 0.0) for p in every]
    answers = answer_pairs(linked, np.array(every, dtype=int).reshape(-1, 2), (left, right))
    assert answers[:, 1].tolist() == expected
    assert np.array_equal(answers.sum(axis=1), np.ones(len(every)))


@given(sizes, st.randoms(use_true_random=False))
def test_groups_answer_pairs_without_becoming_pairs(sides, random):
    left, right = sides
    ids = [random.randrange(-3, 3) for _ in range(left + (right or 0))]
    linked = accept(GROUPED, np.array(ids, dtype=np.int64).tobytes(), sides)
    assert linked.values.shape == (len(ids),) and linked.values.min() == 0
    start = 0 if right is None else left
    every = [(a, b) for a in range(left) for b in range(left if right is None else right)]
    same = [float(ids[a] == ids[start + b]) for a, b in every]
    assert answer_pairs(linked, np.array(every), sides)[:, 1].tolist() == same


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ((3, 0, 1), r"link 1 names the left record 3; records have whole numbers from 0 to 2"),
        ((0, -1, 1), "names the right record -1; records have whole numbers from 0 to 3"),
        ((0.5, 0, 1), "names the left record 0.5"),
        ((0, np.nan, 1), "names the right record nan"),
        ((np.inf, 0, 1), "names the left record inf"),
        ((0, 0, np.nan), r"has the score nan; give scores from 0 to 1"),
        ((0, 0, 1.01), "has the score 1.01"),
        ((0, 0, -0.1), "has the score -0.1"),
    ],
)
def test_a_link_that_is_none_is_refused(link, reason):
    data = np.array([(2, 3, 1), link], dtype=float).tobytes()
    with pytest.raises(Refused, match=reason):
        accept(SCORED, data, (3, 4))


def test_other_numbers_of_bytes_and_forms_are_refused():
    good = np.zeros((1, 3)).tobytes()
    assert len(accept(SCORED, good, (3, 4)).values) == 1
    for form, data in ((SCORED, good[:-1]), ("pairs", good), (None, good), (["scored"], good)):
        with pytest.raises(Refused, match="neither links of three numbers nor a group id for each record"):
            accept(form, data, (3, 4))
    with pytest.raises(Refused, match="56 bytes of group ids were due for 7 records, 24 came"):
        accept(GROUPED, good, (3, 4))
    with pytest.raises(Refused, match="it linked 801 pairs where 800 are allowed"):
        accept(SCORED, np.zeros((801, 3)).tobytes(), (3, 4))
    assert most_links((10**9, None)) == 20_000_000


@pytest.mark.parametrize(
    "linked",
    [
        Linked(SCORED, np.array([[0.0, 1.0, 0.5]])),
        Linked(SCORED, np.empty((0, 3))),
        Linked(GROUPED, np.array([0, 1, 0])),
    ],
    ids=["scored", "none", "grouped"],
)
def test_kept_links_come_back_behind_the_answers(linked):
    test = np.random.default_rng(0).random((4, 2))
    plan = CellPlan({"a": Plan(ask=(Probe(0), Probe(1)))}, (), "")
    kept = unpack(pack(CellAnswers(test, {}, linked), TWO), plan, 4, TWO)
    assert np.array_equal(kept.test, test) and kept.probes == {}
    assert kept.linked.form == linked.form and np.array_equal(kept.linked.values, linked.values)
    with pytest.raises(StoreError, match="kept links of a cell are not whole"):
        unpack_links(pack_links(linked)[:-8])


def test_answers_kept_before_there_were_links_are_read_as_ever():
    rng = np.random.default_rng(0)
    plan = CellPlan({"b": Plan(ask=(Probe(0), Probe(1))), "a": Plan(ask=(Probe(2),))}, (), "")
    test, a, b = rng.random((5, 2)), rng.random((1, 2)), rng.random((2, 2))
    data = np.concatenate([test, a, b]).astype("<f8").tobytes()
    assert pack(CellAnswers(test, {"b": b, "a": a}), TWO) == data
    kept = unpack(data, plan, 5, TWO)
    assert kept.linked is None and np.array_equal(kept.test, test)
    assert np.array_equal(kept.probes["a"], a) and np.array_equal(kept.probes["b"], b)


class Seen:
    """A judge that keeps what it was given."""

    name, version = "seen", "1"

    def judge(self, answered):
        self.answered = answered
        return []


def test_a_judge_of_probes_is_told_why_a_linkage_entry_has_none():
    data = replace(asked(little_records()), public=np.array([True]))
    plan = CellPlan({"seen": Plan(withhold=(3,), ask=(Probe(3),))}, (3,), "")
    result = CellResult(Cell("e", "", "t", "", 0, "", "1"), Outcome.DONE)
    told = {}
    for linked in (None, Linked(SCORED, np.empty((0, 3)))):
        judge = Seen()
        assert judge_cell([judge], result, data, plan, CellAnswers(np.zeros((1, 2)), {}, linked)) == (
            {("seen", "1"): []},
            [],
        )
        told[linked is None] = judge.answered
    assert told[False].plan == Plan((3,), (), LINKS_UNPLANNED) and told[False].links.shape == (0, 3)
    assert told[True].plan == plan.plans["seen"] and told[True].links is None
    assert told[True].sides is data.sides and told[True].public is data.public


@pytest.mark.parametrize("one", [False, True])
def test_withheld_pairs_are_not_handed_in(tmp_path, one):
    data = asked(little_records(one=one))
    staged = stage_records(data, 0, CellPlan({}, (0, 2), ""), b"s", tmp_path)
    pairs = pd.read_parquet(staged.records.pairs)
    kept = np.setdiff1d(np.arange(len(data.labels)), [0, 2])
    assert np.array_equal(pairs[["left", "right"]], data.sides.train[kept])
    assert np.array_equal(pairs["label"], data.labels[kept])
    assert (staged.records.right is None) == one
    left = pd.read_parquet(staged.records.left)
    assert list(left.columns) == ["title", "price"] and left["title"].equals(data.sides.left["title"])
    asked_rows = pd.concat([pd.read_parquet(call.file) for call in staged.records.calls])
    assert len(asked_rows) > len(data.truth) and asked_rows.index.is_unique
    assert {*map(tuple, asked_rows[["left", "right"]].to_numpy())} == {*map(tuple, data.sides.test)}
    assert data.task.target not in asked_rows.columns


def test_files_are_made_when_a_cell_needs_them_and_gone_after_the_last(tmp_path):
    held = {name: asked(little_records(name=name)) for name in ("first", "second")}
    read = []

    def rows(task, seed, plan):
        read.append((task, seed, plan))
        return held[task], NOTHING

    first, second = ("first", 0, ""), ("second", 1, "audit")
    due = [(name, seed, plan) for name in held for seed in (0, 0, 1) for plan in ("", "audit")]
    stages = Stages(due, rows, b"s", tmp_path)

    def there():
        return [path.name for path in tmp_path.iterdir()]

    assert there() == []
    lanes = [threading.Thread(target=stages.staged, args=(first,)) for _ in range(4)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    assert read == [first]
    made = stages.linkable(first)
    (home,) = tmp_path.iterdir()
    assert home.name.startswith("first-0") and not (home / "left.parquet").exists()
    assert made().left.exists() and made() is made()
    stages.staged(second)
    assert len(there()) == 2
    stages.staged(("first", 0, "audit"))
    assert len(there()) == 3, "another plan has files of its own"
    stages.ended(first)
    assert (home / "train.parquet").exists(), "another cell still needs it"
    for key in (first, second, ("first", 0, "audit"), ("first", 0, "audit")):
        stages.ended(key)
    assert there() == []


class Links:
    def fit(self, left, right, pairs):
        return self

    def link(self, left, right):
        return self.answer


def schema(kind="matching"):
    return Schema((), kind, "match", "f1", (0, 1), 0, 60.0)


def linked(answer, left=3, right=2):
    model = adapt(Links, schema())
    model.model.answer = answer
    return model.link(pd.DataFrame(index=range(left)), None if right is None else pd.DataFrame(index=range(right)))


@pytest.mark.parametrize(
    ("answer", "right", "codes"),
    [
        (np.array([7, 7, 8]), None, [0, 0, 1]),
        (["a", None, "a"], None, [0, 1, 0]),
        (pd.Series([0.0, np.nan, np.nan]), None, [0, 1, 2]),
        ((["x", "y", "z"], pd.Series(["z", "q"])), 2, [0, 1, 2, 2, 3]),
        (([1, 2, 3], pd.Series(["1", 2], dtype=object)), 2, [0, 1, 2, 3, 1]),
        ([np.array([1, 2, 3]), np.array([2.0, 9.0])], 2, [0, 1, 2, 1, 3]),
    ],
    ids=str,
)
def test_group_ids_of_any_type_become_numbers(answer, right, codes):
    form, found = linked(answer, 3, right)
    assert form == GROUPED and found.dtype == np.int64 and found.tolist() == codes


@pytest.mark.parametrize(
    ("answer", "right", "reason"),
    [
        (None, 2, "link gave a NoneType; give a frame with left, right and score, or a tuple of the left and right"),
        (None, None, "or one group id for each record"),
        (np.zeros(5), 2, "link gave a ndarray; give a frame"),
        (([0, 0], [0, 0]), 2, r"group ids of shape \(2,\) for 3 left records; give one for each"),
        ([0] * 4, None, r"group ids of shape \(4,\) for 3 left records"),
        (pd.DataFrame({"left": [0]}), 2, "a frame without right and score"),
        (pd.DataFrame({"left": [0], "right": [None], "score": ["x"]}), 2, "link gave None where a number belongs"),
    ],
    ids=str,
)
def test_what_cannot_be_links_is_refused(answer, right, reason):
    with pytest.raises(Refused, match=reason):
        linked(answer, 3, right)


def test_an_entry_links_only_where_records_are_matched():
    assert isinstance(adapt(Links, schema()), Linking)
    with pytest.raises(Declined, match="Links links records, and the task is one of classification"):
        adapt(Links, schema("classification"))

    class Both(Links):
        def predict(self, X):
            return X

    assert isinstance(adapt(Both, schema("classification")), Adapted)
    assert isinstance(adapt(Both, schema()), Linking)

    class Word(Links):
        link = "auto"

    with pytest.raises(EntryError, match="is not an algorithm"):
        adapt(Word, schema())
