"""Where the true secret ranks among all fillings of the blanks, and its exposure in bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.extraction.blanks import Blanks
from bakeoff.privacy.extraction.frozen import AT_ONCE, Frozen, Logits

MOST = 200_000  # fillings that are scored one by one; of a larger space so many are drawn
NEAR = 256  # roundings of the network's numbers within which two fillings score alike


@dataclass(frozen=True)
class Exposure:
    """How far up the true secret stands among all fillings (Carlini et al. 2019, section 4.2).

    `bits` is log2 of the `space` less log2 of the `rank`, which counts from 1, the `tied` fillings that score like the
    secret at the middle of theirs. Where the space is too large to be scored, `rank` is estimated from `drawn` fillings
    and no more than `ceiling` bits can be seen. `best` is the filling that scores highest of those, as token numbers,
    the middle one of those that tie. Of a secret that was never seen, about 1.44 bits are expected.
    """

    bits: float
    rank: float
    space: int
    tied: int
    drawn: int
    best: tuple[int, ...]

    @property
    def ceiling(self) -> float:
        """The most bits that this many scored fillings can show."""
        return math.log2(self.drawn) if self.drawn >= self.space else math.log2(self.drawn + 1)

    @property
    def exhaustive(self) -> bool:
        """Whether every filling was scored."""
        return self.drawn >= self.space

    def as_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        told = {"bits": round(self.bits, 4), "rank": round(self.rank, 2), "space": self.space, "tied": self.tied}
        return {**told, "drawn": self.drawn, "ceiling": round(self.ceiling, 4)}


def exposure(
    network: nn.Module | Frozen,
    blanks: Blanks,
    secret: Sequence[int] | Array,
    *,
    logits: Logits | None = None,
    reference: nn.Module | Frozen | None = None,
    most: int = MOST,
    seed: int = 0,
) -> Exposure:
    """Rank the secret (places,) among the fillings of the blanks by the log-odds that the network gives the label.

    All of them where there are at most `most`, else `most` drawn by `seed`. With a `reference`, a network that was
    trained alike and never saw the secret, its log-odds are taken off: what every network thinks of a filling tells
    nothing of what this one remembers. `logits` is that of `Frozen`, whose table is not needed here; for a reference
    that needs one, give a `Frozen`. UsageError for a secret that is no filling.
    """
    frozen = network if isinstance(network, Frozen) else Frozen(network, nn.Identity(), logits)
    beside = reference
    if beside is not None and not isinstance(beside, Frozen):
        beside = Frozen(beside, nn.Identity())
    true = blanks.check(secret)
    if most < 1:
        raise UsageError(f"At least 1 filling must be scored, and not {most}.")
    whole = blanks.space <= most
    every = blanks.numbered(np.arange(blanks.space)) if whole else blanks.drawn(most, np.random.default_rng([seed, 29]))
    odds, other = _odds(frozen, beside, blanks, every)
    itself = (every == true).all(axis=1)
    one, two = (odds[itself], other[itself]) if itself.any() else _odds(frozen, beside, blanks, true[None])
    own = float(one[0] - two[0])
    near = NEAR * _precision(frozen) * max(1.0, abs(float(one[0])), abs(float(two[0])))
    odds = odds - other
    others = odds[~itself]
    better, tied = int((others > own + near).sum()), int((abs(others - own) <= near).sum())
    share = 1 if whole else blanks.space / (len(others) + 1)
    rank = (1 + better + tied / 2) * share
    best = every[_middle(odds, near)]
    bits = math.log2(blanks.space) - math.log2(rank)
    return Exposure(bits, rank, blanks.space, tied, len(odds), tuple(best.tolist()))


def _odds(frozen: Frozen, beside: Frozen | None, blanks: Blanks, fillings: Array) -> tuple[Array, Array]:
    """The log-odds of fillings, and those of the reference, 0 without one; both (fillings,)."""
    odds, other = np.zeros(len(fillings)), np.zeros(len(fillings))
    for begin in range(0, len(fillings), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        texts = blanks.filled(fillings[some])
        odds[some] = frozen.odds(texts, blanks.label)
        if beside is not None:
            other[some] = beside.odds(texts, blanks.label)
    return odds, other


def _middle(odds: Array, near: float) -> int:
    """The middle one of those that score highest: the first of ties would favour secrets of small numbers."""
    highest = np.flatnonzero(odds >= odds.max() - near)
    return int(highest[len(highest) // 2])


def _precision(frozen: Frozen) -> float:
    first = next(iter(frozen.network.parameters()), None)
    kind = first.dtype if first is not None and first.dtype.is_floating_point else torch.float32
    return float(torch.finfo(kind).eps)
