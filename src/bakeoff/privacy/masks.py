"""Dropout's random numbers while records go through a network: a secret stream of their own.

With masks from a seed that is known, one record more would move every later record's mask, and so change more than its
own part of a sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Masks:
    """torch's generators seeded by the operating system while `drawn` lasts, and as they were afterwards.

    `seed` is for tests.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self._states: dict[str, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Masks, (self.seed,)

    @contextmanager
    def drawn(self, device: torch.device | str = "cpu") -> Iterator[None]:
        """While it lasts, what torch draws on the processor and on this device comes from here."""
        kinds = ["cpu"] if torch.device(device).type == "cpu" else ["cpu", str(device)]
        before = {kind: _state(kind) for kind in kinds}
        try:
            for kind in kinds:
                self._begin(kind)
            yield
            self._states = {kind: _state(kind) for kind in kinds}
        finally:
            for kind, state in before.items():
                _set(kind, state)

    def _begin(self, kind: str) -> None:
        if kind in self._states:
            _set(kind, self._states[kind])
            return
        generator = torch.Generator(kind)
        if self.seed is None:
            generator.seed()
        else:
            generator.manual_seed(self.seed)
        _set(kind, generator.get_state())


def _state(kind: str) -> Any:
    return torch.get_rng_state() if kind == "cpu" else torch.cuda.get_rng_state(kind)


def _set(kind: str, state: Any) -> None:
    if kind == "cpu":
        torch.set_rng_state(state)
    else:
        torch.cuda.set_rng_state(state, kind)
