"""Networks of sequences: they learn, mix no records, keep their seed, go on where they stopped, and are saved."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from neural import torch
from sequences_made import NAMES, RECIPE, WORDS, answers, fitted, pairs, questions, reader, sentences

from bakeoff.errors import NotFound, UsageError
from bakeoff.training import Known, Recipe
from bakeoff.training.sequences.circumstances import Circumstances
from bakeoff.training.sequences.joint import JointTagger
from bakeoff.training.sequences.language import CausalLM
from bakeoff.training.sequences.span import SpanReader
from bakeoff.training.sequences.tagging import Tagger, TaggerShape
from bakeoff.training.sequences.writing import Seq2Seq

SHORT = replace(RECIPE, epochs=2)


@cache
def model(name: str):
    return fitted(name)


def own_records(name: str, held):
    """The records that the network of a fitted model was fitted to."""
    tokens, labels, tags = sentences()
    if name.startswith("tagger"):
        from bakeoff.training.sequences.tagging import coded

        return held.records(tokens, coded(tags, held.tags))
    if name.startswith("joint"):
        return held.records(tokens, held._targets(labels, tags))
    if name.startswith("span"):
        from bakeoff.training.sequences.overlap import tokens as cut
        from bakeoff.training.sequences.span import _places

        contexts, asked, known = questions()
        read = [cut(one) for one in contexts]
        targets = [_places(one, answer) for one, answer in zip(read, known, strict=True)]
        return held._records(read, [cut(one) for one in asked], targets)
    if name.startswith("writer"):
        return held._records(*pairs())[0]
    return held._pieces(["abab", "ba", "abababababab", "x"] * 3, 16, 0)[0]


def weights(held) -> np.ndarray:
    return np.concatenate([one.numpy().ravel() for one in held.network.state_dict().values()])


def truth(name: str):
    _, labels, tags = sentences()
    if name.startswith("tagger"):
        return tags
    if name.startswith("joint"):
        return list(zip(labels, tags, strict=True))
    if name.startswith("span"):
        known = questions()[2]
        return [(one["answer_start"][0], one["answer_start"][0] + len(one["text"][0])) for one in known]
    return pairs()[1]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("language")])
def test_a_small_table_is_learnt_by_heart(name):
    found = answers(name, model(name))
    right = np.mean([one == known for one, known in zip(found, truth(name), strict=True)])
    assert right >= 0.9, f"{name} has {right:.2f} right"


@pytest.mark.parametrize("name", ["language", "language, transformer"])
def test_a_language_model_learns_what_comes_next(name):
    chances = model(name).next_characters(["aba", "ab" * 30, "abab"])
    classes = model(name).classes
    assert classes == ("a", "b", "<other>", "<end>")
    assert chances.sum(axis=1) == pytest.approx(1) and chances.min() > 0
    assert chances[0, 1] > 0.8 and chances[1, 0] + chances[1, 3] > 0.9


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_loss_of_a_record_does_not_depend_on_its_batch(name, plain):
    held = model(name)
    records = own_records(name, held)
    held.network.eval()
    held.network.plain_operations(plain)
    everything = np.arange(len(records))
    with torch.inference_mode():
        together = held.network.losses(records.batch(everything)).numpy()
        alone = [float(held.network.losses(records.batch(everything[[place]]))[0]) for place in everything]
        none = held.network.losses(records.batch(everything[:0]))
    held.network.plain_operations(False)
    assert together == pytest.approx(np.array(alone), abs=2e-4)
    assert len(set(records.lengths().tolist())) > 1, "records of one length would have no padding"
    assert none.shape == (0,)


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_answered_alike_alone_and_beside_others(name):
    together = answers(name, model(name))
    places = range(min(5, len(together)))
    assert [answers(name, model(name), slice(place, place + 1))[0] for place in places] == together[:5]


@pytest.mark.parametrize("name", ["tagger, recurrent, field", "joint", "span", "writer", "language"])
def test_gradients_of_single_records_can_be_mapped(name):
    held = model(name)
    network = held.network.plain_operations()
    records = own_records(name, held)
    batch = records.batch(np.arange(3))
    named = {key: value.detach() for key, value in network.named_parameters()}

    class Losses(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, inputs, targets):
            return self.inner.losses(replace(batch, inputs=inputs, targets=targets))[0]

    losses = Losses().eval()

    def loss(given, inputs, targets):
        one = {key: {part: held.unsqueeze(0) for part, held in parts.items()} for key, parts in inputs.items()}
        named_inside = {f"inner.{key}": value for key, value in given.items()}
        return torch.func.functional_call(losses, named_inside, (one, targets.unsqueeze(0)))

    mapped = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(named, batch.inputs, batch.targets)
    network.zero_grad()
    network.losses(records.batch(np.arange(3))).sum().backward()
    for key, parameter in network.named_parameters():
        if parameter.grad is not None:
            assert torch.allclose(mapped[key].sum(0), parameter.grad, atol=2e-4, rtol=1e-3), key
    network.zero_grad()
    held.network.plain_operations(False)


@pytest.mark.parametrize("name", ["tagger, recurrent, field", "joint", "span", "writer", "language, transformer"])
def test_a_seed_gives_the_same_weights_and_another_does_not(name):
    first, again = fitted(name, SHORT), fitted(name, SHORT)
    assert np.array_equal(weights(first), weights(again))
    assert not np.array_equal(weights(first), weights(fitted(name, replace(SHORT, seed=2))))


@pytest.mark.parametrize("name", ["tagger, recurrent, field", "writer"])
def test_an_interrupted_fit_goes_on_to_the_same_weights(name, tmp_path):
    whole = fitted(name, SHORT)
    path = tmp_path / "checkpoint"

    class Stopped(Exception):
        pass

    def stop(epoch):
        raise Stopped

    with pytest.raises(Stopped):
        fitted(name, SHORT, Circumstances(SHORT, checkpoint=path, watcher=stop))
    seen = []
    resumed = fitted(name, SHORT, Circumstances(SHORT, checkpoint=path, watcher=seen.append))
    assert seen[0].number == 1, "it began anew"
    assert np.array_equal(weights(whole), weights(resumed))


@pytest.mark.parametrize("name", ["tagger, recurrent, field", "joint", "span", "writer", "language"])
def test_what_is_saved_answers_alike_and_no_other_file_is_read(name, tmp_path):
    held = model(name)
    path = tmp_path / "network.pt"
    held.save(path)
    again = type(held).load(path)
    assert again.shape == held.shape
    assert answers(name, again) == answers(name, held)
    with pytest.raises(UsageError, match="fit one anew"):
        (CausalLM if name != "language" else Tagger).load(path)
    path.write_bytes(b"something else")
    with pytest.raises(UsageError, match="fit one anew"):
        type(held).load(path)
    with pytest.raises(NotFound, match="not fitted yet"):
        type(held)().save(path)


def test_rows_that_do_not_fit_one_another_are_told():
    with pytest.raises(UsageError, match="Sentence 2 has 2 tokens and 1 tags"):
        Tagger().fit([["a"], ["b", "c"]], [["O"], ["O"]])
    with pytest.raises(UsageError, match="1 sentences and 2 labels"):
        JointTagger().fit([["a"]], ["x", "y"], [["O"]])
    with pytest.raises(UsageError, match="2 contexts, 1 questions"):
        SpanReader().fit(["a", "b"], ["c"], [])
    with pytest.raises(UsageError, match="No answer stands in its context"):
        SpanReader().fit(["a b"], ["c"], [{"text": ["zzz"], "answer_start": [90]}])
    with pytest.raises(UsageError, match="2 sources and 1 targets"):
        Seq2Seq().fit(["a", "b"], ["c"])
    with pytest.raises(UsageError, match="no texts"):
        CausalLM().fit([])


def test_held_out_sentences_end_a_fit_early():
    tokens, _, tags = sentences()
    random = np.random.default_rng(0)
    noise = [random.permutation(one).tolist() for one in tags]
    recipe = Recipe(epochs=60, batch=8, rate=3e-2, held_out=0.4, patience=2, seed=0)
    held = Tagger(TaggerShape(WORDS, reader("recurrent"))).fit(tokens, noise, recipe)
    assert held.history.stopped == "patience"
    assert any(step.name == "early stopping" for step in held.steps)


def test_known_words_and_tags_take_nothing_from_sentences():
    tokens, _, tags = sentences(8)
    words = sorted({word.casefold() for one in tokens for word in one})
    known = Known(vocabularies={"tokens": words}, categories={"tags": ["O", "B-city", "I-city", "B-day"]})
    recipe = replace(RECIPE, epochs=1)
    shape = TaggerShape(WORDS, reader("recurrent"))
    public = Tagger(shape, known).fit(tokens, tags, recipe)
    public.preparation.require_public()
    taken = Tagger(shape).fit(tokens, tags, recipe).preparation.from_training
    assert [step.name for step in taken] == ["vocabulary", "tags", "tag order"]
    with pytest.raises(UsageError, match="follow no B- or I- tag"):
        Tagger(shape, known).fit([["a"]], [["I-city"]], recipe)
    assert Tagger(replace(shape, legal=False), known).fit([["a"]], [["I-city"]], recipe).predict([["a"]])
