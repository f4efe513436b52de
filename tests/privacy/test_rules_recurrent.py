"""Recurrent layers against the loop over records, of all shapes."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from naive import Whole, assert_same
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bakeoff.errors import UsageError
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.rules import recurrent

QUICK = settings(deadline=None, max_examples=12)
KINDS = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
    "relu": lambda *sizes, **how: nn.RNN(*sizes, nonlinearity="relu", **how),
}


class Reader(nn.Module):
    """Every answer of a recurrent layer, weighed by numbers of its own, so that no gradient hides."""

    def __init__(self, inner: nn.Module, given: torch.Tensor, lengths: torch.Tensor | None = None) -> None:
        super().__init__()
        self.enter = nn.Linear(given.shape[-1], given.shape[-1])
        self.inner, self.given, self.lengths = inner, given, lengths
        self.first: tuple[torch.Tensor, ...] = ()

    def states(self, places: list[int]) -> object:
        """The first states, learnt of nothing, by record."""
        own = tuple(one[:, places] for one in self.first)
        return None if not own else own if isinstance(self.inner, nn.LSTM) else own[0]

    def losses(self, places: list[int]) -> torch.Tensor:
        along = self.inner.batch_first
        entered = torch.tanh(self.enter(self.given[places]))
        if self.lengths is not None:
            lengths = self.lengths[places]
            out, ends = self.inner(
                pack_padded_sequence(entered, lengths, batch_first=True, enforce_sorted=False), self.states(places)
            )
            out, _ = pad_packed_sequence(out, batch_first=True)
        else:
            out, ends = self.inner(entered if along else entered.transpose(0, 1), self.states(places))
            out = out if along else out.transpose(0, 1)
        weights = torch.cos(torch.arange(out[0].numel(), dtype=out.dtype)).view(out.shape[1:])
        found = (out * weights).flatten(1).sum(1)
        for place, one in enumerate(ends if isinstance(ends, tuple) else (ends,)):
            found = found + (one**2).sum((0, 2)) * (place + 1)
        return found


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@QUICK
@given(
    some.sampled_from(sorted(KINDS)),
    some.tuples(some.integers(1, 4), some.integers(1, 6), some.integers(1, 5), some.integers(1, 5)),
    some.booleans(),
    some.booleans(),
    some.booleans(),
    some.integers(1, 2),
    some.integers(0, 99),
)
def test_any_recurrent_layer_equals_the_loop(kind, sizes, batch_first, bidirectional, bias, depth, seed):
    records, steps, inside, width = sizes
    torch.manual_seed(seed)
    inner = KINDS[kind](
        inside, width, num_layers=depth, batch_first=batch_first, bidirectional=bidirectional, bias=bias
    )
    network = Reader(inner, numbers(records, steps, inside, seed=seed))
    assert_same(network, network.losses, records)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("steps", [3, 40])
def test_wide_layers_are_as_exact_with_few_steps_and_with_many(kind, steps):
    torch.manual_seed(1)
    inner = KINDS[kind](17, 33, batch_first=True, bidirectional=True)
    network = Reader(inner, numbers(5, steps, 17))
    assert_same(network, network.losses, 5)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("bidirectional", [False, True])
def test_packed_sequences_and_first_states_equal_the_loop(kind, bidirectional):
    torch.manual_seed(2)
    inner = KINDS[kind](4, 6, num_layers=2, batch_first=True, bidirectional=bidirectional)
    network = Reader(inner, numbers(5, 7, 4), torch.tensor([3, 7, 1, 7, 5]))
    assert_same(network, network.losses, 5)
    network.first = tuple(numbers(inner.num_layers * (1 + bidirectional), 5, 6, seed=seed) for seed in (3, 4))
    assert_same(network, network.losses, 5)
    network.lengths = None
    assert_same(network, network.losses, 5)


@pytest.mark.parametrize("steps", [3, 40])
def test_records_that_are_looked_at_a_few_at_a_time_are_the_same(steps, monkeypatch):
    monkeypatch.setattr(recurrent, "ROOM", 2 * 17 * 33 * 4 if steps > 9 else 2 * steps**2)  # two records at once
    torch.manual_seed(1)
    network = Reader(nn.LSTM(17, 33, batch_first=True, bidirectional=True), numbers(5, steps, 17))
    assert_same(network, network.losses, 5)


class Handed(nn.Module):
    """A layer that begins with the states in which another one ended."""

    def __init__(self, kind: str, bidirectional: bool) -> None:
        super().__init__()
        how = {"batch_first": True, "bidirectional": bidirectional}
        self.read, self.write = KINDS[kind](3, 4, **how), KINDS[kind](5, 4, **how)

    def losses(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        _, ends = self.read(source)
        return (self.write(target, ends)[0] ** 2).sum((1, 2))


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("bidirectional", [False, True])
def test_states_that_are_handed_on_are_bounded_in_the_layer_they_came_from(kind, bidirectional):
    torch.manual_seed(9)
    network = Handed(kind, bidirectional)
    source, target = numbers(4, 6, 3), numbers(4, 2, 5)
    assert_same(network, lambda places: network.losses(source[places], target[places]), 4)


def test_double_precision_equals_the_loop_far_closer():
    torch.manual_seed(3)
    inner = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    network = Reader(inner, numbers(3, 5, 3)).double()
    network.given = network.given.double()
    assert_same(network, network.losses, 3, relative=1e-10)


def test_a_projected_lstm_is_refused_with_the_mend():
    with pytest.raises(UsageError, match="leave proj_size out"):
        BookKeeping(nn.LSTM(3, 4, proj_size=2))


def test_sequences_without_records_are_refused_in_one_sentence():
    keeping = BookKeeping(nn.LSTM(4, 4))
    with pytest.raises(UsageError, match="a batch of sequences"):
        keeping.clipped(lambda: keeping.network(numbers(3, 4))[0].sum(1), 3, Whole(1.0), keeping.sums())


def test_an_output_that_is_changed_in_place_is_told():
    layer = nn.LSTM(4, 4, batch_first=True)
    keeping = BookKeeping(layer)
    with pytest.raises(RuntimeError, match="inplace"):
        keeping.clipped(lambda: layer(numbers(3, 2, 4))[0].mul_(2.0).sum((1, 2)), 3, Whole(1.0), keeping.sums())


def test_several_sequences_of_one_record_are_bounded_together():
    torch.manual_seed(5)
    network = Reader(nn.GRU(3, 4, batch_first=True), numbers(4, 6, 3))

    def losses(places):
        folded = network.given[places].view(len(places) * 2, 3, 3)
        return (network.inner(folded)[0] ** 2).flatten(1).view(len(places), -1).sum(1)

    assert_same(network.inner, losses, 4)


def test_a_layer_that_is_called_twice_is_bounded_once():
    torch.manual_seed(6)
    inner = nn.LSTM(4, 4, batch_first=True, bidirectional=False)
    given = numbers(3, 5, 4)
    assert_same(inner, lambda places: inner(inner(given[places])[0][:, 1:])[0].square().sum((1, 2)), 3)


@pytest.mark.parametrize("kind", ["gru", "lstm", "rnn"])
def test_half_precision_is_as_exact_as_it_can_be(kind):
    torch.manual_seed(7)
    inner = KINDS[kind](6, 8, batch_first=True, bidirectional=True)
    network = Reader(inner, numbers(4, 5, 6)).bfloat16()
    network.given = network.given.bfloat16()
    assert_same(network, lambda places: network.losses(places).float(), 4, relative=5e-2)
    with pytest.raises(AssertionError):
        assert_same(network, lambda places: network.losses(places).float(), 4, relative=1e-7)


def test_half_precision_around_a_recurrent_layer_leaves_it_in_single():
    torch.manual_seed(8)
    network = Reader(nn.LSTM(6, 8, batch_first=True), numbers(4, 5, 6))
    keeping = BookKeeping(network)
    found = []
    for half in (False, True):

        def losses(half: bool = half) -> torch.Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                return network.losses([0, 1, 2, 3])

        sums = keeping.sums()
        keeping.clipped(losses, 4, Whole(1.0), sums)
        found.append(sums.dense(network.inner.weight_hh_l0).clone())
        assert found[-1].dtype == torch.float32
    assert torch.allclose(*found, rtol=0.1, atol=0.05 * float(found[0].abs().max()))
