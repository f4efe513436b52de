"""Written texts: BLEU and chrF are sacrebleu's, ROUGE-L is rouge-score's, replicates are scores of the rows drawn."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rescored import assert_replicates_are_rescored

from bakeoff.errors import MissingExtra, Refused, TaskError
from bakeoff.nouns import Task
from bakeoff.tasks import Kind, Written
from bakeoff.tasks.generation import Generation
from bakeoff.tasks.labels import objects
from bakeoff.tasks.ngram_scores import chrf, chrf_counts, rouge_l

KIND = Generation()
TASK = Task("nlg", "nlg", "", "generation", "text", "chrf")
WORDS = st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "The", "größer", "3,5", "mat.", "你好", "x"])
TEXTS = st.one_of(st.lists(WORDS, min_size=1, max_size=9).map(" ".join), st.text(min_size=1, max_size=15))
ROWS = st.lists(
    st.tuples(st.lists(TEXTS, min_size=1, max_size=3), st.one_of(TEXTS, st.just(""))), min_size=1, max_size=12
)


def parts(rows):
    return objects(references for references, _ in rows), objects(answer for _, answer in rows)


def streams(truth):
    """References as sacrebleu takes them: the first of each row, the second of each row, and so on."""
    return [[row[place] if place < len(row) else None for row in truth] for place in range(max(map(len, truth)))]


def test_it_is_a_kind_of_written_answers():
    assert isinstance(KIND, Kind) and isinstance(KIND, Written) and KIND.answers == "lines"


@settings(max_examples=50, deadline=None)
@given(ROWS)
@example([(["a b"], ""), (["abcdefgh"], "abcdefgh")])
@example([(["ab", "abcdefg"], "abcdefg")])
@example([(["the cat sat on the mat"] * 2, "the the the the")])
def test_bleu_and_chrf_are_sacrebleus(require, rows):
    require("sacrebleu")
    import sacrebleu

    truth, answers = parts(rows)
    scores = KIND.score(truth, answers, TASK, only=("bleu", "chrf"))
    theirs = sacrebleu.corpus_chrf(list(answers), streams(truth)).score
    assert 100 * scores["chrf"].value == pytest.approx(theirs, abs=1e-9)
    theirs = sacrebleu.corpus_bleu(list(answers), streams(truth)).score
    assert 100 * scores["bleu"].value == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_rouge_is_rouge_scores(require, rows):
    require("rouge-score")
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    truth, answers = parts(rows)
    due = [scorer.score_multi(true, given)["rougeL"].fmeasure for true, given in zip(truth, answers, strict=True)]
    assert rouge_l(truth, answers).tolist() == pytest.approx(due)
    assert KIND.score(truth, answers, TASK, only=("rouge_l",))["rouge_l"].value == pytest.approx(np.mean(due))


@settings(max_examples=12, deadline=None)
@given(ROWS)
def test_replicates_are_scores_of_the_rows_drawn(require, rows):
    require("sacrebleu")
    assert_replicates_are_rescored(KIND, *parts(rows), TASK)


def test_counts_are_those_of_each_row_however_the_rows_are_cut(monkeypatch):
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcd"), 5)) for _ in range(9)]
    truth = objects([" ".join(rng.choice(words, 6)) for _ in range(1 + row % 3)] for row in range(60))
    answers = objects(" ".join(rng.choice(words, 6)) for _ in range(60))
    whole = chrf_counts(truth, answers)
    assert np.array_equal(whole, np.vstack([chrf_counts(truth[[row]], answers[[row]]) for row in range(60)]))
    for limit, value in (("CHUNK", 100), ("WIDEST", 2**10)):
        with monkeypatch.context() as patch:
            patch.setattr(f"bakeoff.tasks.ngram_scores.{limit}", value)
            assert np.array_equal(chrf_counts(truth, answers), whole)
    assert 0 < chrf(whole.sum(axis=0)) < 1


def test_small_examples_by_hand(require):
    require("sacrebleu")
    truth = objects([["the cat sat on the mat"], ["abc", "abd"]])
    right = objects(["the cat sat on the mat", " abd "])
    assert {score.value for score in KIND.score(truth, right, TASK).values()} == {1.0}
    scores = KIND.score(truth[:1], objects(["the cat on the mat"]), TASK)
    assert scores["exact_match"].value == 0
    assert scores["rouge_l"].value == pytest.approx(2 * 5 / 11)
    # 5 of 5 words, 3 of 4 pairs, 1 of 3 triples and none of 2, smoothed to 1/4; five words where six are wanted.
    assert scores["bleu"].value == pytest.approx(np.exp(1 - 6 / 5) * (1 * 3 / 4 * 1 / 3 * 1 / 4) ** 0.25)
    assert KIND.closeness(truth, objects(["the cat sat on the mat", "abd"]), TASK).tolist() == [1, 1]
    assert 0 < KIND.closeness(truth, objects(["a cat sat on the mat", "abx"]), TASK).min() < 1


def test_answers_that_no_text_file_could_hold_are_scored(require):
    require("sacrebleu")
    truth = objects([["a cat"], ["a \ud800 dog and more", "b"]])
    scores = KIND.score(truth, objects(["\ud800\x00", "a \ud800 dog and more"]), TASK, only=tuple(KIND.metrics))
    assert scores["exact_match"].value == 0.5 and all(0 < score.value < 1 for score in scores.values())


def test_the_metric_fits_the_length_of_the_targets():
    assert KIND.default_metric(objects(["schreibst", "l i e b s t", "hat geschrieben"]))[0] == "exact_match"
    assert KIND.default_metric(objects(["The cat sat on the mat.", "Hello"]))[0] == "chrf"
    assert KIND.default_metric(objects([json.dumps(["cat", "cats"])] * 9))[0] == "chrf"
    assert KIND.default_metric(objects(["x" * 40] * 9))[0] == "chrf"


def test_references_are_read_from_a_list_or_are_the_cell():
    cells = objects(['["a", "b"]', "[a]", '["a", 1, "b"]', '["not JSON"]"]', "plain", '["own"]'])
    assert KIND.encode(cells, TASK).tolist() == [
        ["a", "b"],
        ["[a]"],
        ['["a", 1, "b"]'],
        ['["not JSON"]"]'],
        ["plain"],
        ["own"],
    ]
    assert KIND.learnt(cells[:1]).tolist() == ["a"]
    with pytest.raises(TaskError, match="missing"):
        KIND.encode(objects([None]), TASK)


def test_a_constant_is_the_best_text_that_was_tried(require):
    require("sacrebleu")
    codes = KIND.encode(objects(["the cat sat"] * 5 + ["the cat sat on the mat"] * 4 + ["a dog"] * 3), TASK)
    constants = KIND.constants(codes, TASK)
    assert set(constants) == set(KIND.metrics) and len(constants) == len(KIND.metrics)
    assert constants["exact_match"] == "the cat sat"
    for name in KIND.metrics:
        values = [
            KIND.score(codes, KIND.repeat(text, codes), TASK, only=(name,))[name].value
            for text in ("the cat sat", "the cat sat on the mat", "a dog")
        ]
        given = KIND.score(codes, KIND.repeat(constants[name], codes), TASK, only=(name,))[name].value
        assert given == max(values)
    with pytest.raises(KeyError):
        constants["rmse"]


def test_long_answers_are_cut_and_other_ones_refused():
    short, long = (
        Task("t", "t", "", "generation", "y", "chrf", longest=9),
        Task("t", "t", "", "generation", "y", "chrf", longest=300),
    )
    assert len(KIND.accept(["x" * 5_000], short)[0]) == 1_000 and len(KIND.accept(["x" * 5_000], long)[0]) == 1_200
    assert KIND.longest(objects(["abc", json.dumps(["a", "abcd"])])) == 4
    assert KIND.cap(long) >= len(json.dumps("\x01" * 1_200))
    for wrong in (None, 1, ["a"]):
        with pytest.raises(Refused, match="in row 1"):
            KIND.accept(["a", wrong], short)


def test_labels_that_cannot_be_asked_about(require):
    require("sacrebleu")
    good = objects(["a cat", '["a", "b"]'])
    assert KIND.check(TASK, good, good) == []
    assert "has empty text in 2 test rows" in KIND.check(TASK, good, objects(["a", " ", '["a", ""]']))[0]
    assert "the same text in every training row" in KIND.check(TASK, objects(["a", "a"]), good)[0]
    assert "has no value in 1 of 2" in KIND.check(TASK, objects(["a", None]), good)[0]
    assert "has no rows" in KIND.check(TASK, good, objects([]))[0]


def test_without_sacrebleu_it_is_said_before_anything_runs(monkeypatch):
    for module in ("sacrebleu", "sacrebleu.metrics"):
        monkeypatch.setitem(sys.modules, module, None)
    good = objects(["a cat", "a dog"])
    (problem,) = KIND.check(TASK, good, good)
    assert problem.endswith("install it with: pip install 'bakeoff[language]'")
    codes = KIND.encode(good, TASK)
    with pytest.raises(MissingExtra, match="language"):
        KIND.score(codes, objects(["a", "b"]), TASK, only=("bleu",))
    assert 0 < KIND.score(codes, objects(["a", "b"]), TASK, only=("chrf",))["chrf"].value < 1
