"""Modules without a rule, frozen and shared parts, what is refused, and how sums of several batches add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from naive import Each, assert_same, gradients
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from bakeoff.errors import BakeoffError, UsageError
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.verification import verify

RECORDS = 4


class Nested(nn.Module):
    """Parameters of its own, answers in a mapping, arguments by name, and None among both."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.randn(5)), nn.Parameter(torch.randn(3, 5))
        self.inner = nn.Linear(5, 5)

    def forward(self, given: Tensor, *, also: dict[str, Any]) -> dict[str, Any]:
        hidden = self.inner(given) * self.scale
        return {"one": hidden, "none": None, "two": (hidden.sin() @ self.shift.T, also["more"] * self.scale.sum())}


class OfNested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before, self.nested = nn.Linear(5, 5), Nested()

    def forward(self, given: Tensor) -> Tensor:
        found = self.nested(self.before(given), also={"more": given, "none": None})
        return torch.cat([found["one"], *found["two"]], dim=-1)


class Choosing(nn.Module):
    """Looks at numbers, which no mapping over records can do."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(5))

    def forward(self, given: Tensor) -> Tensor:
        rows = [row * self.scale if float(row.detach().sum()) > 0 else row - self.scale for row in given]
        return torch.stack(rows)


class Adapted(nn.Module):
    """A frozen linear map with a low-rank one beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.base, self.down, self.up = nn.Linear(5, 6), nn.Linear(5, 2, bias=False), nn.Linear(2, 6, bias=False)
        self.base.requires_grad_(False)

    def forward(self, given: Tensor) -> Tensor:
        return self.base(given) + self.up(self.down(given))


class Quadratic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.form = nn.Bilinear(5, 5, 3)

    def forward(self, given: Tensor) -> Tensor:
        return self.form(given, given.flip(-1))


def same(network: nn.Module, given: Tensor) -> None:
    def losses(places: Any) -> Tensor:
        flat = network(given[places]).flatten(1)
        return (torch.sin(flat) * torch.linspace(-1, 1.5, flat.shape[1])).sum(1)

    assert_same(network, losses, len(given))


@pytest.mark.parametrize("tokens", [0, 3])
@pytest.mark.parametrize(
    ("build", "mapped"),
    [
        (OfNested, "nested (Nested)"),
        (Choosing, "Choosing (Choosing)"),
        (Quadratic, "form (Bilinear)"),
        (lambda: nn.Sequential(nn.PReLU(), nn.Linear(5, 2)), "0 (PReLU)"),
        (lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(5, 3))), "0 (ParametrizedLinear)"),
    ],
)
def test_modules_without_a_rule_are_run_again_and_named(build: Any, mapped: str, tokens: int) -> None:
    torch.manual_seed(tokens)
    network = build()
    if isinstance(network, Choosing) and tokens:
        return
    same(network, torch.randn(RECORDS, tokens, 5) if tokens else torch.randn(RECORDS, 5))
    report = BookKeeping(network).report
    assert report.mapped == (mapped,)
    assert mapped in str(report)


def test_a_transposed_convolution_is_run_again() -> None:
    torch.manual_seed(0)
    same(nn.Sequential(nn.ConvTranspose1d(3, 4, 2), nn.Conv1d(4, 2, 1)), torch.randn(RECORDS, 3, 5))


def test_adapters_and_frozen_parts() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 5), Adapted(), nn.LayerNorm(6))
    network[0].weight.requires_grad_(False)
    network[2].bias.requires_grad_(False)
    same(network, torch.randn(RECORDS, 3, 5))
    same(network, torch.randn(RECORDS, 5))
    report = BookKeeping(network).report
    assert set(report.frozen) == {"0.weight", "2.bias", "1.base.weight", "1.base.bias"}
    assert "frozen: 4 parameters" in str(report)
    assert not report.mapped
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (nn.BatchNorm1d(4), "GroupNorm"),
        (nn.SyncBatchNorm(4), "GroupNorm"),
        (nn.InstanceNorm1d(4, affine=True, track_running_stats=True), "track_running_stats"),
        (nn.Embedding(4, 4, max_norm=1.0), "max_norm"),
        (nn.Embedding(4, 4, scale_grad_by_freq=True), "scale_grad_by_freq"),
        (nn.EmbeddingBag(4, 4, mode="max"), "max"),
        (nn.TransformerEncoderLayer(4, 2), "batch_first=True"),
    ],
)
def test_layers_that_mix_records_are_refused_with_the_mend(layer: nn.Module, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        BookKeeping(nn.Sequential(nn.Linear(4, 4), layer))
    assert "'1'" in str(caught.value)


def test_layers_like_them_that_do_not_mix_are_taken() -> None:
    for layer in (nn.GroupNorm(2, 4), nn.InstanceNorm1d(4, affine=True), nn.EmbeddingBag(4, 4)):
        assert not BookKeeping(nn.Sequential(nn.Linear(4, 4), layer)).report.mapped
    BookKeeping(nn.TransformerEncoderLayer(4, 2, batch_first=True))


def test_nothing_to_learn_is_refused() -> None:
    with pytest.raises(UsageError, match="frozen"):
        BookKeeping(nn.Linear(2, 2).requires_grad_(False))


class Random(nn.Module):
    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.scale, self.inside = nn.Parameter(torch.ones(3)), inside

    def forward(self, given: Tensor) -> Tensor:
        return self.inside(given) * self.scale


class Drawing(nn.Module):
    def forward(self, given: Tensor) -> Tensor:
        return given + torch.randn(3)


def test_what_is_random_cannot_be_run_again() -> None:
    network = Random(nn.Dropout(0.25))
    keeping, given = BookKeeping(network), torch.randn(RECORDS, 3)
    with pytest.raises(UsageError, match=r"dropout inside of it \(inside, 0.25\)"):
        keeping.clipped(lambda: network(given).sum(1), RECORDS, Each(), keeping.sums())
    verify(keeping, lambda places: network(given[list(places)]).sum(1), RECORDS)
    keeping.clipped(lambda: network(given).sum(1), RECORDS, Each(), keeping.sums())
    drawing = Random(Drawing())
    with pytest.raises(UsageError, match="draws random numbers"):
        BookKeeping(drawing).clipped(lambda: drawing(given).sum(1), RECORDS, Each(), BookKeeping(drawing).sums())
    network.eval()
    same(network, given)


def test_a_gradient_that_is_not_a_number_is_refused_by_name() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    given = torch.randn(RECORDS, 3)
    keeping = BookKeeping(network)
    keeping.clipped(lambda: network(given).sum(1), RECORDS, Each(), keeping.sums())
    given[2, 1] = torch.nan
    with pytest.raises(BakeoffError, match=r"'[02]\.(weight|bias)' is not a number for 1 of 4 records.*number 2"):
        keeping.clipped(lambda: network(given).sum(1), RECORDS, Each(), keeping.sums())


def test_after_a_failure_the_network_is_as_before() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].forward = lambda given: given * 2 + functional.linear(given, network[1].weight, network[1].bias)
    own = network[1].forward
    network[0].weight.requires_grad_(False)
    given = torch.randn(RECORDS, 3)
    same(network, given)
    with pytest.raises(ZeroDivisionError):
        BookKeeping(network).clipped(lambda: network(given) / (1 // 0), RECORDS, Each(), BookKeeping(network).sums())
    assert "forward" not in network[0].__dict__
    assert network[1].forward is own
    assert [one.requires_grad for one in network.parameters()] == [False, True, True, True]
    assert torch.backends.mha.get_fastpath_enabled()


class InPlace(nn.Module):
    """Every layer's answer is changed in place by what comes after it."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.map, self.norm = nn.Embedding(9, 6), nn.Linear(6, 6), nn.LayerNorm(6)
        self.kernel, self.group = nn.Conv1d(6, 6, 2), nn.GroupNorm(2, 6)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.table(tokens).mul_(2)
        hidden = self.norm(self.map(hidden).relu_()).add_(1)
        hidden = self.group(self.kernel(hidden.transpose(1, 2)).relu_()).sigmoid_()
        return hidden


@pytest.mark.parametrize("reentrant", [None, False])
def test_changes_in_place_and_checkpoints(reentrant: bool | None) -> None:
    torch.manual_seed(0)
    network, tokens = InPlace(), torch.randint(0, 9, (RECORDS, 5))
    last = nn.Linear(6, 3)
    both = nn.ModuleList([network, last])

    def losses(places: Any) -> Tensor:
        if reentrant is None:
            hidden = network(tokens[places])
        else:
            hidden = checkpoint(network.map, network.table(tokens[places]), use_reentrant=reentrant).transpose(1, 2)
        flat = last(hidden.mean(2))
        return (torch.sin(flat) * torch.linspace(-1, 1.5, 3)).sum(1)

    assert_same(both, losses, RECORDS)


class Labels(nn.Module):
    """A label for each token of a padded sentence; padding has no loss."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.norm, self.out = nn.Embedding(9, 6, padding_idx=0), nn.LayerNorm(6), nn.Linear(6, 4)

    def losses(self, tokens: Tensor, tags: Tensor) -> Tensor:
        logits = self.out(self.norm(self.table(tokens)))
        return functional.cross_entropy(logits.transpose(1, 2), tags, ignore_index=-100, reduction="none").sum(1)


def _sentences() -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([5, 1, 0, 3])
    there = torch.arange(5) < lengths.unsqueeze(1)
    return torch.randint(1, 9, (4, 5)) * there, torch.randint(0, 4, (4, 5)).masked_fill(~there, -100)


def test_padding_and_ignored_labels() -> None:
    torch.manual_seed(0)
    network = Labels()
    tokens, tags = _sentences()
    assert_same(network, lambda places: network.losses(tokens[places], tags[places]), 4)
    alone = gradients(network, lambda places: network.losses(tokens[places], tags[places]), 4)
    assert not alone["out.weight"][2].any(), "a sentence without tokens has no gradient"


def test_physical_batches_add_up_and_an_empty_one_adds_nothing() -> None:
    torch.manual_seed(0)
    network = Labels()
    tokens, tags = _sentences()
    keeping = BookKeeping(network)

    def sum_of(parts: Sequence[Sequence[int]], sums: Any) -> dict[str, Tensor]:
        sums.clear()
        for part in parts:
            some = list(part)
            found = keeping.clipped(lambda some=some: network.losses(tokens[some], tags[some]), len(some), Ones(), sums)
            assert found.norms.shape == (1, len(some))
            assert found.losses.shape == (len(some),)
        return {name: sums.dense(parameter).clone() for name, parameter in keeping.parameters.items()}

    sums = keeping.sums()
    whole = sum_of([range(4)], sums)
    for parts in ([[0, 1], [2, 3]], [[], [0], [1, 2], [], [3]], [[3, 2, 1, 0], []]):
        for name, found in sum_of(parts, sums).items():
            assert torch.allclose(found, whole[name], rtol=1e-5, atol=1e-6), name
    for found in sum_of([[]], sums).values():
        assert not found.any()


class Ones:
    def groups(self, sizes: Any) -> list[int]:
        return [0] * len(sizes)

    def factors(self, norms: Tensor) -> Tensor:
        return torch.ones_like(norms)


def test_a_table_has_rows_of_what_was_looked_up() -> None:
    torch.manual_seed(0)
    network = Labels()
    tokens, tags = _sentences()
    keeping = BookKeeping(network)
    sums, table = keeping.sums(), network.table.weight
    assert sums.rows(table) is None
    for some in ([0, 1], [2, 3]):
        keeping.clipped(lambda some=some: network.losses(tokens[some], tags[some]), 2, Ones(), sums)
    rows = sums.rows(table)
    assert rows is not None
    assert rows.index.tolist() == sorted(set(tokens.flatten().tolist()) - {0})
    found = torch.zeros_like(table).index_copy_(0, rows.index, rows.values)
    assert torch.equal(found, sums.dense(table))
    assert sums.rows(table) is None, "it is dense now"


@pytest.mark.parametrize("whole", [False, True])
def test_half_precision_is_bounded_in_single(whole: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv1d(8, 16, 3), nn.GroupNorm(2, 16), nn.Flatten(), nn.Linear(96, 32), nn.LayerNorm(32))
    given = torch.randn(6, 8, 8)
    if whole:
        network, given = network.bfloat16(), given.bfloat16()

    def losses(places: Any) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not whole):
            return (network(given[places]).float().sin() * torch.linspace(-1, 2, 32)).sum(1)

    assert_same(network, losses, 6, relative=0.05)
    keeping = BookKeeping(network)
    sums = keeping.sums()
    found = keeping.clipped(lambda: losses(list(range(6))), 6, Ones(), sums)
    assert found.half
    assert found.norms.dtype == torch.float32
    assert all(sums.dense(one).dtype == torch.float32 for one in keeping.parameters.values())
    verify(keeping, losses, 6)


class WithTable(nn.Module):
    """Parameters of its own, and a table among its inputs with as many rows as there are records."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 5))
        self.register_buffer("table", torch.randn(RECORDS, 5))

    def forward(self, given: Tensor, table: Tensor) -> Tensor:
        return (given @ self.weight) @ table.T


class OfTable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = WithTable()

    def forward(self, given: Tensor) -> Tensor:
        return self.inner(given, self.inner.table)


def test_a_table_of_as_many_rows_as_records_is_not_taken_for_them() -> None:
    torch.manual_seed(0)
    same(OfTable(), torch.randn(RECORDS, 3, 5))


class Mean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5))

    def forward(self, given: Tensor) -> Tensor:
        return (given - given.mean(0)) * self.weight


def test_a_module_without_a_rule_that_mixes_records_is_refused() -> None:
    network, given = Mean(), torch.randn(RECORDS, 5)
    with pytest.raises(UsageError, match="one record at a time"):
        BookKeeping(network).clipped(lambda: network(given).sum(1), RECORDS, Each(), BookKeeping(network).sums())
