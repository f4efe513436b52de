"""Hugging Face checkpoints in every network of sequences: tiny ones with random weights, from a folder."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from neural import torch
from sequences_made import reader, sentences

from bakeoff.errors import MissingExtra, NotFound
from bakeoff.training import Recipe
from bakeoff.training.seeding import seeded
from bakeoff.training.sequences.joint import JointShape, JointTagger
from bakeoff.training.sequences.span import SpanReader
from bakeoff.training.sequences.span_network import SpanShape
from bakeoff.training.sequences.tagging import Tagger, TaggerShape
from bakeoff.training.sequences.words import WordStyle

RECIPE = Recipe(epochs=2, batch=8, rate=1e-2, clip=5.0, held_out=0.0, seed=1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, require):
    """An encoder, an encoder with a decoder, and a causal model, thin and random, with one byte-level tokenizer."""
    require("transformers")
    require("tokenizers")
    import tokenizers
    import transformers

    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<pad>", "<end>", "<unk>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(["please fly to New York on Monday"] * 5, trainer)
    kept = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    thin = {"d_model": 16, "vocab_size": len(kept), "pad_token_id": 0, "eos_token_id": 1}
    with seeded(0):
        models = {
            "encoder": transformers.BertModel(
                transformers.BertConfig(
                    vocab_size=len(kept), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=24, max_position_embeddings=32,
                )
            ),
            "writer": transformers.T5ForConditionalGeneration(
                transformers.T5Config(
                    **thin, d_kv=8, d_ff=24, num_layers=1, num_heads=2, decoder_start_token_id=0, dropout_rate=0.0
                )
            ),
            "language": transformers.GPT2LMHeadModel(
                transformers.GPT2Config(
                    vocab_size=len(kept), n_embd=16, n_layer=1, n_head=2, n_positions=64, bos_token_id=1, eos_token_id=1
                )
            ),
        }  # fmt: skip
    out = {}
    for name, model in models.items():
        folder = tmp_path_factory.mktemp(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save_pretrained(folder)
            kept.save_pretrained(folder)
        out[name] = str(folder)
    return out


def test_an_encoder_reads_for_a_tagger_a_joint_tagger_and_a_span_reader(folders, tmp_path):
    tokens, labels, tags = sentences()
    words = WordStyle(model=folders["encoder"], dropout=0.0)
    shape = TaggerShape(words, reader("recurrent"))
    tagger = Tagger(shape).fit(tokens, tags, replace(RECIPE, epochs=30))
    long = [*tokens, ["word"] * 60, []]
    found = tagger.predict(long)
    assert [len(one) for one in found] == [len(one) for one in long]
    right = np.mean([one == own for one, own in zip(found[: len(tags)], tags, strict=True)])
    assert right > 0.6, "chance is below a hundredth"
    assert [tagger.predict([one])[0] for one in long[-5:]] == found[-5:], "an answer depends on its batch"
    assert not any(step.name == "vocabulary" for step in tagger.preparation.from_training)
    tagger.save(tmp_path / "tagger")
    assert Tagger.load(tmp_path / "tagger").predict(long) == found

    kept = JointTagger(JointShape(TaggerShape(replace(words, tuned=False), reader("recurrent"))))
    kept.fit(tokens, labels, tags, RECIPE)
    assert kept.predict(tokens)[0]
    frozen = next(kept.network.tagger.words.model.inner.parameters())
    assert torch.equal(frozen, next(type(kept.words)("x", words).load()[1].parameters())), "it learnt all the same"
    moved = next(tagger.network.words.model.inner.parameters())
    assert not torch.equal(frozen, moved)

    spans = SpanReader(SpanShape(words, reader("recurrent"), question=16))
    spans.fit(["fly to Oslo", "fly to Rome"] * 4, ["where"] * 8, [{"text": ["Oslo"], "answer_start": [7]}] * 8, RECIPE)
    assert spans.predict(["fly to Oslo"], ["where"]).shape == (1, 2)


def test_a_model_with_encoder_and_decoder_learns_to_write(folders):
    from bakeoff.training.sequences.pretrained_writing import PretrainedSeq2Seq

    made = PretrainedSeq2Seq(folders["writer"], width=2)
    sources, targets = ["fly", "to", "on", "please"] * 3, ["to", "fly", "on on", "y"] * 3
    before = made.log_prob(sources, targets)
    made.fit(sources, targets, replace(RECIPE, rate=0.5, epochs=6))
    after = made.log_prob(sources, targets)
    assert after.mean() > before.mean() + 1
    assert made.log_prob(sources[:1], targets[:1]) == pytest.approx(after[:1], abs=1e-3)
    found = made.predict(sources[:3])
    assert len(found) == 3 and all(type(one) is str for one in found)


def test_a_causal_model_says_what_comes_next(folders):
    from bakeoff.training.sequences.pretrained_language import PretrainedLM

    made = PretrainedLM(folders["language"], window=16)
    texts = ["please fly to New York", "to Monday"] * 4
    made.fit(texts, replace(RECIPE, rate=0.5, epochs=15))
    found = made.next_characters(["", "please fly t", "to Mon", "zzz"])
    assert found.shape == (4, len(made.classes)) and found.sum(axis=1) == pytest.approx(1)
    assert made.classes[found[1].argmax()] == "o" and made.classes[found[2].argmax()] == "d"
    assert made.next_characters(["to Mon"]) == pytest.approx(found[2:3], abs=1e-5)
    assert np.isfinite(made.log_prob([*texts, "x" * 100])).all()


def test_a_folder_without_a_model_is_told(tmp_path):
    from bakeoff.training.sequences.pretrained import loaded

    with pytest.raises((NotFound, MissingExtra), match=r"There is no encoder in|not installed"):
        loaded(str(tmp_path), "AutoModel")
