"""The linear classifier of sentences: as sure as it was right about sentences that it had not seen."""

from __future__ import annotations

import numpy as np

from bakeoff.algorithms.text.sentence_labels import LabelChances, SentenceLabels, out_of_fold, told_out_of_fold


def sentences(rng, count: int, told: bool) -> tuple[list[list[str]], list[str]]:
    labels = rng.choice(["a", "b", "c"], count).tolist()
    words = [f"word{label}" if told else f"word{rng.integers(3)}" for label in labels]
    return [[word, f"filler{rng.integers(5)}"] for word in words], labels


def test_it_is_as_sure_as_it_was_right():
    rng = np.random.default_rng(0)
    tokens, labels = sentences(rng, 120, told=True)
    sure = np.exp(LabelChances().fit(tokens, labels, 0).logs(tokens))
    assert np.allclose(sure.sum(axis=1), 1)
    assert sure.max(axis=1).mean() > 0.9
    tokens, labels = sentences(rng, 120, told=False)
    assert np.exp(LabelChances().fit(tokens, labels, 0).logs(tokens)).max(axis=1).mean() < 0.6


def test_with_few_rows_or_one_label_nothing_is_held_to_be_known():
    few = LabelChances().fit([["x"], ["y"]], ["a", "b"], 0)
    assert np.allclose(np.exp(few.logs([["x"]])), 0.5)
    one = LabelChances().fit([["x"], ["y"]], ["a", "a"], 0)
    assert np.allclose(one.logs([["x"]]), 0)
    assert SentenceLabels().fit([["x"]], ["a"]).predict([["z"], []]) == ["a", "a"]


def test_no_sentence_is_scored_by_a_classifier_that_saw_it():
    rng = np.random.default_rng(1)
    tokens = [[f"unique{row}"] for row in range(60)]
    labels = rng.choice(["a", "b"], 60).tolist()
    seen = SentenceLabels().fit(tokens, labels).predict(tokens)
    assert seen == labels  # each word is in one sentence alone, so who saw it knows
    told = told_out_of_fold(tokens, labels, 0)
    assert 0.2 < np.mean([one == two for one, two in zip(told, labels, strict=True)]) < 0.8
    assert out_of_fold(tokens[:10], labels[:10], 0) is None


def test_a_label_that_a_fold_lacks_is_unlikely_and_not_an_error():
    tokens, labels = sentences(np.random.default_rng(2), 60, told=True)
    scores = out_of_fold([*tokens, ["once"]], [*labels, "z"], 0)
    assert scores is not None
    assert scores.shape == (61, 4)
    assert scores[-1, 3] < scores[-1, :3].max()
