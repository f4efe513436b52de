"""Beam search against all sequences of a toy, written out."""

from __future__ import annotations

from itertools import product

import pytest
from neural import torch

from bakeoff.training.sequences.beam import BeamStyle, search

PIECES, END, LONGEST = 4, 3, 3


def toy(seed: int, records: int):
    """Log-probabilities that depend on the record, the last two pieces and nothing else."""
    table = torch.randn(records, PIECES + 1, PIECES + 1, PIECES, generator=torch.Generator().manual_seed(seed))
    table = (table * 1.5).log_softmax(-1)

    def step(last, state):
        record, before = state
        return table[record, before, last], (record, last)

    state = (torch.arange(records), torch.full((records,), PIECES))
    return table, step, state, torch.full((records,), PIECES)


def all_of(table, record: int) -> dict[tuple[int, ...], float]:
    """Every sequence that ends within the longest, with its log-probability."""
    out = {}
    for length in range(LONGEST):
        for pieces in product([piece for piece in range(PIECES) if piece != END], repeat=length):
            before, last, total = PIECES, PIECES, 0.0
            for piece in (*pieces, END):
                total += float(table[record, before, last, piece])
                before, last = last, piece
            out[pieces] = total
    return out


@pytest.mark.parametrize("normal", [0.0, 0.7])
@pytest.mark.parametrize("seed", range(6))
def test_a_beam_as_wide_as_everything_finds_the_best_of_everything(seed, normal):
    table, step, state, start = toy(seed, 3)
    found, scores = search(step, state, start, END, BeamStyle(PIECES**LONGEST, LONGEST, normal))
    for record in range(3):
        known = all_of(table, record)
        best = max(known, key=lambda pieces: known[pieces] / (len(pieces) + 1) ** normal)
        assert tuple(found[record]) == best
        assert float(scores[record]) == pytest.approx(known[best], abs=1e-5)


def test_greedy_takes_the_likeliest_piece_each_time_and_a_wider_beam_does_no_worse():
    table, step, state, start = toy(5, 60)
    greedy, scores = search(step, state, start, END, BeamStyle(1, 8))
    for record, own in enumerate(greedy):
        before, last, pieces = PIECES, PIECES, []
        while len(pieces) < 8:
            piece = int(table[record, before, last].argmax())
            if piece == END:
                break
            before, last = last, piece
            pieces.append(piece)
        assert own == pieces
    wide, better = search(step, state, start, END, BeamStyle(8, 8))
    ended = torch.tensor([len(one) < 8 and len(other) < 8 for one, other in zip(greedy, wide, strict=True)])
    assert (better[ended] >= scores[ended] - 1e-6).all() and wide != greedy


def test_what_never_ends_is_cut_and_no_record_gives_no_sequence():
    def step(last, state):
        return torch.tensor([0.0, -9.0, -9.0, -99.0]).expand(len(last), -1), state

    found, _ = search(step, (torch.zeros(2),), torch.zeros(2, dtype=torch.int64), END, BeamStyle(2, 5))
    assert found == [[0] * 5, [0] * 5]
    none, _ = search(step, (torch.zeros(0),), torch.zeros(0, dtype=torch.int64), END, BeamStyle(2, 5))
    assert none == []
