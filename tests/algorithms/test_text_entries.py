"""Every entry for text tasks answers as its kind of task wants, alone and through the adapter, alike in any batch."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from text_rows import MADE

from bakeoff.algorithms.adapters import adapt
from bakeoff.arena.entries import algorithm_points
from bakeoff.errors import Declined, UsageError
from bakeoff.nouns import NUMBERS, Task
from bakeoff.tasks import kind

POINTS = {point.name: point for point in algorithm_points() if point.value.startswith("bakeoff.algorithms.text.")}
NETWORKS = ("tagger", "joint_tagger", "span_reader", "seq2seq", "causal_lm")
ENTRIES = [name for name in POINTS if name not in NETWORKS]
# Few made rows leave an early epoch's network with nothing to tell, so these are asked for form alone.
SHORT = {"epochs": 2}


@pytest.fixture(autouse=True)
def with_the_libraries_that_are_needed(request, require) -> None:
    name = request.getfixturevalue("name") if "name" in request.fixturenames else ""
    if name in NETWORKS:
        require("torch")
    if name == "seq2seq":
        require("tokenizers")
    if "crf" in name:
        require("crfsuite")


def kind_of(name: str) -> str:
    return POINTS[name].group.rpartition(".")[2]


def made(name: str):
    return POINTS[name].load()(**(SHORT if name in NETWORKS else {}))


def plain(answers) -> list:
    """Answers as lists that can be compared."""
    if isinstance(answers, tuple):
        return [(label, list(tags)) for label, tags in zip(*answers, strict=True)]
    return [one.tolist() if isinstance(one, np.ndarray) else one for one in answers]


def asked(model, rows):
    return plain(model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows))


def test_every_kind_has_an_entry_that_needs_no_extra_and_a_network():
    for name in MADE:
        points = [point for point in POINTS.values() if point.group == f"bakeoff.algorithms.{name}"]
        assert any(not point.extras for point in points), name
        assert any(point.name in NETWORKS for point in points), name


@pytest.mark.parametrize("name", POINTS)
def test_answers_are_of_the_tasks_form(name):
    rows = MADE[kind_of(name)]()
    adapted = adapt(made(name), rows.schema).fit(rows.as_table(rows.X), rows.labels)
    answers = adapted.answers(rows.as_table(rows.asked))
    judge = kind(rows.kind)
    task = Task("made", "made", "", rows.kind, rows.target, "", rows.schema.classes)
    accepted = judge.accept(
        answers if judge.answers == NUMBERS else np.array([*answers, None], dtype=object)[:-1], task
    )
    assert len(accepted) == len(rows.asked)
    if rows.kind == "language_model":
        assert (accepted > 0).all()
        assert np.allclose(accepted.sum(axis=1), 1)


@pytest.mark.parametrize("name", POINTS)
def test_the_same_seed_gives_the_same_answers_without_a_schema_in_any_batch_and_after_pickling(name):
    rows = MADE[kind_of(name)](20)
    first, second = (made(name).set_params(**_seed(made(name))).fit(rows.X, rows.y) for _ in range(2))
    whole = asked(first, rows.asked)
    assert asked(second, rows.asked) == whole
    alone = [asked(first, rows.asked.iloc[[row]])[0] for row in range(len(rows.asked))]
    turned = asked(first, rows.asked.iloc[::-1])[::-1]
    if rows.kind == "language_model":
        assert np.allclose(alone, whole, atol=1e-6)
        assert np.allclose(turned, whole, atol=1e-6)
        assert np.allclose(asked(pickle.loads(pickle.dumps(first)), rows.asked), whole, atol=1e-6)
    else:
        assert alone == whole
        assert turned == whole
        assert asked(pickle.loads(pickle.dumps(first)), rows.asked) == whole


def _seed(model) -> dict[str, int]:
    return {"random_state": 7} if "random_state" in model.get_params() else {}


@pytest.mark.parametrize("name", POINTS)
def test_one_training_row_is_enough(name):
    rows = MADE[kind_of(name)](1)
    model = made(name).fit(rows.X, rows.y)
    assert len(asked(model, rows.asked)) == len(rows.asked)


@pytest.mark.parametrize("name", POINTS)
def test_nobody_asked_is_answered_with_nothing(name):
    rows = MADE[kind_of(name)](12)
    assert asked(made(name).fit(rows.X, rows.y), rows.asked.iloc[:0]) == []


@pytest.mark.parametrize("name", POINTS)
def test_another_kind_is_declined(name):
    other = MADE["tagging" if kind_of(name) != "tagging" else "joint"]()
    with pytest.raises(Declined, match=f"'{name}' is for tasks of {kind_of(name)}"):
        made(name).fit(other.X, other.y, schema=other.schema)


@pytest.mark.parametrize("name", POINTS)
def test_parameters_are_scikit_learns(name):
    from sklearn.base import clone

    model = made(name)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(ValueError, match="has no parameter 'colour'"):
        model.set_params(colour="red")


@pytest.mark.parametrize("name", POINTS)
def test_an_unfitted_entry_says_so(name):
    rows = MADE[kind_of(name)](1)
    with pytest.raises(UsageError, match="has learnt nothing yet"):
        asked(made(name), rows.asked)


LEARNT = {
    "tagging": ["O", "O", "B-city"],
    "joint": ("Weather", ["O", "O", "B-city"]),
}


@pytest.mark.parametrize("name", ["unigram", "crf", "linear_crf"])
def test_tags_are_learnt(name):
    rows = MADE[kind_of(name)]()
    assert asked(made(name).fit(rows.X, rows.y), rows.asked)[2] == LEARNT[rows.kind]


def test_a_word_never_seen_is_tagged_by_its_neighbours(require):
    require("crfsuite")
    from bakeoff.algorithms.text import CRFTagger

    rows = MADE["tagging"]()
    assert asked(CRFTagger().fit(rows.X, rows.y), rows.asked)[0] == ["O", "O", "B-artist", "O"]


def test_a_span_never_seen_is_found(require):
    require("crfsuite")
    from bakeoff.algorithms.text import SpanCRF

    rows = MADE["span"]()
    begin, end = SpanCRF().fit(rows.X, rows.y).predict(rows.asked)[0]
    assert rows.asked.context[0][begin:end] == "Quito"


def test_tags_that_are_not_one_for_each_token_are_told(require):
    rows = MADE["tagging"](5)
    tags = [list(one) for one in rows.y]
    tags[3] = tags[3][1:]
    from bakeoff.algorithms.text import UnigramTagger

    with pytest.raises(UsageError, match="Row 3 has"):
        UnigramTagger().fit(rows.X, tags)


def test_a_network_without_torch_is_declined(monkeypatch):
    from bakeoff.algorithms.text import NeuralTagger, networks
    from bakeoff.errors import MissingExtra

    def missing(module, extra):
        raise MissingExtra(f"no {module}")

    monkeypatch.setattr(networks, "need", missing)
    rows = MADE["tagging"](5)
    with pytest.raises(Declined, match="no torch"):
        NeuralTagger().fit(rows.X, rows.y)


def test_a_clock_that_ran_out_makes_an_entry_not_repeatable(require):
    require("torch")
    from bakeoff.algorithms.text import NeuralTagger

    rows = MADE["tagging"]()
    assert NeuralTagger(epochs=200, time_limit=0.3).fit(rows.X, rows.y).repeatable_ is False
    assert NeuralTagger(epochs=1, time_limit=1e6, clock="cpu").fit(rows.X, rows.y).repeatable_ is True
    with pytest.raises(UsageError, match="no clock 'sun'"):
        NeuralTagger(clock="sun").fit(rows.X, rows.y)


def test_a_crf_takes_no_more_iterations_than_its_budget_has_room_for():
    from bakeoff.algorithms.text.crf_model import CRFOptions, within

    few = [["O", "B-x"]] * 10
    many = [[f"B-{number % 100}" for number in range(1000)]] * 1000
    assert within(CRFOptions(), few, 600.0).iterations == 60
    assert within(CRFOptions(), many, 0.0) == CRFOptions(algorithm="lbfgs")
    assert within(CRFOptions(), many, 600.0).algorithm == "ap"
    assert within(CRFOptions(), many, 6000.0).algorithm == "lbfgs"
    assert 20 <= within(CRFOptions(), many, 6000.0).iterations < 60
    assert within(CRFOptions(algorithm="lbfgs"), many, 6.0).iterations == 1
    assert within(CRFOptions(), [["NOUN", "VERB"]], 600.0).algorithm == "ap"


def test_a_span_crf_learns_from_no_more_tokens_than_it_may(monkeypatch, require):
    require("crfsuite")
    from bakeoff.algorithms.text import SpanCRF, span_crf

    rows = MADE["span"](30)
    seen = []
    whole = span_crf.learnt
    monkeypatch.setattr(
        span_crf, "learnt", lambda features, *rest: seen.append(len(features)) or whole(features, *rest)
    )
    SpanCRF().fit(rows.X, rows.y)
    monkeypatch.setattr(span_crf, "MOST", 100)
    SpanCRF().fit(rows.X, rows.y)
    assert seen[0] == 30
    assert 0 < seen[1] < 10
