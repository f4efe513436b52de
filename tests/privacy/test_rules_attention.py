"""Attention and torch's transformer layers against the loop over records."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from naive import Whole, assert_same
from torch import nn

from bakeoff.errors import UsageError
from bakeoff.privacy.bookkeeping import BookKeeping

QUICK = settings(deadline=None, max_examples=15)


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def weighed(out: torch.Tensor) -> torch.Tensor:
    """(records,), every value of a record weighed by a number of its own."""
    return (out * torch.cos(torch.arange(out[0].numel(), dtype=out.dtype)).view(out.shape[1:])).flatten(1).sum(1)


class Looking(nn.Module):
    """Attention of one sequence to itself or to another, twice where it is `again`."""

    def __init__(self, heads: int, how: dict[str, object], *, other: bool, again: bool) -> None:
        super().__init__()
        width = 4 * heads
        self.inner = nn.MultiheadAttention(width, heads, **how)
        self.enter = nn.Linear(width, width)
        self.other, self.again = other, again
        self.padding: torch.Tensor | None = None
        self.mask: torch.Tensor | None = None
        self.weights = True

    def losses(self, given: torch.Tensor, key: torch.Tensor, value: torch.Tensor, places: list[int]) -> torch.Tensor:
        turned = (lambda one: one) if self.inner.batch_first else (lambda one: one.transpose(0, 1))
        query = turned(torch.tanh(self.enter(given[places])))
        key, value = (turned(key[places]), turned(value[places])) if self.other else (query, query)
        padding = None if self.padding is None else self.padding[places]
        how = {"key_padding_mask": padding, "attn_mask": self.mask, "need_weights": self.weights}
        out, weights = self.inner(query, key, value, **how)
        if self.again:
            out = out + self.inner(out, out, out, need_weights=False)[0]
        found = weighed(turned(out))
        return found + weighed(weights) if weights is not None else found


SIZES = some.tuples(some.integers(1, 4), some.integers(1, 5), some.integers(1, 5), some.integers(1, 3))
LOOKED = ["itself", "another", "another width"]


COIN = some.booleans()


@QUICK
@given(SIZES, COIN, COIN, COIN, some.sampled_from(LOOKED), COIN, COIN)
def test_any_attention_equals_the_loop(sizes, bias, ends, batch_first, looked, again, masked):
    # In double precision, since a softmax's gradients may cancel far below what single precision can tell.
    how = {"bias": bias, "add_bias_kv": ends, "add_zero_attn": ends, "batch_first": batch_first}
    compared(sizes, how, looked, again=again, masked=masked, kind=torch.float64, relative=1e-9)


@pytest.mark.parametrize("looked", LOOKED)
@pytest.mark.parametrize("masked", [True, False])
def test_attention_in_single_precision_equals_the_loop(looked, masked):
    how = {"bias": True, "add_bias_kv": False, "add_zero_attn": False, "batch_first": True}
    compared((4, 5, 3, 2), how, looked, again=not masked, masked=masked, kind=torch.float32, relative=1e-5)


def compared(sizes, how, looked, *, again, masked, kind, relative):
    records, asking, looking, heads = sizes
    torch.manual_seed(heads)
    width = 4 * heads
    wide = {"kdim": 3, "vdim": 5} if looked == "another width" else {}
    network = Looking(heads, {**how, **wide}, other=looked != "itself", again=again and not wide)
    if how["add_bias_kv"]:
        torch.nn.init.normal_(network.inner.bias_k)
    if looked == "itself":
        looking = asking
    network.weights = not masked
    if masked:
        network.padding = numbers(records, looking) > 0.5
        network.padding[:, 0] = False
        network.mask = torch.zeros(asking, looking).masked_fill(numbers(asking, looking, seed=3) > 1, -1e9).to(kind)
        network.padding = torch.zeros(records, looking).masked_fill(network.padding, -1e9).to(kind)
    key, value = (numbers(records, looking, wide.get(name, width)).to(kind) for name in ("kdim", "vdim"))
    given_ = numbers(records, asking, width, seed=2).to(kind)
    network.to(kind)
    assert_same(network, lambda places: network.losses(given_, key, value, places), records, relative)


class Layers(nn.Module):
    """A transformer of torch's own, encoder and decoder."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        how = {"batch_first": True, "norm_first": norm_first, "dropout": 0.0, "dim_feedforward": 12}
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, **how), num_layers=2, enable_nested_tensor=False
        )
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, **how), num_layers=1)

    def forward(self, source: torch.Tensor, target: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        read = self.encoder(source, src_key_padding_mask=padding)
        return self.decoder(target, read, tgt_mask=causal, memory_key_padding_mask=padding)


@pytest.mark.parametrize("training", [True, False])
def test_transformers_of_torch_equal_the_loop(training):
    torch.manual_seed(4)
    network = Layers(norm_first=training).train(training)
    source, target = numbers(3, 5, 8), numbers(3, 4, 8, seed=1)
    padding = torch.tensor([[0, 0, 0, 1, 1], [0] * 5, [0, 0, 0, 0, 1]]).float() * -1e9
    assert_same(network, lambda places: weighed(network(source[places], target[places], padding[places])), 3)
    assert not BookKeeping(network).report.mapped


def test_sequences_without_records_are_refused_in_one_sentence():
    keeping = BookKeeping(nn.MultiheadAttention(4, 1))
    with pytest.raises(UsageError, match="a batch of sequences"):
        keeping.clipped(lambda: keeping.network(*[numbers(3, 4)] * 3)[0].sum(1), 3, Whole(1.0), keeping.sums())


def test_half_precision_is_as_exact_as_it_can_be():
    torch.manual_seed(7)
    network = Looking(2, {"batch_first": True, "add_bias_kv": True}, other=False, again=False).bfloat16()
    given_ = numbers(4, 5, 8).bfloat16()
    assert_same(network, lambda places: network.losses(given_, given_, given_, places).float(), 4, relative=5e-2)
