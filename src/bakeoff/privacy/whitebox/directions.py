"""Directions of gradient canaries: unit vectors that share no weight of the network, so that each is seen by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.errors import UsageError
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.optimising import tables_of

KINDS = ("dirac", "random")
MOST = 64  # weights that one random direction is spread over


@dataclass(frozen=True)
class Directions:
    """One direction for each canary, all orthogonal, since no weight is in two of them.

    `places` int64 (canaries, weights) are positions in the network's parameters laid end to end, `values` float32
    (canaries, weights) has rows of norm 1 in each clipping group, and `groups` int64 (weights,) tells the group.
    """

    places: Tensor
    values: Tensor
    groups: Tensor

    def __len__(self) -> int:
        return len(self.places)

    @property
    def in_groups(self) -> list[int]:
        """The clipping groups in which canaries have a part."""
        return sorted({int(group) for group in self.groups})

    def along(self, whole: Tensor, shares: Tensor) -> Tensor:
        """How far a vector reaches along each direction, (canaries,): parts of each group weighed by its share.

        `shares` (groups,) has the norm 1 over the groups in which canaries have a part.
        """
        return (whole[self.places] * self.values * shares[self.groups]).sum(1)


def directions_for(
    keeping: BookKeeping, groups: Sequence[int], count: int, kind: str, random: np.random.Generator
) -> Directions:
    """So many directions for a network whose parameters are clipped in these groups.

    A `dirac` canary is one weight of each group that has room for all canaries, a `random` one up to 64 with random
    signs. Rows of padding, which get no noise, are never among them. UsageError where there is no room.
    """
    if kind not in KINDS:
        raise UsageError(f"There are no gradient canaries of kind {kind!r}; there are {' and '.join(KINDS)}.")
    held = {group: places for group, places in _room(keeping, groups).items() if len(places) >= count}
    places, values, owners = [], [], []
    for group, free in sorted(held.items()):
        spread = 1 if kind == "dirac" else min(MOST, len(free) // count)
        chosen = random.permutation(free[random.choice(len(free), count * spread, replace=False, shuffle=False)])
        signs = random.choice(np.array([-1.0, 1.0]), size=(count, spread)) / np.sqrt(spread)
        places.append(chosen.reshape(count, spread))
        values.append(signs)
        owners += [group] * spread
    return Directions(
        torch.from_numpy(np.concatenate(places, axis=1)).to(keeping.device),
        torch.from_numpy(np.concatenate(values, axis=1).astype(np.float32)).to(keeping.device),
        torch.tensor(owners, device=keeping.device),
    )


def room_for(keeping: BookKeeping, groups: Sequence[int]) -> int:
    """How many canaries there can be: the weights of the largest group."""
    return max(len(places) for places in _room(keeping, groups).values())


def _room(keeping: BookKeeping, groups: Sequence[int]) -> dict[int, np.ndarray]:
    """The positions of each group's weights that get noise, in the parameters laid end to end."""
    silent = _silent(keeping.network)
    found: dict[int, list[np.ndarray]] = {}
    begin = 0
    for parameter, group in zip(keeping.parameters.values(), groups, strict=True):
        free = np.arange(begin, begin + parameter.numel())
        if parameter in silent:
            free = np.delete(free.reshape(len(parameter), -1), silent[parameter], axis=0).ravel()
        found.setdefault(group, []).append(free)
        begin += parameter.numel()
    return {group: np.concatenate(some) for group, some in found.items()}


def _silent(network: nn.Module) -> dict[nn.Parameter, int]:
    return {
        parameter: int(module.padding_idx)
        for parameter, module in tables_of(network).items()
        if isinstance(module.padding_idx, int)
    }
