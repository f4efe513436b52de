"""Rules that write and spans that are picked: what they do, and the floors measured before they were written."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from bakeoff.algorithms.text import Copy, Overlap, Retrieval, SuffixRules
from bakeoff.algorithms.text.overlap import sentences
from bakeoff.algorithms.text.retrieval import swapped
from bakeoff.algorithms.text.suffix_rules import changes
from bakeoff.nouns import Task
from bakeoff.tasks import kind

INFLECTED = pd.DataFrame({"source": ["g e h e n | V SG", "l e b e n | V SG", "s a g e n | V PL", "H a u s | N PL"]})
FORMS = ["g e h t", "l e b t", "s a g e n", "H ä u s e r"]


def test_the_source_is_copied_up_to_a_lone_bar():
    rows = pd.DataFrame({"source": ["H a h n | N SG", "a | b | c", "plain", "", "| x"]})
    assert list(Copy().fit(rows, [""] * 5).predict(rows)) == ["H a h n", "a | b | c", "plain", "", "| x"]


def test_endings_change_as_they_did_for_the_same_features():
    model = SuffixRules().fit(INFLECTED, FORMS)
    asked = pd.DataFrame({"source": ["r e d e n | V SG", "r e d e n | V PL", "M a u s | N PL", "r e d e n | V IMP"]})
    assert list(model.predict(asked)) == ["r e d t", "r e d e n", "M ä u s e r", "r e d e n"]


def test_beginnings_change_too():
    rows = pd.DataFrame({"source": ["s a g e n | PTCP", "l e b e n | PTCP"]})
    model = SuffixRules().fit(rows, ["g e s a g t", "g e l e b t"])
    assert list(model.predict(pd.DataFrame({"source": ["h a b e n | PTCP"]}))) == ["g e h a b t"]


def test_changes_surround_the_longest_shared_run():
    assert changes(list("sagen"), list("gesagt")) == (((), ("g", "e")), (("e", "n"), ("t",)))
    assert changes(list("gehen"), list("gehen")) == (((), ()), ((), ()))
    assert changes(list("ankommen"), list("angekommen")) == ((("a", "n"), ("a", "n", "g", "e")), ((), ()))
    assert changes(list("haus"), list("häuser")) == (((), ()), (("a", "u", "s"), ("ä", "u", "s", "e", "r")))
    assert changes(list("ab"), list("cd")) == (((), ()), (("a", "b"), ("c", "d")))


def test_the_nearest_source_lends_its_text_and_takes_the_asked_values():
    sources = ["name[The Vaults], food[Thai]", "name[Aromi], food[Italian], near[Cafe]", "name[Bibi], food[Thai]"]
    texts = ["The Vaults serves Thai food.", "Aromi is an Italian place near Cafe.", "Bibi serves Thai food."]
    rows = pd.DataFrame({"source": sources})
    asked = pd.DataFrame({"source": ["name[Zizzi], food[Thai]", "name[Zizzi], food[Greek], near[Park]"]})
    assert list(Retrieval(swap=True).fit(rows, texts).predict(asked)) == [
        "Zizzi serves Thai food.",
        "Zizzi is an Greek place near Park.",
    ]
    assert list(Retrieval(swap=False).fit(rows, texts).predict(asked))[1] == texts[1]
    assert Retrieval().fit(rows, texts).swap_ is True


def test_values_are_swapped_all_at_once():
    assert swapped("a b", "x[a], y[b]", "x[b], y[a]") == "b a"
    assert swapped("a b", "x[a]", "x[b], y[a]") == "a b"


def test_the_sentence_with_most_words_of_the_question_is_picked():
    rows = pd.DataFrame({"context": ["It rained. They played in Oslo. Done."], "question": ["Where have they played?"]})
    model = Overlap().fit(rows, None)
    assert list(model.predict(rows)) == ["They played in Oslo."]
    assert sentences("") == [(0, 0)]
    assert sentences("One. Two") == [(0, 4), (5, 8)]


def test_columns_of_other_names_are_told_apart_by_length():
    rows = pd.DataFrame({"asked": ["Where in Oslo?"], "passage": ["It rained. They played in Oslo, as always. Done."]})
    assert list(Overlap().fit(rows, None).predict(rows)) == ["They played in Oslo, as always."]


def test_copying_and_suffix_rules_are_as_good_as_when_first_measured(bakeoff_data):
    train, test = (pd.read_parquet(bakeoff_data / "inflection_de" / f"{part}.parquet") for part in ("train", "test"))
    exact = {}
    for model in (Copy(), SuffixRules()):
        given = model.fit(train[["source"]], train.target).predict(test[["source"]])
        exact[type(model)] = np.mean(given == test.target.to_numpy())
    assert exact[Copy] == pytest.approx(0.326)
    assert exact[SuffixRules] >= 0.825


@pytest.mark.parametrize(
    ("name", "exact", "f1"), [("squadshifts_wiki", 0.014, 0.220), ("restaurant8k_span", 0.115, 0.430)]
)
def test_overlap_is_as_good_as_when_first_measured(bakeoff_data, name, exact, f1):
    test = pd.read_parquet(bakeoff_data / name / "test.parquet")
    rows = test[["context", "question"]]
    truth = np.array(
        [
            json.dumps({"text": list(texts), "answer_start": [int(start) for start in starts]})
            for texts, starts in zip(test.answers, test.answer_starts, strict=True)
        ],
        dtype=object,
    )
    judge, task = kind("span"), Task(name, name, "", "span", "answers", "token_f1")
    answers = judge.accept(Overlap().fit(rows, None).predict(rows), task)
    scores = judge.score(judge.encode(truth, task), answers, task)
    assert scores["exact_match"].value == pytest.approx(exact, abs=0.005)
    assert scores["token_f1"].value == pytest.approx(f1, abs=0.01)
