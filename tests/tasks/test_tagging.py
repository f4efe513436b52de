"""Tags: entities are seqeval's and conlleval's, and a tag that is given to every token is the best there is."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rescored import assert_replicates_are_rescored

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import Task
from bakeoff.tasks import Kind, Written
from bakeoff.tasks.labels import objects
from bakeoff.tasks.tag_scores import entities
from bakeoff.tasks.tagging import Tagging

KIND = Tagging()
TASK = Task("slots", "slots", "", "tagging", "tags", "entity_f1")
WILD = ["O", "B-a", "I-a", "B-b", "I-b", "E-a", "S-b", "B", "I", "B-a-b", "I-a-b", "O-a", "E-b", ".", "NOUN", "U-a"]
BIO = ["O", "B-a", "I-a", "B-b", "I-b"]


def tagged(rows, seed, tags=BIO, wrong=0.3, most=7):
    """True tags, and answers with some of them wrong."""
    rng = np.random.default_rng(seed)
    truth = [[str(tag) for tag in rng.choice(tags, rng.integers(1, most))] for _ in range(rows)]
    given = [[str(rng.choice(tags)) if rng.random() < wrong else tag for tag in row] for row in truth]
    return objects(truth), objects(given)


def test_it_is_a_kind_of_written_answers():
    assert isinstance(KIND, Kind) and isinstance(KIND, Written) and KIND.answers == "lines"


def test_entities_of_a_sentence():
    row = ["B-artist", "I-artist", "O", "I-song", "B-song", "S-x", "E-y"]
    assert entities([row, ["O"], []]) == [
        [("artist", 0, 1), ("song", 3, 3), ("song", 4, 4), ("x", 5, 5), ("y", 6, 6)],
        [],
        [],
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 9999), st.sampled_from([WILD, BIO, ["O", "I-a", "I-b"]]))
def test_entities_and_their_scores_are_seqevals(require, rows, seed, tags):
    require("seqeval")
    from seqeval import metrics as theirs
    from seqeval.metrics.sequence_labeling import get_entities

    truth, answers = tagged(rows, seed, tags)
    lists = [list(row) for row in truth], [list(row) for row in answers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about tags that mark nothing, and about nothing to divide by
        due = {
            "entity_f1": theirs.f1_score(*lists),
            "entity_precision": theirs.precision_score(*lists),
            "entity_recall": theirs.recall_score(*lists),
            "token_accuracy": theirs.accuracy_score(*lists),
        }
        if "NOUN" not in tags:  # plain tags leave seqeval with entities that begin in another sentence
            assert entities(truth) == [get_entities(row) for row in lists[0]]
        there = bool(get_entities(lists[0]))
    scores = KIND.score(truth, answers, TASK)
    marked = any(tag[:2] in ("B-", "I-", "E-", "S-") for row in truth for tag in row)
    for name, value in due.items():
        if name.startswith("entity") and not (there and marked):
            assert math.isnan(scores[name].value)
        else:
            assert scores[name].value == pytest.approx(value, abs=1e-12), name


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 25), st.integers(0, 9999))
def test_replicates_are_scores_of_the_rows_drawn(rows, seed):
    truth, answers = tagged(rows, seed)
    assert_replicates_are_rescored(KIND, truth, answers, TASK)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30), st.integers(0, 9999), st.sampled_from([1, 3, 6]))
def test_no_other_tag_given_to_every_token_is_better(rows, seed, most):
    truth, _ = tagged(rows, seed, ["O", "B-a", "I-a", "B-b", "I-b", "S-b", "E-a"], most=most + 1)
    constants = KIND.constants(truth, TASK)
    assert set(constants) == set(KIND.metrics)
    tags = sorted({tag for row in truth for tag in row})
    for name, constant in constants.items():
        values = {tag: KIND.score(truth, KIND.repeat(tag, truth), TASK, only=(name,))[name].value for tag in tags}
        best = np.nanmax([*values.values(), 0.0])
        assert (0.0 if math.isnan(values[constant]) else values[constant]) == pytest.approx(best)


def test_a_small_example_by_hand():
    truth = KIND.encode(objects(["B-a I-a O", "O B-b O", "O O O"]), TASK)
    answers = KIND.accept([["B-a", "O", "O"], ["O", "B-b", "O"], ["O", "O", "B-b"]], TASK)
    scores = {name: score.value for name, score in KIND.score(truth, answers, TASK).items()}
    assert scores == pytest.approx(
        {
            "entity_f1": 2 * 1 / (3 + 2),
            "entity_precision": 1 / 3,
            "entity_recall": 1 / 2,
            "token_accuracy": 7 / 9,
            "sentence_accuracy": 1 / 3,
        }
    )
    assert KIND.closeness(truth, answers, TASK).tolist() == pytest.approx([2 / 3, 1, 2 / 3])


def test_plain_tags_have_no_entities_and_count_by_token():
    labels = objects(["DET NOUN", "VERB", "DET NOUN VERB"])
    assert KIND.default_metric(labels)[0] == "token_accuracy"
    assert KIND.default_metric(objects(["O O", "O B-a"]))[0] == "entity_f1"
    codes = KIND.encode(labels, TASK)
    scores = KIND.score(codes, codes, TASK)
    assert scores["token_accuracy"].value == scores["sentence_accuracy"].value == 1
    assert all(math.isnan(scores[name].value) for name in ("entity_f1", "entity_precision", "entity_recall"))


def test_answers_that_are_no_tags_are_refused():
    assert KIND.accept([("O",), []], TASK).tolist() == [["O"], []]
    for wrong in ("O", None, ["O", 1], ["O", ""], {"tags": []}):
        with pytest.raises(Refused, match="in row 1"):
            KIND.accept([["O"], wrong], TASK)
    truth = objects([["O"], ["O", "O"]])
    with pytest.raises(Refused, match="1 tags for the 2 tokens of row 1"):
        KIND.score(truth, objects([["O"], ["O"]]), TASK)
    with pytest.raises(Refused, match="1 tags for the 2 tokens"):
        KIND.closeness(truth, objects([["O"], ["O"]]), TASK)


def test_labels_that_cannot_be_asked_about():
    good = objects(["O B-a", "B-a O"])
    assert KIND.check(TASK, good, good) == []
    problems = KIND.check(TASK, objects(["O  O", None]), objects(["X-a"]))
    assert [part in " ".join(problems) for part in ("no value in 1 of 2", "an empty tag in 1", "no tag in test")] == [
        True
    ] * 3
    assert "single tag 'O'" in KIND.check(TASK, objects(["O O"]), objects(["O"]))[0]
    assert "marks no entity in the test rows" in KIND.check(TASK, good, objects(["O"]))[0]
    assert KIND.check(replace(TASK, metric="token_accuracy"), good, objects(["O"])) == []
    assert "has no rows" in KIND.check(TASK, good, objects([]))[0]
    for wrong in ("O  O", None):
        with pytest.raises(TaskError, match="check the table again"):
            KIND.encode(objects([wrong]), TASK)


def test_what_an_entry_learns_from():
    assert KIND.learnt(objects(["O B-a", "O O"])).tolist() == [["O", "B-a"], ["O", "O"]]
    assert KIND.cap(TASK) == 2**18 and KIND.longest(objects(["O"])) == 0 and KIND.classes(objects(["O"])) == ()
