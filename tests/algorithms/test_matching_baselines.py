"""The matching baselines answer pairs of every shape, alike in every batch, with their threshold at 0.5."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pairs_of_every_shape import PAIRED, TEXT, made
from sklearn.metrics import f1_score

from bakeoff.algorithms import Cosine, Linkage, Similarity, SplinkLinkage, adapt
from bakeoff.algorithms.linkage_adapter import SCORED, Linking
from bakeoff.errors import Declined, EntryError
from bakeoff.nouns import ColumnType, Linker

WHOLES = ("every type", "every type, one table", "text only", "text only, one table", "gaps", "ignored column")


def fitted(baseline, shape):
    """A pair baseline's or a linkage baseline's adapter, and the frame of test pairs as it is asked."""
    asked = shape.asked(shape.test)
    if hasattr(baseline, "link"):
        adapted = adapt(baseline, shape.schema(sides=False)).fit(shape.left, shape.right, shape.pairs())
        return adapted, asked.assign(left=shape.test[:, 0], right=shape.test[:, 1])
    return adapt(baseline, shape.schema()).fit(shape.asked(shape.train), shape.labels), asked


def check(answers, shape):
    assert answers.shape == (len(shape.test), 2)
    assert np.isfinite(answers).all() and (answers >= 0).all()
    assert np.allclose(answers.sum(axis=1), 1)


def f1(answers, shape):
    return f1_score(shape.truth, answers[:, 1] >= 0.5)


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("baseline", [Cosine, Similarity, Linkage])
def test_answers_pairs_of_every_shape(baseline, name):
    shape = PAIRED[name]()
    before = shape.left.copy(deep=True)
    adapted, asked = fitted(baseline, shape)
    answers = adapted.answers(asked)
    check(answers, shape)
    assert shape.left.equals(before), "the records were changed"
    if shape.learnable and (baseline is Similarity or name in WHOLES):
        assert f1(answers, shape) > 0.85, "the threshold is not at 0.5, or nothing was learnt"
        swapped = replace(shape, truth=1 - shape.truth)
        assert f1(answers, swapped) < 0.3


@pytest.mark.parametrize("baseline", [Cosine, Similarity, Linkage])
@pytest.mark.parametrize("name", ["every type", "gaps"])
def test_the_same_seed_gives_the_same_answers_in_any_batch(baseline, name):
    shape = PAIRED[name]()
    (first, asked), (second, _) = fitted(baseline, shape), fitted(baseline, shape)
    whole = first.answers(asked)
    assert np.array_equal(whole, second.answers(asked))
    alone = np.vstack([first.answers(asked.iloc[[row]]) for row in range(12)])
    assert np.allclose(whole[:12], alone, atol=1e-6)


@pytest.mark.parametrize("baseline", [Cosine, Similarity, Linkage])
def test_what_stands_in_an_ignored_column_does_not_count_in_the_title_either(baseline):
    shape = PAIRED["ignored column"]()
    adapted, asked = fitted(baseline, shape)
    colours = asked["right_colour"].tolist()
    titles = [title.replace(colour, "mauve") for title, colour in zip(asked["right_title"], colours, strict=True)]
    changed = asked.assign(right_colour="mauve", right_title=titles)
    assert np.array_equal(adapted.answers(asked), adapted.answers(changed))
    counted, asked = fitted(baseline, replace(shape, ignored=()))
    assert not np.array_equal(counted.answers(asked), counted.answers(changed))


def test_every_column_ignored_leaves_nothing_to_compare():
    shape = replace(made({"title": TEXT}), ignored=("title",))
    with pytest.raises(Declined, match="no column left in which two records could be compared"):
        fitted(Similarity, shape)


@pytest.mark.parametrize(("baseline", "who"), [(Cosine, "cosine"), (Similarity, "similarity"), (Linkage, "linkage")])
def test_other_kinds_of_task_are_declined(baseline, who):
    shape = PAIRED["text only"]()
    schema = replace(shape.schema(), kind="classification")
    handed = (shape.left, shape.right, shape.pairs()) if who == "linkage" else (shape.asked(shape.train), shape.labels)
    with pytest.raises(Declined, match=f"The baseline '{who}' tells whether two records match, and this is a classif"):
        baseline().fit(*handed, schema=schema)


def test_labels_that_are_words_come_back_as_words():
    shape = PAIRED["text only"]()
    schema = replace(shape.schema(), classes=("differ", "match"))
    names = np.array(schema.classes, dtype=object)
    for baseline in (Cosine, Similarity):
        model = baseline().fit(shape.asked(shape.train), names[shape.labels], schema=schema)
        said = model.predict(shape.asked(shape.test))
        assert np.mean(said == names[shape.truth]) > 0.9


@pytest.mark.parametrize("name", ["every type", "every type, one table", "gaps", "nothing but empty texts"])
def test_linkage_finds_the_matches_in_the_whole_tables(name):
    shape = PAIRED[name]()
    assert isinstance(Linkage(), Linker)
    adapted = adapt(Linkage, shape.schema(sides=False)).fit(shape.left, shape.right, shape.pairs())
    assert isinstance(adapted, Linking)
    form, links = adapted.link(shape.left, shape.right)
    assert form == SCORED
    if name == "nothing but empty texts":
        assert links.shape == (0, 3)
        return
    size = len(shape.left)
    assert len(links) <= 10 * size
    called = {(int(left), int(right)) for left, right, score in links if score >= 0.5}
    true = {tuple(pair) for pair in shape.test[shape.truth == 1].tolist()}
    wrong = {tuple(pair) for pair in shape.test[shape.truth == 0].tolist()}
    assert len(called & true) > 0.8 * len(true)
    assert len(called & wrong) < 0.1 * len(wrong)
    assert len(called) < (2 if name == "gaps" else 1.3) * size, "unlike candidates are linked"
    if shape.right is None:
        assert (links[:, 0] < links[:, 1]).all()
        assert len({(left, right) for left, right, _ in links}) == len(links)


def test_linkage_links_other_tables_than_those_it_learnt_from():
    shape = made({"title": TEXT})
    model = Linkage().fit(shape.left, shape.right, shape.pairs())
    fewer = shape.right.iloc[::-1].reset_index(drop=True)
    links = model.link(shape.left, fewer)
    again = model.link(shape.left, shape.right)
    turned = links.assign(right=len(fewer) - 1 - links["right"])
    both = turned.merge(again, on=["left", "right"])
    assert np.allclose(both["score_x"], both["score_y"], atol=1e-6)
    assert len(both) > 0.95 * len(again)


def test_linkage_says_that_it_is_asked_by_position():
    shape = made({"title": TEXT})
    model = Linkage().fit(shape.left, shape.right, shape.pairs())
    with pytest.raises(EntryError, match="asked by position: give the pairs' columns left and right"):
        model.predict_proba(shape.asked(shape.test))


@pytest.mark.parametrize("name", [pytest.param("every type", marks=pytest.mark.slow), "text only, one table"])
def test_splink_learns_without_labels_what_matches(name):
    pytest.importorskip("splink")
    shape = PAIRED[name]()
    first, asked = fitted(SplinkLinkage, shape)
    answers = first.answers(asked)
    check(answers, shape)
    assert f1(answers, shape) > 0.85
    if shape.right is None:
        assert np.allclose(answers, fitted(SplinkLinkage, shape)[0].answers(asked), atol=1e-9)
    form, links = first.link(shape.left, shape.right)
    scores = {(left, right): score for left, right, score in links.tolist()}
    both = [(row, scores[pair]) for row, pair in enumerate(map(tuple, shape.test.tolist())) if pair in scores]
    assert form == SCORED and len(both) > 5
    assert all(abs(answers[row, 1] - score) < 1e-9 for row, score in both)


def test_splink_declines_pictures_alone_and_its_own_absence(monkeypatch):
    shape = PAIRED["pictures only"]()
    if pytest.importorskip("splink"):
        with pytest.raises(Declined, match="columns that both tables have, and there is none but pictures"):
            SplinkLinkage().fit(shape.left, shape.right, shape.pairs(), schema=shape.schema(sides=False))
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(Declined, match=r"'splink', which is not installed; install it with: pip install 'bakeoff\["):
        SplinkLinkage().fit(shape.left, shape.right, shape.pairs(), schema=shape.schema(sides=False))


def test_a_linkage_baseline_needs_no_schema():
    shape = made({"title": TEXT, "price": ColumnType.NUMERIC})
    model = Linkage().fit(shape.left, shape.right, shape.pairs())
    asked = shape.asked(shape.test).assign(left=shape.test[:, 0], right=shape.test[:, 1])
    assert np.mean(model.predict(asked) == shape.truth) > 0.9
    assert isinstance(model.link(shape.left, shape.right), pd.DataFrame)
