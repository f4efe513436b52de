"""The conditional random field against the loop over records."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from naive import assert_same
from torch import nn

from bakeoff.privacy.rules import chain as rule
from bakeoff.training.sequences.chain import Chain, legal_moves

QUICK = settings(deadline=None, max_examples=15)


class Field(nn.Module):
    """A field over emissions that are learnt too, called twice where it is `again`."""

    def __init__(self, tags: int, legal: torch.Tensor | None, *, again: bool = False) -> None:
        super().__init__()
        self.enter, self.chain, self.again = nn.Linear(3, tags), Chain(tags, legal), again
        for one in self.chain.parameters():
            nn.init.normal_(one)

    def losses(self, given: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor, places: list[int]) -> torch.Tensor:
        emissions = self.enter(given[places])
        found = self.chain.losses(emissions, tags[places], mask[places])
        if self.again:
            found = 3 * found + self.chain.losses(emissions.flip(1)[:, :2], tags[places][:, :2], mask[places][:, :2])
        return found


def made(records: int, steps: int, tags: int, seed: int):
    random = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, steps + 1, (records,), generator=random)
    mask = torch.arange(steps) < lengths.unsqueeze(1)
    codes = torch.randint(0, tags, (records, steps), generator=random) * mask
    return torch.randn(records, steps, 3, generator=random) * 2, codes, mask


@QUICK
@given(some.integers(1, 5), some.integers(1, 6), some.integers(2, 6), some.booleans(), some.integers(0, 99))
def test_any_field_equals_the_loop(records, steps, tags, again, seed):
    torch.manual_seed(seed)
    network = Field(tags, None, again=again)
    assert_same(network, lambda places: network.losses(*made(records, steps, tags, seed), places), records)


def test_a_field_with_forbidden_moves_equals_the_loop():
    torch.manual_seed(1)
    network = Field(5, legal_moves(["O", "B-a", "I-a", "B-b", "I-b"]))
    values, _, mask = made(6, 9, 5, 1)
    assert_same(network, lambda places: network.losses(values, torch.zeros_like(mask).long(), mask, places), 6)


def test_records_that_are_made_a_few_at_a_time_are_the_same(monkeypatch):
    monkeypatch.setattr(rule, "ROOM", 50)  # two records of 25 moves
    torch.manual_seed(2)
    network = Field(5, None, again=True)
    assert_same(network, lambda places: network.losses(*made(5, 4, 5, 2), places), 5)


def test_several_sequences_of_one_record_are_bounded_together():
    torch.manual_seed(3)
    network = Field(4, None)
    given, tags, mask = made(6, 5, 4, 3)

    def losses(places):
        both = [2 * place + one for place in places for one in (0, 1)]
        return network.losses(given, tags, mask, both).view(-1, 2).sum(1)

    assert_same(network, losses, 3)
