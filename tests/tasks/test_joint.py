"""Label and tags at once: each part's metrics, and the share of sentences in which all is right."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rescored import assert_replicates_are_rescored

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import Task
from bakeoff.tasks import Kind, Written
from bakeoff.tasks.joint import Joint
from bakeoff.tasks.labels import objects
from bakeoff.tasks.tagging import Tagging

KIND = Joint()
TASK = Task("snips", "snips", "", "joint", "intent+tags", "sentence_accuracy")


def cell(label, tags):
    return json.dumps({"label": label, "tags": tags.split()})


def sentences(rows, seed, wrong=0.3):
    """True pairs, and answers with some of them wrong."""
    rng = np.random.default_rng(seed)
    tags = ["O", "B-a", "I-a"]
    truth = [(str(rng.choice(["p", "q"])), [str(tag) for tag in rng.choice(tags, rng.integers(1, 5))])
             for _ in range(rows)]  # fmt: skip
    given = [
        (str(rng.choice(["p", "q"])), [str(rng.choice(tags)) if rng.random() < wrong else tag for tag in row])
        for _, row in truth
    ]
    return objects(truth), objects(given)


def test_it_is_a_kind_of_written_answers():
    assert isinstance(KIND, Kind) and isinstance(KIND, Written) and KIND.answers == "lines"


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 25), st.integers(0, 9999))
def test_metrics_are_those_of_its_parts(rows, seed):
    truth, answers = sentences(rows, seed)
    scores = {name: score.value for name, score in KIND.score(truth, answers, TASK).items()}
    tags = Tagging().score(objects(row for _, row in truth), objects(row for _, row in answers), TASK)
    right = [true == given for true, given in zip(truth, answers, strict=True)]
    assert scores["sentence_accuracy"] == pytest.approx(np.mean(right))
    assert scores["label_accuracy"] == pytest.approx(
        np.mean([true[0] == given[0] for true, given in zip(truth, answers, strict=True)])
    )
    assert scores["slot_f1"] == pytest.approx(tags["entity_f1"].value, nan_ok=True)
    assert scores["token_accuracy"] == pytest.approx(tags["token_accuracy"].value)
    assert KIND.closeness(truth, answers, TASK).tolist() == [float(whole) for whole in right]


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 25), st.integers(0, 9999))
def test_replicates_are_scores_of_the_rows_drawn(rows, seed):
    truth, answers = sentences(rows, seed)
    assert_replicates_are_rescored(KIND, truth, answers, TASK)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 25), st.integers(0, 9999))
def test_no_other_label_and_tag_are_better(rows, seed):
    truth, _ = sentences(rows, seed)
    for name, constant in KIND.constants(truth, TASK).items():
        values = {
            (label, tag): KIND.score(truth, KIND.repeat((label, tag), truth), TASK, only=(name,))[name].value
            for label in "pq"
            for tag in {tag for _, row in truth for tag in row}
        }
        best = np.nanmax([*values.values(), 0.0])
        assert (0.0 if math.isnan(values[constant]) else values[constant]) == pytest.approx(best)


def test_targets_are_read_and_answers_are_accepted():
    labels = objects([cell("PlayMusic", "O B-artist"), cell("Find", "O O")])
    assert KIND.encode(labels, TASK).tolist() == [("PlayMusic", ["O", "B-artist"]), ("Find", ["O", "O"])]
    assert KIND.accept([["Find", ["O"]]], TASK).tolist() == [("Find", ["O"])]
    frame = KIND.learnt(labels)
    assert frame["label"].tolist() == ["PlayMusic", "Find"] and frame["tags"][0] == ["O", "B-artist"]
    for wrong in ("Find", ["Find"], ["Find", "O"], [1, ["O"]], ["Find", ["O"], 1], None, {"label": "Find"}):
        with pytest.raises(Refused, match="in row 0"):
            KIND.accept([wrong], TASK)
    for wrong in (None, "PlayMusic", "{}", "[]", '{"label": 1, "tags": []}', '{"label": "a", "tags": [1]}'):
        with pytest.raises(TaskError, match="in row 0"):
            KIND.encode(objects([wrong]), TASK)


def test_labels_that_cannot_be_asked_about():
    good = objects([cell("p", "O B-a"), cell("q", "O")])
    assert KIND.check(TASK, good, good) == []
    assert "no label with tags in 1 test rows" in KIND.check(TASK, good, objects([cell("p", "O B-a"), "p"]))[0]
    assert "no label in test that is also in train" in KIND.check(TASK, good, objects([cell("r", "O B-a")]))[0]
    alike = objects([cell("p", "O"), cell("p", "O")])
    assert "single label and a single tag" in KIND.check(TASK, alike, good)[0]
    assert KIND.check(TASK, objects([cell("p", "O"), cell("q", "O")]), good) == []
    assert "has no rows" in KIND.check(TASK, objects([]), good)[0]
