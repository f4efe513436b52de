"""The conditional random field against all sequences of tags, written out one by one."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some
from neural import torch

from bakeoff.training.sequences.chain import Chain, legal_moves

QUICK = settings(deadline=None, max_examples=25)


def shaken(tags: int, seed: int, legal=None) -> Chain:
    chain = Chain(tags, legal).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for held in chain.parameters():
            held.copy_(torch.randn(held.shape, generator=generator) * 2)
    return chain


def written_out(chain: Chain, emissions, length: int) -> dict[tuple[int, ...], float]:
    """The score of every sequence of tags of one record."""
    between, first = (one.detach().numpy() for one in chain.scores())
    last = chain.last.detach().numpy()
    out = {}
    for tags in product(range(len(last)), repeat=length):
        moves = sum(between[one, after] for one, after in pairwise(tags))
        own = sum(emissions[place, tag] for place, tag in enumerate(tags))
        out[tags] = float(first[tags[0]] + moves + own + last[tags[-1]])
    return out


@QUICK
@given(some.integers(1, 4), some.lists(some.integers(1, 5), min_size=1, max_size=3), some.integers(0, 999))
def test_partition_score_and_best_path_are_those_of_all_sequences(tags, lengths, seed):
    chain = shaken(tags, seed)
    random = torch.Generator().manual_seed(seed)
    emissions = torch.randn(len(lengths), max(lengths), tags, dtype=torch.float64, generator=random) * 3
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    partition, best = chain.log_partition(emissions, mask).detach(), chain.best(emissions, mask)
    for record, length in enumerate(lengths):
        scores = written_out(chain, emissions[record].numpy(), length)
        assert np.isclose(float(partition[record]), np.logaddexp.reduce(list(scores.values())))
        assert tuple(best[record, :length].tolist()) == max(scores, key=scores.get)
        assert not best[record, length:].any()
        one = next(iter(scores))
        given_tags = torch.zeros(1, max(lengths), dtype=torch.int64)
        given_tags[0, :length] = torch.tensor(one)
        assert np.isclose(chain.score(emissions[[record]], given_tags, mask[[record]]).item(), scores[one])


def test_gradients_are_finite_differences():
    chain = shaken(3, 1)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    tags = torch.tensor([[0, 2, 1], [1, 1, 0]])
    emissions = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)

    def losses(given_emissions, between, first, last):
        held = {"between": between, "first": first, "last": last}
        return torch.func.functional_call(_Losses(chain), {f"chain.{k}": v for k, v in held.items()}, given_emissions)

    class _Losses(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.chain = inner

        def forward(self, given_emissions):
            return self.chain.losses(given_emissions, tags, mask)

    weights = [held.detach().clone().requires_grad_() for held in (chain.between, chain.first, chain.last)]
    assert torch.autograd.gradcheck(losses, (emissions, *weights))


def test_what_is_no_bio_is_neither_counted_nor_answered():
    names = ("B-a", "B-b", "I-a", "I-b", "O")
    allowed = legal_moves(names)
    free, bound = shaken(5, 3), shaken(5, 3, allowed)
    random = torch.Generator().manual_seed(0)
    emissions = torch.randn(40, 5, 5, dtype=torch.float64, generator=random) * 4
    mask = torch.ones(40, 5, dtype=torch.bool)

    def keeps(tags) -> bool:
        before = [-1, *tags[:-1]]
        return all(bool(allowed[one, after]) for one, after in zip(before, tags, strict=True))

    assert all(keeps(tags) for tags in bound.best(emissions, mask).tolist())
    assert not all(keeps(tags) for tags in free.best(emissions, mask).tolist()), "a field that is free breaks the rule"
    scores = {tags: score for tags, score in written_out(free, emissions[0].numpy(), 5).items() if keeps(tags)}
    assert np.isclose(bound.log_partition(emissions[:1], mask[:1]).item(), np.logaddexp.reduce(list(scores.values())))
    assert not keeps((2,)) and not keeps((0, 3)) and keeps((0, 2, 2, 4, 1))


def test_far_apart_scores_stay_numbers():
    chain = Chain(3)
    emissions = torch.tensor([[[500.0, -500.0, 0.0]] * 6], requires_grad=True)
    loss = chain.losses(emissions, torch.ones(1, 6, dtype=torch.int64), torch.ones(1, 6, dtype=torch.bool))
    loss.sum().backward()
    assert torch.isfinite(loss).all() and torch.isfinite(emissions.grad).all()
    assert loss.item() == 6000.0
