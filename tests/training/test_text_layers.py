"""Layers of texts agree with slow obvious versions, each text by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from neural import torch
from rows_made import shaken

from bakeoff.errors import UsageError
from bakeoff.training.encoders.texts import BagStyle, SequenceStyle
from bakeoff.training.encoders.tokens import Vocabulary, words
from bakeoff.training.layers.texts import Attention, BagLayers, Convolution, Recurrent, largest, mean, turned
from bakeoff.training.preparation import Preparation

LENGTHS = some.lists(some.integers(1, 7), min_size=1, max_size=5)
QUICK = settings(deadline=None, max_examples=25)


def padded(lengths: list[int], width: int, seed: int = 0):
    """Random embeddings with zeros behind each text's end, and which tokens are there."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)).unsqueeze(0) < torch.tensor(lengths).unsqueeze(1)
    return torch.randn(len(lengths), max(lengths), width, generator=generator) * mask.unsqueeze(-1), mask


@QUICK
@given(LENGTHS, some.booleans())
def test_a_bilstm_over_padded_texts_is_torchs_over_each_text_alone(lengths, plain):
    reader = shaken(Recurrent(SequenceStyle("recurrent", embedding=3, width=8)), torch)
    reader.plain = plain
    both = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for name, held in reader.forwards.named_parameters():
            getattr(both, name).copy_(held)
        for name, held in reader.backwards.named_parameters():
            getattr(both, f"{name}_reverse").copy_(held)
    embedded, mask = padded(lengths, 3)
    found = reader(embedded, mask)
    for text, length in enumerate(lengths):
        answers, _ = both(embedded[text : text + 1, :length])
        wanted = torch.cat([answers[0].max(0).values, answers[0].mean(0)])
        assert torch.allclose(found[text], wanted, atol=1e-5)


@QUICK
@given(LENGTHS)
def test_convolutions_agree_with_the_loop(lengths):
    reader = shaken(Convolution(SequenceStyle("convolution", embedding=3, width=6, reach=(2, 3, 5))), torch)
    embedded, mask = padded(lengths, 3)
    found = reader(embedded, mask)
    for text, length in enumerate(lengths):
        tokens = embedded[text, :length]
        wanted = [tokens.mean(0)]
        for kernel in reader.kernels:
            reach = kernel.kernel_size[0]
            answers = []
            for place in range(length):
                total = kernel.bias.clone()
                for step in range(reach):
                    at = place + step - (reach - 1) // 2
                    if 0 <= at < length:
                        total = total + kernel.weight[:, :, step] @ tokens[at]
                answers.append(total.clamp(min=0))
            wanted.append(torch.stack(answers).max(0).values)
        assert torch.allclose(found[text], torch.cat(wanted), atol=1e-4)


@QUICK
@given(LENGTHS, some.integers(1, 2))
def test_attention_agrees_with_the_loop_over_the_tokens_that_are_there(lengths, heads):
    width = 4
    block = shaken(Attention(width, heads), torch)
    hidden, mask = padded(lengths, width)
    found = block(hidden, mask)
    for text, length in enumerate(lengths):
        tokens = hidden[text, :length]
        asked = block.asked(block.before(tokens)).view(length, 3, heads, width // heads)
        seen = torch.zeros(length, heads, width // heads)
        for head in range(heads):
            for place in range(length):
                scores = [float((asked[place, 0, head] @ asked[key, 1, head]).detach()) for key in range(length)]
                weights = np.exp(np.array(scores) / math.sqrt(width // heads))
                weights /= weights.sum()
                for key in range(length):
                    seen[place, head] += float(weights[key]) * asked[key, 2, head].detach()
        middle = tokens + block.out(seen.reshape(length, width))
        wanted = middle + block.narrow(torch.nn.functional.gelu(block.wide(block.between(middle))))
        assert torch.allclose(found[text, :length], wanted, atol=1e-4)


@QUICK
@given(some.lists(some.lists(some.integers(1, 9), max_size=5), min_size=1, max_size=4))
def test_a_bag_is_the_weighted_sum_of_its_terms(texts):
    layer = BagLayers(10, BagStyle(width=3, spread=1.0, dropout=0.0))
    longest = max([1, *map(len, texts)])
    terms = torch.tensor([text + [0] * (longest - len(text)) for text in texts])
    weights = torch.rand(terms.shape) * (terms != 0)
    found = layer({"terms": terms, "weights": weights})
    for place, text in enumerate(texts):
        wanted = torch.zeros(3)
        for at, term in enumerate(text):
            wanted += weights[place, at] * layer.table.weight[term].detach()
        assert torch.allclose(found[place], wanted, atol=1e-5)


def test_terms_are_left_out_while_learning_alone():
    layer = BagLayers(1000, BagStyle(width=4, dropout=0.5))
    parts = {"terms": torch.arange(1, 1000).unsqueeze(0), "weights": torch.ones(1, 999)}
    learning = [layer(parts) for _ in range(2)]
    assert not torch.equal(*learning)
    layer.eval()
    assert torch.equal(layer(parts), layer(parts))


def test_pooling_and_turning_look_at_the_tokens_that_are_there():
    mask = torch.tensor([[True, True, False], [True, True, True]])
    values = torch.tensor([[[-3.0], [-1.0], [0.0]], [[1.0], [2.0], [6.0]]])
    assert largest(values, mask).tolist() == [[-1.0], [6.0]]
    assert mean(values, mask).tolist() == [[-2.0], [3.0]]
    assert turned(mask).tolist() == [[1, 0, 2], [2, 1, 0]]


def test_words_are_folded_and_marks_stand_alone():
    assert words("Don't STOP, Straße №5\n") == ["don", "'", "t", "stop", ",", "strasse", "no5"]


def test_a_vocabulary_keeps_frequent_tokens_and_hashing_takes_nothing():
    texts = [["a", "b", "a"], ["b", "c"], ["c", "b"]]
    kept = Vocabulary(least=2, most=2)
    kept.learn("note", texts, Preparation())
    assert kept.codes(["b", "c", "a", "z"]) == [3, 4, 1, 1]
    assert kept.codes([]) == [2]
    assert len(kept) == 5
    hashed, preparation = Vocabulary(slots=7), Preparation()
    hashed.learn("note", texts, preparation)
    preparation.require_public()
    assert len(hashed) == 10
    assert all(3 <= code < 10 for code in hashed.codes(["a", "b", "zebra"]))


def test_an_unknown_reader_of_texts_is_told():
    with pytest.raises(UsageError, match="no encoder of texts called 'lstm'; there are convolution, recurrent"):
        SequenceStyle("lstm")
