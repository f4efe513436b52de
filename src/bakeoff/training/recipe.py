"""How long, how fast and on what a network is fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bakeoff.errors import UsageError

SCHEDULES = ("cosine", "constant")
OPTIMISERS = ("adamw", "sgd")


@dataclass(frozen=True)
class Recipe:
    """The settings of one fit.

    `epochs` at most, batches of `batch` records; `optimiser` adamw or sgd with learning rate `rate` and weight decay
    `decay`; the rate rises over the first `warm_up` share of all steps, then falls by `schedule`: cosine or constant.
    Gradients longer than `clip` are shortened to it (0: never). `held_out` is the share of records that tells when to
    stop (0: none): after `patience` epochs without a better loss on them, and the best weights are taken back.
    `seconds` of wall clock are kept, 0 means no limit. `threads` 0 leaves torch's own number; `mixed` computes in
    bfloat16 where the device is cuda.
    """

    epochs: int = 40
    batch: int = 128
    rate: float = 2e-3
    decay: float = 1e-2
    clip: float = 1.0
    optimiser: str = "adamw"
    schedule: str = "cosine"
    warm_up: float = 0.05
    held_out: float = 0.15
    patience: int = 8
    seconds: float = 0.0
    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    mixed: bool = False

    def __post_init__(self) -> None:
        for name, known in (("schedule", SCHEDULES), ("optimiser", OPTIMISERS)):
            if getattr(self, name) not in known:
                raise UsageError(f"There is no {name} {getattr(self, name)!r}; there are {', '.join(known)}.")
        if self.epochs < 1 or self.batch < 1 or self.patience < 1:
            raise UsageError(
                f"A recipe needs at least 1 epoch, 1 record in a batch and a patience of 1, and not {self.epochs}, "
                f"{self.batch} and {self.patience}."
            )
        if not 0 <= self.held_out < 1:
            raise UsageError(f"held_out is a share of the records below 1, and not {self.held_out}.")
        if self.mixed and not self.device.startswith("cuda"):
            raise UsageError(f"Mixed precision is for device 'cuda', and not for {self.device!r}; leave it off.")

    def rate_at(self, progress: float) -> float:
        """The learning rate when a share `progress` (0 to 1) of all steps is done."""
        if progress < self.warm_up:
            return self.rate * max(progress / self.warm_up, 0.02)
        if self.schedule == "constant":
            return self.rate
        done = (progress - self.warm_up) / (1 - self.warm_up)
        return self.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))
