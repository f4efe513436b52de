"""Models of transformers and sentence-transformers: tiny random ones, against what the libraries say themselves."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest

from bakeoff.errors import MissingExtra, NotFound, UsageError
from bakeoff.fairness import (
    Clusters,
    ContextDraws,
    Draws,
    HuggingFaceCausal,
    HuggingFaceEncoder,
    HuggingFaceMasked,
    MaskedModel,
    Pooling,
    SentenceEncoder,
    WordSets,
    association,
    context_pools,
    contextual_association,
    increased_log_probability,
    pseudo_log_likelihood,
    score_pairs,
    score_triples,
    word_contexts,
)

TEXTS = ["the nurse said that she left", "the pilot said that he left, and the nurse stayed", "a cook", "zebra!"]
SETS = WordSets(("nurse", "cook"), ("pilot", "miner"), ("she",), ("he",))
FEW = Draws(partitions=500, resamples=20)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, require):
    """A masked model of word pieces and a causal one of bytes, thin and random, as save_pretrained writes them."""
    require("transformers")
    require("tokenizers")
    import tokenizers
    import torch
    import transformers

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "nurse", "pilot", "miner", "cook", "she", "he"]
    pieces += ["said", "that", "left", "stayed", "and", "a", "is", "works", "as", "known", ".", ",", "good"]
    pieces += ["un", "##kind", "##s"]
    words = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({piece: code for code, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    words.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    words.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    bert = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]", cls_token="[CLS]",
        sep_token="[SEP]",
    )  # fmt: skip
    held = tokenizers.Tokenizer(tokenizers.models.BPE())
    held.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    held.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<end>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    held.train_from_iterator(TEXTS * 5, trainer)
    gpt = transformers.PreTrainedTokenizerFast(tokenizer_object=held, eos_token="<end>")
    torch.manual_seed(0)
    thin = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    masked = transformers.BertForMaskedLM(
        transformers.BertConfig(vocab_size=len(bert), max_position_embeddings=24, initializer_range=0.5, **thin)
    )
    causal = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=len(gpt), n_embd=16, n_layer=1, n_head=2, n_positions=48, bos_token_id=0, eos_token_id=0
        )
    )
    out = {}
    for name, model, tokenizer in (("masked", masked, bert), ("causal", causal, gpt)):
        folder = tmp_path_factory.mktemp(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        out[name] = str(folder)
    return out


def test_a_masked_model_scores_as_the_library_answers(folders):
    import torch

    model = HuggingFaceMasked.load(folders["masked"])
    assert isinstance(model, MaskedModel)
    tokenizer, network = model._pieces.tokenizer, model._pieces.model
    slow = []
    for text in TEXTS[:3]:
        codes = tokenizer(text)["input_ids"]
        total = 0.0
        for place in range(1, len(codes) - 1):
            covered = torch.tensor([[*codes[:place], tokenizer.mask_token_id, *codes[place + 1 :]]])
            with torch.inference_mode():
                total += float(network(input_ids=covered).logits[0, place].double().log_softmax(-1)[codes[place]])
        slow.append(total)
    assert pseudo_log_likelihood(model, TEXTS[:3]) == pytest.approx(slow, abs=1e-4)
    assert model.log_prob(TEXTS[:3]) == pytest.approx(slow, abs=1e-4)
    found = score_pairs(model, ["the nurse said that she left"], ["the nurse said that he left"])
    assert found.more[0] > model.log_prob(["the nurse said that she left"])[0], "she is given and not scored"


def test_words_of_several_pieces_are_asked_one_by_one(folders):
    model = HuggingFaceMasked.load(folders["masked"])
    (read,) = model.tokens(["the unkind cook"])
    assert [model._pieces.tokenizer.convert_ids_to_tokens(code) for code in read.codes[2:4]] == ["un", "##kind"]
    assert read.within(4, 10) == (2, 3) and read.own == (1, 2, 3, 4)
    sets = WordSets(("unkind", "cook"), ("pilot", "miner"), ("she",), ("he",))
    assert np.isfinite(increased_log_probability(model, sets, draws=FEW).associations).all()
    clusters = Clusters(["cook"], ["the cook is BLANK."], ["unkind"], ["good"], ["a"])
    (first, second) = (
        model.log_probs([[2, 5, 9, 18, 4, 22, 3]], [[(4, 25)]])[0][0],
        model.log_probs([[2, 5, 9, 18, 25, 4, 22, 3]], [[(5, 26)]])[0][0],
    )
    assert score_triples(model, clusters).stereotype == pytest.approx([(first + second) / 2], abs=1e-5)
    with pytest.raises(UsageError, match="does not know the word 'zebra'"):
        increased_log_probability(model, WordSets(("zebra",), ("cook",), ("she",), ("he",)))


def test_a_causal_model_scores_as_its_own_loss(folders):
    import torch

    model = HuggingFaceCausal.load(folders["causal"])
    tokenizer, network = model._pieces.tokenizer, model._pieces.model
    slow = []
    for text in TEXTS:
        codes = torch.tensor([[0, *tokenizer(text)["input_ids"]]])
        with torch.inference_mode():
            slow.append(-float(network(input_ids=codes, labels=codes).loss) * (codes.shape[1] - 1))
    assert model.log_prob(TEXTS) == pytest.approx(slow, abs=1e-3)
    assert model.counts(TEXTS).tolist() == [len(tokenizer(text)["input_ids"]) for text in TEXTS]
    assert "whole sentence" in score_pairs(model, TEXTS[:1], TEXTS[1:2]).how
    assert model.log_prob([""])[0] == 0.0


def test_an_encoder_pools_as_asked(folders):
    import torch

    own = HuggingFaceEncoder.load(folders["masked"])
    network, tokenizer = own._pieces.model, own._pieces.tokenizer
    codes = torch.tensor([tokenizer(TEXTS[0])["input_ids"]])
    with torch.inference_mode():
        layers = [one[0].double().numpy() for one in network(input_ids=codes, output_hidden_states=True).hidden_states]
    assert own.encode(TEXTS)[0] == pytest.approx(layers[-1].mean(0), abs=1e-5)
    first = HuggingFaceEncoder(network, tokenizer, Pooling("first", layer=1))
    assert first.encode(TEXTS)[0] == pytest.approx(layers[1][0], abs=1e-5)
    assert "first" in first.how and "layer 1" in first.how
    assert own.encode_spans(TEXTS[:1], [(4, 9)])[0] == pytest.approx(layers[-1][2], abs=1e-5)
    assert association(own.encode, SETS, FEW).n == 4
    texts = [f"{text} {text}" for text in (TEXTS[0], TEXTS[1][:28]) for _ in range(10)]
    texts += [f"the {word} said that {who} left" for word in SETS.all for who in ("she", "he") for _ in range(10)]
    pools = context_pools(own.encode_spans, word_contexts(texts, SETS.all))
    assert contextual_association(pools, SETS, ContextDraws(20, 20, 2)).measure.value is not None


def test_a_sentence_transformer_encodes_as_it_does_itself(folders, tmp_path):
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = importlib.import_module("sentence_transformers.models")
        inner = models.Transformer(folders["masked"], max_seq_length=24)
        model = library.SentenceTransformer(modules=[inner, models.Pooling(16)], device="cpu")
        own = SentenceEncoder(model)
        assert own.encode(TEXTS) == pytest.approx(model.encode(TEXTS), abs=1e-6)
        other = HuggingFaceEncoder.load(folders["masked"])
        assert own.encode(TEXTS) == pytest.approx(other.encode(TEXTS), abs=1e-5)
        spans = [(4, 9), (4, 9), (2, 6), (0, 5)]
        assert own.encode_spans(TEXTS, spans) == pytest.approx(other.encode_spans(TEXTS, spans), abs=1e-5)
        with pytest.raises(UsageError, match="reads no token"):
            own.encode_spans(["the " * 40 + "nurse"], [(160, 165)])


def test_what_a_model_cannot_do_is_told(folders):
    own = HuggingFaceEncoder.load(folders["masked"])
    long = "the " * 40 + "nurse"
    assert own.encode([long]).shape == (1, 16), "an encoder cuts"
    with pytest.raises(UsageError, match="reads no token of 'nurse'"):
        own.encode_spans([long], [(160, 165)])
    with pytest.raises(UsageError, match="has 43 tokens and the model reads 24"):
        HuggingFaceMasked.load(folders["masked"]).log_prob([long])
    causal = HuggingFaceCausal.load(folders["causal"])
    with pytest.raises(UsageError, match="no mask token"):
        HuggingFaceMasked(causal._pieces.model, causal._pieces.tokenizer)
    with pytest.raises(UsageError, match="model reads 48"):
        causal.log_prob(["q" * 49])
    with pytest.raises(UsageError, match="one token longer"):
        causal.log_prob(["q" * 48])
    with pytest.raises(UsageError, match="no pooling 'middle'"):
        Pooling("middle")
    with pytest.raises((NotFound, MissingExtra)):
        HuggingFaceMasked.load("no such folder")
