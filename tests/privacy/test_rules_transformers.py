"""Tiny networks of transformers, with random weights, against the loop over records."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from naive import assert_same
from torch.nn import functional

from bakeoff.privacy.bookkeeping import BookKeeping


@pytest.fixture(scope="module")
def transformers(require):
    require("transformers")
    import transformers

    transformers.logging.set_verbosity_error()
    torch.manual_seed(0)
    return transformers


PIECES = 40
TOKENS = torch.randint(2, PIECES, (5, 7), generator=torch.Generator().manual_seed(1))
THERE = torch.ones_like(TOKENS)
THERE[0, 4:] = THERE[3, 2:] = 0


def test_an_encoder_equals_the_loop(transformers):
    network = transformers.BertModel(
        transformers.BertConfig(
            vocab_size=PIECES, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24
        ),
        add_pooling_layer=False,
    ).eval()

    def losses(places):
        hidden = network(input_ids=TOKENS[places], attention_mask=THERE[places]).last_hidden_state
        return (hidden * THERE[places].unsqueeze(-1) * torch.cos(torch.arange(16.0))).sum((1, 2))

    assert_same(network, losses, 5)
    assert not BookKeeping(network).report.mapped


def test_a_causal_model_with_turned_weights_and_tied_pieces_equals_the_loop(transformers):
    network = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=PIECES, n_embd=16, n_layer=2, n_head=2, n_positions=16)
    ).eval()

    def losses(places):
        logits = network(input_ids=TOKENS[places], attention_mask=THERE[places]).logits
        each = functional.cross_entropy(logits[:, :-1].transpose(1, 2), TOKENS[places][:, 1:], reduction="none")
        return (each * THERE[places][:, 1:]).sum(1)

    assert_same(network, losses, 5)
    assert not BookKeeping(network).report.mapped
