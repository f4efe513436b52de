"""Answers that are parts of a text, by SQuAD's rules written out slowly."""

from __future__ import annotations

import json
import string

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rescored import assert_replicates_are_rescored

from bakeoff.errors import Refused, TaskError
from bakeoff.nouns import Task
from bakeoff.tasks import Kind, Written
from bakeoff.tasks.labels import objects
from bakeoff.tasks.span import Span
from bakeoff.tasks.span_scores import agreement, plain_words

KIND = Span()
TASK = Task("squad", "squad", "", "span", "answers", "token_f1")
TEXTS = st.one_of(
    st.lists(st.sampled_from(["the", "The", "a", "cat", "cat,", "an-cat", "308", "—the", "U.S.", "  ", "a_n", "th'e"]))
    .map(" ".join),
    st.text(max_size=12),
)  # fmt: skip


def slow_words(text):
    """One character after another: small letters, no punctuation, and no word that is an article."""
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    runs, run = [], ""
    for character in kept:
        if character.isalnum() or character == "_":
            run += character
        else:
            runs += [run, character]
            run = ""
    return "".join(" " if run in ("a", "an", "the") else run for run in [*runs, run]).split()


def slow_scores(references, answer):
    """The best exact match and the best F1 of words, each word of one side taken at most once."""
    exact, f1 = 0.0, 0.0
    words = slow_words(answer)
    for reference in references:
        left = slow_words(reference)
        exact = max(exact, float(" ".join(left) == " ".join(words)))
        size, same = len(left), 0
        for word in words:
            if word in left:
                left.remove(word)
                same += 1
        if same:
            precision, recall = same / len(words), same / size
            f1 = max(f1, 2 * precision * recall / (precision + recall))
    return exact, f1


def cell(*texts):
    return json.dumps({"text": list(texts), "answer_start": [0] * len(texts)})


def test_it_is_a_kind_of_written_answers():
    assert isinstance(KIND, Kind) and isinstance(KIND, Written) and KIND.answers == "lines"


@settings(max_examples=120, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS)
@example(["the"], "A")
@example(["the–cat"], "cat")
@example(["THE İstanbul"], "i̇stanbul")
def test_scores_are_by_squads_rules(references, answer):
    assert plain_words(answer) == slow_words(answer)
    found = agreement([plain_words(text) for text in references], plain_words(answer))
    assert found == pytest.approx(slow_scores(references, answer))


def test_small_examples_by_hand():
    truth = KIND.encode(
        objects([cell("Denver Broncos", "The Denver Broncos!"), cell("308"), cell("gold", "golden")]), TASK
    )
    answers = KIND.accept(["denver broncos", "the 308 fans", "silver"], TASK)
    scores = KIND.score(truth, answers, TASK)
    assert scores["exact_match"].value == pytest.approx(1 / 3)
    assert scores["token_f1"].value == pytest.approx((1 + 2 / 3) / 3)
    assert KIND.closeness(truth, answers, TASK).tolist() == pytest.approx([1, 2 / 3, 0])


def test_a_question_without_an_answer_wants_none():
    truth = KIND.encode(objects([cell(), cell()]), TASK)
    assert KIND.closeness(truth, objects(["", "Denver"]), TASK).tolist() == [1, 0]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.lists(TEXTS, min_size=1, max_size=2), TEXTS), min_size=1, max_size=20))
def test_replicates_are_scores_of_the_rows_drawn(rows):
    truth = objects([plain_words(text) for text in references] for references, _ in rows)
    assert_replicates_are_rescored(KIND, truth, objects(answer for _, answer in rows), TASK)


def test_a_constant_is_the_best_of_the_common_answers():
    labels = [cell("gold")] * 3 + [cell("gold medal")] * 2 + [cell("silver medal")] * 2
    codes = KIND.encode(objects(labels), TASK)
    constants = KIND.constants(codes, TASK)
    assert constants == {"exact_match": "gold", "token_f1": "gold medal"}
    values = {
        text: KIND.score(codes, KIND.repeat(text, codes), TASK)["token_f1"].value
        for text in ("", "gold", "gold medal", "silver medal")
    }
    assert max(values, key=values.get) == "gold medal"


def test_answers_that_are_no_text_are_refused():
    assert KIND.accept(["x" * 20_000], TASK)[0] == "x" * 10_000
    for wrong in (None, 3, ["308"]):
        with pytest.raises(Refused, match="in row 1"):
            KIND.accept(["308", wrong], TASK)
    assert KIND.cap(TASK) >= len(json.dumps("\x01" * 10_000))


def test_labels_that_cannot_be_asked_about():
    good = objects([cell("308"), cell()])
    assert KIND.check(TASK, good, good) == []
    assert "no answers with their places in 1 training rows" in KIND.check(TASK, objects(["308"]), good)[0]
    assert "no answer in any of 1 test rows" in KIND.check(TASK, good, objects([cell()]))[0]
    assert "has no value in 1 of 2" in KIND.check(TASK, objects([cell("308"), None]), good)[0]
    for wrong in (None, "308", '{"text": ["a"], "answer_start": []}', '{"text": "a", "answer_start": [0]}', "[]"):
        with pytest.raises(TaskError, match="in row 0"):
            KIND.encode(objects([wrong]), TASK)
    assert KIND.learnt(good).tolist() == [{"text": ["308"], "answer_start": [0]}, {"text": [], "answer_start": []}]
    assert np.shape(KIND.learnt(good)) == (2,)
