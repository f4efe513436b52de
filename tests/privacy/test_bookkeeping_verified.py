"""The self check: what it lets pass, what it refuses, and the faster rules that it chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

pytest.importorskip("torch")

import torch
from naive import assert_same, gradients
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.verification import verify

RECORDS = 5


class Pictures(nn.Module):
    """A class token, places and a scale beside layers with rules, behind an output that begins at zero."""

    def __init__(self, width: int = 8, tokens: int = 4) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.zeros(1, tokens + 1, width))
        self.scale = nn.Parameter(torch.full((width,), 1e-4))
        self.enter, self.norm, self.out = nn.Linear(3, width), nn.LayerNorm(width), nn.Linear(width, 6)
        self.drop = nn.Dropout(0.3)
        nn.init.zeros_(self.out.weight)

    def forward(self, given: Tensor) -> Tensor:
        hidden = torch.cat([self.token.expand(len(given), -1, -1), self.enter(given)], dim=1) + self.places
        return self.out((hidden + self.drop(self.norm(hidden)) * self.scale)[:, 0])


class Stray(nn.Module):
    """The table of an embedding used once more, outside of it."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.norm = nn.Embedding(7, 5), nn.LayerNorm(5)

    def forward(self, tokens: Tensor) -> Tensor:
        return (self.norm(self.table(tokens)) @ self.table.weight.T).mean(1)


class Mixing(nn.Module):
    """Features from which the batch's mean is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 6)

    def forward(self, given: Tensor) -> Tensor:
        hidden = self.layer(given)
        return hidden - hidden.mean(0)


class PlacesFirst(nn.Module):
    """A layer that is given (positions, records, features), as many positions as records."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 6)

    def forward(self, given: Tensor) -> Tensor:
        return torch.tanh(self.layer(given.transpose(0, 1))).sum(0)


class StrayHead(nn.Module):
    """A bias that is read from outside of its layer, whose forward is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.other = nn.Linear(3, 6), nn.Linear(3, 6)

    def forward(self, given: Tensor) -> Tensor:
        return self.layer(given) + self.other.bias


def _losses(network: nn.Module, given: Tensor, labels: Tensor) -> Callable[[Sequence[int]], Tensor]:
    return lambda places: functional.cross_entropy(network(given[list(places)]), labels[list(places)], reduction="none")


def _labels() -> Tensor:
    return torch.arange(RECORDS) % 6


def test_parameters_beside_layers_get_a_copy_for_each_record() -> None:
    torch.manual_seed(0)
    network = Pictures()
    losses = _losses(network, torch.randn(RECORDS, 4, 3), _labels())
    before = {name: one.clone() for name, one in network.state_dict().items()}
    keeping = BookKeeping(network)
    assert keeping.report.mapped
    verify(keeping, losses, RECORDS)
    assert not keeping.report.mapped, "dropout inside would have been refused"
    assert network.training and all(one.requires_grad for one in network.parameters())
    assert all(torch.equal(before[name], one) for name, one in network.state_dict().items())
    network.eval()
    with torch.no_grad():
        network.out.weight.normal_()
        network.scale.fill_(0.5)
    sums = keeping.sums()
    found = keeping.clipped(lambda: losses(range(RECORDS)), RECORDS, _One(), sums)
    expected = gradients(network, losses, RECORDS)
    norms = torch.stack([one.flatten(1).norm(dim=1) for one in expected.values()]).norm(dim=0)
    assert torch.allclose(found.norms[0], norms, rtol=1e-5)
    for name, each in expected.items():
        assert torch.allclose(sums.dense(keeping.parameters[name]), each.sum(0), rtol=1e-4, atol=1e-6), name
    assert_same(network, losses, RECORDS)


class _One:
    def groups(self, sizes: object) -> Sequence[int]:
        return [0] * len(sizes)  # type: ignore[arg-type]

    def factors(self, norms: Tensor) -> Tensor:
        return torch.ones_like(norms)


@pytest.mark.parametrize("build", [Stray, StrayHead])
def test_a_parameter_used_outside_of_its_module_is_refused_by_name(build: type[nn.Module]) -> None:
    torch.manual_seed(1)
    network = build()
    given = torch.randint(0, 7, (RECORDS, 4)) if build is Stray else torch.randn(RECORDS, 3)
    with pytest.raises(UsageError, match=r"table\.weight" if build is Stray else r"'other\.bias' is used outside"):
        verify(BookKeeping(network), _losses(network, given, _labels() % 5), RECORDS)


def test_a_network_that_mixes_records_is_refused() -> None:
    network = Mixing()
    with pytest.raises(UsageError, match="depends on the other records"):
        verify(BookKeeping(network), _losses(network, torch.randn(RECORDS, 3), _labels()), RECORDS)


def test_a_layer_whose_first_dimension_is_not_the_records_is_refused() -> None:
    torch.manual_seed(2)
    network = PlacesFirst()
    with pytest.raises(UsageError, match=r"layer\.weight.*first dimension"):
        verify(BookKeeping(network), _losses(network, torch.randn(RECORDS, 3, 3), _labels()), RECORDS)


def test_a_mean_loss_is_refused() -> None:
    network = nn.Linear(3, 6)

    def mean(places: Sequence[int]) -> Tensor:
        return functional.cross_entropy(network(torch.randn(len(places), 3)), _labels()[: len(places)])

    with pytest.raises(UsageError, match="reduction='none'"):
        verify(BookKeeping(network), mean, RECORDS)
    with pytest.raises(UsageError, match="reduction='none'"):
        BookKeeping(network).clipped(lambda: mean(range(RECORDS)), RECORDS, _One(), BookKeeping(network).sums())
