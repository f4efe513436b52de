"""Every layer's rule against the loop over records, at random shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from naive import assert_same
from torch import Tensor, nn

from bakeoff.training.layers.numbers import EachLinear, Periodic

FEW = settings(max_examples=12, deadline=None)


class Around(nn.Module):
    """Something learnt before and after a layer, so that gradients flow through it and are all different."""

    def __init__(self, layer: nn.Module, before: nn.Module | None = None) -> None:
        super().__init__()
        self.before, self.layer = before or nn.Identity(), layer

    def forward(self, *given: Any) -> Tensor:
        return self.layer(self.before(given[0]), *given[1:])


def same(network: nn.Module, *inputs: Any, times: int = 1, calls: int = 1) -> None:
    """The layer's gradients equal the loop's, for a loss that is no symmetric function of the outputs."""
    records = len(inputs[0]) // times
    kind = next(network.parameters()).dtype

    def losses(places: Any) -> Tensor:
        rows = [place * times + one for place in places for one in range(times)]
        total = torch.zeros(len(places), dtype=kind)
        for call in range(calls):
            output = network(*[one[rows] * (1 + call) if one.is_floating_point() else one[rows] for one in inputs])
            flat = output.reshape(len(places), -1)
            weights = torch.linspace(-1, 1.5, flat.shape[1], dtype=kind)
            total = total + (torch.sin(flat + call) * weights).sum(1)
        return total

    assert_same(network, losses, records, 1e-5 if kind == torch.float32 else 1e-12)


KINDS = some.sampled_from([torch.float32, torch.float64])
SEEDS = some.integers(0, 2**31)


@FEW
@given(
    seed=SEEDS,
    kind=KINDS,
    records=some.integers(1, 6),
    tokens=some.integers(0, 9),
    inside=some.integers(1, 9),
    outside=some.integers(1, 9),
    bias=some.booleans(),
    times=some.integers(1, 3),
    calls=some.integers(1, 2),
)
def test_linear(
    *, seed: int, kind: Any, records: int, tokens: int, inside: int, outside: int, bias: bool, times: int, calls: int
) -> None:
    torch.manual_seed(seed)
    network = Around(nn.Linear(inside, outside, bias), nn.Linear(inside, inside)).to(kind)
    shape = (records * times, tokens, inside) if tokens else (records * times, inside)
    same(network, torch.randn(shape, dtype=kind), times=times, calls=calls)


@pytest.mark.parametrize("shape", [(4, 16, 96), (3, 200, 96), (64, 96), (1, 300, 96)])
def test_linear_maps_large_enough_for_other_products(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = Around(nn.Linear(96, 80), nn.Sequential(nn.Linear(96, 96), nn.ReLU(inplace=True)))
    same(network, torch.randn(shape), calls=2)


@FEW
@given(SEEDS, some.integers(1, 6), some.integers(1, 9), some.integers(1, 5), some.booleans(), some.integers(1, 2))
def test_embedding(seed: int, records: int, tokens: int, width: int, padded: bool, calls: int) -> None:
    torch.manual_seed(seed)
    network = nn.Embedding(7, width, padding_idx=2 if padded else None)
    same(network, torch.randint(0, 7, (records, tokens)), calls=calls)


@FEW
@given(
    SEEDS, some.integers(1, 5), some.integers(1, 7), some.sampled_from(["sum", "mean"]), some.booleans(),
    some.booleans(), some.integers(1, 3),
)  # fmt: skip
def test_bags(seed: int, records: int, tokens: int, mode: str, padded: bool, weighted: bool, times: int) -> None:
    torch.manual_seed(seed)
    network = Bags(mode, padded)
    terms = torch.randint(0, 7, (records * times, tokens))
    weights = torch.randn(records * times, tokens)
    same(network, terms, *([weights] if weighted and mode == "sum" else []), times=times)


class Bags(nn.Module):
    def __init__(self, mode: str, padded: bool) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(7, 3, mode=mode, padding_idx=2 if padded else None)
        self.own = nn.Linear(1, 1)

    def forward(self, terms: Tensor, weights: Tensor | None = None) -> Tensor:
        if weights is not None:
            weights = self.own(weights.unsqueeze(-1)).squeeze(-1)
        else:
            terms = terms * (self.own.weight.detach() == self.own.weight.detach()).long().squeeze()
        return self.bag(terms, per_sample_weights=weights)


def test_bags_by_offsets() -> None:
    torch.manual_seed(0)
    bag = nn.EmbeddingBag(9, 4, mode="mean", padding_idx=1)
    parts = [torch.randint(0, 9, (count,)) for count in (3, 1, 0, 5)]

    def losses(places: Any) -> Tensor:
        chosen = [parts[place] for place in places]
        offsets = torch.tensor([0, *[len(one) for one in chosen][:-1]]).cumsum(0)
        return torch.sin(bag(torch.cat(chosen), offsets)).sum(1) * torch.tensor([place + 1.0 for place in places])

    assert_same(bag, losses, len(parts))


@FEW
@given(
    seed=SEEDS,
    kind=KINDS,
    dimensions=some.integers(1, 3),
    records=some.integers(1, 4),
    each=some.integers(1, 3),
    groups=some.integers(1, 3),
    kernel=some.integers(1, 3),
    dilation=some.integers(1, 2),
    bias=some.booleans(),
    padding=some.sampled_from(["valid", "same", 0, 1, 2, "reflect", "circular"]),
    stride=some.integers(1, 2),
    times=some.integers(1, 2),
)
def test_convolution(
    *,
    seed: int,
    kind: Any,
    dimensions: int,
    records: int,
    each: int,
    groups: int,
    kernel: int,
    dilation: int,
    bias: bool,
    padding: Any,
    stride: int,
    times: int,
) -> None:
    torch.manual_seed(seed)
    around = {"padding": 1, "padding_mode": padding} if padding in ("reflect", "circular") else {"padding": padding}
    made = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1]
    if padding == "same":  # torch knows no stride there, and warns of even kernels
        stride, kernel = 1, kernel | 1
    layer = made(
        each * groups, 2 * groups, kernel, groups=groups, bias=bias, dilation=dilation, stride=stride, **around
    )
    first = made(2, each * groups, 1)
    side = 6 if dimensions < 3 else 5
    same(Around(layer, first).to(kind), torch.randn(records * times, 2, *[side] * dimensions, dtype=kind), times=times)


@pytest.mark.parametrize("channels", [(2, 3), (24, 40)])
def test_convolution_by_either_way(channels: tuple[int, int]) -> None:
    torch.manual_seed(0)
    same(Around(nn.Conv1d(*channels, 3), nn.Conv1d(3, channels[0], 1)), torch.randn(4, 3, 9), calls=2)


@FEW
@given(
    SEEDS, KINDS, some.integers(1, 4), some.integers(1, 5), some.sampled_from(["last", "two", "rms", "rms2", "bare"])
)
def test_layer_norm(seed: int, kind: Any, records: int, tokens: int, style: str) -> None:
    torch.manual_seed(seed)
    layers: dict[str, Callable[[], nn.Module]] = {
        "last": lambda: nn.LayerNorm(6),
        "two": lambda: nn.LayerNorm((tokens, 6)),
        "rms": lambda: nn.RMSNorm(6),
        "rms2": lambda: nn.RMSNorm((tokens, 6), eps=1e-3),
        "bare": lambda: nn.LayerNorm(6, bias=False),
    }
    layer = layers[style]()
    with torch.no_grad():
        for one in layer.parameters():
            one.normal_()
    same(Around(layer, nn.Linear(6, 6)).to(kind), torch.randn(records, tokens, 6, dtype=kind))


@FEW
@given(SEEDS, KINDS, some.integers(1, 4), some.integers(1, 5), some.sampled_from([1, 2, 3, 0]), some.integers(1, 2))
def test_group_norm(seed: int, kind: Any, records: int, side: int, groups: int, times: int) -> None:
    torch.manual_seed(seed)
    layer = nn.GroupNorm(groups, 6) if groups else nn.InstanceNorm2d(6, affine=True)
    with torch.no_grad():
        for one in layer.parameters():
            one.normal_()
    given = torch.randn(records * times, 6, side + 1, side + 2, dtype=kind)
    same(Around(layer, nn.Conv2d(6, 6, 1, bias=False)).to(kind), given, times=times)


@FEW
@given(SEEDS, KINDS, some.integers(1, 4), some.integers(1, 4), some.integers(1, 4), some.integers(1, 2))
def test_numbers(seed: int, kind: Any, records: int, columns: int, width: int, times: int) -> None:
    torch.manual_seed(seed)
    network = Around(EachLinear(columns, 2 * width, 3), Periodic(columns, width, 0.3)).to(kind)
    same(network, torch.randn(records * times, columns, dtype=kind), times=times)


class Tied(nn.Module):
    """A table that is looked up twice, and is a linear map's weight as well, beside that map's own bias."""

    def __init__(self, tokens: int, width: int, padded: bool, bias: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(tokens, width, padding_idx=1 if padded else None)
        self.between, self.out = nn.Linear(width, width), nn.Linear(width, tokens, bias=bias)
        self.out.weight = self.table.weight

    def forward(self, codes: Tensor) -> Tensor:
        hidden = torch.tanh(self.between(self.table(codes)) + self.table(codes.flip(1)))
        return self.out(hidden) + self.out(hidden * 0.5).mean(1, keepdim=True)


@FEW
@given(
    SEEDS, KINDS, some.integers(1, 4), some.integers(1, 4), some.sampled_from([(5, 2), (40, 24)]), some.booleans(),
    some.booleans(),
)  # fmt: skip
def test_tied_weights(
    seed: int, kind: Any, records: int, tokens: int, shape: tuple[int, int], padded: bool, bias: bool
) -> None:
    torch.manual_seed(seed)
    same(Tied(*shape, padded, bias).to(kind), torch.randint(0, shape[0], (records, tokens)))


class TiedMaps(nn.Module):
    """Two linear maps with one weight, and a convolution that shares its kernel with another."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6, bias=False)
        self.two.weight = self.one.weight
        self.first, self.second = nn.Conv1d(6, 6, 1), nn.Conv1d(6, 6, 1, bias=False)
        self.second.weight = self.first.weight

    def forward(self, given: Tensor) -> Tensor:
        hidden = torch.tanh(self.two(torch.tanh(self.one(given))))
        return self.second(torch.tanh(self.first(hidden.transpose(1, 2))))


@pytest.mark.parametrize("tokens", [1, 2, 30])
def test_tied_maps(tokens: int) -> None:
    torch.manual_seed(tokens)
    same(TiedMaps(), torch.randn(3, tokens, 6))
