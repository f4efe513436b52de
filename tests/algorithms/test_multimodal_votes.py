"""What neighbours say in the multimodal baseline, against the slow obvious version; and members that are left."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.algorithms.columns import Columns
from bakeoff.algorithms.multimodal import Multimodal
from bakeoff.algorithms.multimodal import votes as voting
from bakeoff.algorithms.multimodal.boosted_member import BoostedMember
from bakeoff.algorithms.multimodal.descent import Descent
from bakeoff.algorithms.multimodal.folds import Folds
from bakeoff.algorithms.multimodal.linear_member import LinearMember
from bakeoff.algorithms.multimodal.near import FAINT, PLACES, NearView
from bakeoff.algorithms.multimodal.rows import Rows
from bakeoff.algorithms.multimodal.selection import SLIGHT, select
from bakeoff.algorithms.multimodal.target import Target
from bakeoff.algorithms.multimodal.valued import AGAIN, SEVERAL
from bakeoff.algorithms.multimodal.views import Views
from bakeoff.algorithms.multimodal.votes import Votes, votes_of
from bakeoff.algorithms.multimodal.work import FAR, Behind, Deadline, Trained, Work
from bakeoff.training.clock import Clock

WORDS = ("amber", "birch", "cedar", "dune", "elm", "fern", "grove", "heath")
COLUMNS = Columns(numeric=("size",), categorical=(), datetime=(), text=("note",), image=())


def table(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    notes = [" ".join(rng.choice(WORDS, rng.integers(1, 4))) for _ in range(count)]
    return pd.DataFrame({"note": notes, "size": rng.integers(0, SEVERAL + 5, count).astype(float)})


def work_of(frame: pd.DataFrame, values, seed: int = 0) -> Work:
    target = Target.of_numbers(values) if np.asarray(values).dtype.kind == "f" else Target.of_classes(values)
    folds = Folds.of(target.values, target.classes is not None, seed)
    return Work(Views(frame, COLUMNS, seed), target, folds, seed, 1)


def endless() -> Deadline:
    return Deadline(Clock(), 1e9)


@settings(max_examples=30, deadline=None)
@given(
    known=st.lists(st.text(alphabet="abc 1", max_size=9), min_size=2, max_size=12),
    asked=st.lists(st.text(alphabet="abc 1", max_size=9), min_size=1, max_size=6),
)
def test_neighbours_are_the_texts_of_the_largest_cosine(known, asked):
    frame = pd.DataFrame({"note": known, "size": 0.0})
    views = Views(frame, COLUMNS, 0)
    near = views.train("near")
    different = list(dict.fromkeys(known))
    words = views.train("words")["note"].toarray()[[known.index(text) for text in different]]
    others = pd.DataFrame({"note": asked, "size": 0.0})
    for texts, found, terms in (
        (known, near, views.train("words")["note"].toarray()),
        (asked, views.read(others).get("near"), views.read(others).get("words")["note"].toarray()),
    ):
        alike = 0.5 * terms @ words.T
        for row, text in enumerate(texts):
            slow = {place: min(0.999, one) for place, one in enumerate(alike[row]) if one >= FAINT - 1e-6}
            if text in different:
                slow[different.index(text)] = 1.0
                assert found.places["note"][row, 0] == different.index(text)
            count = int((found.places["note"][row] >= 0).sum())
            assert count in {sum(one >= FAINT + shift for one in slow.values()) for shift in (-1e-6, 1e-6)}
            assert count <= PLACES
            likeness = found.likeness["note"][row, :count]
            assert np.allclose(likeness, sorted(slow.values(), reverse=True)[:count], atol=1e-5)
            places = found.places["note"][row, :count]
            assert np.allclose([slow[place] for place in places], likeness, atol=1e-5)


def slow_votes(work: Work, texts: list[str], counted: np.ndarray, asked: str) -> np.ndarray:
    """Shares of classes among rows of the same text, then of like ones, until ENOUGH rows were asked."""
    view = NearView(("note",))
    rows = Rows(work.views.frame, COLUMNS)
    view.fit_transform(rows, work.views.train("words"))
    one = work.views.read(pd.DataFrame({"note": [asked], "size": [0.0]}))
    near = view.transform(one.rows, one.get("words"))
    number = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    told, total, seen = np.zeros(work.target.width), 0.0, 0
    for place, likeness in zip(near.places["note"][0], near.likeness["note"][0], strict=True):
        same = [row for row in counted if place >= 0 and number[texts[row]] == place]
        if same and seen < voting.ENOUGH:
            for row in same:
                told[work.target.values[row]] += float(likeness) ** 2
                total += float(likeness) ** 2
            seen += len(same)
    prior = np.exp(work.target.taken(counted).constant().astype(float))
    smooth = voting.SMOOTH["near"]
    return np.log((told + smooth * prior) / (total + smooth) + voting.SURE)


@pytest.fixture
def few_will_do(monkeypatch):
    monkeypatch.setattr(voting, "FEWEST", 0)


def test_votes_are_counted_among_rows_that_saw_neither_the_row_nor_the_fold(few_will_do):
    frame = table(60)
    work = work_of(frame, np.random.default_rng(1).integers(0, 3, 60))
    (found,) = votes_of(work, ("near",))
    texts = frame["note"].tolist()
    for k in (0, 3):
        for place in (0, 5):
            row = int(work.folds.held[k][place])
            slow = slow_votes(work, texts, work.folds.learnt[k], texts[row])
            assert np.allclose(found.held[k][place, :3], slow, atol=1e-4)
            row = int(work.folds.learnt[k][place])
            part = next(j for j, held in enumerate(work.folds.held) if row in held)
            others = np.setdiff1d(work.folds.learnt[k], work.folds.held[part])
            assert np.allclose(found.learnt[k][place, :3], slow_votes(work, texts, others, texts[row]), atol=1e-4)
    new = pd.DataFrame({"note": ["birch elm", "nothing like it", ""], "size": 0.0})
    every = np.arange(60)
    answers = found.voters.votes(work.views.read(new))
    for row, text in enumerate(new["note"]):
        assert np.allclose(answers[row, :3], slow_votes(work, texts, every, text), atol=1e-4)


@pytest.mark.parametrize("view", ["near", "valued"])
def test_a_fold_never_hears_of_what_it_holds_out(few_will_do, view):
    frame = table(AGAIN * (SEVERAL + 5))
    values = np.random.default_rng(2).integers(0, 3, len(frame))
    work = work_of(frame, values)
    (before,) = votes_of(work, (view,))
    held = work.folds.held[0]
    work.shared.clear()
    work.target.values[held] = (work.target.values[held] + 1) % 3
    (after,) = votes_of(work, (view,))
    assert np.array_equal(before.learnt[0], after.learnt[0])
    assert np.array_equal(before.held[0], after.held[0])
    assert not np.array_equal(before.learnt[1], after.learnt[1])
    own = np.isin(work.folds.learnt[1], held)
    assert np.array_equal(before.learnt[1][own], after.learnt[1][own])
    assert not np.array_equal(before.learnt[1][~own], after.learnt[1][~own])


def test_votes_of_a_row_are_the_same_alone_and_among_others_and_by_its_own_fold(few_will_do):
    frame = table(90)
    work = work_of(frame, np.random.default_rng(3).integers(0, 2, 90))
    (found,) = votes_of(work, ("near",))
    asked = frame.iloc[work.folds.held[2]]
    assert np.array_equal(found.voters.votes(work.views.read(asked), 2), found.held[2])
    together = found.voters.votes(work.views.read(asked))
    alone = [found.voters.votes(work.views.read(asked.iloc[[row]])) for row in range(len(asked))]
    assert np.array_equal(together, np.vstack(alone))


def test_numbers_vote_by_their_mean(few_will_do):
    frame = table(AGAIN * (SEVERAL + 5))
    numbers = frame["size"].to_numpy() * 2.0 + np.random.default_rng(4).normal(size=len(frame))
    work = work_of(frame, numbers)
    (found,) = votes_of(work, ("valued",))
    assert np.corrcoef(found.held[0][:, 0], work.target.values[work.folds.held[0]])[0, 1] > 0.9
    size = frame["size"].iloc[0]
    same = work.target.values[frame["size"].to_numpy() == size]
    expected = same.sum() / (len(same) + voting.SMOOTH["valued"])
    assert found.voters.votes(work.views.read(frame.iloc[:1]))[0, 0] == pytest.approx(expected, rel=1e-4)
    unknown = frame.iloc[:2].assign(size=[np.nan, 1e6])
    assert np.array_equal(found.voters.votes(work.views.read(unknown)), [[0.0], [0.0]])


def test_columns_without_values_that_come_again_have_no_votes(few_will_do):
    frame = table(200).assign(size=np.arange(200.0))
    assert votes_of(work_of(frame, np.arange(200) % 2), ("valued",)) == []
    again = frame.assign(size=np.arange(200) % (SEVERAL + 1) / 1.0)
    assert votes_of(work_of(again, np.arange(200) % 2), ("valued",)) == []  # 11 values of 18 rows each: too few
    more = pd.concat([again] * 2, ignore_index=True)
    assert isinstance(votes_of(work_of(more, np.arange(400) % 2), ("valued",))[0], Votes)


def test_few_rows_have_no_votes():
    frame = table(voting.FEWEST)
    assert votes_of(work_of(frame, np.arange(len(frame)) % 2), ("near",))
    assert not votes_of(work_of(frame[:-1], np.arange(len(frame) - 1) % 2), ("near",))


def test_names_that_come_again_tell_the_class_where_chance_tells_nothing():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"note": [f"item {number}" for number in rng.integers(0, 200, 800)], "size": 0.0})
    kinds = rng.integers(0, 2, 200)
    known = np.array([kinds[int(note.split()[1])] for note in frame["note"]])
    losses = []
    for values in (known, rng.integers(0, 2, 800)):
        work = work_of(frame, values)
        found = BoostedMember("boosting with text", "dense").fit(work, endless())
        assert isinstance(found, Trained)
        losses.append(float(work.target.losses(found.held_out, work.folds.rows).mean()))
    assert losses[0] < 0.35
    assert np.log(2) - 0.02 < losses[1]


def test_a_member_far_behind_is_left_after_its_first_fold_and_one_that_is_not_stays():
    frame = table(400)
    values = np.array([note.count("amber") > 0 for note in frame["note"]]).astype(int)
    work = work_of(frame, values)
    assert isinstance(BoostedMember("boosting", "plain").fit(work, endless()), Trained)  # there is nothing to be behind
    work.trained["linear"] = LinearMember().fit(work, endless())
    found = BoostedMember("boosting", "plain").fit(work, endless())
    assert isinstance(found, Behind)
    least = float(work.target.losses(work.trained["linear"].held_out[work.folds.held[0]], work.folds.held[0]).mean())
    assert found.loss > FAR * least
    assert isinstance(BoostedMember("boosting with text", "dense", second=True).fit(work, endless()), Trained)
    model = Multimodal(members=("linear", "boosting"), clock="cpu").fit(frame, values)
    told = {one.name: one for one in model.members_}
    assert told["boosting"].weight == 0
    assert told["boosting"].score > FAR * told["linear"].score
    assert "far behind" in told["boosting"].remark
    assert model.repeatable_
    assert not model.what_more_time_would_bring_.members


def test_a_descent_ended_after_some_steps_is_the_beginning_of_a_longer_one():
    rng = np.random.default_rng(6)
    features = rng.normal(size=(80, 5)).astype(np.float32)
    descent = Descent(features, rng.integers(0, 3, 80), 3)
    seen = []

    def watch(weights) -> bool:
        seen.append(weights.slopes)
        return len(seen) == 7

    descent.fit(2.0, descent.start(), lambda: False, 50, watch)
    short, cut = descent.fit(2.0, descent.start(), lambda: False, 4)
    assert not cut
    assert len(seen) <= 7
    assert np.array_equal(short.slopes, seen[3])


def test_a_member_that_hardly_matters_is_left_out_of_the_answer():
    rng = np.random.default_rng(7)
    good = rng.beta(6, 2, 3_000)
    noisy = np.clip(good + rng.normal(scale=1e-3, size=3_000), 0.01, 1)
    found = select(np.column_stack([good, noisy]), None, 0)
    assert sorted(found.weights) == [0, 1]
    other = rng.beta(6, 2, 3_000)
    both = select(np.column_stack([good, other]), None, 0)
    assert both.weights.min() > 0.3
    assert -np.log(np.column_stack([good, other]) @ both.weights).mean() < -np.log(good).mean() * (1 - SLIGHT)


def test_columns_of_very_many_texts_have_no_neighbours(monkeypatch):
    frame = table(60)
    different = frame["note"].nunique()
    monkeypatch.setattr("bakeoff.algorithms.multimodal.near.TEXTS", different)
    assert not Views(frame, COLUMNS, 0).train("near").places
    monkeypatch.setattr("bakeoff.algorithms.multimodal.near.TEXTS", different + 1)
    assert set(Views(frame, COLUMNS, 0).train("near").places) == {"note"}
