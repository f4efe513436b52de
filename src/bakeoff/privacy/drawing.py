"""Poisson samples for a loop that is not ours: each batch is handed out once, and must come back before the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.given import OfDataset, Pair, pair
from bakeoff.privacy.poisson import Units, poisson


@dataclass(frozen=True)
class Draw:
    """Positions of one Poisson sample, and the owner of each, numbered from 0, where owners were drawn."""

    positions: Array
    owners: Array | None = None

    def parts(self, physical: int) -> Iterator[tuple[Array, Array | None]]:
        """Places in the batch of each physical batch, an owner's records together, and their owners from 0."""
        count, begin = len(self.positions), 0
        while begin < count:
            end = min(begin + physical, count) if physical else count
            if self.owners is not None and end < count:
                end = self._whole(begin, end, self.owners)
            yield np.arange(begin, end), None if self.owners is None else self.owners[begin:end] - self.owners[begin]
            begin = end

    @staticmethod
    def _whole(begin: int, end: int, owners: Array) -> int:
        """An owner that would be cut goes into the next part, or whole into this one where it is its first."""
        start = int(np.searchsorted(owners, owners[end]))
        return start if start > begin else int(np.searchsorted(owners, owners[end], side="right"))


class Sampler:
    """Draws batches at a public rate and sees to it that each is used once.

    The sample is secret, and so drawn from the operating system's entropy; `seed` is for tests.
    """

    def __init__(self, rate: float, units: Units | None = None, seed: int | None = None) -> None:
        self.rate, self.units = rate, units
        self._random = np.random.default_rng(seed)
        self._due: Draw | None = None

    def draw(self, records: int) -> Draw:
        """The next sample of so many records, or of their owners."""
        if self.units is None:
            return Draw(poisson(self._random, records, self.rate))
        chosen = [self.units.of(int(unit)) for unit in poisson(self._random, len(self.units), self.rate)]
        owners = np.repeat(np.arange(len(chosen)), [len(one) for one in chosen])
        return Draw(np.concatenate([*chosen, np.zeros(0, dtype=np.int64)]), owners)

    def hand(self, draw: Draw) -> None:
        """This batch is due now; UsageError where the one before it was never used."""
        self.close()
        self._due = draw

    def close(self) -> None:
        """UsageError where a batch was handed out and never used."""
        if self._due is not None:
            self._due = None
            raise UsageError(
                "A batch was drawn and not given to step, so which steps were made depends on the records; give every "
                "batch to step, an empty one too."
            )

    def take(self, count: int) -> Draw:
        """The batch that is due; UsageError where there is none, or one of another size."""
        draw, self._due = self._due, None
        if draw is None or len(draw.positions) != count:
            had = "none is due" if draw is None else f"the one that is due has {len(draw.positions)}"
            raise UsageError(
                f"step was given a batch of {count} records and {had}; privacy rests on Poisson samples, so give it "
                "each batch of run.batches(...) or run.loader(...) whole and once (physical=... splits it inside)."
            )
        return draw


class PoissonLoader:
    """Poisson samples of a Dataset by torch's DataLoader: one epoch each time it is gone through."""

    def __init__(self, sampler: Sampler, held: OfDataset, steps: Callable[[], int], how: dict[str, Any]) -> None:
        """`steps` tells how many batches the next epoch has, `how` is for the DataLoader.

        UsageError where `how` would decide on batches.
        """
        wrong = sorted({"batch_size", "shuffle", "sampler", "batch_sampler", "drop_last"} & set(how))
        if wrong:
            raise UsageError(f"{', '.join(wrong)} cannot be given: batches of a private run are Poisson samples.")
        self.sampler, self.held, self.steps, self.how = sampler, held, steps, how

    def __len__(self) -> int:
        return self.steps()

    def __iter__(self) -> Iterator[Pair]:
        draws = [self.sampler.draw(len(self.held)) for _ in range(self.steps())]
        batches = DataLoader(
            self.held.dataset,
            batch_sampler=[draw.positions.tolist() for draw in draws],
            collate_fn=self.held.collated,
            **self.how,
        )
        for draw, batch in zip(draws, batches, strict=True):
            self.sampler.hand(draw)
            yield pair(batch)
        self.sampler.close()
